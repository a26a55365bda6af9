"""A small server in a language runtime, as python.pagesnap shows it: a parent that loads data and
forks workers. Prints "ready" and sleeps; ends with its parent or when killed.

 - `records` is loaded before the fork: copied on write. Worker N reads every Nth record, and reading
   counts references in the objects themselves, so even a reader gets copies of its own.
 - `table` is an anonymous shared mapping: one copy for all.
 - Threads have stacks with guard pages, and malloc gives each an arena of its own.
 - The last worker leaks: every tenth of a second it keeps another 32 KiB.
 - `cache` is large, used once and then left alone: the first to be swapped out.
"""
import mmap
import os
import sys
import threading
import time

WORKERS = 3


def work_in_thread(started):
    buffers = [bytearray(1000 + i) for i in range(200)]  # beyond 512 bytes: malloc, not pymalloc
    started.release()
    time.sleep(600)
    return buffers


def start_threads(count):
    started = threading.Semaphore(0)
    for _ in range(count):
        threading.Thread(target=work_in_thread, args=(started,), daemon=True).start()
    for _ in range(count):
        started.acquire()


def worker(number, records, table, ready):
    mine = [record["id"] for record in records[:: number + 1]]
    table[number * 65536 : (number + 1) * 65536] = bytes([number + 1]) * 65536
    start_threads(number)
    os.write(ready, b".")
    kept = []
    while number == WORKERS - 1:
        kept.append(bytearray(b"k" * 32768))
        time.sleep(0.1)
    time.sleep(600)
    return mine, kept


def main():
    table = mmap.mmap(-1, 1 << 20)
    table[: 4 * 65536] = b"t" * (4 * 65536)
    cache = bytearray(os.urandom(1 << 20))
    records = [{"id": i, "name": f"record {i}"} for i in range(4000)]
    ready_read, ready_write = os.pipe()
    for number in range(WORKERS):
        if os.fork() == 0:
            worker(number, records, table, ready_write)
            os._exit(0)
    for _ in range(WORKERS):
        os.read(ready_read, 1)
    start_threads(1)
    print("ready", flush=True)
    time.sleep(600)
    return cache, sys.getrefcount(records)


main()
