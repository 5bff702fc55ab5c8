"""Which labs this machine has: /run/drover-lab/<prefix>. A test that was killed cannot clean up;
`sweep` does it for it."""

import json
import os
import signal
import subprocess

from . import net
from .base import LabError, make_directory, write_file
from .proc import start_stamp
from .state import State

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
    """True when the test that made it is dead, or when its run directory is gone or is
    another's."""
    if entry["owner"] is not None and start_stamp(entry["owner"]) != entry["stamp"]:
        return True
    try:
        return State(entry["run_dir"]).load()["prefix"] != entry["prefix"]
    except LabError:
        return True


def _force(prefix):
    """Ends a lab of which only the namespaces are left, with whoever lives in them."""
    names = net.namespaces(prefix)
    creators = {pid for name in names for pid in net.pids(name)}
    net.kill_all(names, signal.SIGKILL)
    with open("/proc/sysvipc/shm", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    for row in rows:
        # Fields: key, shmid, perms, size, cpid, ... PostgreSQL's segment outlives a SIGKILL.
        if int(row[4]) in creators:
            subprocess.run(["ipcrm", "-m", row[1]], capture_output=True, check=False)
    net.drop_all(prefix)
    remove(prefix)


def sweep():
    """Takes down every orphan; returns their run directories."""
    from .lab import Lab

    gone = []
    for entry in entries():
        if not orphan(entry):
            continue
        try:
            lab = Lab.attach(entry["run_dir"])
        except LabError:
            lab = None
        if lab is not None and lab.prefix == entry["prefix"]:
            lab.down()
        else:
            _force(entry["prefix"])
        gone.append(entry["run_dir"])
    return gone
