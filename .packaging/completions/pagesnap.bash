# Completion of capture and analyze in bash. The words come from the programs: 'PROGRAM --complete'.
_pagesnap() {
  local current="${COMP_WORDS[COMP_CWORD]}" line
  # Bash makes a word of "=".
  if [[ $current == = ]]; then current=; fi
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      $'\tsnapshot')
        compopt -o filenames
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -o plusdirs -f -X '!*.pagesnap' -- "$current")
        ;;
      $'\tfile')
        compopt -o filenames
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current")
        ;;
      $'\tdirectory')
        compopt -o filenames
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$current")
        ;;
      "$current"*) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done < <("$1" --complete "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$current" 2>/dev/null)
}
complete -F _pagesnap capture analyze
