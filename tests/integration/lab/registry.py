"""Which labs this machine has: /run/drover-lab/<prefix>. A test that was killed cannot clean up;
`sweep` does it for it."""

import json
import os

from . import net
from .base import LabError, make_directory, write_file
from .proc import start_stamp

DIRECTORY = "/run/drover-lab"


def add(prefix, run_dir, owner):
    """owner: the pid of the test whose lab this is, or None for one that is meant to stay up by
    itself."""
    make_directory(DIRECTORY, 0o755)
    stamp = start_stamp(owner) if owner else None
    write_file(
        f"{DIRECTORY}/{prefix}", json.dumps({"run_dir": run_dir, "owner": owner, "stamp": stamp})
    )


def remove(prefix):
    try:
        os.unlink(f"{DIRECTORY}/{prefix}")
        os.rmdir(DIRECTORY)
    except OSError:
        pass  # others are still listed, or a lab that never got so far


def entries():
    found = []
    for prefix in sorted(os.listdir(DIRECTORY)) if os.path.isdir(DIRECTORY) else []:
        try:
            with open(f"{DIRECTORY}/{prefix}", encoding="utf-8") as file:
                found.append(dict(json.load(file), prefix=prefix))
        except (OSError, ValueError):
            pass  # it went down meanwhile
    return found


def orphan(entry):
    return entry["owner"] is not None and start_stamp(entry["owner"]) != entry["stamp"]


def sweep():
    """Takes down every lab whose owner is dead; returns their run directories."""
    from .lab import Lab

    gone = []
    for entry in entries():
        if not orphan(entry):
            continue
        try:
            Lab.attach(entry["run_dir"]).down()
        except LabError:
            # The run directory went first: what is left are the namespaces and whoever lives there.
            net.kill_all(net.namespaces(entry["prefix"]), 9)
            net.drop_all(entry["prefix"])
            remove(entry["prefix"])
        gone.append(entry["run_dir"])
    return gone
