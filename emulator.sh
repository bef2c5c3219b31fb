#!/usr/bin/env bash
# Runs the Google Datastore emulator for local work and for tests; `./emulator.sh help` prints its usage.
# Needs bash (3.2, the version of macOS, or newer), curl, and the emulator: see missing().
set -u
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
state=${VIUR_SESSION_EMULATOR_STATE:-$here/.emulator} # logs, and the emulators that `start` left running; ignored by git
me=${VIUR_SESSION_EMULATOR_NAME:-./emulator.sh}       # the command in messages
image=google/cloud-sdk:emulators

usage() {
  cat <<TEXT
Usage:
  $me [--newer] [--tasks] [--port N] [--] COMMAND ARGS...
      start an emulator in memory, run COMMAND on it, stop it, exit with COMMAND's status
  eval "\$($me start [--newer] [--port N])"
      start an emulator in the background, and set the variables of this shell for it
  $me status|reset|stop [--newer]
      test for (exit status 0 or 1), empty or stop the emulator that \`start\` left running

  --newer   the Firestore emulator in Datastore mode instead of the Datastore emulator in
            Firestore mode; the two differ (lock waits, masks, strict sizes): test on both
  --tasks   also start a Cloud Tasks server for COMMAND (@viur-session/cloud-tasks-server; in the
            repository, build it with \`npm run build\`). Tasks for App Engine
            go to CLOUD_TASKS_TARGET, or else to http://127.0.0.1:\$PORT, where PORT is 8080 if unset
  --port N  use this port of 127.0.0.1 instead of any free one

COMMAND sees DATASTORE_EMULATOR_HOST, DATASTORE_PROJECT_ID, GOOGLE_CLOUD_PROJECT and
METADATA_SERVER_DETECTION=none; with --tasks CLOUD_TASKS_EMULATOR_HOST, CLOUD_TASKS_LOCATION and
CLOUD_TASKS_TARGET too. If DATASTORE_EMULATOR_HOST is set already, COMMAND uses that emulator, which
keeps running; the same holds for CLOUD_TASKS_EMULATOR_HOST. Exit status of this script: 1 the emulator
did not start or has died, 2 usage, 3 not installed. DATASTORE_EMULATOR_JAR and FIRESTORE_EMULATOR_JAR
name a jar in another place.
TEXT
}

say() { printf 'emulator.sh: %s\n' "$*" >&2; }

die() { # STATUS MESSAGE
  say "$2"
  exit "$1"
}

now_ms() { # whole seconds in bash versions before 5
  local t=${EPOCHREALTIME:-$(date +%s).000000}
  t=${t/[.,]/}
  echo $((t / 1000))
}

# Neither a company's proxy nor ~/.curlrc may affect connections to this machine.
http() { curl -q --noproxy '*' -fsS -m 3 "$@" >/dev/null 2>&1; }

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; } # PORT

# --- Find the program, and its command line ------------------------------------------------------

missing() { # WHAT
  cat >&2 <<TEXT
emulator.sh: cannot run the $title: $1. It takes
  the emulator: gcloud components install $component
                (Cloud SDK from apt: sudo apt-get install google-cloud-cli-$program-emulator)
  and Java:     21 or newer, https://adoptium.net (11 is enough up to Cloud SDK 528)
  or instead:   Docker, up and running, for $image
TEXT
  exit 3
}

real_path() { # some versions of macOS have no readlink -f
  local path=$1 link
  while link=$(readlink "$path"); do
    case $link in /*) path=$link ;; *) path=$(dirname "$path")/$link ;; esac
  done
  printf '%s\n' "$path"
}

find_java() { # by running it: /usr/bin/java of macOS may only print that there is no Java
  for java in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} java; do
    if "$java" -version >/dev/null 2>&1; then return 0; fi
  done
  return 1
}

# The jar has priority: it starts faster and is one process, while gcloud is a Python program that starts a shell that
# starts java. `gcloud info` takes half a second, so it runs only when symlinks do not lead to the SDK. gcloud runs only
# when it has the emulator, so that it does not install components.
find_program() {
  local gcloud sdk=/nonexistent given=${!jar_variable:-}
  if gcloud=$(type -P gcloud); then
    sdk=$(dirname "$(dirname "$(real_path "$gcloud")")")
    [ -d "$sdk/platform" ] || sdk=$(gcloud info --format='value(installation.sdk_root)' 2>/dev/null)
  fi
  jar=${given:-$sdk/platform/$component/$jar_name}
  [ -z "$given" ] || [ -f "$given" ] || missing "$jar_variable=$given is no file"
  if [ -f "$jar" ] && find_java; then
    via=java
  elif [ -d "$sdk/platform/$component" ] && find_java; then
    via=gcloud
  elif type -P docker >/dev/null && docker info >/dev/null 2>&1; then
    via=docker
    docker image inspect "$image" >/dev/null 2>&1 || docker pull "$image" >&2 ||
      die 1 "docker cannot pull $image"
  elif [ -f "$jar" ] || [ -d "$sdk/platform/$component" ]; then
    missing 'no java that works in PATH or JAVA_HOME'
  else
    missing "${gcloud:-there is no gcloud in PATH}${gcloud:+ has no $component}"
  fi
}

# Sets the command line for $port. With every program, data is in memory and reads are strongly consistent. Without an
# index list that it may extend, the Datastore emulator does not check all previous queries at every write, which would
# take ten times as long after an hour. It still answers queries without an index.
set_launch() {
  local host=127.0.0.1 gcloud=(emulators firestore start --database-mode=datastore-mode)
  [ "$via" != docker ] || host=0.0.0.0 # inside the container; outside, -p limits it to 127.0.0.1
  # gcloud needs a project and a folder; each emulator has its own folder, since two cannot share the default one
  [ "$program" = firestore ] || gcloud=(beta emulators datastore start --no-store-on-disk
    --use-firestore-in-datastore-mode "--data-dir=$data" "--project=$DATASTORE_PROJECT_ID")
  gcloud=(gcloud "${gcloud[@]}" "--host-port=$host:$port" --quiet)
  case $via-$program in
    java-datastore) launch=("$java" -cp "$jar" com.google.cloud.datastore.emulator.CloudDatastore
      start "--host=$host" "--port=$port" --firestore_in_datastore_mode
      --store_on_disk=false --store_index_configuration_on_disk=false "--index_file=$state/index.yaml") ;;
    java-firestore) launch=("$java" -Duser.language=en -cp "$jar"
      com.google.cloud.datastore.emulator.firestore.CloudFirestore
      start "--host=$host" "--port=$port" --database-mode=datastore-mode) ;;
    gcloud-*) launch=("${gcloud[@]}") ;;
    docker-*) launch=(docker run --rm --init --name "viur-session-emulator-$port"
      -p "127.0.0.1:$port:$port" "$image" "${gcloud[@]}") ;;
  esac
}

environment() { # HOST:PORT
  local host=${1#*://}
  export DATASTORE_EMULATOR_HOST=$1 METADATA_SERVER_DETECTION=none
  export DATASTORE_PROJECT_ID=${DATASTORE_PROJECT_ID:-${GOOGLE_CLOUD_PROJECT:-viur-session-local}}
  export GOOGLE_CLOUD_PROJECT=${GOOGLE_CLOUD_PROJECT:-$DATASTORE_PROJECT_ID}
  # Google's client sends even requests to 127.0.0.1 through a proxy, and times out, unless no_proxy names the host.
  if [ -n "${grpc_proxy:-}${https_proxy:-}${http_proxy:-}" ]; then
    export no_proxy=${host%%:*},${no_proxy:-${NO_PROXY:-}}
  fi
}

# --- Start, wait, stop --------------------------------------------------------------------------

emulator='' tasks='' watcher='' command='' must_end='' lost=''

gone() { # PID SECONDS: waits up to that time for the end of the process group; fails if it still runs
  local tries=0
  while kill -0 -- "-$1" 2>/dev/null; do
    [ $((tries += 1)) -le $(($2 * 20)) ] || return 1
    sleep 0.05
  done
}

end_emulator() { # PID PORT: ends the whole group, so that java does not outlive gcloud
  kill -TERM -- "-$1" 2>/dev/null
  gone "$1" 5 || kill -KILL -- "-$1" 2>/dev/null
  [ "$via" != docker ] || docker rm -f "viur-session-emulator-$2" >/dev/null 2>&1
  rm -rf "$state/$program-$2.data"
  [ -n "$lost" ] || rm -f "$state/$program-$2.log"
}

end_tasks() {
  kill -TERM -- "-$tasks" 2>/dev/null
  gone "$tasks" 2 || kill -KILL -- "-$tasks" 2>/dev/null
  [ -n "$lost" ] || rm -f "$tasks_log"
}

cleanup() {
  trap '' INT TERM HUP USR1 # a second Ctrl-C must not leave the emulator running
  [ -z "$watcher" ] || kill -KILL -- "-$watcher" 2>/dev/null
  [ -z "$tasks" ] || end_tasks
  [ -z "$emulator" ] || end_emulator "$emulator" "$port"
}

on_signal() { # NAME NUMBER
  [ -n "$command" ] || exit $((128 + $2)) # the trap of EXIT runs cleanup
  if [ "$1" = INT ]; then
    # Ctrl-C on the keyboard also reaches the command when this process group is in the foreground. A second signal
    # would interrupt the command's own clean-up.
    # shellcheck disable=SC2046
    set -- "$1" $(ps -o pgid= -o tpgid= -p $$ 2>/dev/null)
    [ "${2:-}" != "${3:-none}" ] || return 0
  else
    must_end=yes
  fi
  kill -"$1" "$command" 2>/dev/null
}

show_log() { # WHY
  lost=yes # keeps the log
  say "$1; the end of $log:"
  tail -n 15 "$log" >&2
}

on_lost() {
  if ! alive "$tasks" 2>/dev/null; then
    title=$tasks_title log=$tasks_log
  fi
  show_log "the $title has died, so the command is stopped"
  must_end=yes
  [ -z "$command" ] || kill -TERM "$command" 2>/dev/null
}

alive() { [ -z "$1" ] || kill -0 "$1"; } # PID; an empty PID counts as alive

# A separate process that handles two events which `wait` does not report: the emulator died while the command runs, or
# this script was ended by SIGKILL, so that it cannot stop the emulator.
watch_over() {
  while alive "$emulator" && alive "$tasks"; do
    if ! kill -0 $$; then
      [ -z "$tasks" ] || end_tasks
      [ -z "$emulator" ] || end_emulator "$emulator" "$port"
      exit
    fi
    sleep 1
  done
  kill -USR1 $$
}

# An answer does not prove that this emulator is ready: another emulator may have taken the port, and answer while this
# one is about to exit. So either the log must name the port, or the emulator must still run after two seconds.
wait_until_ready() {
  local deadline=$((SECONDS + 60)) answered=''
  while kill -0 "$emulator" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ]; do
    if http "http://127.0.0.1:$port/"; then
      answered=${answered:-$SECONDS}
      if grep -q "API endpoint:.*:$port" "$log"; then return 0; fi
      if [ $((SECONDS - answered)) -gt 2 ]; then return 0; fi
    fi
    sleep 0.05
  done
  return 1
}

start_emulator() {
  local began tries=0 wanted=$port
  began=$(now_ms)
  find_program
  mkdir -p "$state" && echo 'indexes:' > "$state/index.yaml" || die 1 "cannot write to $state"
  while :; do
    if [ -z "$wanted" ]; then # below the ports that the system assigns itself
      while port=$((20000 + RANDOM % 12000)) && listening "$port"; do :; done
    elif listening "$port"; then
      die 1 "port $port is taken; leave --port out for any free one"
    fi
    log=$state/$program-$port.log data=$state/$program-$port.data
    environment "127.0.0.1:$port"
    set_launch
    # set -m gives the emulator its own process group, so that Ctrl-C does not stop it before the command ends, and the
    # whole group can be stopped at once. disown: bash does not report its end.
    set -m
    (trap '' HUP && exec "${launch[@]}") </dev/null >"$log" 2>&1 &
    emulator=$!
    set +m
    disown "$emulator"
    if wait_until_ready; then break; fi
    # If another program took the port first, try another one.
    if [ $((tries += 1)) -ge 5 ] || ! grep -q 'Address already in use' "$log"; then
      show_log "the $title did not come up on port $port"
      exit 1
    fi
    end_emulator "$emulator" "$port"
  done
  say "$title ($via) on 127.0.0.1:$port, ready after $(($(now_ms) - began)) ms"
}

# The server chooses its port and prints it to its log, so no other program can take the port first.
start_tasks() {
  local main host='' deadline
  if [ -n "${CLOUD_TASKS_EMULATOR_HOST:-}" ]; then
    say "on the server that CLOUD_TASKS_EMULATOR_HOST names, $CLOUD_TASKS_EMULATOR_HOST"
    return
  fi
  type -P node >/dev/null || die 3 'node is missing, which --tasks needs'
  main=$(cd "$here" && node -p 'require.resolve("@viur-session/cloud-tasks-server/package.json")' 2>/dev/null) ||
    die 3 '--tasks needs the package @viur-session/cloud-tasks-server'
  main=${main%/package.json}/dist/main.js
  [ -f "$main" ] || die 3 '--tasks needs what "npm run build" makes'
  mkdir -p "$state" || die 1 "cannot write to $state"
  export CLOUD_TASKS_TARGET=${CLOUD_TASKS_TARGET:-http://127.0.0.1:${PORT:-8080}}
  export CLOUD_TASKS_LOCATION=${CLOUD_TASKS_LOCATION:-local}
  tasks_log=$state/tasks-$$.log
  set -m
  (trap '' HUP && exec node "$main") </dev/null >"$tasks_log" 2>&1 &
  tasks=$!
  set +m
  disown "$tasks"
  deadline=$((SECONDS + 30))
  while [ -z "$host" ]; do
    if ! kill -0 "$tasks" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      log=$tasks_log
      show_log "the $tasks_title did not come up"
      exit 1
    fi
    sleep 0.05
    host=$(grep -o '127\.0\.0\.1:[0-9]*$' "$tasks_log")
  done
  export CLOUD_TASKS_EMULATOR_HOST=$host
  say "$tasks_title on $host, for the app on $CLOUD_TASKS_TARGET"
}

# --- Actions --------------------------------------------------------------------------------------

run() {
  local status again tries=0 given=${DATASTORE_EMULATOR_HOST:-}
  type -P -- "$1" >/dev/null || die 127 "$1: command not found"
  if [ -n "$given" ]; then
    http "${given%/}/" || die 1 "DATASTORE_EMULATOR_HOST is set to $given, where nothing answers: \
start that emulator, or unset the variable to get one for this run"
    say "on the emulator that DATASTORE_EMULATOR_HOST names, $given"
    environment "$given"
    [ -n "$with_tasks" ] || exec -- "$@"
  else
    start_emulator
  fi
  [ -z "$with_tasks" ] || start_tasks
  set -m
  watch_over </dev/null >/dev/null 2>&1 &
  watcher=$!
  set +m
  disown "$watcher"
  # bash runs no trap while a command runs in the foreground, so SIGTERM would have no effect; therefore & and wait. A
  # background command has no stdin and ignores Ctrl-C by default; therefore the rest.
  exec 3<&0
  (trap - INT QUIT && exec -- "$@") <&3 3<&- &
  command=$!
  wait "$command" 2>/dev/null
  status=$?
  while kill -0 "$command" 2>/dev/null; do # a signal has interrupted the wait
    # Ten seconds for clean-up after SIGTERM or SIGHUP. No limit after Ctrl-C, since another Ctrl-C reaches the command.
    if [ -n "$must_end" ] && [ $((tries += 1)) -gt 100 ]; then
      { kill -KILL "$command" && wait "$command"; } 2>/dev/null
    fi
    sleep 0.1
  done
  wait "$command" 2>/dev/null # returns the status again, or 127 in a bash that does not keep it
  again=$?
  [ "$again" -eq 127 ] || status=$again
  [ -z "$lost" ] || status=1
  exit "$status"
}

# Sets pid, port and via of the emulator that `start` left running, or fails if it does not run any more. The system may
# have reused the pid for another process, so the process must look like this emulator.
remembered() {
  local words=''
  [ -f "$running" ] || return 1
  read -r pid port via <"$running"
  if [ -r "/proc/$pid/cmdline" ]; then # slim images have no ps, and macOS has no /proc
    words=$(tr '\0' ' ' <"/proc/$pid/cmdline")
  else
    words=$(ps -ww -o command= -p "$pid" 2>/dev/null)
  fi
  case "$words " in *emulator*[:=]"${port:-none}"[:\ ]*) return 0 ;; esac
  rm -f "$running"
  return 1
}

start() {
  local wanted=$port name
  if remembered; then
    [ "${wanted:-$port}" = "$port" ] || die 1 "the $title runs on port $port already: stop it first"
    say "$title on 127.0.0.1:$port runs already"
    environment "127.0.0.1:$port"
  else
    port=$wanted
    start_emulator
    (set -C && echo "$emulator $port $via" >"$running") 2>/dev/null ||
      die 1 "another start was quicker, or $state cannot be written to"
    emulator='' # cleanup must not stop it from here on
  fi
  for name in DATASTORE_EMULATOR_HOST DATASTORE_PROJECT_ID GOOGLE_CLOUD_PROJECT \
    METADATA_SERVER_DETECTION no_proxy; do
    [ -z "${!name:-}" ] || printf 'export %s=%q\n' "$name" "${!name}"
  done
}

background() { # status, reset or stop
  if ! remembered; then
    say "no $title is running in the background"
    [ "$1" = stop ]
    exit
  fi
  case $1 in
    status) echo "$title ($via) on 127.0.0.1:$port, pid $pid" ;;
    reset) http -X POST "http://127.0.0.1:$port/reset" || die 1 "the $title could not be emptied" ;;
    stop)
      http -X POST "http://127.0.0.1:$port/shutdown" && gone "$pid" 3
      end_emulator "$pid" "$port"
      rm -f "$running"
      say "$title on 127.0.0.1:$port stopped"
      ;;
  esac
}

program=datastore title='Datastore emulator' port='' action='' via='' with_tasks=''
tasks_title='Cloud Tasks server' tasks_log=''
jar_name=CloudDatastore.jar jar_variable=DATASTORE_EMULATOR_JAR
while [ $# -gt 0 ]; do
  case $1 in
    --newer)
      program=firestore title='Firestore emulator'
      jar_name=cloud-firestore-emulator.jar jar_variable=FIRESTORE_EMULATOR_JAR
      ;;
    --tasks) with_tasks=yes ;;
    --port) port=${2:-none} && shift $(($# > 1)) ;;
    --port=*) port=${1#*=} ;;
    --help | -h) usage && exit ;;
    --) shift && break ;;
    -*) die 2 "unknown option $1; see $me help" ;;
    start | status | stop | reset | help)
      [ -z "$action" ] || break
      action=$1
      ;;
    *) break ;;
  esac
  shift
done
component=cloud-$program-emulator running=$state/$program.running
case $port in *[!0-9]* | 0* | ??????*) die 2 "--port takes a number from 1 to 65535" ;; esac
[ "${port:-1}" -le 65535 ] || die 2 "--port takes a number from 1 to 65535"
[ -z "$action" ] || [ $# -eq 0 ] || die 2 "$action takes no $1; to run a command called $action: --"
[ "$action" != help ] || { usage && exit; }
[ -z "$with_tasks" ] || [ -z "$action" ] || die 2 "--tasks goes with a COMMAND, not with $action"
[ -n "$action" ] || [ $# -gt 0 ] || { usage >&2 && exit 2; }
type -P curl >/dev/null || die 3 'curl is missing'

trap cleanup EXIT
trap 'on_signal INT 2' INT
trap 'on_signal TERM 15' TERM
trap 'on_signal HUP 1' HUP
trap on_lost USR1
case $action in
  '') run "$@" ;;
  start) start ;;
  *) background "$action" ;;
esac
