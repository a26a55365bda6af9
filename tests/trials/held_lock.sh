#!/usr/bin/env bash
# A process whose files in /proc do not answer: it is a gap, and the others are captured.
#   tests/trials/held_lock.sh PROGRAM_DIR    (needs root, bindfs and python3; ends with 77 without)
# The locks are held with the help of a FUSE server that is stopped:
# mmap     mmap(2) over changed memory of a file of it: the kernel writes the memory back first, and
#          holds mmap_lock. (munmap(2) alone would let others read meanwhile.)
# execve   execve(2) with such memory, which is written back while exec_update_lock is held
# script   execve(2) of a script whose interpreter lies there: it is looked up while cred_guard_mutex
#          is held. Since 5.8 who reads does not need that, but ptrace(2) does.
set -euo pipefail
programs="$1"
[[ $EUID -eq 0 ]] && command -v bindfs >/dev/null && command -v python3 >/dev/null || exit 77
work="$(mktemp -d)"
server="" other="" holders=()
cleanup() {
  [[ -z $server ]] || kill -CONT "$server" 2>/dev/null || true
  sleep 0.2
  for pid in "${holders[@]}" $other; do kill -KILL "$pid" 2>/dev/null || true; done
  umount -l "$work/fuse" 2>/dev/null || true
  [[ -z $server ]] || kill -TERM "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/source" "$work/fuse" "$work/out"
bindfs -f "$work/source" "$work/fuse" &
server=$!
until mountpoint -q "$work/fuse"; do
  kill -0 "$server" 2>/dev/null || exit 77  # no FUSE here
  sleep 0.05
done
printf '#!%s/fuse/interpreter\n' "$work" >"$work/script"
chmod +x "$work/script"
sleep 36000 &
other=$!

# hold HOW: starts a process that will hold a lock in this way, once the file "go" is there.
hold() {
  local file="$work/fuse/file-${#holders[@]}" ready="$work/ready-${#holders[@]}"
  truncate -s 64K "$file"
  python3 - "$1" "$file" "$ready" "$work" <<'PYTHON' &
import ctypes, mmap, os, sys, time
how, path, ready, work = sys.argv[1:]
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
file = os.open(path, os.O_RDWR)
memory = libc.mmap(None, 65536, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, file, 0)
if how != "script":
    ctypes.memset(memory, 1, 1)
open(ready + ".new", "w").close()
os.rename(ready + ".new", ready)
while not os.path.exists(work + "/go"):
    time.sleep(0.01)
MAP_FIXED = 0x10
if how == "mmap":
    libc.mmap(memory, 65536, mmap.PROT_READ, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_FIXED, -1, 0)
program = work + "/script" if how == "script" else "/bin/sleep"
os.execv(program, [program, "36000"])
PYTHON
  holders+=($!)
  disown "$!"  # no word when it is killed
  until [[ -e $ready ]]; do sleep 0.05; done
}
# all_hold: stops the server and waits until all hold their locks.
all_hold() {
  kill -STOP "$server"
  touch "$work/go"
  for pid in "${holders[@]}"; do
    # Not stat, which may wait itself.
    [[ $pid == "$script" ]] || until grep -q "^State:.D" "/proc/$pid/status"; do sleep 0.05; done
  done
  sleep 0.3  # the script waits in state S, as before
}
failures=0
# expect WHAT WANTED FOUND
expect() {
  [[ "$2" != "$3" ]] || return 0
  echo "held_lock.sh: $name: $1: expected '$2', found '$3'"
  failures=$((failures + 1))
}
# ask SQL: prints the answer from the file, in one line.
ask() { "$programs/analyze" sql "$work/out/file" "$1" --format csv 2>/dev/null | tr -d '\r' | tail -n +2 | paste -sd' '; }
# try NAME GAPS OPTION...: runs a capture to its end. GAPS: sources of the gaps.
try() {
  name="$1"
  local gaps="$2" code=0 start
  shift 2
  start="$(date +%s%N)"
  timeout -s KILL 60 "$programs/capture" -q -p "$(IFS=,; echo "$other,${holders[*]}")" \
    -o "$work/out/file" "$@" 2>"$work/err" || code=$?
  echo "held_lock.sh: $name: exit code $code after $((($(date +%s%N) - start) / 1000000)) ms $(cat "$work/err")"
  expect "exit code" 3 "$code"
  expect "captured processes" "$other" \
    "$(ask "SELECT DISTINCT pid FROM process p JOIN mapping ON process_id = p.id WHERE pid = $other")"
  expect "gaps" "$gaps" "$(ask "SELECT source FROM gap ORDER BY process_id")"
  expect "state of the other process" S "$(cut -d' ' -f3 "/proc/$other/stat")"
  "$programs/analyze" check "$work/out/file" >"$work/check" 2>&1 || expect "check" 3 "$?"
  rm -f "$work"/out/*
}
# interrupt SIGNAL OPTION...: ends a capture by the signal.
interrupt() {
  name="SIG$1"
  local signal="$1" code=0 i pid
  shift
  # The shell makes commands in the background ignore SIGINT.
  env --default-signal=INT "$programs/capture" -q -p "$other,${holders[0]}" -o "$work/out/file" "$@" 2>"$work/err" &
  pid=$!
  sleep 0.5
  kill "-$signal" "$pid" 2>/dev/null || true
  for ((i = 0; i < 50; i++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || code=$?
  sleep 0.3
  echo "held_lock.sh: $name $*: exit code $code after $((i / 10)).$((i % 10)) s: $(cat "$work/err")"
  expect "exit code" 1 "$code"
  expect "files" "" "$(ls -A "$work/out")"
  expect "state of the other process" S "$(cut -d' ' -f3 "/proc/$other/stat")"
  rm -f "$work"/out/*
}

hold mmap
hold execve
hold script
script="${holders[2]}"
all_hold
try "two jobs" "maps maps"
try "one job" "maps maps" --jobs 1 --budget 0.2
try "no smaps" "maps maps" --no-smaps
try "frozen" "maps maps freeze" --freeze
try "series" "maps maps maps maps" --interval 0.001 --count 2
interrupt INT
interrupt TERM --jobs 1
interrupt HUP --freeze
[[ $failures -eq 0 ]]
