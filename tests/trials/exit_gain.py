#!/usr/bin/env python3
"""Compares what `analyze exit-gain` says of a process with what the kernel gains when it is killed.

  tests/trials/exit_gain.py PROGRAM_DIR [WORKLOAD...]    (needs root)

Workloads: hugetlb, fork, zgc, redis, postgres, chromium; one whose program is missing is skipped.
All processes of a workload are stopped, captured, and one of them is killed. Then what is charged to
their memory cgroup and the hugetlb pool must have changed by what the report said, within 2 % or
2 MiB; page tables and kernel stacks are counted apart. PSS must equal smaps_rollup to 1 KiB, and of
a forked child what it and its parent copied is within 1 % of its Private_Dirty. On a machine where
nothing else runs, free memory (with the per-CPU lists) and the page cache changed alike. PSS needs
the static capture: another one maps the libraries of the processes while it runs.
Exit code 1 when something differs.
"""
import contextlib
import ctypes
import glob
import json
import mmap
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PROGRAMS = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else sys.exit(__doc__)
failures = 0


def read(path):
    return pathlib.Path(path).read_text()


def check(what, said, found, tolerance):
    global failures
    good = abs(said - found) <= tolerance
    failures += not good
    print(f'  {what:36} {said:>12,} {found:>12,}  {"" if good else "DIFFERS"}')


def kib_of(text, name):
    found = re.search(rf'^{name}:\s+(\d+)', text, re.M)
    return int(found.group(1)) if found else 0


def machine():
    """Returns what the kernel has free, in its page cache and in its own structures, in KiB."""
    zones = read('/proc/zoneinfo')
    page = mmap.PAGESIZE // 1024
    free = sum(map(int, re.findall(r'nr_free_pages (\d+)', zones)))
    free += sum(map(int, re.findall(r'^\s+count: +(\d+)', zones, re.M)))  # per-CPU lists
    text = read('/proc/meminfo')
    return {
        'free': free * page,
        'cache': kib_of(text, 'Cached'),
        'pool': kib_of(text, 'HugePages_Free') * kib_of(text, 'Hugepagesize'),
        'kernel': kib_of(text, 'PageTables') + kib_of(text, 'KernelStack'),
    }


class Cgroup:
    """A memory cgroup of its own for what is started, or None where it cannot be made."""

    def __init__(self):
        own = dict(line.split(':', 2)[1:] for line in read('/proc/self/cgroup').splitlines())
        if 'memory' in own:
            self.folder = pathlib.Path('/sys/fs/cgroup/memory' + own['memory']) / f'trial-{os.getpid()}'
            self.usage = ('memory.usage_in_bytes', 'memory.kmem.usage_in_bytes')
        else:
            self.folder = pathlib.Path('/sys/fs/cgroup' + own['']) / f'trial-{os.getpid()}'
            self.usage = ('memory.current', None)
        self.folder.mkdir()

    def enter(self):
        (self.folder / 'cgroup.procs').write_text('0')

    def user_kib(self):
        """Returns what is charged to it, without what the kernel has for itself."""
        total, kernel = self.usage
        used = int(read(self.folder / total))
        if kernel:
            return (used - int(read(self.folder / kernel))) // 1024
        stat = read(self.folder / 'memory.stat')
        return (used - int(re.search(r'^kernel (\d+)', stat, re.M).group(1))) // 1024

    def remove(self):
        wait_for('the end of the cgroup', lambda: not read(self.folder / 'cgroup.procs'))
        self.folder.rmdir()


def rollup_pss(pid):
    return kib_of(read(f'/proc/{pid}/smaps_rollup'), 'Pss')


def state(pid):
    try:
        return read(f'/proc/{pid}/stat').rsplit(')', 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ''


def wait_for(what, ready, seconds=60):
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f'{what} did not happen within {seconds} s')
        time.sleep(0.05)


def family(pid):
    """Returns a process and all its descendants."""
    pids = [pid]
    for parent in pids:
        for path in glob.glob(f'/proc/{parent}/task/*/children'):
            with contextlib.suppress(OSError):
                pids += [int(child) for child in read(path).split()]
    return pids


