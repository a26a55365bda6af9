#!/usr/bin/env bash
# Installs what is missing on Debian or Ubuntu, and touches nothing where nothing is missing.
#   tests/install.sh build   what configuring and building needs (the default)
#   tests/install.sh test    that, and what the test run needs on top
#   tests/install.sh fuzz    that of build, and the compiler with its fuzzer
set -euo pipefail

build_packages=(g++ cmake ninja-build pkg-config libsqlite3-dev sqlite3 libzstd-dev zlib1g-dev
  libboost-program-options-dev libfmt-dev nlohmann-json3-dev libxxhash-dev libgtest-dev
  libgmock-dev libbenchmark-dev)
test_packages=(clang-format)
fuzz_packages=(clang-14 libclang-rt-14-dev)
# Tests that want these are skipped where apt has none.
optional_packages=(postgresql python3 zstd bindfs)

is_installed() {
  [[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

has_candidate() {
  # Not `apt-cache | grep -q`: grep closes the pipe at the first match, which pipefail reports.
  local policy
  policy="$(LC_ALL=C apt-cache policy "$1" 2>/dev/null)"
  [[ $policy =~ 'Candidate: '[^\(] ]]
}

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  else
    sudo "$@"
  fi
}

apt_get() {
  # Without NEEDRESTART_SUSPEND, Ubuntu restarts services that have nothing to do with this.
  as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
    apt-get -o DPkg::Lock::Timeout=300 -qq "$@"
}

# A package may start its service when it is installed. No test needs a service that was already
# running, so none is started: a policy that forbids it stands while apt-get runs.
policy=/usr/sbin/policy-rc.d
policy_is_ours=false
forbid_services() {
  [[ -e $policy ]] && return
  policy_is_ours=true
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
}
allow_services() {
  if $policy_is_ours; then
    as_root rm -f "$policy"
    policy_is_ours=false
  fi
}

wanted=("${build_packages[@]}")
optional=()
case "${1:-build}" in
  build) ;;
  test)
    wanted+=("${test_packages[@]}")
    optional=("${optional_packages[@]}")
    ;;
  fuzz) wanted+=("${fuzz_packages[@]}") ;;
  *)
    echo "usage: $0 [build|test|fuzz]" >&2
    exit 2
    ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "install.sh: no apt here; these packages, by their Debian names, must be there already:" >&2
  echo "  ${wanted[*]}" >&2
  exit 0
fi

missing=()
for package in "${wanted[@]}"; do
  is_installed "$package" || missing+=("$package")
done
missing_optional=()
for package in ${optional[@]+"${optional[@]}"}; do
  is_installed "$package" || missing_optional+=("$package")
done
[[ ${#missing[@]} -eq 0 && ${#missing_optional[@]} -eq 0 ]] && exit 0

if [[ $EUID -ne 0 ]] && ! command -v sudo >/dev/null; then
  # Without the optional packages some tests are skipped, that is all.
  [[ ${#missing[@]} -eq 0 ]] && exit 0
  echo "install.sh: these packages are missing, and only root can install them (no sudo here):" >&2
  echo "  apt-get install ${missing[*]}" >&2
  exit 1
fi

echo "install.sh: installing ${missing[*]} ${missing_optional[*]}"
# An update that fails (one source is away) need not matter: the installation tells.
apt_get update || echo "install.sh: apt-get update failed; going on with the lists at hand" >&2
trap allow_services EXIT
forbid_services
if [[ ${#missing[@]} -gt 0 ]]; then
  apt_get install -y --no-install-recommends "${missing[@]}"
fi
for package in ${missing_optional[@]+"${missing_optional[@]}"}; do
  if ! has_candidate "$package" || ! apt_get install -y --no-install-recommends "$package"; then
    echo "install.sh: $package cannot be had; the tests that want it are skipped" >&2
  fi
done
