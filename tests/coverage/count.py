"""Reads gcov's counters of the rooms that are named, and tells every line and branch that nothing took."""

import argparse
import json
import pathlib
import re
import subprocess
import sys

ENSURE = re.compile(r"\bensure\(")


def ensure_lines(source):
    """The lines of every ensure(...): its other side aborts the program, and is no behaviour."""
    lines, inside, depth = set(), False, 0
    for number, text in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
        match = None if inside else ENSURE.search(text)
        if not inside and not match:
            continue
        part = text if inside else text[match.start():]
        depth = (depth if inside else 0) + part.count("(") - part.count(")")
        lines.add(number)
        inside = depth > 0
    return lines


def gcov_of(counters, build):
    text = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", str(counters)],
                          cwd=build, check=True, capture_output=True, text=True, timeout=60).stdout
    return json.loads(text)["files"]


def counts_of(room, build, root):
    """{source: {line: [count, [branch counts]]}}, added up over the objects."""
    found = {}
    for counters in sorted((build / room).rglob("*.gcda")):
        for file in gcov_of(counters, build):
            path = (root / file["file"]).resolve()
            if path.parent != (root / room).resolve() or path.suffix != ".c":
                continue
            lines = found.setdefault(path, {})
            for line in file["lines"]:
                count, branches = lines.setdefault(line["line_number"], [0, []])
                taken = [b["count"] for b in line["branches"] if not b["throw"]]
                lines[line["line_number"]] = [count + line["count"], branches + taken]
    return found


def judge(room, build, root):
    found = counts_of(room, build, root)
    lines_n = reached_n = branches_n = taken_n = 0
    for source in sorted((root / room).glob("*.c")):
        name = source.relative_to(root)
        if source.resolve() not in found:
            print(f"{name}: no counters: no unit test of the cores links it")
            lines_n += 1
            continue
        skipped = ensure_lines(source)
        texts = source.read_text(encoding="utf-8").splitlines()
        for number, (count, branches) in sorted(found[source.resolve()].items()):
            lines_n, reached_n = lines_n + 1, reached_n + (count > 0)
            if number in skipped:
                branches = []
            taken = sum(1 for b in branches if b > 0)
            branches_n, taken_n = branches_n + len(branches), taken_n + taken
            if count == 0 or taken < len(branches):
                what = "never reached" if count == 0 else f"{taken} of {len(branches)} branches taken"
                print(f"{name}:{number}: {what}: {texts[number - 1].strip()}")
    whole = lines_n > 0 and reached_n == lines_n and branches_n > 0 and taken_n == branches_n
    print(f"{room}: {reached_n} of {lines_n} lines, {taken_n} of {branches_n} branches"
          f" ({100.0 * taken_n / max(branches_n, 1):.1f} %)")
    return whole


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("rooms", nargs="+")
    options = parser.parse_args()
    passed = [judge(room, options.build.resolve(), options.root.resolve()) for room in options.rooms]
    print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
