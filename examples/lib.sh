# What the examples have in common; bash, to be sourced by them. It makes a folder that is the example's alone
# ($folder), and at the end stops all that was started (begin) and removes the folder. An example is stopped by
# Ctrl-C, or ends by itself with --check.
#
#   begin_example "$@"      options; $once is set by --check
#   build_redwall GROUP...  $redwall: built, with what is missing installed (groups of tests/support/install-packages)
#
# With REDWALL_BIN in the environment that program is used and nothing is built.
# shellcheck shell=bash
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
example=${0#"$top/"}
once=
pids=()

begin_example() {
  case ${1:-} in
    "") ;;
    --check) once=yes ;;
    -h|--help) sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "$example: $1: no such option (there is --check)" >&2; exit 2 ;;
  esac
  folder=$(mktemp -d)
  trap clean_up EXIT
  trap 'echo; exit 0' INT
  trap 'exit 143' TERM
}

clean_up() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}

say() { printf '\n%s\n' "$*"; }

# Shows lines from standard input.
indented() { sed 's/^/  /'; }

give_up() {
  echo "$example: $*" >&2
  tail -n 20 "$folder"/*.log >&2 2>/dev/null || true
  exit 1
}

build_redwall() {
  "$top/tests/support/install-packages" "$@"
  redwall=${REDWALL_BIN:-$top/build/release/bin/redwall}
  if [ -z "${REDWALL_BIN:-}" ]; then
    (cd "$top" && cmake --preset release && cmake --build --preset release --target redwall) \
      >"$folder/build.log" 2>&1 || give_up "the build failed:"
  fi
  echo "  $("$redwall" --version)"
}

# Starts a program that writes NAME.log, and ends with the example: begin NAME COMMAND... Its process is $begun.
begin() {
  local name=$1
  shift
  "$@" >"$folder/$name.log" 2>&1 &
  begun=$!
  pids+=("$begun")
}

# Shows a command as one would type it.
show_command() {
  local word
  printf '  $'
  for word in "$@"; do
    case $word in
      *\'*) printf ' "%s"' "$word" ;;
      *[!a-zA-Z0-9_./:=-]*) printf " '%s'" "$word" ;;
      *) printf ' %s' "$word" ;;
    esac
  done
  printf '\n'
}

# Shows a command with what it prints, and fails unless that holds the text: show TEXT COMMAND...
show() {
  local expected=$1 said
  shift
  show_command "$@"
  said=$("$@" 2>&1) || true
  printf '%s\n' "$said" | indented
  [[ $said == *"$expected"* ]] || give_up "expected '$expected' in the answer to: $*"
}

# Waits until a line of a log matches, and prints what it matches: wait_for LOG PID EXPRESSION
wait_for() {
  local tries=0 found
  until found=$(sed -nE "s/.*$3.*/\\1/p" "$1" 2>/dev/null | head -n 1) && [ -n "$found" ]; do
    kill -0 "$2" 2>/dev/null || give_up "a process ended early:"
    [ $((tries += 1)) -lt 600 ] || give_up "waited in vain for /$3/"
    sleep 0.05
  done
  printf '%s' "$found"
}

# Waits until a command prints the text: wait_until TEXT COMMAND...
wait_until() {
  local tries=0 expected=$1
  shift
  until [[ $("$@" 2>&1) == *"$expected"* ]]; do
    [ $((tries += 1)) -lt 600 ] || give_up "waited in vain for '$expected' from: $*"
    sleep 0.1
  done
}

# The first of COUNT free ports that follow each other, below those that the system gives to clients: free_ports COUNT
free_ports() {
  local try first port
  for try in $(seq 100); do
    first=$((20000 + (RANDOM + try) % (12000 - $1)))
    for ((port = first; port < first + $1; ++port)); do
      if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then continue 2; fi
    done
    echo "$first"
    return
  done
  give_up "no $1 free ports in a row"
}

# A Redis of the example's own, which keeps nothing: start_redis NAME PORT OPTION... Its process is $begun.
start_redis() {
  local name=$1 port=$2
  shift 2
  mkdir -p "$folder/$name"
  begin "$name" redis-server --port "$port" --bind 127.0.0.1 --save "" --dir "$folder/$name" "$@"
  wait_for "$folder/$name.log" "$begun" '(Ready to accept connections)' >/dev/null
}

# Shows server.json and client.json, which are in $folder, and starts both agents with them; $server_pid.
start_agents() {
  (cd "$folder" && "$redwall" keygen site.key >/dev/null)
  echo "  server.json:"
  indented <"$folder/server.json" | indented
  begin server "$redwall" server --config "$folder/server.json"
  server_pid=$begun
  wait_for "$folder/server.log" "$begun" '(listening on )' >/dev/null
  echo "  client.json:"
  indented <"$folder/client.json" | indented
  begin client "$redwall" client --config "$folder/client.json"
  wait_for "$folder/client.log" "$begun" '(tunnel to .* is up)' >/dev/null
}

# The end: with --check at once, else with Ctrl-C: finish WHAT-TO-TRY
finish() {
  if [ -n "$once" ]; then
    say "All of it worked."
    exit 0
  fi
  say "It stays up: try $*. Ctrl-C ends everything and cleans up."
  wait
}
