import argparse
import dataclasses
import json
import os
import signal
import sys
import time

from figures import machine

from . import measure, outcome, place

ROOT = measure.ROOT


def _options():
    parser = argparse.ArgumentParser(prog="bench/peers/run", description="The same cuts to booth, Sentinel and drover. Needs root.")
    parser.add_argument("--build", default=f"{ROOT}/build/release", help="where drover is built (default: build/release)")
    parser.add_argument("--only", action="append", choices=outcome.CASES, help="this cut; may be given again")
    parser.add_argument("--system", action="append", help="those whose name has this in it; may be given again")
    parser.add_argument("--runs", type=int, default=3, help="of each cut and system (default 3)")
    parser.add_argument("--seconds", type=int, default=900, help="what would not end within these is not begun (default 900)")
    parser.add_argument("--json", help="write every run here")
    parser.add_argument("--list", action="store_true", help="name the cuts and end")
    return parser.parse_args()


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}, load {machine.load()}] {text}", file=sys.stderr, flush=True)


def _terminated(*_):
    raise KeyboardInterrupt


def main():
    options = _options()
    if options.list:
        for name, text in outcome.CASES.items():
            print(f"{name:9} {text}")
        return 0
    if os.geteuid() != 0:
        print("bench/peers/run makes network namespaces: it needs root", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _terminated)
    begun, busy = time.monotonic(), machine.Busy()
    wish = measure.Wish(os.path.abspath(options.build), options.only, options.system, options.runs, options.seconds)
    try:
        done = measure.measure(wish, say)
    except KeyboardInterrupt:
        place.abandon()
        os._exit(130)  # threads of runs that have just lost their places are not waited for
    print(f"machine: {machine.describe()}; {time.monotonic() - begun:.0f} s, processors {busy.percent():.0f} % busy")
    print(outcome.table(done.outcomes))
    for text, names in (("failed", done.failures), ("not begun, no time left", done.left_out)):
        if names:
            print(f"{text}: {len(names)}: {'; '.join(sorted(set(names)))}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": machine.describe(), "date": time.strftime("%Y-%m-%d"), "cuts": outcome.CASES,
                       "runs": [dataclasses.asdict(run) for run in done.outcomes], "failed": done.failures,
                       "left_out": done.left_out}, file, indent=1)
    return 0 if done.outcomes and not done.failures and not done.left_out else 1


sys.exit(main())
