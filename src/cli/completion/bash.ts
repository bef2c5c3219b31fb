/**
 * Script that completes the command in bash 3.2 and newer. It does not need the package bash-completion, and it evaluates
 * nothing that the user typed. Bash splits `--user=alice` into three words.
 */
export const bashScript = `# bash completion for viur-session
__viur_session_complete() {
  local cur=\${COMP_WORDS[COMP_CWORD]} directive=0 line
  local program=\${COMP_WORDS[0]/#\\~\\//$HOME/} words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  [[ $cur != '=' ]] || cur=''
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :* ]]; then
      directive=\${line#:}
      continue
    fi
    line=\${line%%$'\\t'*}
    if [[ -n $line && $line == "$cur"* ]]; then COMPREPLY+=("$line"); fi
  done < <("$program" complete -- "\${words[@]}" 2> /dev/null)
  if (( (directive & 4) == 0 )); then
    compopt -o filenames 2> /dev/null
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
  fi
}
complete -F __viur_session_complete viur-session
`
