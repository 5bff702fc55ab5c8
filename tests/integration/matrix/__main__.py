import argparse
import os
import sys
import time
import traceback
from contextlib import suppress

from . import common, moves, network, stores, table  # each registers its scenarios


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
                common.expect(report["outage_s"] <= outage_max_s + world.stalled_s,
                              f"the client saw {report['outage_s']:.1f} s without a write, {outage_max_s} s are allowed")
        except BaseException:
            error = sys.exc_info()
            with suppress(Exception):
                self.leave(error)
            raise
        if scenario.spoils:
            self.leave()


def run_all(build, chosen, repeat):
    passed = failed = 0
    kinds = list(dict.fromkeys(s.world for s in chosen))
    stage = Stage(build)
    try:
        for kind in kinds:
            # Those that leave the fleet as it was come first; each of the others takes a world with it.
            for scenario in sorted((s for s in chosen if s.world == kind), key=lambda s: s.spoils):
                for _ in range(repeat):
                    begun = time.monotonic()
                    try:
                        stage.run(scenario)
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


def main():
    parser = argparse.ArgumentParser(prog="tests/integration/matrix/run")
    parser.add_argument("--build", default=os.environ.get("DROVER_BUILD", f"{table.ROOT}/build/dev"))
    parser.add_argument("--only", action="append", default=[], help="a number or a name")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true", help="the table against the sources, and nothing else")
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    if options.list:
        table.show()
        return 0
    findings = table.check()
    for finding in findings:
        print(f"FAILED {finding}")
    known = {str(s.number) for s in table.SCENARIOS} | {s.name for s in table.SCENARIOS}
    unknown = [word for word in options.only if word not in known]
    if unknown:
        print(f"no scenario here is called {', '.join(unknown)}")
        return 2
    passed, failed = (0, len(findings)) if findings else (1, 0)  # the table's own check counts as one
    if not options.check:
        chosen = [s for s in table.SCENARIOS if not options.only or str(s.number) in options.only or s.name in options.only]
        done = run_all(options.build, chosen, options.repeat)
        passed, failed = passed + done[0], failed + done[1]
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


sys.exit(main())
