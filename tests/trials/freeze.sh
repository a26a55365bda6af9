#!/usr/bin/env bash
# Freezes what is hard to freeze, again and again:
#   tests/trials/freeze.sh [EXECS [VFORKS [KILLS]]]      1000 200 100 by default
# Fails when a process of this session that was not stopped before is stopped later than a second
# after the limit,
# when a parent does not learn within 100 ms that its child has ended, when a capture fails or takes
# too long, or when a file is damaged. Needs root and a build with tests (build/, or BUILD_DIR).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly execs="${1:-1000}" vforks="${2:-200}" kills="${3:-100}"
readonly build="${BUILD_DIR:-build}"
readonly capture="$build/bin/capture" analyze="$build/bin/analyze"
readonly target="$build/tests/live/life_target"
readonly limit=2 # seconds; the default of --freeze-limit

if [[ $(id -u) -ne 0 ]]; then
  echo "freeze.sh: needs root" >&2
  exit 77
fi
folder="$(mktemp -d)"
pids=()
cleanup() {
  local pid
  for pid in ${pids[@]+"${pids[@]}"}; do kill -KILL "$pid" 2>/dev/null || true; done
  if mountpoint -q "$folder/mount"; then umount -l "$folder/mount"; fi
  rm -rf "$folder"
}
trap cleanup EXIT

fail() {
  echo "freeze.sh: $*" >&2
  exit 1
}

# Starts a target: start MODE NUMBER; its pid is the last of `pids`, its output is in $folder/said.
start() {
  rm -f "$folder/said"
  truncate -s 4096 "$folder/counter"
  "$target" "$folder/counter" "$@" >"$folder/said" &
  pids+=("$!")
  for ((i = 0; i < 500; ++i)); do
    if grep -qs ready "$folder/said"; then return; fi
    sleep 0.01
  done
  fail "target $* did not start"
}

# Ends the last target.
stop() {
  kill -KILL "${pids[-1]}" 2>/dev/null || true
  wait "${pids[-1]}" 2>/dev/null || true
  unset 'pids[-1]'
}

# Lists the processes of this session that are stopped, by a signal or a tracer. Others may be so for
# reasons of their own.
stopped() {
  sed -nE "s/^([0-9]+) \(.*\) [tT] [0-9]+ [0-9]+ $session .*/\1/p" /proc/[0-9]*/stat 2>/dev/null |
    sort || true
}

# Fails unless all that is stopped now and was not at the start runs on in time.
all_run() {
  local now i
  for ((i = 0; i < (limit + 1) * 20; ++i)); do
    now="$(comm -13 <(echo "$stopped_before") <(stopped) | sed '/^$/d')"
    if [[ -z $now ]]; then return; fi
    sleep 0.05
  done
  fail "still stopped $((limit + 1)) s later: $now"
}

# Waits until a process is not stopped; fails when that is not in time.
await_running() {
  local i
  for ((i = 0; i < (limit + 1) * 20; ++i)); do
    if ! grep -qE '^State:[[:space:]]+[tT]' "/proc/$1/status"; then return; fi
    sleep 0.05
  done
  return 1
}

# Waits until a job of this script has stopped or ended, at most the same time.
await_stopped() {
  local i
  for ((i = 0; i < (limit + 1) * 20; ++i)); do
    if ! grep -qE '^State:[[:space:]]+[RSD]' "/proc/$1/status" 2>/dev/null; then return; fi
    sleep 0.05
  done
}

# Counts the exit code of a capture: count CODE WHAT.
count() {
  if [[ $1 -ne 0 && $1 -ne 3 ]]; then fail "$2: capture ended with $1"; fi
  codes[$1]=$((${codes[$1]:-0} + 1))
}

