#!/usr/bin/env bash
# Fails, and names the files, when C++ sources are not as clang-format would write them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The clone may belong to another user than the one who runs this (root): git refuses without -c.
mapfile -d '' -t listed < <(git -c safe.directory="$PWD" ls-files -z '*.h' '*.cc')
files=()
for file in ${listed[@]+"${listed[@]}"}; do
  if [[ -e $file ]]; then files+=("$file"); fi
done
if [[ ${#files[@]} -eq 0 ]]; then
  echo "format_check.sh: git lists no sources" >&2
  exit 1
fi
# Few processes: to start one takes longer than to check a file.
processors="$(nproc)"
failed=0
said="$(printf '%s\0' "${files[@]}" |
  xargs -0 -n $((${#files[@]} / processors / 4 + 1)) -P "$processors" \
    clang-format --dry-run -Werror 2>&1)" || failed=1
if [[ $failed -ne 0 ]]; then
  echo "$said"
  sed -nE 's/^(.*):[0-9]+:[0-9]+: error: .*/\1/p' <<<"$said" | sort -u | while IFS= read -r file; do
    echo "not formatted: $file (mend with: clang-format -i $file)"
  done
  exit 1
fi
echo "${#files[@]} files checked, all formatted"
