#!/usr/bin/env bash
# Types command lines in bash, zsh and fish and looks at what is offered:
# completions_test.sh FOLDER-OF-THE-PROGRAMS ROOT-OF-THE-TREE. A shell that is not installed is skipped.
set -euo pipefail
programs="$1"
completions="$2/.packaging/completions"
sample="$2/samples/python.pagesnap"

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/sub"
cp "$sample" "$scratch/server.pagesnap"
touch "$scratch/other.txt"
cd "$scratch"
export PATH="$programs:$PATH" HOME="$scratch"
cp "$completions/_pagesnap" .

# Each prints what a shell offers for a command line whose last word is not complete.
in_bash() { # line
  bash --norc -c '
    compopt() { :; }  # works only while somebody types
    source "$1"
    IFS=" " read -ra COMP_WORDS <<<"$2"
    [[ $2 != *" " ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _pagesnap "${COMP_WORDS[0]}"
    printf "%s\n" "${COMPREPLY[@]}"
  ' bash "$completions/pagesnap.bash" "$1"
}
in_zsh() { # line
  # What the widgets of zsh are asked to add; they are here for this.
  zsh -f -c '
    words=("${(@s: :)2}")
    [[ $2 != *" " ]] || words=("${(@)words[1,-2]}" "")
    CURRENT=$#words
    _files() { print -rl -- *.pagesnap(N); [[ $# -gt 0 ]] || print -rl -- *(N) }
    _directories() { print -rl -- *(N/) }
    _describe() { print -rl -- "${(@)found%%:*}" }
    source "$1"
  ' zsh "$completions/_pagesnap" "$1"
}
in_fish() { # line
  fish -c 'source $argv[1]; complete -C $argv[2]' "$completions/pagesnap.fish" "$1" | cut -f 1 | sed "s,/\$,,"
}

failures=0
expect() { # line word [word that must not be there]
  local offered
  offered="$("in_$shell" "$1" || true)"
  if [[ $'\n'"$offered"$'\n' == *$'\n'"$2"$'\n'* ]] &&
    [[ $# -lt 3 || $'\n'"$offered"$'\n' != *$'\n'"$3"$'\n'* ]]; then
    return
  fi
  echo "completions_test.sh: $shell: '$1' offers, instead of '$2': ${offered:-nothing}"
  failures=$((failures + 1))
}

for shell in bash zsh fish; do
  if ! command -v "$shell" >/dev/null; then
    echo "completions_test.sh: $shell is not installed: skipped"
    continue
  fi
  expect "analyze proc" processes
  expect "analyze show diff-t" diff-total
  expect "analyze maps " server.pagesnap
  expect "analyze maps server.pagesnap --li" --limit
  expect "analyze maps --sort -rss" -rss_kib
  expect "analyze maps --by " path
  expect "analyze maps server.pagesnap --pid 1" 17
  expect "analyze maps --format j" json
  expect "capture --free" --freeze-limit
  expect "capture -p $$" $$
  expect "capture --frames " all
  expect "capture -a -o " other.txt
  expect "capture --proc-root s" sub other.txt
done
[[ $failures -eq 0 ]]
