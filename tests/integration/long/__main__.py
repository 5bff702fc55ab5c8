import argparse
import os
import sys
import time
import traceback

from .kills import kills
from .rounds import returns, switchovers

KINDS = {"switchovers": (switchovers, 50), "returns": (returns, 3), "kills": (kills, 0)}


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    parser = argparse.ArgumentParser(prog="tests/integration/long/run")
    parser.add_argument("--build", default=os.environ.get("DROVER_BUILD", f"{root}/build/dev"))
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("times", nargs="?", type=int)
    parser.add_argument("--first", type=int, default=0, help="kills: the number of the first round")
    options = parser.parse_args()
    run, times = KINDS[options.kind]
    begun = time.monotonic()
    try:
        more = {"first": options.first} if options.kind == "kills" else {}
        run(options.build, options.times or times, **more)
    except Exception as error:  # whatever broke, the run failed
        traceback.print_exc()
        print(f"FAILED {options.kind} ({time.monotonic() - begun:.1f} s): {error}\n0 passed, 1 failed")
        return 1
    print(f"ok     {options.kind} ({time.monotonic() - begun:.1f} s)\n1 passed, 0 failed")
    return 0


sys.exit(main())
