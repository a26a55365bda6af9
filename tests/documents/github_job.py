"""Runs the job for GitHub Actions that analyze/README.md has, as a runner would.

usage: github_job.py SOURCE BIN

SOURCE is the folder of the sources, BIN the one of the built programs. Each `run:` of the document's
YAML block is executed by bash as GitHub does it (-e -o pipefail), in a folder that has tools/capture,
tools/analyze and a program ./service; GITHUB_PATH holds for the steps after it, GITHUB_STEP_SUMMARY is
looked at. Once with memory below the limit, once above it, and as a user without privileges where this
is root.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

NOBODY = 65534


def job_steps(source):
    """Returns the texts of `run:` in the only YAML block of the document."""
    text = open(os.path.join(source, "analyze/README.md")).read()
    blocks = re.findall("^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, f"analyze/README.md has {len(blocks)} YAML blocks"
    lines, steps, number = blocks[0].split("\n"), [], 0
    while number < len(lines):
        found = re.match(r"( *)(?:- )?run: (.*)", lines[number])
        number += 1
        if not found:
            continue
        if found[2] != "|":
            steps.append(found[2])
            continue
        block = []
        while number < len(lines) and (not lines[number].strip() or
                                       lines[number].startswith(found[1] + "  ")):
            block.append(lines[number][len(found[1]) + 2:])
            number += 1
        steps.append("\n".join(block))
    return steps


def make_folder(folder, programs):
    """Fills the folder of the repository; all users can read it and write to it."""
    os.mkdir(os.path.join(folder, "tools"))
    for name in ("capture", "analyze"):
        shutil.copy(os.path.join(programs, name), os.path.join(folder, "tools", name))
    service = os.path.join(folder, "service")
    with open(service, "w") as file:
        file.write('#!/bin/sh\n[ "$1" = --self-test ] && echo "self-test passed"\n')
    os.chmod(service, 0o755)
    os.chmod(folder, 0o777)


def run_job(steps, programs, user):
    """Returns the exit code of the last step that ran, its number, all output, and the summary."""
    with tempfile.TemporaryDirectory() as folder:
        make_folder(folder, programs)
        path, output = os.environ["PATH"], ""
        files = {name: os.path.join(folder, name) for name in ("GITHUB_PATH", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            open(file, "w").close()
            os.chmod(file, 0o666)
        for number, step in enumerate(steps):
            added = open(files["GITHUB_PATH"]).read().split()
            environment = dict(os.environ, PATH=":".join(added[::-1] + [path]), **files)
            identity = {"user": user, "group": user, "extra_groups": []} if user is not None else {}
            result = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step],
                                    cwd=folder, env=environment, stdin=subprocess.DEVNULL, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **identity)
            output += result.stdout
            if result.returncode != 0:
                break
        return result.returncode, number, output, open(files["GITHUB_STEP_SUMMARY"]).read()


def problems_of(steps, programs, user):
    """Returns what is wrong with the job for this user."""
    problems = []

    def expect(holds, what):
        if not holds:
            problems.append(f"as user {'of the test' if user is None else user}: {what}\n{output}{summary}")

    code, number, output, summary = run_job(steps, programs, user)
    expect(code == 0 and number == len(steps) - 1, f"step {number + 1} ends with {code}")
    expect("self-test passed" in output, "the service did not run")
    rows = [line for line in summary.split("\n") if line.startswith("| service |")]
    expect(len(rows) == 1 and re.match(r"\| service \| [^|]*[0-9]", rows[0]),
           "the summary does not have how much the service takes")
    hidden = "PFNs" in output
    expect(not hidden or "the kernel's own figure" in output, "nothing says whose figures count")
    expect(not hidden or "`*" in summary, "figures of the kernel are not marked")
    expect(user is None or hidden, "PFNs are not hidden from this user")
    too_much = [step.replace("200M", "4K") for step in steps]
    code, number, output, summary = run_job(too_much, programs, user)
    expect(code == 4 and number == len(steps) - 1, f"above the limit, step {number + 1} ends with {code}")
    failing = [step.replace("./service --self-test", "false") for step in steps]
    code, number, output, summary = run_job(failing, programs, user)
    expect(code == 1 and number < len(steps) - 1, f"where the service fails, step {number + 1} ends with {code}")
    return problems


def main():
    source, programs = (os.path.realpath(argument) for argument in sys.argv[1:3])
    steps = job_steps(source)
    assert len(steps) >= 4 and any("200M" in step for step in steps), steps
    problems = problems_of(steps, programs, None)
    if os.geteuid() == 0:
        problems += problems_of(steps, programs, NOBODY)
    print("\n".join(problems) if problems else f"{len(steps)} steps of the job do what the document says")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
