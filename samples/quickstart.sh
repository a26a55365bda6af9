#!/usr/bin/env bash
# From a fresh clone to a first look at a snapshot: installs what is missing, builds, captures a
# process whose memory is known, and shows what can be asked. Each command is printed before it runs.
# Uses sudo, when not root, to install and to capture: frame numbers are for root alone. Without
# sudo it shows what an ordinary user gets.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

workload_pid=
directory=
stop_workload() {
  [[ -n $workload_pid ]] || return 0
  # It may have ended by itself.
  kill -TERM "$workload_pid" 2>/dev/null || true
  wait "$workload_pid" 2>/dev/null || true
  workload_pid=
}
clean_up() {
  stop_workload
  # Only an empty one goes: nothing was captured then.
  if [[ -n $directory ]]; then rmdir "$directory" 2>/dev/null || true; fi
}
trap clean_up EXIT

heading() {
  printf '\n=== %s\n' "$1"
}

show_command() {
  printf '$ %s\n' "$*"
}

# The first lines of a long answer.
show_and_run_trimmed() {
  show_command "$@"
  local output line_count
  output="$("$@")"
  line_count="$(wc -l <<<"$output")"
  head -n 12 <<<"$output"
  if [[ $line_count -gt 12 ]]; then echo "... ($((line_count - 12)) more lines)"; fi
}

show_and_run() {
  show_command "$@"
  "$@"
}

sudo=()
if [[ $EUID -ne 0 ]]; then
  if command -v sudo >/dev/null; then
    sudo=(sudo)
  else
    echo "note: you are not root and there is no sudo: the kernel will hide frame numbers and swap"
    echo "slots, and the figures computed from them stay empty ('-'); its own figures are all there"
  fi
fi

heading "Install what is missing"
show_and_run tests/install.sh build

heading "Build"
show_and_run cmake --preset release
show_and_run cmake --build --preset release --target capture analyze workload

heading "Start a process whose memory is known"
show_command build/bin/workload
# The end of this script closes its standard input, so that it ends in any case.
coproc WORKLOAD { exec build/bin/workload; }
# shellcheck disable=SC2153  # coproc sets it
workload_pid="$WORKLOAD_PID"
pid="$workload_pid"
if ! IFS= read -r description <&"${WORKLOAD[0]}"; then
  echo "quickstart.sh: the workload did not start" >&2
  exit 1
fi
[[ $description =~ \"start\":\"(0x[0-9a-f]+)\" ]] # the first region: sixteen touched pages
address="${BASH_REMATCH[1]}"
[[ $description =~ \"shared_memory\"[^}]*\"start\":\"(0x[0-9a-f]+)\" ]]
shared_address="${BASH_REMATCH[1]}"
echo "${description:0:300}..."

directory="$(mktemp -d "${TMPDIR:-/tmp}/pagesnap-XXXXXX")"
snapshot="$directory/quickstart.pagesnap"

heading "Capture it, and the child that it forked"
status=0
[[ $description =~ \"child_pid\":([0-9]+) ]]
show_and_run ${sudo[@]+"${sudo[@]}"} build/bin/capture \
  -p "$pid,${BASH_REMATCH[1]}" -o "$snapshot" || status=$?
if [[ $status -eq 3 ]]; then
  echo "(exit code 3: the snapshot is written, and lists what could not be read in it)"
elif [[ $status -ne 0 ]]; then
  exit "$status"
fi
stop_workload # from here on the file is enough

heading "What the snapshot is"
show_and_run build/bin/analyze info "$snapshot"

heading "Its processes, beside what the kernel itself accounts to them"
show_and_run build/bin/analyze processes "$snapshot"

heading "The mappings of one process"
show_and_run_trimmed build/bin/analyze maps "$snapshot" --pid "$pid"

heading "What is behind one address"
show_and_run build/bin/analyze translate "$snapshot" --pid "$pid" --address "$address"

heading "What is behind an address that both processes have: the same frame"
show_and_run build/bin/analyze translate "$snapshot" --address "$shared_address"

heading "Do the figures equal the kernel's, and is the file sound?"
show_and_run build/bin/analyze check "$snapshot" || true # 3: it ran on, or was not root

heading "Try next"
cat <<END
The snapshot stays in $snapshot
  build/bin/analyze list
  build/bin/analyze translate --help
  build/bin/analyze maps $snapshot --pid $pid --format json
  build/bin/analyze sql $snapshot "SELECT state, COUNT(*) FROM page GROUP BY state"
  sudo build/bin/capture -a -o all.pagesnap
END
