#!/usr/bin/env bash
# Fails with file:line where the tree at ROOT breaks a rule of its layers, or outgrows its sizes.
#   tests/layers_test.sh [ROOT]      checks a tree (default: the one this script is in)
#   tests/layers_test.sh --selftest  breaks each rule once in a tree of its own and expects failure
set -euo pipefail

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

# The wings of a folder of lib, and which of them each may include; what lies in the folder itself may
# include all of them, and no wing includes it.
declare -rA wings=(
  [lib/store/output]=""
  [lib/store/sqlite]="output"
  [lib/store/frames]="sqlite"
  [lib/store/write]="sqlite frames"
  [lib/store/read]="sqlite frames"
  [lib/query/sqlite]=""
  [lib/query/match]="sqlite"
  [lib/query/scan]="sqlite match"
  [lib/query/pages]="sqlite match scan"
  [lib/query/usage]="sqlite match scan"
  [lib/query/ram]="sqlite match scan"
  [lib/query/sharing]="sqlite match scan usage"
  [lib/query/check]="sqlite match scan usage"
  [lib/query/change]="sqlite match scan usage"
)

violations=0
report() {
  echo "$1: $2"
  violations=$((violations + 1))
}

# One program for all files: to start one for each takes a hundred times as long. It is given `rules`,
# "LAYER FOLDER..." for each layer, parted by semicolons, and `wing_rules`, "WING WING..." likewise.
readonly check_files='
function report(place, what) { print place ": " what }

# Returns the layer that a file belongs to: lib/NAME, capture or analyze.
function layer_of(file, parts) {
  split(file, parts, "/")
  return parts[1] == "lib" ? "lib/" parts[2] : parts[1]
}

