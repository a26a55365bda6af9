#!/usr/bin/env bash
# Tries the README on a system where only git has been added: tests/fresh.sh DISTRIBUTION [COMMAND...]
#   DISTRIBUTION  bookworm, trixie (Debian), jammy or noble (Ubuntu)
#   COMMAND...    shell commands to run in the clone, in this order, instead of those of the README
# Makes a minimal root with debootstrap in a directory of its own, clones the last commit into it, and
# says how long each command took. Ends with 1 if one failed. Needs root, debootstrap, git and 6 GB
# below TMPDIR. Packages are kept for the next run in ${XDG_CACHE_HOME:-~/.cache}/pagesnap-fresh.
set -euo pipefail
source="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
readonly source

usage() {
  sed -n '2,7s/^# //p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# Sets the mirror, the components that have what tests/install.sh names, and the keyring of a release.
find_release() { # distribution
  case "$1" in
    bookworm | trixie)
      mirror=http://deb.debian.org/debian
      components=main
      keyring=/usr/share/keyrings/debian-archive-keyring.gpg
      ;;
    jammy | noble)
      mirror=http://archive.ubuntu.com/ubuntu
      components=main,universe
      keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg
      ;;
    *) usage ;;
  esac
}

make_root() { # distribution root cache
  local options=(--variant=minbase --include=git,ca-certificates --components="$components"
    --keyring="$keyring" --cache-dir="$3")
  # Older versions of debootstrap do not know newer releases, which are made alike.
  local script=()
  if [[ ! -e /usr/share/debootstrap/scripts/$1 ]]; then
    if [[ $components == main ]]; then script=(/usr/share/debootstrap/scripts/sid); else
      script=(/usr/share/debootstrap/scripts/gutsy)
    fi
  fi
  debootstrap "${options[@]}" "$1" "$2" "$mirror" ${script[@]+"${script[@]}"}
  # A root for one trial need not outlast a loss of power.
  echo force-unsafe-io >"$2/etc/dpkg/dpkg.cfg.d/unsafe-io"
}

# Runs in namespaces of its own: with the last process of them the mounts go, and whatever was left
# running, also when this script is killed.
enter_root() { # root cache command
  # The inner shell is the first process of its PID namespace and mounts in a mount namespace.
  # shellcheck disable=SC2016
  unshare --mount --propagation private --pid --fork --kill-child bash -euc '
    root="$1"
    # "/" inside has to be a mount: programs ask for its propagation (unshare(1)).
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/run"
    mount --bind "$2" "$root/var/cache/apt/archives"
    # Not exec: a first process that is chroot itself would have to reap what others leave.
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 USER=root \
      chroot "$root" bash -c "$3"
  ' bash "$@"
}

[[ $# -ge 1 ]] || usage
distribution="$1"
shift
find_release "$distribution"
if [[ $EUID -ne 0 ]]; then
  echo "fresh.sh: only root can make a root file system: run it with sudo" >&2
  exit 1
fi
for tool in debootstrap git unshare; do
  command -v "$tool" >/dev/null && continue
  echo "fresh.sh: $tool is missing: apt-get install debootstrap git util-linux" >&2
  exit 1
done
if [[ ! -e $keyring ]]; then
  echo "fresh.sh: $keyring is missing, which the packages of $distribution are verified with" >&2
  exit 1
fi
commands=("$@")
if [[ $# -eq 0 ]]; then commands=(./samples/quickstart.sh ./tests/run.sh); fi

cache="${XDG_CACHE_HOME:-$HOME/.cache}/pagesnap-fresh/$distribution"
mkdir -p "$cache/partial"
scratch="$(mktemp -d "${TMPDIR:-/tmp}/pagesnap-fresh-XXXXXX")"
# Nothing is mounted here, outside of the namespaces: only the tree is removed.
trap 'rm -rf --one-file-system "$scratch"' EXIT
root="$scratch/root"

start=$SECONDS
if ! make_root "$distribution" "$root" "$cache" >"$scratch/debootstrap.log" 2>&1; then
  tail -n 5 "$scratch/debootstrap.log" >&2
  echo "fresh.sh: debootstrap of $distribution failed" >&2
  exit 1
fi
echo "fresh.sh: $distribution: $((SECONDS - start)) s: debootstrap, with git"
git -c safe.directory="$source" clone -q --bare "$source" "$root/srv/pagesnap.git"
enter_root "$root" "$cache" "git clone -q /srv/pagesnap.git /root/pagesnap"

failed=0
for command in "${commands[@]}"; do
  start=$SECONDS
  status=0
  enter_root "$root" "$cache" "cd /root/pagesnap && $command" </dev/null || status=$?
  echo "fresh.sh: $distribution: $((SECONDS - start)) s: $command: ended with $status"
  [[ $status -eq 0 ]] || failed=1
done
exit "$failed"
