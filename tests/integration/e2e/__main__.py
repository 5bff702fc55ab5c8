import argparse
import os
import sys
import time
import traceback

from fleet import once_more

from . import foretold, inside, order  # noqa: F401  their scenarios
from .scenarios import SCENARIOS


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    parser = argparse.ArgumentParser(prog="tests/integration/e2e/run")
    parser.add_argument("--build", default=os.environ.get("DROVER_BUILD", f"{root}/build/dev"))
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    if options.list:
        for name, function in SCENARIOS.items():
            print(f"{name}\n    {function.__doc__.splitlines()[0]}")
        return 0
    unknown = [name for name in options.only if name not in SCENARIOS]
    if unknown:
        print(f"no scenario is called {', '.join(unknown)}")
        return 2
    passed = failed = 0
    for name, function in SCENARIOS.items():
        if options.only and name not in options.only:
            continue
        for _ in range(options.repeat):
            begun = time.monotonic()
            try:
                once_more(name, lambda run=function: run(options.build))
                passed += 1
                word = "ok"
            except Exception as error:  # a scenario that breaks is a failed one, whatever broke
                failed += 1
                word = "FAILED"
                traceback.print_exc()
                print(f"    {error}")
            print(f"{word:6} {name} ({time.monotonic() - begun:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


sys.exit(main())