def stop(pids):
    """Stops processes and returns those that did not end meanwhile."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        wait_for(f'the stop of {pid}', lambda pid=pid: state(pid) in ('T', 'Z', ''))
    return [pid for pid in pids if state(pid) == 'T']


def capture(pids, output):
    options = [word for pid in pids for word in ('-p', str(pid))]
    subprocess.run([PROGRAMS / 'capture', '-q', *options, '-o', output], check=True)


def report(*words):
    command = [PROGRAMS / 'analyze', *map(str, words), '--format', 'json']
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def compare(name, pids, victim, folder):
    """Captures the processes, which are stopped, and kills one."""
    output = folder / f'{name}.pagesnap'
    before = [rollup_pss(pid) for pid in pids]
    capture(pids, output)
    after = [rollup_pss(pid) for pid in pids]
    print(f'{name}: {len(pids)} processes, {read(f"/proc/{victim}/comm").strip()} is killed')
    said = {row['pid']: row['pss_kib'] for row in report('processes', output)}
    differ = 0
    for pid, *found in zip(pids, before, after):  # others may map or unmap a library meanwhile
        if not min(found) - 1 <= said[pid] <= max(found) + 1:
            check(f'PSS of {pid}', said[pid], found[1], 1)
            differ += 1
    print(f'  PSS as in smaps_rollup: {len(pids) - differ} of {len(pids)} processes, '
          f'{sum(low == high for low, high in zip(before, after))} of them without a change meanwhile')
    row = report('exit-gain', output, '--pid', victim)[0]
    before = machine() | {'charged': CGROUP.user_kib()}
    os.kill(victim, signal.SIGKILL)
    wait_for('the end', lambda: state(victim) in ('', 'Z', 'X'))
    wait_for('the end of its memory', lambda: not os.path.exists(f'/proc/{victim}/exe'))
    time.sleep(0.3)  # a delayed release, as that of the address space by another CPU
    after = machine() | {'charged': CGROUP.user_kib()}
    gain = {what: after[what] - before[what] for what in before}
    print(f'  {"KiB":36} {"said":>12} {"found":>12}')
    tolerance = max(2048, row['freed_kib'] // 50)
    check('freed; charged to the cgroup', row['freed_kib'], -gain['charged'], tolerance)
    check('hugetlb pool', row['pool_kib'], gain['pool'], max(2048, row['pool_kib'] // 50))
    print(f'  {"cached, kept, unknown":36} {row["cached_kib"]:>12,} {row["kept_kib"]:>12,} '
          f'{row["unknown_kib"]:>12,}')
    print(f'  {"of the machine: free, kernel, cache":36} {gain["free"]:>12,} {gain["kernel"]:>12,} '
          f'{gain["cache"]:>12,}')


@contextlib.contextmanager
def running(command, **options):
    """Runs a program, and ends it and all its descendants."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, start_new_session=True,
                             preexec_fn=CGROUP.enter, **options)
    try:
        yield child
    finally:
        pids = family(child.pid)
        for pid in reversed(pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        child.wait()
        for pid in pids[1:]:  # descendants whose parents ended before them
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def python(code):
    return [sys.executable, '-c', code]


def hugetlb(folder):
    setting = pathlib.Path('/proc/sys/vm/nr_hugepages')
    old = setting.read_text()
    setting.write_text(str(int(old) + 40))
    try:
        code = ('import mmap,time\n'
                'm=mmap.mmap(-1,64<<20,flags=mmap.MAP_PRIVATE|mmap.MAP_ANONYMOUS|0x40000)\n'
                'm.write(b"x"*(64<<20)); print(1,flush=True); time.sleep(600)')
        with running(python(code)) as child:
            child.stdout.readline()
            stop([child.pid])
            compare('hugetlb', [child.pid], child.pid, folder)
    finally:
        setting.write_text(old)


def fork(folder):
    """A parent writes half of what its child has from it, and the child a quarter."""
    code = ('import mmap,os,time\n'
            'm=mmap.mmap(-1,256<<20,flags=mmap.MAP_PRIVATE|mmap.MAP_ANONYMOUS)\n'
            'm.write(b"x"*(256<<20)); child=os.fork()\n'
            'part=(0,64<<20) if child==0 else (64<<20,192<<20)\n'
            'for at in range(*part,4096): m[at:at+1]=b"y"\n'
            'if child: print(child,flush=True)\n'
            'time.sleep(600)')
    with running(python(code)) as parent:
        child = int(parent.stdout.readline())
        wait_for('the writes of the child', lambda: state(child) == 'S')
        pids = family(parent.pid)
        stop(pids)
        compare('fork', pids, child, folder)


def zgc(folder):
    java = next(iter(glob.glob('/usr/lib/jvm/java-17-*/bin/java')), None) or shutil.which('java')
    if java is None:
        return 'no java'
    (folder / 'Heap.java').write_text(
        'public class Heap { static Object[] all = new Object[300]; public static void main(String[]'
        ' a) throws Exception { for (int i = 0; i < 300; i++) all[i] = new byte[1 << 20];'
        ' System.out.println(1); System.out.flush(); Thread.sleep(600000); } }')
    with running([java, '-XX:+UseZGC', '-Xmx1g', folder / 'Heap.java']) as child:
        child.stdout.readline()
        stop([child.pid])
        compare('zgc', [child.pid], child.pid, folder)


def redis(folder):
    if not shutil.which('redis-server'):
        return 'no redis-server'
    socket = str(folder / 'redis.socket')

    def cli(*words):
        command = ['redis-cli', '-s', socket, *words]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    command = ['redis-server', '--port', '0', '--unixsocket', socket, '--dir', str(folder), '--save',
               '', '--enable-debug-command', 'local', '--rdb-key-save-delay', '1000']
    with running(command) as server:
        wait_for('the start of redis', lambda: cli('ping') == 'PONG')
        cli('debug', 'populate', '1000000', 'key', '200')
        before = folder / 'redis-before.pagesnap'
        stop([server.pid])
        capture([server.pid], before)
        os.kill(server.pid, signal.SIGCONT)
        cli('bgsave')
        wait_for('the fork of redis', lambda: len(family(server.pid)) > 1)
        cli('eval', 'for i=0,199999 do redis.call("setrange","key:"..i,0,"changed") end', '0')
        pids = family(server.pid)
        stop(pids)
        check_copies(pids, before, folder)
        compare('redis', pids, pids[1], folder)


def check_copies(pids, before, folder):
    """What the parent copied since it forked is what the child has alone, but for its own writes."""
    after = folder / 'redis-during.pagesnap'
    capture(pids, after)
    dirty = kib_of(read(f'/proc/{pids[1]}/smaps_rollup'), 'Private_Dirty')
    row = report('processes', after, '--pid', pids[1])[0]
    check("the child's USS; its Private_Dirty", row['uss_kib'], dirty, dirty // 100 + 4)
    copied = report('diff-total', before, after, '--pid', pids[0])[0]['copied_on_write_count'] * 4
    check('copied on write; its Private_Dirty', copied, dirty, dirty // 100 + 4)


def postgres(folder):
    programs = max(glob.glob('/usr/lib/postgresql/*/bin'), default=None)
    if programs is None:
        return 'no postgres'
    user = 'postgres'
    folder.chmod(0o755)
    data = folder / 'data'
    data.mkdir()
    shutil.chown(data, user)
    as_user = ['runuser', '-u', user, '--']
    subprocess.run([*as_user, f'{programs}/initdb', '-D', data, '-A', 'trust'], check=True,
                   stdout=subprocess.DEVNULL, cwd='/')
    psql = [*as_user, f'{programs}/psql', '-qAt', '-h', str(data), '-d', 'postgres', '-c']
    query = ('BEGIN; DECLARE c CURSOR FOR SELECT md5(i::text) FROM generate_series(1,300000) i '
             'ORDER BY 1; FETCH 1 FROM c; SELECT count(*) FROM t; SELECT pg_sleep(600)')
    server_command = [*as_user, f'{programs}/postgres', '-D', data, '-k', data, '-h', '', '-c',
                      'shared_buffers=128MB', '-c', 'work_mem=256MB']
    with running(server_command, cwd='/') as server, contextlib.ExitStack() as clients:
        def ready():
            return subprocess.run([*psql, 'SELECT 1'], capture_output=True, cwd='/').returncode == 0
        wait_for('the start of postgres', ready)
        subprocess.run([*psql, 'CREATE TABLE t AS SELECT i, md5(i::text) FROM '
                        'generate_series(1,500000) i'], check=True, cwd='/')
        for _ in range(10):
            clients.enter_context(running([*psql, query], cwd='/'))
        def asleep():
            found = subprocess.run([*psql, "SELECT count(*) FROM pg_stat_activity WHERE wait_event "
                                    "= 'PgSleep'"], capture_output=True, text=True, cwd='/')
            return found.stdout.strip() == '10'
        wait_for('ten clients', asleep, 120)
        pids = [pid for pid in family(server.pid)
                if state(pid) not in ('', 'Z') and read(f'/proc/{pid}/comm') == 'postgres\n']
        pids = stop(pids)
        largest = max(pids, key=lambda pid: kib_of(read(f'/proc/{pid}/smaps_rollup'), 'Anonymous'))
        compare('postgres', pids, largest, folder)


def chromium(folder):
    program = shutil.which('chromium')
    if program is None:
        return 'no chromium'
    page = folder / 'page.html'
    page.write_text('<script>var all=[];for(var i=0;i<100;i++)all.push(new '
                    'Uint8Array(1<<20).fill(i+1));document.title="full"</script>')
    command = [program, '--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0',
               f'--user-data-dir={folder}/profile', page.as_uri()]
    with running(command) as browser:
        def renderers():
            return [pid for pid in family(browser.pid) if state(pid) != 'Z' and
                    '--type=renderer' in read(f'/proc/{pid}/cmdline') and
                    kib_of(read(f'/proc/{pid}/smaps_rollup'), 'Anonymous') > 100 << 10]
        wait_for('a full renderer', renderers)
        time.sleep(2)
        pids = stop(family(browser.pid))
        compare('chromium', pids, renderers()[0], folder)


def main():
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended by SIGTERM'))
    workloads = {f.__name__: f for f in (hugetlb, fork, zgc, redis, postgres, chromium)}
    try:
        for name in sys.argv[2:] or workloads:
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                if reason := workloads[name](pathlib.Path(folder)):
                    print(f'{name}: skipped: {reason}')
    finally:
        CGROUP.remove()
    sys.exit(failures > 0)


CGROUP = Cgroup()
main()
