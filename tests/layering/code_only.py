#!/usr/bin/env python3
"""Prints `path:line:code` for C sources, comments and the insides of literals blanked out.

The checks of this directory search what is left, so that a comment may name what it forbids.
"""
import re
import sys

TOKEN = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def blank(match):
    text = match.group(0)
    if text[0] in "\"'":
        return text[0] + text[0]
    return re.sub(r"[^\n]", " ", text)


def main(paths):
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as source:
            text = source.read()
        # An include keeps its path: it is what the include check reads.
        lines = text.split("\n")
        code = TOKEN.sub(blank, text).split("\n")
        for number, line in enumerate(code, 1):
            if re.match(r'\s*#\s*include\b', line):
                line = lines[number - 1]
            print(f"{path}:{number}:{line}")


if __name__ == "__main__":
    main(sys.argv[1:])
