import argparse
import os
import sys
import time
import traceback

from . import inside, kills
from .rounds import returns, switchovers

KINDS = {"switchovers": (switchovers, 50), "returns": (returns, 3), "kills": (None, 0)}


def kill(build, times, first, kinds):
    """The plans that move the lease and those that do not have a world each."""
    for module, run in ((kills, kills.kills), (inside, inside.inside)):
        mine = [kind for kind in kinds if kind in module.KINDS]
        if mine:
            run(build, times, first, mine)


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    parser = argparse.ArgumentParser(prog="tests/integration/long/run")
    parser.add_argument("--build", default=os.environ.get("DROVER_BUILD", f"{root}/build/dev"))
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("times", nargs="?", type=int)
    parser.add_argument("--first", type=int, default=0, help="kills: the number of the first round")
    parser.add_argument("--kinds", default=",".join(kills.KINDS + inside.KINDS), help="kills: the kinds of plans, with commas")
    options = parser.parse_intermixed_args()
    kinds = options.kinds.split(",")
    unknown = [kind for kind in kinds if kind not in kills.KINDS + inside.KINDS]
    if unknown:
        parser.error(f"no kind of plan is called {', '.join(unknown)}")
    run, times = KINDS[options.kind]
    begun = time.monotonic()
    try:
        if options.kind == "kills":
            kill(options.build, options.times or times, options.first, kinds)
        else:
            run(options.build, options.times or times)
    except Exception as error:  # whatever broke, the run failed
        traceback.print_exc()
        print(f"FAILED {options.kind} ({time.monotonic() - begun:.1f} s): {error}\n0 passed, 1 failed")
        return 1
    print(f"ok     {options.kind} ({time.monotonic() - begun:.1f} s)\n1 passed, 0 failed")
    return 0


sys.exit(main())
