#!/usr/bin/env bash
# Runs a fuzz target: tests/fuzz/run.sh TARGET SECONDS [OPTION OF LIBFUZZER...]. What it finds
# interesting goes to build-fuzz/corpus/TARGET and is where the next run begins; what crashes, hangs or
# takes too much memory goes to build-fuzz/findings.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [[ $# -lt 2 ]]; then
  echo "usage: $0 maps|proc_text|page_words|frame_columns|accounting|file|file_contents SECONDS \
    [OPTION OF LIBFUZZER...]" >&2
  exit 2
fi
target="$1"
seconds="$2"
shift 2
[[ -d build-fuzz ]] || cmake --preset fuzz
cmake --build --preset fuzz --target "fuzz_$target" >/dev/null
mkdir -p "build-fuzz/corpus/$target" build-fuzz/findings

# A sample is the seed of files. An input that takes 60 s of CPU time or 256 MiB is a finding
# (one_input.cc); so is one that takes 1 GiB with the sanitizer, or 300 s by the clock, as one that waits
# would.
seeds=("tests/fuzz/corpus/$target")
options=(-timeout=300 -rss_limit_mb=1024 -malloc_limit_mb=512 -entropic=0 -print_final_stats=1)
if [[ $target == file ]]; then
  seeds+=(samples)
  options+=(-max_len=70000)
fi
if [[ $target == file_contents ]]; then options+=(-max_len=200); fi
# The allocator keeps freed memory to see its use; less of it is faster.
export ASAN_OPTIONS="${ASAN_OPTIONS:-quarantine_size_mb=16:detect_leaks=0}"
exec "build-fuzz/bin/fuzz_$target" "${options[@]}" -max_total_time="$seconds" "$@" \
  -artifact_prefix="build-fuzz/findings/$target-" "build-fuzz/corpus/$target" "${seeds[@]}"