# Captures once: once SECONDS OPTION...; fails when it takes longer, fails, or the file is damaged.
once() {
  local seconds="$1" code=0
  shift
  rm -f "$folder/out"
  timeout -s KILL "$seconds" "$capture" --freeze -q -o "$folder/out" "$@" 2>"$folder/err" || code=$?
  # There is no file when all that was wanted has ended.
  if [[ $code -eq 1 ]] && grep -q "ended, or executed another program" "$folder/err"; then
    codes[1]=$((${codes[1]:-0} + 1))
    return
  fi
  count "$code" "capture $*: $(cat "$folder/err")"
  "$analyze" check "$folder/out" >"$folder/check" 2>&1 || true
  if grep -q damaged "$folder/check"; then fail "capture $*: $(grep damaged "$folder/check")"; fi
}

# Prints what was done and how often captures ended with which code.
report() {
  local code text=""
  for code in "${!codes[@]}"; do text+=" ${codes[$code]} ended with $code,"; done
  echo "$1:${text%,}"
  codes=()
}

codes=()
session="$(sed -E 's/.*\) . [0-9]+ [0-9]+ ([0-9]+) .*/\1/' "/proc/$$/stat")"
stopped_before="$(stopped)"

start execlast 100
for ((n = 0; n < execs; ++n)); do once 15 -p "${pids[-1]}"; done
all_run
stop
report "$execs freezes of a process whose last of 102 threads runs execve"

start vfork 700
# A process that was stopped runs at least as long again.
once $((60 + vforks)) -p "${pids[-1]}" --interval 0.01 --count "$vforks"
all_run
stop
report "$vforks freezes of a vfork parent in one series"

slowest=0
for ((n = 0; n < kills; ++n)); do
  start killed 20
  child="$(grep -oE '^[0-9]+' "$folder/said")"
  once 15 -p "$child"
  wait "${pids[-1]}" || fail "a parent learned of a kill after $(tail -n 1 "$folder/said") ms"
  took="$(tail -n 1 "$folder/said")"
  if ((took > slowest)); then slowest="$took"; fi
  unset 'pids[-1]'
done
all_run
report "$kills targets killed while frozen (parents learned of it in $slowest ms or less)"

# Stops capture by a signal at a random moment; the target must run on all the same.
start count 200
for ((n = 0; n < kills; ++n)); do
  for signal in TSTP STOP; do
    code=0
    rm -f "$folder/out"
    "$capture" -q --freeze -p "${pids[-1]}" -o "$folder/out" &
    job="$!"
    sleep "0.0$((RANDOM % 90 + 10))"
    kill "-$signal" "$job" 2>/dev/null || true
    await_running "${pids[-1]}" || fail "SIG$signal to capture left its target stopped"
    # A SIGCONT that comes before it has stopped would be lost.
    await_stopped "$job"
    kill -CONT "$job" 2>/dev/null || true
    wait "$job" || code=$?
    count "$code" "SIG$signal to capture"
  done
done
all_run
stop
report "$kills times SIGTSTP and SIGSTOP to capture"

if command -v bindfs >/dev/null && [[ -e /dev/fuse ]]; then
  mkdir "$folder/source" "$folder/mount"
  bindfs -f "$folder/source" "$folder/mount" &
  pids+=("$!")
  for ((i = 0; i < 100; ++i)); do
    if mountpoint -q "$folder/mount"; then break; fi
    sleep 0.05
  done
  for ((n = 0; n < kills; ++n)); do
    code=0
    timeout -s KILL 15 "$capture" --freeze -q -p "${pids[-1]}" -o - >"$folder/mount/out" || code=$?
    count "$code" "output on a frozen bindfs"
  done
  all_run
  umount "$folder/mount"
  wait "${pids[-1]}" || true
  unset 'pids[-1]'
  report "$kills times the server of the output's file system among the frozen"
fi

code=0
timeout -s KILL 15 unshare --pid --mount-proc --fork \
  "$capture" -q -a --freeze -o "$folder/all" || code=$?
if [[ $code -ne 0 ]]; then fail "-a --freeze in a pid and mount namespace ended with $code"; fi
all_run
echo "-a --freeze in a pid and mount namespace: ended with 0"
