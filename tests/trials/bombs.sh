#!/usr/bin/env bash
# Asks every bomb of tests/hostile, at full size, the question that it is aimed at, and prints a table:
# size, peak RSS, CPU time and how analyze ended. Fails when one takes over 768 MiB or 60 s.
#   tests/trials/bombs.sh [BUILD [ANALYZE [NAME]]]
# BUILD: folder of the build (default: build). ANALYZE: the program to try (default: that of BUILD), such
# as an older one, for comparison. It is ended after 130 s of CPU or 8 GiB of addresses. Takes some
# minutes and 300 MB of disk.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
build="${1:-$root/build}"
analyze="${2:-$build/bin/analyze}"
only="${3:-}"
sound="$(ls "$root"/samples/versions/*.pagesnap | sort -V | tail -n 1)"

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
failures=0
printf '%-24s %9s %9s %8s  %s\n' bomb KiB 'RSS MiB' 'CPU s' end
while IFS=$'\t' read -r name rest; do
  IFS=$'\t' read -r -a question <<<"$rest"
  file="$folder/$name"
  status=0
  (ulimit -t 130 -v $((8 << 20))
   exec /usr/bin/time -f '%M %U %S' -o "$folder/usage" "$analyze" "${question[@]}") \
    >"$folder/out" 2>"$folder/err" || status=$?
  read -r kib user system < <(tail -n 1 "$folder/usage")
  cpu="$(awk "BEGIN { print $user + $system }")"
  printf '%-24s %9s %9d %8s  %s: %s\n' "$name" "$(du -k "$file" | cut -f 1)" $((kib >> 10)) "$cpu" \
    "$status" "$(grep -a . "$folder/err" | tail -n 1 | cut -c 1-150)"
  if ((kib >> 10 > 768)) || awk "BEGIN { exit !($cpu > 60) }"; then failures=$((failures + 1)); fi
  rm -f "$file" "$folder/out"
done < <("$build/bin/write_bombs" "$sound" "$folder" $only)
echo "$failures over the limits"
exit $((failures > 0))
