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
failed=0
for file in "${files[@]}"; do
  [[ -e $file ]] || continue
  if ! clang-format --dry-run -Werror "$file"; then
    echo "not formatted: $file (mend with: clang-format -i $file)"
    failed=$((failed + 1))
  fi
done
echo "${#files[@]} files checked, $failed not formatted"
[[ $failed -eq 0 ]]
