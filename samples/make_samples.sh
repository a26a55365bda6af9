#!/usr/bin/env bash
# Captures the snapshots of this folder anew: samples/make_samples.sh [NAME...], all by default:
#   postgresql  python  workload
# README.md says what is in each. Needs root, built programs (PAGESNAP_BIN, build/bin by default)
# and sqlite3; postgresql needs the package of that name, python /usr/bin/python3. Installs nothing.
#
# Everything runs in namespaces of its own: pids are small, the host is called "example", files
# are in /srv/demo. What is the machine's, swap, huge pages and cgroups, is put back at the end.
set -euo pipefail
self="$(realpath "${BASH_SOURCE[0]}")"
cd "$(dirname "$self")/.."

readonly demo=/srv/demo huge_pages=/proc/sys/vm/nr_hugepages

fail() {
  echo "make_samples.sh: $1" >&2
  exit 1
}

# --- Outside: what is changed on the machine, and undone.

# Processes that have just ended may hold a cgroup for a moment.
remove_cgroups() {
  local attempt
  for attempt in {1..50}; do
    rmdir "$cgroup"/*/ 2>/dev/null || true
    if rmdir "$cgroup" 2>/dev/null; then return 0; fi # in a trap, return alone gives the script's status
    sleep 0.1
  done
  echo "make_samples.sh: $cgroup could not be removed" >&2
}

clean_up() {
  # It was activated under another name, so that /proc/swaps does not tell whether it was.
  if [[ -e $place/swap ]]; then swapoff "$place/swap" 2>/dev/null || true; fi
  if [[ -n $old_huge_pages ]]; then echo "$old_huge_pages" >"$huge_pages"; fi
  if [[ -n $enabled ]]; then echo -memory >"$enabled"; fi
  if [[ -n $cgroup ]]; then remove_cgroups; fi
  rm -rf "$place"
}

make_swap() {
  dd if=/dev/zero of="$place/swap" bs=1M count=64 status=none
  chmod 600 "$place/swap"
  mkswap "$place/swap" >/dev/null
}

# Sets `cgroup` to the directory of a new memory cgroup. Processes go into cgroups inside it: version 2
# has them only in leaves.
make_cgroup() {
  local root
  root="$(awk '$3 == "cgroup" && $4 ~ /(^|,)memory(,|$)/ { print $2; exit }' /proc/mounts)"
  if [[ -z $root ]]; then
    root="$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)"
    [[ -n $root ]] || fail "no cgroups are mounted"
    if ! grep -qw memory "$root/cgroup.subtree_control"; then
      echo +memory >"$root/cgroup.subtree_control"
      enabled="$root/cgroup.subtree_control"
    fi
  fi
  [[ ! -e $root/demo ]] || fail "there is a cgroup $root/demo already"
  mkdir "$root/demo"
  cgroup="$root/demo"
  if [[ -e $cgroup/cgroup.subtree_control ]]; then echo +memory >"$cgroup/cgroup.subtree_control"; fi
}

# Makes one sample: everything that the inner half starts ends with its pid namespace.
make_sample() { # name
  place="$(mktemp -d /var/tmp/pagesnap-samples-XXXXXX)"
  cgroup="" enabled="" old_huge_pages=""
  trap clean_up EXIT
  chmod 755 "$place"
  cp "$bin/capture" "$bin/analyze" "$bin/workload" samples/runtime.py "$place"
  # Shared memory in swap is where our figures and the kernel's differ: none for PostgreSQL.
  if [[ $1 != postgresql ]]; then make_swap; fi
  make_cgroup
  if [[ $1 == workload ]]; then
    old_huge_pages="$(<"$huge_pages")"
    echo $((old_huge_pages + 1)) >"$huge_pages"
  fi
  unshare --uts --mount --ipc --pid --fork --kill-child --mount-proc \
    "$self" --inside "$1" "$place" "$cgroup"
  clean_up_file "$place/$1.pagesnap"
  install -m 644 "$place/$1.pagesnap" "samples/$1.pagesnap"
  if [[ $1 == workload ]]; then # the file that is kept of this version
    install -m 644 "$place/$1.pagesnap" \
      "samples/versions/format-$(sqlite3 "$place/$1.pagesnap" 'PRAGMA user_version').pagesnap"
  fi
  ls -l "samples/$1.pagesnap"
  clean_up
  trap - EXIT
}

# What would tell one machine from another is replaced, and the file compacted.
clean_up_file() { # file
  sqlite3 "$1" "
    UPDATE snapshot SET boot_id = '00000000-0000-4000-8000-000000000000',
      kernel_release = substr(kernel_release, 1, instr(kernel_release || '-', '-') - 1);
    UPDATE system_fact SET value = 'root=/dev/vda1 ro quiet' WHERE name = 'setting.cmdline';
    UPDATE cgroup SET path = '/service-' || inode WHERE path <> '/' AND path NOT LIKE '/demo%';
    VACUUM"
}

# --- Inside: the namespaces.

enter_demo() { # place
  hostname example
  mount -t tmpfs none /srv
  mkdir "$demo"
  mount -t tmpfs none /dev/shm # where PostgreSQL leaves files when it is killed
  mount --bind "$1" "$demo"
  cd "$demo"
  if [[ -e swap ]]; then
    swapon "$demo/swap" || fail "no swap in ${1%/*}, which has to be on a disk"
  fi
  exec </dev/null
}

# Runs a command in a sub-cgroup, without this shell's environment.
in_cgroup() { # name command...
  local name="$1"
  shift
  mkdir -p "$cgroup/$name"
  # The shell becomes the command, so that $! is its pid.
  exec env -i PATH=/usr/bin:/bin LANG=C sh -c 'echo $$ >"$0" && exec "$@"' \
    "$cgroup/$name/cgroup.procs" "$@"
}

# Waits until a command succeeds.
wait_for() { # command...
  local attempt
  for attempt in {1..600}; do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  fail "timed out: $*"
}

all_agree() { # file
  local snapshot
  for snapshot in $(sqlite3 "$1" 'SELECT id FROM snapshot'); do
    ./analyze check "$1" --snapshot "$snapshot" >check.txt || return 1
  done
}

# Captures until nothing moved meanwhile: programs that come and go elsewhere on the machine change
# how often the frames of shared libraries are mapped.
capture_frozen() { # name option...
  local name="$1" attempt
  shift
  for attempt in {1..50}; do
    rm -f "$name.pagesnap"
    env -i ./capture "$@" --freeze --quiet -o "$name.pagesnap"
    if all_agree "$name.pagesnap"; then return; fi
  done
  cat check.txt >&2
  fail "$name: figures differ in every attempt; try on a quieter machine"
}

# Pushes what the processes of a sub-cgroup do not use out to swap.
reclaim() { # name bytes
  if [[ -e $cgroup/$1/memory.reclaim ]]; then # version 2
    echo "$2" >"$cgroup/$1/memory.reclaim" || true
    return
  fi
  local usage
  usage="$(<"$cgroup/$1/memory.usage_in_bytes")"
  echo $((usage - $2)) >"$cgroup/$1/memory.limit_in_bytes" || true
  echo -1 >"$cgroup/$1/memory.limit_in_bytes"
}

demo_workload() {
  mkfifo input # open and empty for ever: the workload runs until its input ends
  (in_cgroup server ./workload <>input >workload.json) &
  wait_for test -s workload.json
  capture_frozen workload -t $!
}

demo_python() {
  (in_cgroup server /usr/bin/python3 -S ./runtime.py >ready) &
  wait_for grep -q ready ready
  reclaim server $((512 * 1024))
  capture_frozen python -t $! --count 2 --interval 1
}

as_postgres() { # sub-cgroup command...
  local name="$1"
  shift
  in_cgroup "$name" setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
}

sql() { # sub-cgroup statement
  as_postgres "$1" "$programs/psql" -h "$demo" -X -q -t -A -d postgres -c "$2"
}

all_clients_sleep() {
  [[ "$(sql clients "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" == 3 ]]
}

demo_postgresql() {
  programs="$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)"
  [[ -x $programs/postgres ]] || fail "no PostgreSQL in /usr/lib/postgresql"
  chown postgres .
  (as_postgres clients "$programs/initdb" -D data -A trust -N --locale=C -E UTF8 >initdb.log)
  (as_postgres server "$programs/postgres" -D data -c listen_addresses= \
    -c unix_socket_directories="$demo" -c shared_buffers=8MB -c autovacuum=off \
    -c max_connections=10 -c cluster_name=demo 2>server.log) &
  local server=$!
  wait_for "$programs/pg_isready" -h "$demo"
  (sql clients "CREATE TABLE account AS SELECT id, 0 AS balance, repeat('x', 80) AS filler
                FROM generate_series(1, 20000) id; CREATE UNIQUE INDEX ON account (id)")
  # Each client reads other parts of the pool, and keeps what it has mapped.
  local client
  for client in 1 2 3; do
    (sql clients "SET work_mem = '${client}MB';
      UPDATE account SET balance = balance + 1 WHERE id % 3000 = $client;
      SELECT count(*) FROM (SELECT id FROM account WHERE id < 6000 * $client ORDER BY filler, id) x;
      SELECT pg_sleep(600)" >/dev/null) &
  done
  wait_for all_clients_sleep
  capture_frozen postgresql -t "$server"
}

if [[ ${1:-} == --inside ]]; then
  cgroup="$4"
  enter_demo "$3"
  "demo_$2"
  exit
fi

[[ $EUID -eq 0 ]] || fail "needs root"
bin="$(realpath "${PAGESNAP_BIN:-build/bin}")"
for program in capture analyze workload; do
  [[ -x $bin/$program ]] || fail "$bin/$program is not built; PAGESNAP_BIN=DIR names another folder"
done
names=("$@")
if [[ $# -eq 0 ]]; then names=(postgresql python workload); fi
for name in "${names[@]}"; do
  case "$name" in
    postgresql | python | workload) make_sample "$name" ;;
    *) fail "there is no sample '$name': postgresql, python or workload" ;;
  esac
done
