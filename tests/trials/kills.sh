#!/usr/bin/env bash
# Kills captures at random moments: no partial file may stay, and no foreign file may change.
#   tests/trials/kills.sh PROGRAM_DIR [KILLS]    (default 1000; needs root, and bindfs for half of them)
# Each kill is one of: a new file, --force over an old one, a series; in a plain folder and, through
# bindfs, on a file system without O_TMPFILE. In half of them a foreign file is put under the name
# meanwhile.
set -euo pipefail
programs="$1"
kills="${2:-1000}"
work="$(mktemp -d)"
sleep 36000 &
target=$!
cleanup() {
  kill "$target" 2>/dev/null || true
  umount -l "$work/fuse" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/plain" "$work/source" "$work/fuse"
folders=("$work/plain")
if command -v bindfs >/dev/null && bindfs "$work/source" "$work/fuse"; then
  folders+=("$work/fuse")
else
  echo "kills.sh: no bindfs, so only file systems with O_TMPFILE"
fi

failures=0
fail() {
  echo "kills.sh: kill $kill_number ($folder, $mode, foreign=$foreign): $1"
  failures=$((failures + 1))
}
hidden_names() { find "$folder" -mindepth 1 -name '.*' -printf '%f\n'; }
# What a killed capture or its guard still has to remove may take a moment.
await_no_hidden_names() {
  local i
  for ((i = 0; i < 500; i++)); do
    [[ -z "$(hidden_names)" ]] && return
    sleep 0.01
  done
  fail "left $(hidden_names)"
}
# Opens a file as a reader would: prints what is wrong with it.
is_sound() {
  local code=0
  "$programs/analyze" check "$1" >"$work/check" 2>&1 || code=$?
  [[ $code -eq 0 || $code -eq 3 ]] && ! grep -q damaged "$work/check"
}

killed=0
foreign_count=0
complete=0
for ((kill_number = 1; kill_number <= kills; kill_number++)); do
  folder="${folders[kill_number % ${#folders[@]}]}"
  modes=(new force series)
  mode="${modes[RANDOM % 3]}"
  foreign=$((RANDOM % 2))
  arguments=(-q -p "$target" -o "$folder/out")
  [[ $mode == force ]] && echo old >"$folder/out" && arguments+=(--force)
  [[ $mode == series ]] && arguments+=(--interval 0.001)
  echo foreign >"$folder/other"
  "$programs/capture" "${arguments[@]}" 2>"$work/err" &
  pid=$!
  sleep "0.0$(printf %02d $((RANDOM % 35)))"
  # A series must not replace it; a new file must not either. --force may.
  if [[ $foreign -eq 1 && $mode != force ]]; then
    if [[ $mode == new ]]; then
      ln "$folder/other" "$folder/out" 2>/dev/null || foreign=0
    else
      ln -f "$folder/other" "$folder/name" && mv -f "$folder/name" "$folder/out"
    fi
    sleep "0.0$(printf %02d $((RANDOM % 20)))"
  else
    foreign=0
  fi
  kill -KILL "$pid" 2>/dev/null || true
  code=0
  wait "$pid" 2>/dev/null || code=$?
  [[ $code -eq 137 ]] && killed=$((killed + 1))
  await_no_hidden_names
  [[ "$(cat "$folder/other" 2>/dev/null)" == foreign ]] || fail "changed the foreign file"
  if [[ $foreign -eq 1 ]]; then
    foreign_count=$((foreign_count + 1))
    [[ "$folder/out" -ef "$folder/other" ]] || fail "replaced the foreign file"
  elif [[ ! -e "$folder/out" ]]; then
    [[ $mode != force ]] || fail "removed the old file"
  elif [[ $mode != force || "$(head -c 3 "$folder/out")" != old ]]; then
    complete=$((complete + 1))
    is_sound "$folder/out" || fail "left a partial file"
  fi
  # What a series keeps when its name was taken.
  for kept in "$folder"/pagesnap-*; do
    [[ -e $kept ]] || continue
    is_sound "$kept" || fail "kept a partial file"
  done
  rm -f "$folder"/out "$folder"/other "$folder"/name "$folder"/pagesnap-*
done
echo "kills.sh: $kills captures, $killed killed in time, $foreign_count with a foreign file," \
  "$complete complete files, $failures failures"
[[ $failures -eq 0 ]]
