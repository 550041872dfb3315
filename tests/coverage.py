#!/usr/bin/env python3
"""The gate on what the tests have run: coverage.py BUILD-FOLDER SOURCE-FOLDER, after the tests of a clang build with b_coverage.

At least 85 % of the lines of the product ran, and so did, for every reason to drop a frame, a line that gives this reason
and no other; some test names it, too.
"""
import json
import pathlib
import re
import subprocess
import sys

LAYERS = ("config", "ports", "switch", "vmm")
LEAST = 85.0


def lines_run(build, source):
    """How often each line of each file ran: {file: {number: count}}."""
    folders = [build / layer for layer in LAYERS] + [build / "ringway.p", build / "ringway-vmm.p"]
    # Where a test has compiled a file of the product once more.
    folders += sorted({file.parent for file in (build / "tests").rglob(".._.._*.gcno")})
    out = build / "coverage.json"
    command = ["gcovr", "-j", "2", "--gcov-executable", "llvm-cov-14 gcov", "--root", source, "--json", out]
    for layer in LAYERS:
        command += ["--filter", layer + "/"]
    subprocess.run([*command, *folders], cwd=source, check=True, stderr=subprocess.DEVNULL)
    return {file["file"]: {line["line_number"]: line["count"] for line in file["lines"] if not line["gcovr/noncode"]}
            for file in json.loads(out.read_text())["files"]}


def drops_given(files, source):
    """The reasons that some line has given which names no other and does not ask for it."""
    given = set()
    for file, lines in files.items():
        text = (source / file).read_text().splitlines()
        for number, count in lines.items():
            reasons = set(re.findall(r"\bDROP_(?!N\b)\w+", text[number - 1]))
            if count and len(reasons) == 1 and not re.search(r"[=<>]=|\bif\b", text[number - 1]):
                given |= reasons
    return given


def drops_tested(reasons, source):
    tests = "\n".join(file.read_text() for file in (source / "tests").rglob("*") if file.suffix in (".c", ".py"))
    names = dict(re.findall(r'\[(DROP_\w+)\] = "(\w+)"', (source / "ports/drop.c").read_text()))
    return {reason for reason in reasons if re.search(rf"\b{reason}\b|[\"'.]{names.get(reason)}\b", tests)}


def main():
    build, source = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    files = lines_run(build, source)
    n_run = {file: sum(count > 0 for count in lines.values()) for file, lines in files.items()}
    n_lines = sum(len(lines) for lines in files.values())
    percent = 100 * sum(n_run.values()) / n_lines
    faults = []

    print("lines that no test runs:")
    for file in sorted(files, key=lambda file: n_run[file] - len(files[file]))[:12]:
        print(f"{len(files[file]) - n_run[file]:5} of {len(files[file]):4} {file}")
    print(f"measured: {percent:.1f} % of {n_lines} lines run by tests")
    if percent < LEAST:
        faults.append(f"{percent:.1f} % of the lines is less than {LEAST} %: test what is listed above")
    reasons = set(re.findall(r"^\t(DROP_(?!N\b)\w+)", (source / "ports/drop.h").read_text(), re.MULTILINE))
    for reason in sorted(reasons - drops_given(files, source)):
        faults.append(f"no test has made the product give {reason}")
    for reason in sorted(reasons - drops_tested(reasons, source)):
        faults.append(f"no test names {reason}")
    print(f"measured: {len(reasons)} drop reasons given in tests" if not faults else "\n".join(faults))
    return 1 if faults or not reasons else 0


sys.exit(main())
