"""The command that the runbook prints for a step, typed as it stands into bash; and docs/actions-typed.md, read: which test shows
for each kind of action that the words do what the action does, and whether it ran."""
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BARE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
STEP = 'name = "typed"; action = "{kind}"; agent = "r1-edge1"; args: {{ {args} }};'


def printed(drover, folder, kind, arguments, secrets):
    """(command, check) of one step in the example's topology, as this drover prints it; secrets: a directory; folder: for the file."""
    with open(f"{ROOT}/deploy/examples/bud.conf", encoding="utf-8") as file:
        text = file.read()
    quoted = {name: str(value).replace("\\", "\\\\").replace('"', '\\"') for name, value in arguments.items()}
    args = " ".join(f'{name} = "{value}";' for name, value in quoted.items())
    early = kind.endswith("_handoff")
    step = STEP.format(kind=kind, args=args) + (" before_fence = true;" if early else "")
    inside = kind in ("patroni_switchover", "sentinel_failover")
    plan = "switchover" if early else "component" if inside else "failover"
    text = text.replace("\nplans: (", f'\nplans: (\n    {{ name = "typed"; kind = "{plan}"; steps: ({{ {step} }}); }},', 1)
    path = os.path.join(folder, "typed.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    done = subprocess.run([drover, "plan", "render", "typed", path, "--format", "commands", "--secrets", secrets],
                          capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    body = re.split(r"^# ==== .*typed.*\n", done.stdout, maxsplit=1, flags=re.M)[1]
    body = re.split(r"^# ==== |^# ---- ", body, maxsplit=1, flags=re.M)[0]
    command, _, check = body.partition("# it worked when:\n")
    return command, check


def typed(text):
    """In a shell of its own; where a program of Debian's is meant, no other one of that name."""
    return subprocess.run(["bash", "-c", text], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, **BARE})


def rows():
    """[(kind, room, typed, found)] of docs/actions-typed.md."""
    with open(os.path.join(ROOT, "docs", "actions-typed.md"), encoding="utf-8") as file:
        lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in file if line.startswith("| ")]
    wrong = [line[0] for line in lines if len(line) != 4]
    if wrong:
        raise ValueError(f"docs/actions-typed.md: not four columns: {wrong}")
    return lines[1:]


def kinds():
    """Every kind that a topology may name."""
    with open(os.path.join(ROOT, "common", "topology", "topology.h"), encoding="utf-8") as file:
        listed = re.search(r"#define ACTION_KIND_LIST\(X\)(.*?)\nenum", file.read(), re.DOTALL)[1]
    return re.findall(r'X\(\w+, "(\w+)"\)', listed)


def missing(room, names):
    """What the table says of this room and no passed test has as its beginning; in the room `actions` also kinds without a row."""
    found = []
    for kind, home, *cells in rows():
        for cell in cells:
            named = re.fullmatch(r"`([^`]+)`", cell)
            if named is None and re.fullmatch(r"- [1-9]", cell) is None:
                raise ValueError(f"docs/actions-typed.md: {kind}: neither a test nor \"- \" and its reason: {cell}")
            if named is not None and home == room and not any(name.startswith(named[1]) for name in names):
                found.append(f"{kind}: \"{named[1]}\"")
    if room == "actions":
        found += [f"{kind} has no row" for kind in kinds() if kind not in [row[0] for row in rows()]]
    return found
