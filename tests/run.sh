#!/usr/bin/env bash
# Builds a preset and runs all its tests: tests/run.sh [PRESET], release by default;
# the others are dev, asan, tsan (what has several threads), static (capture as one file) and fuzz
# (a minute of each fuzz target beyond its corpus; it needs clang).
# Works from any directory and on a fresh clone; installs what is missing, with sudo when not root.
# Live tests need root; run without it, they say that they are skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset="${1:-release}"

# The leak check stops its own process by ptrace, and fails every test where that is forbidden.
leak_check_works() {
  local directory works=1
  directory="$(mktemp -d)"
  echo 'int main() { return 0; }' >"$directory/probe.cc"
  if g++ -fsanitize=address -o "$directory/probe" "$directory/probe.cc" &&
    ASAN_OPTIONS=detect_leaks=1 "$directory/probe" 2>/dev/null; then
    works=0
  fi
  rm -rf "$directory"
  return "$works"
}

# Runs each target for so many seconds, as many at a time as there are processors.
fuzz_all() { # seconds
  local target
  for target in tests/fuzz/corpus/*/; do basename "$target"; done |
    xargs -P "$(nproc)" -I TARGET sh -c \
      'tests/fuzz/run.sh TARGET "$1" >build-fuzz/TARGET.log 2>&1 ||
        { tail -n 40 build-fuzz/TARGET.log; echo "fuzz target TARGET failed"; exit 255; }' sh "$1"
}

if [[ $preset == fuzz ]]; then
  tests/install.sh fuzz
  cmake --preset fuzz
  cmake --build --preset fuzz
  fuzz_all 60
  echo "no fuzz target found anything in 60 s"
  exit
fi
tests/install.sh test
if [[ $preset == asan ]]; then
  if leak_check_works; then leaks=1; else leaks=0; fi
  export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=$leaks}"
  export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
fi
# A build directory may be there already, configured without tests.
cmake --preset "$preset" -DBUILD_TESTING=ON
run=()
if [[ $preset == tsan ]]; then
  # ThreadSanitizer wants its shadow memory at fixed addresses. Where the kernel randomises more of
  # an address than it expects (vm.mmap_rnd_bits above 28), programs of GCC before 14 end at once
  # with "unexpected memory mapping". The build runs the tests too, to list them.
  if setarch -R true 2>/dev/null; then run=(setarch -R); fi
  export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1 second_deadlock_stack=1}"
fi
${run[@]+"${run[@]}"} cmake --build --preset "$preset"
${run[@]+"${run[@]}"} ctest --preset "$preset" --output-on-failure -j "$(nproc)"
