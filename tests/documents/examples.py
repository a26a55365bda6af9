"""Runs the examples of the documents and compares what they print with what the documents say.

usage: examples.py SOURCE BIN [--update]

SOURCE is the folder of the sources, BIN the one of the built programs. An example is a line
"$ COMMAND" in an indented block, with build/bin/analyze in it or build/bin/capture of a recorded
tree (--proc-root), and the lines up to the next "$". It runs as on a UTF-8 terminal of 80 columns
without colours, in a folder that has samples, tests and build/bin. A line "... (lines left out)"
stands for one or more lines; lines that begin with "note: " or with a program's name are those of
standard error that the document shows. Without such lines nothing is compared but the exit code,
which is 0 unless "$ echo $?" follows. --update writes what differs anew, and what has no lines yet, whole.

The other checks: commands in the table of README.md answer; README.md and analyze/README.md have
every report; capture has the options that examples give it; links lead to files and headings.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios

DOCUMENTS = ["README.md", "analyze/README.md", "capture/README.md", "lib/README.md", "samples/README.md",
             "schema/README.md"]
LEFT_OUT = "... (lines left out)"
# What the placeholders in the table of README.md stand for.
PLACEHOLDERS = {"FILE": "samples/python.pagesnap", "BEFORE": "samples/workload.pagesnap",
                "AFTER": "samples/versions/format-6.pagesnap", "PID": "10", "ADDRESS": "0x946000"}


def run(command, folder):
    """Returns standard output of a terminal and standard error, each as lines, and the exit code."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {name: os.environ[name] for name in os.environ if name.endswith("SAN_OPTIONS")}
    environment.update(PATH=os.environ["PATH"], TERM="dumb", LC_ALL="C.UTF-8")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(["bash", "-c", command], cwd=folder, env=environment,
                                   stdin=subprocess.DEVNULL, stdout=slave, stderr=errors)
        os.close(slave)
        output = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # EIO: the last writer has closed it
                break
            if not part:
                break
            output += part
        os.close(master)
        code = process.wait()
        errors.seek(0)
        return lines_of(output), lines_of(errors.read()), code


def lines_of(output):
    # A terminal turns \n into \r\n, and CSV has \r\n already.
    return [line.rstrip() for line in re.split(r"\r*\n", output.decode().rstrip("\r\n"))] if output else []


def matches(expected, actual):
    """Whether the lines are the expected ones, some of them left out."""
    if LEFT_OUT not in expected:
        return expected == actual
    at = expected.index(LEFT_OUT)
    if expected[:at] != actual[:at]:
        return False
    rest = expected[at + 1:]
    return any(matches(rest, actual[start:]) for start in range(at + 1, len(actual) + 1))


def examples_of(lines):
    """Yields for each "$" line of an indented block: number of the line, command, lines after it."""
    number = 0
    while number < len(lines):
        if not lines[number].startswith("    $ "):
            number += 1
            continue
        end = number + 1
        while end < len(lines) and not lines[end].startswith("    $ ") and (
                lines[end].startswith("    ") or not lines[end].strip()):
            end += 1
        while not lines[end - 1].strip():
            end -= 1
        yield number, lines[number][6:], [line[4:] for line in lines[number + 1:end]]
        number = end


def is_run(command):
    return "sudo" not in command and ("build/bin/analyze" in command or
                                      "build/bin/capture" in command and "--proc-root" in command)


def problem_of(command, shown, folder):
    """Returns (problem or None, the lines to show instead, the exit code)."""
    output, errors, code = run(command, folder)
    said = [line for line in shown if line.startswith(("note: ", "analyze: ", "capture: "))]
    expected = [line for line in shown if line not in said]
    missing = [line for line in said if line not in errors]
    if missing:
        return f"does not say '{missing[0]}'; it says: {errors}", output + errors, code
    if shown and not matches(expected, output):
        return "prints:\n" + "\n".join(output + errors), output + said, code
    return None, shown, code


