#!/usr/bin/env bash
# A process that holds the lock on its own memory (mmap_lock): a signal must end a capture of it.
#   tests/trials/held_lock.sh PROGRAM_DIR    (needs root, bindfs and python3; ends with 77 without)
# The lock is held by mmap(2) over changed memory of a file whose FUSE server is stopped: the kernel
# writes the memory back first. (munmap(2) alone would let others read meanwhile.)
set -euo pipefail
programs="$1"
[[ $EUID -eq 0 ]] && command -v bindfs >/dev/null && command -v python3 >/dev/null || exit 77
work="$(mktemp -d)"
server="" holder="" other=""
cleanup() {
  [[ -z $server ]] || kill -CONT "$server" 2>/dev/null || true
  sleep 0.2
  [[ -z $holder ]] || kill -KILL "$holder" 2>/dev/null || true
  [[ -z $other ]] || kill -KILL "$other" 2>/dev/null || true
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
truncate -s 64K "$work/fuse/file"
sleep 36000 &
other=$!
python3 - "$work/fuse/file" "$work/ready" <<'PYTHON' &
import ctypes, mmap, os, sys, time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
file = os.open(sys.argv[1], os.O_RDWR)
memory = libc.mmap(None, 65536, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, file, 0)
ctypes.memset(memory, 1, 1)
open(sys.argv[2] + ".new", "w").close()
os.rename(sys.argv[2] + ".new", sys.argv[2])
while not os.path.exists(sys.argv[2] + ".go"):
    time.sleep(0.01)
MAP_FIXED = 0x10
libc.mmap(memory, 65536, mmap.PROT_READ, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_FIXED, -1, 0)
PYTHON
holder=$!
until [[ -e $work/ready ]]; do sleep 0.05; done
kill -STOP "$server"
touch "$work/ready.go"
until [[ "$(cut -d' ' -f3 "/proc/$holder/stat")" == D ]]; do sleep 0.05; done

failures=0
# try NAME SIGNAL OPTION...: runs a capture of both processes and ends it by the signal.
try() {
  local name="$1" signal="$2" code=0 i pid state
  shift 2
  # The shell makes commands in the background ignore SIGINT.
  env --default-signal=INT "$programs/capture" -q -p "$other,$holder" -o "$work/out/file" "$@" 2>"$work/err" &
  pid=$!
  sleep 1
  kill "-$signal" "$pid" 2>/dev/null || true
  for ((i = 0; i < 50; i++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  if ((i == 50)); then
    kill -KILL "$pid"
    echo "held_lock.sh: $name: did not end within 5 s of SIG$signal"
    failures=$((failures + 1))
  fi
  wait "$pid" 2>/dev/null || code=$?
  sleep 0.3
  state="$(cut -d' ' -f3 "/proc/$other/stat")"
  echo "held_lock.sh: $name, SIG$signal: exit code $code after $((i / 10)).$((i % 10)) s;" \
    "the other process is in state $state: $(cat "$work/err")"
  if [[ $code -ne 1 || $state == t || -n "$(ls -A "$work/out")" ]]; then
    echo "held_lock.sh: $name: expected exit code 1, no file ($(ls -A "$work/out")), none stopped"
    failures=$((failures + 1))
  fi
  rm -f "$work"/out/*
}
try "two jobs" INT
try "one job" TERM --jobs 1
try "no smaps" HUP --no-smaps
try "frozen" INT --freeze
try "series" TERM --interval 0
[[ $failures -eq 0 ]]
