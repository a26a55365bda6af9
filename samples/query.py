#!/usr/bin/python3
"""Asks a snapshot from Python, with nothing but the standard library and pagesnap.so.

    query.py FILE.pagesnap [PAGESNAP.SO]     (default: build/lib/pagesnap.so of this tree)

Prints who has the most memory, who shares it with whom, and the longest runs of adjacent frames.
Python's sqlite3 must allow extensions: Debian's /usr/bin/python3 does.
"""

import json
import pathlib
import sqlite3
import sys


def open_snapshot(file, extension):
    """Returns a connection that has pagesnap's tables, views and functions beside the file's."""
    uri = pathlib.Path(file).absolute().as_uri() + "?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True)
    connection.enable_load_extension(True)
    connection.load_extension(str(extension))
    connection.enable_load_extension(False)
    connection.row_factory = sqlite3.Row
    return connection


def print_processes(connection):
    print("pid      name             rss KiB    pss KiB    uss KiB")
    for row in connection.execute(
        "SELECT pid, name, rss_kib, pss_kib, uss_kib FROM process_usage"
        " WHERE snapshot_id = (SELECT MAX(id) FROM snapshot)"
        " ORDER BY rss_kib DESC, pid LIMIT 5"
    ):
        # NULL is "unknown", never 0.
        figures = ["?" if figure is None else figure for figure in row[2:]]
        print("{:<8} {:<15} {:>8} {:>10} {:>10}".format(row["pid"], row["name"], *figures))


def print_sharing(connection):
    print("\nshared KiB  by")
    for row in connection.execute(
        "SELECT kib, pids FROM sharing_group"
        " WHERE snapshot_id = (SELECT MAX(id) FROM snapshot) ORDER BY group_id LIMIT 5"
    ):
        pids = ", ".join(str(pid) for pid in json.loads(row["pids"]))
        print("{:>10}  {}".format(row["kib"], pids))


def print_runs(connection):
    print("\nadjacent pages  from address        in")
    for row in connection.execute(
        "SELECT r.page_count, page_address(r.page, s.page_size) AS address, d.path"
        " FROM page_run r JOIN mapping_detail d ON d.mapping_id = r.mapping_id"
        " JOIN snapshot s ON s.id = r.snapshot_id WHERE r.state = 'present'"
        " ORDER BY r.page_count DESC, r.process_id, r.page LIMIT 5"
    ):
        print("{:>14}  {:<18}  {}".format(row["page_count"], row["address"], row["path"]))


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    tree = pathlib.Path(__file__).resolve().parent.parent
    extension = sys.argv[2] if len(sys.argv) == 3 else tree / "build/lib/pagesnap.so"
    try:
        connection = open_snapshot(sys.argv[1], extension)
        print_processes(connection)
        print_sharing(connection)
        print_runs(connection)
    except sqlite3.Error as error:
        sys.exit("query.py: {}".format(error))


if __name__ == "__main__":
    main()
