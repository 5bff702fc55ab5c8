"""drover's own log lines: WHEN LEVEL EVENT key=value ... "text" ..."""

import dataclasses
import datetime
import re

_WORD = re.compile(r'(\w+)=("[^"]*"|\S+)')


@dataclasses.dataclass(frozen=True)
class Line:
    at_s: float  # wall clock, to the millisecond
    event: str
    words: dict
    text: str


def parse(text):
    """One line, or None when it is not one of drover's."""
    parts = text.rstrip("\n").split(" ", 3)
    if len(parts) < 3 or "T" not in parts[0]:
        return None
    try:
        when = datetime.datetime.fromisoformat(parts[0].replace("Z", "+00:00"))
    except ValueError:
        return None
    rest = parts[3] if len(parts) == 4 else ""
    return Line(when.timestamp(), parts[2], dict(_WORD.findall(rest)), rest)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line for line in map(parse, file) if line is not None]


def first(lines, event, after_s=0.0, **words):
    """The first line of that event at or after that moment whose words have these values."""
    for line in lines:
        fits = all(line.words.get(key) == str(value) for key, value in words.items())
        if line.event == event and line.at_s >= after_s and fits:
            return line
    return None
