#!/usr/bin/env bash
# Fails with file:line where the tree at ROOT breaks a rule of its layers, or outgrows its sizes.
#   tests/layers_test.sh [ROOT]      checks a tree (default: the one this script is in)
#   tests/layers_test.sh --selftest  breaks each rule once in a tree of its own and expects failure
set -euo pipefail

readonly max_file_lines=450 max_main_file_lines=60 max_main_lines=30

# The folders of lib that each layer may include.
declare -rA allowed=(
  [lib/base]="base"
  [lib/kernel]="base kernel"
  [lib/proc]="base kernel proc"
  [lib/codec]="base codec"
  [lib/store]="base kernel codec store"
  [lib/query]="base kernel codec store query"
  [capture]="base kernel proc codec store"
  [analyze]="base kernel store query"
)

violations=0
report() {
  echo "$1: $2"
  violations=$((violations + 1))
}

# Prints the layer that a file belongs to: lib/NAME, capture or analyze.
layer_of() {
  case "$1" in
    lib/*/*) cut -d / -f 1-2 <<<"$1" ;;
    *) echo "${1%%/*}" ;;
  esac
}

check_library() { # place file layer included
  local place="$1" file="$2" layer="$3" included="$4"
  case "$included" in
    sqlite3.h)
      [[ $layer == lib/store ]] ||
        report "$place" "$included belongs to lib/store alone; lib/query calls its host's SQLite"
      ;;
    sqlite3ext.h)
      [[ $file == lib/query/sqlite_api.h || $file == lib/query/sqlite_api.cc ]] ||
        report "$place" "$included belongs to lib/query/sqlite_api alone"
      ;;
    zstd*.h | zdict.h | xxhash.h | xxh3.h)
      [[ $layer == lib/codec ]] || report "$place" "$included belongs to lib/codec alone"
      ;;
    boost/*)
      [[ $file == capture/options.cc || $file == analyze/options.cc ]] ||
        report "$place" "Boost belongs to capture/options.cc and analyze/options.cc alone"
      ;;
    iostream)
      [[ $layer != lib/* ]] || report "$place" "lib prints nothing: no iostream"
      ;;
    *) return 1 ;; # not a library that has a rule
  esac
}

check_own() { # place layer included
  local place="$1" layer="$2" included="$3" folder
  case "$included" in
    lib/*)
      folder="$(cut -d / -f 2 <<<"$included")"
      [[ " ${allowed[$layer]-} " == *" $folder "* ]] ||
        report "$place" "$layer may not include lib/$folder"
      ;;
    capture/* | analyze/*)
      [[ $layer == "${included%%/*}" ]] || report "$place" "$layer may not include $included"
      ;;
    tests/* | samples/*) report "$place" "$layer may not include $included" ;;
    */*) ;;
    # Otherwise a neighbour could be included past these rules.
    *) report "$place" "write \"$included\" from the root of the tree" ;;
  esac
}