# Returns whether the name is of a library that has a rule.
function check_library(place, file, layer, included) {
  if (included == "sqlite3.h") {
    if (layer != "lib/store") {
      report(place, included " belongs to lib/store alone; lib/query calls the SQLite of its host")
    }
  } else if (included == "sqlite3ext.h") {
    if (file != "lib/query/sqlite/sqlite_api.h" && file != "lib/query/sqlite/sqlite_api.cc") {
      report(place, included " belongs to lib/query/sqlite/sqlite_api alone")
    }
  } else if (included ~ /^(zstd.*|zdict|zlib|xxhash|xxh3)\.h$/) {
    if (layer != "lib/codec") report(place, included " belongs to lib/codec alone")
  } else if (included ~ /^boost\//) {
    if (file != "capture/options.cc" && file != "analyze/options.cc") {
      report(place, "Boost belongs to capture/options.cc and analyze/options.cc alone")
    }
  } else if (included == "iostream") {
    if (layer ~ /^lib\//) report(place, "lib prints nothing: no iostream")
  } else {
    return 0
  }
  return 1
}

# Returns the wing that a file lies in, "" when it lies in the folder of its layer itself.
function wing_of(file, parts) {
  return split(file, parts, "/") == 4 ? parts[1] "/" parts[2] "/" parts[3] : ""
}

function check_wing(place, wing, included, other) {
  other = wing_of(included)
  if (wing == "" || wing == other || (wing, other) in allowed_wing) return
  report(place, wing " may not include " included)
}

function check_own(place, layer, included, parts) {
  split(included, parts, "/")
  if (included ~ /^lib\//) {
    if (!((layer, parts[2]) in allowed)) report(place, layer " may not include lib/" parts[2])
    if ("lib/" parts[2] == layer) check_wing(place, wing_of(FILENAME), included)
  } else if (included ~ /^(capture|analyze)\//) {
    if (layer != parts[1]) report(place, layer " may not include " included)
  } else if (included ~ /^(tests|samples)\//) {
    report(place, layer " may not include " included)
  } else if (included !~ /\//) {
    # Otherwise a neighbour could be included past these rules.
    report(place, "write \"" included "\" from the root of the tree")
  }
}

function check_sizes(file, line_count) {
  if (line_count > max_file_lines) {
    report(file ":" line_count, "the file has " line_count " lines, more than " max_file_lines)
  }
  if (file !~ /\/main\.cc$/) return
  if (line_count > max_main_file_lines) {
    report(file ":" line_count,
           "the file of main() has " line_count " lines, more than " max_main_file_lines)
  }
  if (main_lines >= max_main_lines) {
    report(file ":1", "main() has " main_lines " lines, and must stay under " max_main_lines)
  }
}

BEGIN {
  max_file_lines = 400
  max_main_file_lines = 60
  max_main_lines = 30
  rule_count = split(rules, rule, ";")
  for (i = 1; i <= rule_count; ++i) {
    word_count = split(rule[i], word, " ")
    for (j = 2; j <= word_count; ++j) allowed[word[1], word[j]] = 1
  }
  rule_count = split(wing_rules, rule, ";")
  for (i = 1; i <= rule_count; ++i) {
    word_count = split(rule[i], word, " ")
    folder = word[1]
    sub(/[^\/]*$/, "", folder)
    for (j = 2; j <= word_count; ++j) allowed_wing[word[1], folder word[j]] = 1
  }
}
FNR == 1 {
  if (file != "") check_sizes(file, line_count)
  file = FILENAME
  layer = layer_of(file)
  main_first = 0
  main_lines = 0
}
{ line_count = FNR }
/^[ \t]*#[ \t]*include[ \t]*[<"][^>"]+[>"]/ {
  included = $0
  sub(/^[ \t]*#[ \t]*include[ \t]*/, "", included)
  quote = substr(included, 1, 1)
  included = substr(included, 2)
  sub(/[>"].*/, "", included)
  place = file ":" FNR
  # A quoted name and one in angle brackets find the same file: the root is on the search path.
  if (!check_library(place, file, layer, included) &&
      (quote == "\"" || included ~ /^(lib|capture|analyze|tests|samples)\//)) {
    check_own(place, layer, included)
  }
}
# A text that reaches the terminal past lib/base/print could act on it, and a failed write be missed.
/(^|[^a-zA-Z_])(fmt::print|f?printf|fputs|puts|fwrite)\(/ && !/^[ \t]*\/\// && file != "lib/base/print.cc" {
  report(file ":" FNR, "print by WriteOutput() or PrintMessage() of lib/base/print.h")
}
/^int main\(/ { main_first = FNR }
main_first && !main_lines && /^}/ { main_lines = FNR - main_first + 1 }
END { if (file != "") check_sizes(file, line_count) }
'

check_tree() { # root
  cd "$1"
  local folder folders=() layer wing rules="" wing_rules="" found
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
  for folder in lib/*/*/; do
    folder="${folder%/}"
    [[ ! -d $folder || -n ${wings[$folder]+given} ]] ||
      report "$folder" "a wing that has no rule in layers_test.sh"
  done
  for layer in "${!allowed[@]}"; do rules+="$layer ${allowed[$layer]};"; done
  for wing in "${!wings[@]}"; do wing_rules+="$wing ${wings[$wing]};"; done
  found="$(find "${folders[@]}" -type f \( -name '*.h' -o -name '*.cc' \) \
    -exec awk -v rules="$rules" -v wing_rules="$wing_rules" "$check_files" {} +)"
  [[ -z $found ]] || echo "$found"
  [[ -z $found && $violations -eq 0 ]]
}

# The self-test has two trees: all files of one are sound, and each of the other breaks one rule.
add_file() { # tree file content
  local path="$scratch/$1/$2"
  if [[ -e $path ]]; then report "$2" "the self-test has two files of this name"; fi
  [[ -d ${path%/*} ]] || mkdir -p "${path%/*}"
  printf '%s\n' "$3" >"$path"
}
add_sound() { # file content
  add_file sound "$1" "$2"
}
places=()
add_broken() { # file content [place, where it is not the file]
  add_file broken "$1" "$2"
  places+=("${3:-$1}")
}

repeat() { # count line
  local i
  for ((i = 0; i < $1; ++i)); do echo "$2"; done
}

add_files() {
  local layer folder
  for layer in "${!allowed[@]}"; do
    for folder in base kernel proc codec store query; do
      if [[ " ${allowed[$layer]} " == *" $folder "* ]]; then
        add_sound "$layer/$folder.cc" "#include \"lib/$folder/b.h\""
      else
        add_broken "$layer/$folder.cc" "#include \"lib/$folder/b.h\""
      fi
    done
  done
  add_broken lib/base/brackets.h '#  include <lib/query/b.h>'
  add_broken lib/query/capture.h '#include "capture/options.h"'
  add_broken lib/query/analyze.h '#include "analyze/options.h"'
  add_broken analyze/capture.cc '#include "capture/options.h"'
  add_broken capture/analyze.cc '#include "analyze/options.h"'
  add_broken capture/tests.cc '#include "tests/support/fake.h"'
  add_broken lib/base/neighbour.cc '#include "a.h"'
  add_broken lib/codec/sqlite.cc '#include <sqlite3.h>'
  add_broken lib/query/sqlite.cc '#include <sqlite3.h>'
  add_broken analyze/sqlite.cc '#include "sqlite3ext.h"'
  add_broken lib/store/zstd.cc '#include <zstd.h>'
  add_broken capture/zlib.cc '#include <zlib.h>'
  add_broken capture/xxhash.h '#include <xxhash.h>'
  add_broken capture/boost.cc '#include <boost/program_options.hpp>'
  add_broken lib/base/options.cc '#include <boost/program_options.hpp>'
  add_broken lib/store/iostream.cc '#include <iostream>'
  add_broken analyze/print.cc '  fmt::print("x");' analyze/print.cc:1
  add_broken capture/puts.cc '  fputs("x", stderr);' capture/puts.cc:1
  add_broken lib/other/a.h '#include <string>' lib/other
  add_broken lib/query/other/a.h '#include <string>' lib/query/other
  add_broken lib/query/scan/later.cc '#include "lib/query/change/b.h"'
  add_broken lib/query/pages/beside.cc '#include "lib/query/usage/b.h"'
  add_broken lib/query/match/above.cc '#include "lib/query/session.h"'
  add_broken lib/store/read/write.cc '#include "lib/store/write/b.h"'
  add_broken lib/base/long.cc "$(repeat 401 '//')"
  add_broken analyze/main.cc "$(repeat 61 '//')"
  add_broken capture/main.cc "int main() {
$(repeat 28 '  Run();')
}"
  add_sound lib/query/sqlite/sqlite_api.h '#include <sqlite3ext.h>'
  add_sound lib/store/sqlite/database.cc '#include <sqlite3.h>'
  add_sound lib/codec/zstd.cc '#include <zstd.h>'
  add_sound analyze/options.cc '#include <boost/program_options.hpp>'
  add_sound analyze/iostream.cc '#include <iostream>'
  add_sound lib/base/print.cc '  fwrite(line.data(), 1, line.size(), out);'
  add_sound capture/snprintf.cc '  snprintf(text, 8, "x");'
  add_sound lib/base/long.cc "$(repeat 400 '//')"
  add_sound capture/main.cc "int main() {
$(repeat 27 '  Run();')
}"
}

self_test() {
  local output status place lines
  scratch="$(mktemp -d)"
  trap 'rm -rf "$scratch"' EXIT
  add_files
  status=0
  output="$("$self" "$scratch/sound" 2>&1)" || status=$?
  [[ $status -eq 0 && -z $output ]] || report "the sound tree" "wrongly reported: $output"
  status=0
  output="$("$self" "$scratch/broken" 2>&1)" || status=$?
  [[ $status -eq 1 ]] || report "the broken tree" "status $status"
  for place in "${places[@]}"; do
    [[ $'\n'$output == *$'\n'"$place:"* ]] || report "$place" "not seen"
  done
  mapfile -t lines <<<"$output"
  [[ ${#lines[@]} -eq ${#places[@]} ]] ||
    report "the broken tree" "${#lines[@]} lines for ${#places[@]} breaches: $output"
  [[ $violations -eq 0 ]]
}

self="$(realpath "${BASH_SOURCE[0]}")"
if [[ ${1:-} == --selftest ]]; then
  self_test
else
  check_tree "${1:-$(dirname "$self")/..}"
fi
