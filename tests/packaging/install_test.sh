#!/usr/bin/env bash
# Installs a build into an empty folder, and looks whether what is there works from there:
# install_test.sh BUILD-FOLDER
set -euo pipefail
build="$1"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() {
  echo "install_test.sh: $*"
  failed=1
}

cmake --install "$build" --prefix "$scratch/usr" >"$scratch/log"
documents="$(dirname "$(find "$scratch/usr/share/doc" -maxdepth 2 -name README.md)")"

links=0
while IFS=: read -r document link; do
  links=$((links + 1))
  [[ -e "$(dirname "$document")/${link%%#*}" ]] ||
    fail "${document#"$documents"/} refers to $link, which is not installed"
done < <(cd "$documents" &&
  find . -name '*.md' -printf "$documents/%P\n" |
  xargs grep -oH ']([^)#:]*\.[a-z]*[^):]*)' | sed 's/](//; s/)$//')
((links > 5)) || fail "only $links links were found"

# As the README says, with the programs and the samples that are installed.
cd "$documents"
for program in capture analyze; do
  "$scratch/usr/bin/$program" --version >"$scratch/version" || fail "$program --version"
  grep -q "^$program (pagesnap) " "$scratch/version" || fail "$program --version: $(cat "$scratch/version")"
done
for page in man1/capture.1.gz man1/analyze.1.gz man5/pagesnap.5.gz; do
  [[ -s $scratch/usr/share/man/$page ]] || fail "no $page"
done
"$scratch/usr/bin/analyze" processes samples/python.pagesnap >"$scratch/answer" ||
  fail "no answer about samples/python.pagesnap"
exit "$failed"