check_includes() { # folder...
  local line file number text layer included
  local pattern='#[[:space:]]*include[[:space:]]*([<"])([^>"]+)[>"]'
  while IFS= read -r line; do
    file="${line%%:*}"
    text="${line#*:}"
    number="${text%%:*}"
    [[ ${text#*:} =~ $pattern ]] || continue
    included="${BASH_REMATCH[2]}"
    layer="$(layer_of "$file")"
    if check_library "$file:$number" "$file" "$layer" "$included"; then continue; fi
    # A quoted name and one in angle brackets find the same file: the root is on the search path.
    if [[ ${BASH_REMATCH[1]} == '"' || $included =~ ^(lib|capture|analyze|tests|samples)/ ]]; then
      check_own "$file:$number" "$layer" "$included"
    fi
  done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include' --include='*.h' --include='*.cc' "$@")
}

check_sizes() { # folder...
  local file lines
  while IFS= read -r file; do
    lines="$(wc -l <"$file")"
    ((lines <= max_file_lines)) ||
      report "$file:$lines" "the file has $lines lines, more than $max_file_lines"
    [[ ${file##*/} == main.cc ]] || continue
    ((lines <= max_main_file_lines)) ||
      report "$file:$lines" "the file of main() has $lines lines, more than $max_main_file_lines"
    lines="$(awk '/^int main\(/ { first = NR } first && /^}/ { print NR - first + 1; exit }' "$file")"
    ((${lines:-0} < max_main_lines)) ||
      report "$file:1" "main() has $lines lines, and must stay under $max_main_lines"
  done < <(find "$@" -type f \( -name '*.h' -o -name '*.cc' \) | sort)
}

check_tree() { # root
  cd "$1"
  local folder folders=()
  for folder in lib capture analyze; do
    if [[ -d $folder ]]; then folders+=("$folder"); fi
  done
  if [[ ! -d lib ]]; then
    echo "$1: no lib here: not a tree of pagesnap" >&2
    exit 2
  fi
  for folder in lib/*/; do
    folder="${folder%/}"
    [[ -n ${allowed[$folder]-} ]] || report "$folder" "a layer that has no rule in layers_test.sh"
  done
  check_includes "${folders[@]}"
  check_sizes "${folders[@]}"
  [[ $violations -eq 0 ]]
}

# Sets `output` and `status` to what a check of a sound tree says, with `content` added as `file`.
check_tree_with() { # file content
  rm -rf "${scratch:?}/tree"
  mkdir -p "$scratch/tree/lib/base" "$scratch/tree/$(dirname "$1")"
  printf '#include <string>\n' >"$scratch/tree/lib/base/sound.h"
  printf '%s\n' "$2" >"$scratch/tree/$1"
  status=0
  output="$("$self" "$scratch/tree" 2>&1)" || status=$?
}

expect_violation() { # file content [place, where it is not the file]
  check_tree_with "$1" "$2"
  [[ $status -eq 1 && $output == "${3:-$1}:"* ]] ||
    report "$1" "not seen (status $status): $(head -n 1 <<<"$2")"
}

expect_sound() { # file content
  check_tree_with "$1" "$2"
  [[ $status -eq 0 && -z $output ]] || report "$1" "wrongly reported: $output"
}

repeat() { # count line
  local i
  for ((i = 0; i < $1; ++i)); do echo "$2"; done
}

self_test() {
  local layer folder
  scratch="$(mktemp -d)"
  trap 'rm -rf "$scratch"' EXIT
  for layer in "${!allowed[@]}"; do
    for folder in base kernel proc codec store query; do
      if [[ " ${allowed[$layer]} " == *" $folder "* ]]; then
        expect_sound "$layer/a.cc" "#include \"lib/$folder/b.h\""
      else
        expect_violation "$layer/a.cc" "#include \"lib/$folder/b.h\""
      fi
    done
  done
  expect_violation lib/base/a.h '#  include <lib/query/b.h>'
  expect_violation lib/query/a.h '#include "capture/options.h"'
  expect_violation lib/query/a.h '#include "analyze/options.h"'
  expect_violation analyze/a.cc '#include "capture/options.h"'
  expect_violation capture/a.cc '#include "analyze/options.h"'
  expect_violation capture/a.cc '#include "tests/support/fake.h"'
  expect_violation lib/base/a.cc '#include "a.h"'
  expect_violation lib/codec/a.cc '#include <sqlite3.h>'
  expect_violation lib/query/a.cc '#include <sqlite3.h>'
  expect_violation analyze/a.cc '#include "sqlite3ext.h"'
  expect_violation lib/store/a.cc '#include <zstd.h>'
  expect_violation capture/a.h '#include <xxhash.h>'
  expect_violation capture/main.cc '#include <boost/program_options.hpp>'
  expect_violation lib/base/options.cc '#include <boost/program_options.hpp>'
  expect_violation lib/store/a.cc '#include <iostream>'
  expect_violation lib/other/a.h '#include <string>' lib/other
  expect_violation lib/base/a.cc "$(repeat 451 '//')"
  expect_violation analyze/main.cc "$(repeat 61 '//')"
  expect_violation capture/main.cc "int main() {
$(repeat 28 '  Run();')
}"
  expect_sound lib/query/sqlite_api.h '#include <sqlite3ext.h>'
  expect_sound lib/codec/a.cc '#include <zstd.h>'
  expect_sound analyze/options.cc '#include <boost/program_options.hpp>'
  expect_sound analyze/a.cc '#include <iostream>'
  expect_sound lib/base/a.cc "$(repeat 450 '//')"
  expect_sound capture/main.cc "int main() {
$(repeat 27 '  Run();')
}"
  [[ $violations -eq 0 ]]
}

self="$(realpath "${BASH_SOURCE[0]}")"
if [[ ${1:-} == --selftest ]]; then
  self_test
else
  check_tree "${1:-$(dirname "$self")/..}"
fi
