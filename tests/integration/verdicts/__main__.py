import argparse
import os
import sys
import time
import traceback

from . import flaps, hung, matrix, table
from .stage import Stage


class Count:
    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, good, name, begun, why=""):
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
        print(f"{'ok' if good else 'FAILED':6} {name} ({time.monotonic() - begun:.1f} s)"
              + ("" if good else f": {why}"), flush=True)


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    parser = argparse.ArgumentParser(prog="tests/integration/verdicts/run")
    parser.add_argument("--build", default=os.environ.get("DROVER_BUILD", f"{root}/build/dev"))
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--minutes", type=float, default=0)
    options = parser.parse_args()
    count, began = Count(), time.monotonic()
    rows = table.read()
    faults = table.faults(rows)
    count(not faults, f"the table of {len(rows)} rows is what the rules say", began, "; ".join(faults))
    try:
        with Stage(options.build) as stage:
            print(f"    a row is settled after {stage_seconds():.1f} s; up after {time.monotonic() - began:.0f} s")
            matrix.run(stage, rows, options, count)
            flaps.run(stage, options, count)
            hung.run(stage, options, count)
    except Exception as error:  # what breaks the stage is a failure of the room
        traceback.print_exc()
        count(False, "the stage stands", began, f"{type(error).__name__}: {error}")
    print(f"{time.monotonic() - began:.0f} s")
    print(f"{count.passed} passed, {count.failed} failed")
    return 0 if count.passed and not count.failed else 1


def stage_seconds():
    from .stage import SETTLED_S
    return SETTLED_S


sys.exit(main())
