"""RUN/lab.json: what a later call needs in order to attach to a lab, or to take it down after a
crash."""

import contextlib
import fcntl
import json
import os

from .base import LabError

MAGIC = "drover-lab-1"


class State:
    """A small JSON file under a lock; every reader loads it anew, so that several processes can
    drive one lab."""

    def __init__(self, run_dir):
        self.path = os.path.join(run_dir, "lab.json")
        self.lock_path = os.path.join(run_dir, "lab.lock")

    def create(self, values):
        if os.path.exists(self.path):
            raise LabError(f"{self.path} exists: a lab is up in this directory, take it down first")
        values = dict(values, magic=MAGIC, processes=[], cuts=[], isolated=[], off=[], boot=[], start_after={})
        with open(self.lock_path, "w", encoding="utf-8"):
            pass
        self._store(values)

    def _store(self, values):
        temporary = f"{self.path}.{os.getpid()}.new"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=1)
        os.replace(temporary, self.path)

    def load(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                values = json.load(file)
        except (OSError, ValueError) as error:
            raise LabError(f"no lab in {os.path.dirname(self.path)}: {error}") from error
        if values.get("magic") != MAGIC:
            raise LabError(f"{self.path} was not written by this lab")
        return values

    @contextlib.contextmanager
    def edit(self):
        """with state.edit() as values: changes are stored when the block ends without an
        exception."""
        with open(self.lock_path, "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            values = self.load()
            yield values
            self._store(values)
