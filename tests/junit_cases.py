#!/usr/bin/env python3
"""Counts test cases in ctest's JUnit file: `passed N`, `failed case: why`, `skipped case: why`.

A cmocka program, or a script with the closing line `N passed, N failed`, is as many cases as it says;
any other test is one. A program that ends badly although no case of it failed (a crash, a leak, a
time-out) is one failure more. Failing tests' last lines follow as `output ...`.
"""
import re
import sys
import xml.etree.ElementTree as xml

OUTPUT_LINES_MAX = 40


def said(text, word, n, otherwise):
    """What n lines `WORD: ...` say, filled up where there are fewer."""
    lines = re.findall(rf"^{word}[A-Z]*[: ]+(.*)$", text, re.M)
    return (lines + [otherwise] * n)[:n]


def cases_of(name, text):
    """(passed, [failed case], [(skipped case, why)]) as the program counts, or None."""
    if "[==========]" in text:
        passed = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test", text, re.M))
        failed = sorted(set(re.findall(r"^\[  FAILED  \] ([A-Za-z_]\w*)", text, re.M)))
        skipped = sorted(set(re.findall(r"^\[  SKIPPED \] ([A-Za-z_]\w*)", text, re.M)))
        why = re.findall(r"^SKIP[: ]+(.*)$", text, re.M)
        return (passed, [f"{name} {case}" for case in failed],
                [(f"{name} {case}", why[0] if why else "the test says no reason")
                 for case in skipped])
    closing = re.search(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*\Z", text, re.M)
    if closing:
        passed, failed_n, skipped_n = (int(n or 0) for n in closing.groups())
        failed = said(text, "FAIL", failed_n, "")
        skipped = said(text, "SKIP", skipped_n, "no reason given")
        return (passed, [f"{name} {case}".rstrip() for case in failed],
                [(name, why) for why in skipped])
    return None


def main(path):
    passed_n = 0
    for case in xml.parse(path).getroot().iter("testcase"):
        name, status = case.get("name"), case.get("status")
        output = case.find("system-out")
        text = (output.text or "") if output is not None else ""
        if status in ("notrun", "disabled"):
            why = case.find("skipped")
            reason = (why.get("message") if why is not None else None) or status
            shown = re.findall(r"^SKIP[: ]+(.*)$", text, re.M)
            # A program that was not built is no skip.
            verdict = "skipped" if "SKIP_" in reason or shown else "failed"
            print(f"{verdict} {name}: {shown[0] if shown else reason}")
            continue
        counted = cases_of(name, text)
        good = status == "run"
        if counted is None:
            counted = (1, [], []) if good else (0, [name], [])
        passed, failed, skipped = counted
        if not good and not failed:
            why = case.find("failure")
            failed = [f"{name}: {why.get('message') if why is not None else 'failed'}"]
        passed_n += passed
        for one in failed:
            print(f"failed {one}")
        for one, why in skipped:
            print(f"skipped {one}: {why}")
        if failed:
            for line in text.rstrip().split("\n")[-OUTPUT_LINES_MAX:]:
                print(f"output {line}")
    print(f"passed {passed_n}")


if __name__ == "__main__":
    main(sys.argv[1])
