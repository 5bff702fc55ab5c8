"""docs/probes-tested.md, read: which test shows which kind of check in which case, and whether it ran."""
import os
import re

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
COLUMNS = 11  # the kind, the room and nine cases


def rows():
    """[(kind, room, {case: cell})]."""
    with open(os.path.join(ROOT, "docs", "probes-tested.md"), encoding="utf-8") as file:
        lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in file if line.startswith("| ")]
    head, body = lines[0], lines[1:]
    wrong = [line[0] for line in body if len(line) != COLUMNS]
    if len(head) != COLUMNS or wrong:
        raise ValueError(f"docs/probes-tested.md: not {COLUMNS} columns: {wrong or head}")
    return [(line[0], line[1], dict(zip(head[2:], line[2:]))) for line in body]


def kinds():
    """Every kind that a topology may name."""
    with open(os.path.join(ROOT, "common", "topology", "topology.h"), encoding="utf-8") as file:
        text = file.read()
    listed = re.search(r"#define CHECK_KIND_LIST\(X\)(.*?)\nenum", text, re.DOTALL)[1]
    return re.findall(r'X\(\w+, "(\w+)"\)', listed)


def wanted(room):
    """[(kind, case, beginning of the test's name)] of this room; what a cell may hold is checked."""
    found = []
    for kind, home, cells in rows():
        for case, cell in cells.items():
            named = re.fullmatch(r"`(?:(\w+)/)?([^`]+)`", cell)
            if named is None and re.fullmatch(r"- [1-9][0-9]?", cell) is None:
                raise ValueError(f"docs/probes-tested.md: {kind}, {case}: neither a test nor \"- \" and its reason: {cell}")
            if named is not None and (named[1] or home) == room:
                found.append((kind, case, f"{kind} {named[2]}"))
    return found


def show(t, room):
    """One more test of a room: what the table says of it ran and passed."""
    missing = [f"{kind}, {case}: \"{name}\"" for kind, case, name in wanted(room)
               if not any(good.startswith(name) for good in t.names)]
    if room == "probes":
        missing += [f"{kind} has no row" for kind in kinds() if kind not in [row[0] for row in rows()]]
    t.see(f"the table of docs/probes-tested.md, {len(wanted(room))} of {room}",
          {"err": "OK", "detail": "; ".join(missing) or "all ran"}, detail="all ran")
