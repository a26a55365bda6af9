#!/usr/bin/env bash
# Fails, and names the files, when C++ sources are not as clang-format would write them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The clone may belong to another user than the one who runs this (root): git refuses without -c.
mapfile -d '' -t files < <(git -c safe.directory="$PWD" ls-files -z '*.h' '*.cc')
if [[ ${#files[@]} -eq 0 ]]; then
  echo "format_check.sh: git lists no sources" >&2
  exit 1
fi
# Each file is said once, by several processes at a time.
check() {
  local file failed=0
  for file in "$@"; do
    [[ -e $file ]] || continue
    clang-format --dry-run -Werror "$file" && continue
    echo "not formatted: $file (mend with: clang-format -i $file)"
    failed=1
  done
  return $failed
}
export -f check
if ! printf '%s\0' "${files[@]}" | xargs -0 -n 20 -P "$(nproc)" bash -c 'check "$@"' check; then
  exit 1
fi
echo "${#files[@]} files checked, all formatted"
