import argparse
import os
import re
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from fleet import once_more

from . import common, elsewhere, moves, network, operators, stores, table  # each registers its scenarios


class Stage:
    """One world at a time, kept from one scenario to the next of the same kind; never one that a scenario has spoilt."""

    def __init__(self, build):
        self.build, self.kind, self.world = build, None, None

    def enter(self, kind):
        if self.kind != kind:
            self.leave()
        if self.world is None:
            world = common.WORLDS[kind](self.build)
            world.__enter__()
            self.world, self.kind = world, kind
        return self.world

    def leave(self, error=(None, None, None)):
        world, self.world, self.kind = self.world, None, None
        if world is not None:
            world.__exit__(*error)

    def run(self, scenario):
        """Judged from outside whatever the scenario itself looks at: one writer, and the fleet settles."""
        try:
            world = self.enter(scenario.world)
            world.judges_start()
            world.since = common.height(world)
            outage_max_s = scenario.function(world)
            common.settled(world)
            report = world.judged()
            world.one_writer(report)
            if outage_max_s is not None:
                common.expect_pace(report["outage_s"] <= outage_max_s + world.stalled_s,
                                   f"the client saw {report['outage_s']:.1f} s without a write, {outage_max_s} s are allowed")
        except BaseException:
            error = sys.exc_info()
            with suppress(Exception):
                self.leave(error)
            raise
        if scenario.spoils:
            self.leave()


def units(chosen):
    """Lists of scenarios that one process runs one after the other: those that leave their world as it was share it, and the
    first of the others may spoil it; each further one needs a world of its own."""
    found = []
    for kind in dict.fromkeys(s.world for s in chosen):
        keepers = [s for s in chosen if s.world == kind and not s.spoils]
        spoilers = [s for s in chosen if s.world == kind and s.spoils]
        found += [keepers + spoilers[:1]] + [[s] for s in spoilers[1:]]
    return sorted((unit for unit in found if unit), key=len, reverse=True)


def run_unit(build, unit, repeat):
    passed = failed = 0
    stage = Stage(build)
    try:
        for scenario in unit:
            for _ in range(repeat):
                begun = time.monotonic()
                try:
                    once_more(f"{scenario.number} {scenario.name}", lambda one=scenario: stage.run(one))
                    passed += 1
                    word = "ok"
                except Exception as error:  # a scenario that breaks is a failed one, whatever broke
                    failed += 1
                    word = "FAILED"
                    traceback.print_exc(file=sys.stdout)
                    print(f"    {error}")
                print(f"{word:6} {scenario.number:2} {scenario.name} ({time.monotonic() - begun:.1f} s)", flush=True)
    finally:
        stage.leave()
    return passed, failed


def run_apart(options, unit):
    """A unit in a process of its own; what it says is shown when it has ended."""
    argv = [sys.executable, "-m", "matrix", "--build", options.build, "--jobs", "1", "--unchecked", "--repeat", str(options.repeat)]
    for scenario in unit:
        argv += ["--only", scenario.name]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          check=False)
    lines = done.stdout.splitlines()
    closing = re.fullmatch(r"(\d+) passed, (\d+) failed", lines[-1]) if lines else None
    print("\n".join(lines[:-1] if closing else lines), flush=True)
    if closing is None:
        print(f"FAILED a process of {len(unit)} scenarios ended with {done.returncode} and no closing line", flush=True)
        return 0, len(unit)
    return int(closing[1]), int(closing[2])


def run_all(options, chosen):
    """Scenarios wait more than they work: two worlds stand at a time."""
    parts = units(chosen)
    if options.jobs == 1:
        results = [run_unit(options.build, unit, options.repeat) for unit in parts]
    else:
        with ThreadPoolExecutor(options.jobs) as pool:
            results = list(pool.map(lambda unit: run_apart(options, unit), parts))
    return sum(result[0] for result in results), sum(result[1] for result in results)


def main():
    parser = argparse.ArgumentParser(prog="tests/integration/matrix/run")
    parser.add_argument("--build", default=os.environ.get("DROVER_BUILD", f"{table.ROOT}/build/dev"))
    parser.add_argument("--only", action="append", default=[], help="a number or a name")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true", help="the table against the sources, and nothing else")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="worlds at a time")
    parser.add_argument("--unchecked", action="store_true", help="without the table's own check")
    options = parser.parse_args()
    if options.list:
        table.show()
        return 0
    findings = [] if options.unchecked else table.check()
    for finding in findings:
        print(f"FAILED {finding}")
    known = {str(s.number) for s in table.SCENARIOS} | {s.name for s in table.SCENARIOS}
    unknown = [word for word in options.only if word not in known]
    if unknown:
        print(f"no scenario here is called {', '.join(unknown)}")
        return 2
    passed, failed = int(not findings and not options.unchecked), len(findings)  # the table's own check counts as one
    if not options.check:
        chosen = [s for s in table.SCENARIOS if not options.only or str(s.number) in options.only or s.name in options.only]
        done = run_all(options, chosen)
        passed, failed = passed + done[0], failed + done[1]
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


sys.exit(main())
