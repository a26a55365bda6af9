#!/usr/bin/env bash
# Runs both programs under resource limits: each run ends with success, or with exit code 1 and one
# sentence; no partial file stays, and a frozen target runs on.
#   tests/trials/limits.sh PROGRAM_DIR [STEPS]    (default 60 values for each limit; needs root)
set -euo pipefail
programs="$1"
steps="${2:-60}"
work="$(mktemp -d)"
sleep 600 &
target=$!
trap 'kill "$target" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/out"
# Not inherited limits of the shell itself: what it starts for its own work must not fail.
"$programs/capture" -q -p $$ -o "$work/sample" || [[ $? -eq 3 ]]

runs=0
failures=0
fail() {
  echo "limits.sh: $1: $2"
  failures=$((failures + 1))
}

# check WHAT EXIT_CODE: judges one run by its code, its messages and what it left.
check() {
  local what="$1" code="$2" lines
  runs=$((runs + 1))
  lines="$(wc -l <"$work/err")"
  case "$code" in
    0 | 3) ;;
    1)
      [[ $lines -eq 1 ]] || fail "$what" "exit code 1 with $lines lines: $(cat "$work/err")"
      grep -qE 'std::|terminate|_M_' "$work/err" && fail "$what" "no sentence: $(cat "$work/err")"
      [[ -z "$(ls -A "$work/out")" ]] || fail "$what" "left $(ls -A "$work/out")"
      ;;
    127) ;; # the loader could not map the libraries: main() was not reached
    *) fail "$what" "exit code $code: $(tail -n 1 "$work/err")" ;;
  esac
  [[ "$(awk '/^State/ {print $2}' "/proc/$target/status")" == [RSD] ]] ||
    fail "$what" "the target does not run on"
  rm -rf "$work/out"
  mkdir "$work/out"
}

# sweep OPTION FIRST STEP: `ulimit OPTION N` for each N.
sweep() {
  local option="$1" value="$2" step="$3" i code
  for ((i = 0; i < steps; i++, value += step)); do
    for freeze in "" --freeze; do
      code=0
      (ulimit "$option" "$value" && exec "$programs/capture" -q $freeze --jobs 4 -p "$target" \
        -o "$work/out/f") >"$work/stdout" 2>"$work/err" || code=$?
      check "ulimit $option $value: capture $freeze" "$code"
    done
    for report in info processes check; do
      code=0
      (ulimit "$option" "$value" && exec "$programs/analyze" "$report" "$work/sample") \
        >"$work/stdout" 2>"$work/err" || code=$?
      # Below a table of its own, `info` says what is missing: only failures have one sentence.
      check "ulimit $option $value: analyze $report" "$code"
    done
  done
}

sweep -v 12000 $((60000 / steps))  # KiB of addresses
sweep -s 256 $((1024 / steps + 1))  # KiB of stack
sweep -n 4 1                        # descriptors
echo "limits.sh: $runs runs, $failures failures"
[[ $failures -eq 0 ]]