def check_examples(path, folder, update):
    """Returns the problems of the document's examples, and how many of these there are."""
    lines = open(path).read().split("\n")
    problems, changes, count, code, before = [], [], 0, 0, None
    for number, command, shown in examples_of(lines):
        where = f"{path}:{number + 1}: {command}"
        if command == "echo $?":
            if shown != [str(code)]:
                problems.append(f"{where}: the exit code is {code}")
            code, before = 0, None
            continue
        if code != 0:
            problems.append(f"{before}: exit code {code}")
        code = 0
        if not is_run(command):
            continue
        count, before = count + 1, where
        problem, instead, code = problem_of(command, shown, folder)
        if "build/bin/capture" in command and code == 3:
            code = 0  # recorded trees have gaps
        if update and not shown and "build/bin/analyze" in command:
            changes.append((number + 1, 0, run(command, folder)[0]))
        if problem:
            problems.append(f"{where} {problem}")
            changes.append((number + 1, len(shown), instead))
    if code != 0:
        problems.append(f"{before}: exit code {code}")
    for start, length, instead in reversed(changes if update else []):
        lines[start:start + length] = [("    " + line).rstrip() for line in instead]
    if changes and update:
        open(path, "w").write("\n".join(lines))
    return problems, count


def check_listed_commands(path, folder):
    """The lines of indented blocks without "$" that are about a sample."""
    problems = []
    for line in open(path):
        if re.match("    build/bin/analyze .*samples/", line):
            _, errors, code = run(line.strip(), folder)
            if code != 0:
                problems.append(f"{path}: {line.strip()}: exit code {code}, {errors}")
    return problems


def check_reports(source, folder):
    """README.md's table answers and has every report; analyze/README.md has an example of each."""
    problems = []
    rows = [line for line in open(os.path.join(source, "README.md")) if line.startswith("|")]
    commands = re.findall("`(analyze [^`]*)`", "".join(rows))
    for command in commands:
        for word, value in PLACEHOLDERS.items():
            command = re.sub(rf"\b{word}\b", value, command)
        _, errors, code = run("build/bin/" + command, folder)
        if code not in (0, 4):
            problems.append(f"README.md: {command}: exit code {code}, {errors}")
    reference = open(os.path.join(source, "analyze/README.md")).read()
    headings = [word for line in re.findall("^### (.*)$", reference, re.MULTILINE) for word in line.split(", ")]
    listed, _, _ = run("build/bin/analyze list", folder)
    reports = sorted({line.split()[0] for line in listed if line.startswith("  ")})
    assert len(reports) > 30, listed
    for report in reports:
        if report != "overview" and not any(command.split()[1] == report for command in commands):
            problems.append(f"README.md: no line of the table is about the report {report}")
        if report not in headings or f"build/bin/analyze {report} " not in reference:
            if report != "overview":
                problems.append(f"analyze/README.md: no heading and example of the report {report}")
    return problems


def check_capture_options(path, folder):
    options = set(re.findall("--[a-z-]+", " ".join(run("build/bin/capture --help", folder)[0])))
    return [f"{path}: capture has no option {option}: {line.strip()}" for line in open(path)
            if re.match(r"    (\$ )?.*\bcapture -", line)
            for option in re.findall("(?<= )--[a-z][a-z-]+", line.split("#")[0].split(" -- ")[0])
            if option not in options]


def check_links(source, document):
    problems = []
    path = os.path.join(source, document)
    for target in re.findall(r"\]\(([^)\s]+)\)", open(path).read()):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if not os.path.exists(file):
            problems.append(f"{document}: there is no file {target}")
        elif heading:
            titles = re.findall("^#+ (.*)$", open(file).read(), re.MULTILINE)
            slugs = [re.sub("[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles]
            if heading not in slugs:
                problems.append(f"{document}: there is no heading {target}")
    return problems


def has_terminals():
    try:
        for end in pty.openpty():
            os.close(end)
    except OSError:
        return False
    return True


def main():
    if not has_terminals():
        print("skipped: there are no pseudo-terminals (/dev/ptmx)")
        return 77
    source, programs = (os.path.realpath(argument) for argument in sys.argv[1:3])
    update = "--update" in sys.argv[3:]
    problems, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for name in ("samples", "tests", "analyze"):
            os.symlink(os.path.join(source, name), os.path.join(folder, name))
        os.mkdir(os.path.join(folder, "build"))
        os.symlink(programs, os.path.join(folder, "build/bin"))
        for document in DOCUMENTS:
            path = os.path.join(source, document)
            found, examples = check_examples(path, folder, update)
            problems += found + check_listed_commands(path, folder) + check_links(source, document)
            problems += check_capture_options(path, folder)
            count += examples
        problems += check_reports(source, folder)
    if count < 30:
        problems.append(f"only {count} examples were found")
    print("\n".join(problems) if problems else f"{count} examples print what the documents say")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
