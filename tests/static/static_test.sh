#!/usr/bin/env bash
# Checks a static capture: it needs no other file, is small, and captures: static_test.sh CAPTURE.
set -euo pipefail
readonly program="$1" most_bytes=$((4 * 1024 * 1024))

fail() {
  echo "static_test.sh: $*" >&2
  exit 1
}

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

# An interpreter (the dynamic loader) or a NEEDED entry is a file that the host must have.
readelf -lW "$program" >"$scratch/headers"
readelf -dW "$program" >"$scratch/dynamic"
if grep -q INTERP "$scratch/headers"; then fail "$program asks for a dynamic loader"; fi
if grep -q NEEDED "$scratch/dynamic"; then fail "$program needs $(grep NEEDED "$scratch/dynamic")"; fi

strip -o "$scratch/capture" "$program"
size="$(stat -c %s "$scratch/capture")"
echo "stripped: $size bytes"
((size < most_bytes)) || fail "the stripped program has $size bytes, $most_bytes or more"

# In an empty environment and directory, as on a host that knows nothing of it.
run() { (cd "$scratch" && env -i ./capture "$@"); }
run --version
# Without PFNs, which only root sees, it ends with 3: written, with gaps.
expected=0
if [[ $EUID -ne 0 ]]; then expected=3; fi
status=0
run -p $$ --jobs 4 -o file.pagesnap || status=$?
[[ $status -eq $expected ]] || fail "a capture of this shell ended with $status"
status=0
run -q -p $$ -o - >"$scratch/stream" || status=$?
[[ $status -eq $expected ]] || fail "a capture to standard output ended with $status"

for file in file.pagesnap stream; do
  answer="$(sqlite3 "$scratch/$file" "PRAGMA integrity_check;
    SELECT pid, mapping_count > 10 FROM process;
    SELECT count(*) > 10 FROM page_chunk WHERE present_count > 0;")"
  [[ $answer == "ok
$$|1
1" ]] || fail "$file holds something else: $answer"
done
