# Functions that .ci/run and .ci/nightly share; both source this file. Every step runs, also after one that failed. The
# last line of the output has the totals of all test runs, whatever ends the script.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CI=true METADATA_SERVER_DETECTION=none

# Seconds for all steps. A step that still runs after that time is stopped, and counts as failed.
limit=${CI_SECONDS:-3600}
counts=$(mktemp -d)
runs=0
failures=()
took=()
ended=''

finish() {
  local code=$? line
  trap - EXIT
  [ -n "$ended" ] || failures+=("the script itself, exit status $code")
  printf '\n== steps\n'
  for line in ${took[@]+"${took[@]}"}; do printf '%s\n' "$line"; done
  for line in ${failures[@]+"${failures[@]}"}; do printf 'FAILED: %s\n' "$line"; done
  failed_cases
  cat "$counts"/*.run 2>/dev/null | awk '
    { n[$1]++ } END { printf "%d passed, %d failed, %d skipped\n", n["passed"], n["failed"], n["skipped"] }'
  rm -rf "$counts"
  [ ${#failures[@]} -eq 0 ] || exit 1
  exit 0
}
trap finish EXIT

# Prints the names of the cases that failed, for each run, at the end of the log: often only the end of a log is kept.
failed_cases() {
  local run
  for run in "$counts"/*.run; do
    [ -e "$run" ] && grep -q '^failed ' "$run" || continue
    printf '\n== failed in: %s\n' "$(cat "${run%.run}.name")"
    # Not by head, which would end the others, and with them this script, before the totals.
    grep '^failed ' "$run" | cut -d' ' -f2- | sed -n '1,40p'
  done
}

load() { [ ! -r /proc/loadavg ] || printf ', load %s' "$(cut -d' ' -f1 /proc/loadavg)"; }

left() { echo $((limit - SECONDS > 1 ? limit - SECONDS : 1)); }

# step NAME COMMAND...: runs the command while there is time, and remembers whether it failed and how long it took.
step() {
  local name=$1 began=$SECONDS status=0
  shift
  printf '\n== %s\n' "$name"
  timeout -k 20 "$(left)" "$@" < /dev/null || status=$?
  [ "$status" = 0 ] || failures+=("$name, exit status $status$([ "$status" != 124 ] || echo ': cut off')")
  took+=("$(printf '%5d s  %s%s' $((SECONDS - began)) "$name" "$(load)")")
  return "$status"
}

# needed NAME COMMAND...: a step that all later steps need.
needed() { step "$@" || { ended=yes && exit 1; }; }

# tests NAME ARGS...: runs vitest with the Node in $node_dir. Each case is counted when it ends, so that a stopped run has
# totals too. A run that fails without a failed case counts as one failed case.
tests() {
  local name=$1 file
  shift
  runs=$((runs + 1))
  file=$(printf '%s/%02d.run' "$counts" "$runs")
  printf '%s\n' "$name" > "${file%.run}.name"
  if ! step "$name" env ${node_dir:+"PATH=$node_dir:$PATH"} "VIUR_CI_COUNTS=$file" node node_modules/vitest/vitest.mjs run \
    --reporter=default "--reporter=$PWD/test/setup/left-out.ts" "--reporter=$PWD/scripts/count-cases.mjs" "$@"; then
    grep -qs '^failed' "$file" || echo 'failed no case: see the end of its output' >> "$file"
  elif ! grep -qs '^passed' "$file"; then
    failures+=("$name ran no test")
  fi
}

# node_of VERSION: sets node_dir to the bin folder of that Node, which comes as an npm package.
node_of() {
  local system=linux cpu=x64 folder
  [ "$(uname -s)" != Darwin ] || system=darwin
  case $(uname -m) in arm64 | aarch64) cpu=arm64 ;; esac
  folder=${NODES_CACHE:-$PWD/node_modules/.cache/nodes}/$1
  node_dir=$folder/node_modules/node/bin
  [ "$("$node_dir/node" --version 2> /dev/null)" = "v$1" ] && return
  mkdir -p "$folder" && echo '{ "private": true }' > "$folder/package.json"
  step "Node $1" npm install --prefix "$folder" --silent --no-audit --no-fund --no-package-lock --ignore-scripts \
    "node@npm:node-$system-$cpu@$1"
}

# Chromium for the tests in a browser, openssl for the certificate of their site, zsh and fish for those of completion.
system_packages() {
  local wanted=() shells=() as_root=''
  [ -x "${CHROMIUM_PATH:-/usr/bin/chromium}" ] || wanted+=(chromium)
  type -P openssl > /dev/null || wanted+=(openssl)
  type -P zsh > /dev/null || shells+=(zsh)
  type -P fish > /dev/null || shells+=(fish)
  [ ${#wanted[@]} -gt 0 ] || [ ${#shells[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || as_root=sudo
  $as_root apt-get update -qq || [ ${#wanted[@]} -eq 0 ]
  if [ ${#wanted[@]} -gt 0 ]; then
    $as_root apt-get install -y -qq --no-install-recommends "${wanted[@]}" > /dev/null
  fi
  # Without them their tests of completion are left out, and named.
  if [ ${#shells[@]} -gt 0 ]; then
    $as_root apt-get install -y -qq --no-install-recommends "${shells[@]}" > /dev/null ||
      echo "not installed: ${shells[*]}"
  fi
}
export -f system_packages

# The output may contain only npm's own summary: a warning is a failure.
install() {
  local said
  said=$(npm ci --no-audit --no-fund 2>&1) || { printf '%s\n' "$said" && return 1; }
  printf '%s\n' "$said"
  if grep -qi 'warn' <<< "$said"; then
    echo 'npm ci has to install without a warning' >&2
    return 1
  fi
}
export -f install
