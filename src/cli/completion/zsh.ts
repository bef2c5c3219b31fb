/**
 * Script that completes the command in zsh. It evaluates nothing that the user typed: the words go to the command as they
 * are, without their quotes.
 */
export const zshScript = `#compdef viur-session
_viur_session() {
  local -a typed values shown
  local line directive=0
  typed=("\${(@Q)words[2,CURRENT]}")
  for line in "\${(@f)$(viur-session complete -- "\${typed[@]}" 2> /dev/null)}"; do
    if [[ $line == :* ]]; then
      directive=\${line#:}
    elif [[ -n $line ]]; then
      values+=("\${line%%$'\\t'*}")
      shown+=("\${line/$'\\t'/ -- }")
    fi
  done
  # The values of --option=value are without the option.
  [[ $PREFIX == -*=* ]] && compset -P 1 '*='
  (( \${#values} == 0 )) || compadd -l -d shown -a values
  (( (directive & 4) != 0 )) || _files
}
compdef _viur_session viur-session
`
