#!/usr/bin/env bash
# The loadable extension in the sqlite3 shell and in Python gives what analyze gives.
#   extension_test.sh PROGRAM_DIR PAGESNAP.SO SAMPLES
set -euo pipefail
readonly programs="$1" extension="$2" samples="$3"
readonly file="$samples/workload.pagesnap"

fail() {
  echo "extension_test: $*" >&2
  exit 1
}

# Compares a query's rows in the shell with those of analyze.
compare() {
  local expected actual
  expected="$("$programs/analyze" sql "$file" "$1" --format csv | tr -d '\r' | tail -n +2)"
  actual="$(sqlite3 -readonly -csv "$file" ".load $extension" "$1" | tr -d '\r')"
  [[ -n $expected ]] || fail "no rows: $1"
  [[ $actual == "$expected" ]] || fail "the shell says otherwise: $1"
}
compare "SELECT * FROM process_usage ORDER BY process_id"
compare "SELECT COUNT(*), SUM(pfn), SUM(map_count) FROM page"
compare "SELECT snapshot_id, group_id, frame_count, pids FROM sharing_group"
compare "SELECT pfn, COUNT(*) FROM frame_user GROUP BY pfn ORDER BY 2 DESC, 1 LIMIT 50"
compare "SELECT mapping_id, page, page_count, state FROM page_run ORDER BY 1, 2 LIMIT 100"
compare "SELECT mapping_id, page, pfn, page_count FROM physical_run WHERE page_count > 3"
compare "SELECT mapping_id, run_count, page_count FROM page_run_count"
compare "SELECT mapping_id, length, run_count, page_count, largest FROM run_length"
compare "SELECT u.mapping_id, thp_count, single_count, folio_order, aligned_count FROM folio_usage u JOIN folio_order o ON o.mapping_id = u.mapping_id"
compare "SELECT COUNT(*), COUNT(problem) FROM blob_check"

# What it cannot read is an error of the host, not its end.
message="$(sqlite3 :memory: ".load $extension" 2>&1 || true)"
[[ $message == *"open a .pagesnap file first"* ]] || fail "in memory: $message"
message="$(sqlite3 "$(mktemp -u)" "CREATE TABLE t (a)" ".load $extension" 2>&1 || true)"
[[ $message == *"not a pagesnap file"* ]] || fail "another database: $message"

# Two connections, one after the other and both at once, close without leaving anything behind.
/usr/bin/python3 - "$samples" "$file" "$extension" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
import query
a = query.open_snapshot(sys.argv[2], sys.argv[3])
b = query.open_snapshot(sys.argv[2], sys.argv[3])
sql = "SELECT COUNT(*), SUM(page_count) FROM page_run"
assert tuple(a.execute(sql).fetchone()) == tuple(b.execute(sql).fetchone())
unfinished = b.execute("SELECT * FROM frame_user")
unfinished.fetchone()
a.close()
b.close()
PYTHON

output="$("$samples/query.py" "$file" "$extension")"
[[ $output == *"shared KiB  by"*"adjacent pages"* ]] || fail "query.py: $output"
pid="$("$programs/analyze" sql "$file" "SELECT pid FROM process_usage ORDER BY rss_kib DESC, pid" \
  --format csv | tr -d '\r' | sed -n 2p)"
[[ $(sed -n 2p <<<"$output") == "$pid "* ]] || fail "query.py: the largest is not $pid: $output"
if "$samples/query.py" /nonexistent "$extension" 2>/dev/null; then fail "no file, and no error"; fi
