"""Runs the Python example of schema/README.md on a sample and compares it with analyze.

usage: format_example.py README ANALYZE FILE.pagesnap
"""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile


def main():
    readme, analyze, snapshot = sys.argv[1:]
    if shutil.which("zstd") is None:
        print("skipped: the program zstd is not installed")
        return 77
    blocks = re.findall(r"^```python\n(.*?)^```$", open(readme).read(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, f"{readme} has {len(blocks)} blocks of Python"
    example = {"__name__": "example"}
    exec(compile(blocks[0], readme, "exec"), example)

    # Every mapping and content of the file, decoded once, against what analyze says about each page.
    database = sqlite3.connect(snapshot)
    views = re.findall(r"^ +CREATE TEMP VIEW all_mapping .*?;$", open(readme).read(), re.MULTILINE | re.DOTALL)
    database.execute(views[0])
    words = {}
    for first_page, pid, content_id in database.execute(
            "SELECT m.first_page + c.first_page, p.pid, c.content_id FROM process p "
            "JOIN all_mapping m ON m.process_id = p.id JOIN page_chunk c ON c.mapping_id = m.id"):
        for i, word in enumerate(example["content"](database, content_id)):
            if word >> 62:
                words[pid, first_page + i] = word
    query = ("SELECT pid, page, pfn, swap_type, swap_offset FROM page "
             "JOIN process p ON p.id = process_id")
    rows = json.loads(subprocess.run([analyze, "sql", snapshot, query, "--format", "json"],
                                     check=True, stdout=subprocess.PIPE).stdout)
    assert len(rows) == len(words) > 1000, (len(rows), len(words))
    for row in rows:
        word = words[row["pid"], row["page"]]
        field = word % 2**55
        if word >> 63:
            assert row["pfn"] == field, (row, hex(word))
        else:
            assert (row["swap_type"], row["swap_offset"]) == (field % 32, field >> 5), (row, hex(word))

    # And as a reader would run it.
    # The last process has copies of mappings.
    row = max((row for row in rows if row["pfn"] is not None), key=lambda row: row["pid"])
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(blocks[0])
        script.flush()
        output = subprocess.run([sys.executable, script.name, snapshot, str(row["pid"]),
                                 hex(row["page"] * 4096)], check=True, stdout=subprocess.PIPE).stdout
    assert output.decode() == f"present, pfn {row['pfn']:#x}\n", output
    print(f"{len(rows)} pages agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
