"""Who is run through which cut, how often, and in what order: booth and Sentinel are many small runs at once, in
namespaces of their own; drover's whole lab is run alone, one after the other."""

import concurrent.futures
import dataclasses
import itertools
import os
import subprocess
import time

from figures.table import Figure

from . import booth, drover, place, sentinel
from .outcome import CASES

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
AT_ONCE = 16
# The longest single run of each kind, with its start and its end: what no longer fits is not begun.
PEER_S, DROVER_S = 200, 60


@dataclasses.dataclass
class Wish:
    """What is asked for; the same fields as the command line's."""
    build: str
    only: list
    system: list
    runs: int = 3
    seconds: int = 900


def _install(say):
    """Debian's packages that only these peers need; a peer that cannot be had is left out, and that is said."""
    wanted = [name for name in (booth.missing(), sentinel.missing()) if name]
    if wanted:
        say(f"installing {', '.join(wanted)}")
        done = subprocess.run([f"{ROOT}/deploy/install-deps", "bench"], timeout=300, check=False)
        if done.returncode != 0:
            say("deploy/install-deps bench FAILED")


def systems(wish, programs, say):
    found = []
    if booth.missing():
        say("booth is not installed: left out")
    else:
        booth.build(programs)
        found += [booth.Booth(expire_s, programs, after_s) for expire_s, after_s in ((5, 0), (30, 0), (30, 15))]
    if sentinel.missing():
        say("redis-sentinel is not installed: left out")
    else:
        found += [sentinel.Sentinel(5, min_replicas) for min_replicas in (False, True)]
    absent = drover.missing(wish.build)
    if absent:
        say(f"{absent} is not built in {wish.build}: drover left out")
    else:
        found.append(drover.Drover(wish.build))
    return [one for one in found if not wish.system or any(word.lower() in one.name.lower() for word in wish.system)]


class Measuring:
    def __init__(self, wish, say):
        self.wish, self.say = wish, say
        self.end = time.monotonic() + wish.seconds
        self.outcomes, self.failures, self.left_out = [], [], []

    def _one(self, system, case, longest_s):
        what = f"{case}: {system.name}"
        if time.monotonic() + longest_s > self.end:
            self.left_out.append(what)
            return
        begun = time.monotonic()
        try:
            outcome = system.run(case)
        except Exception as failure:  # a run that breaks is told and counted, the others stand
            self.failures.append(what)
            self.say(f"{what}: FAILED: {type(failure).__name__}: {failure}")
            return
        self.outcomes.append(outcome)
        lost = "" if outcome.lost is None else f", {outcome.lost} of {outcome.acked} writes lost"
        self.say(f"{what}: two at once {outcome.two_s:.2f} s, outage {outcome.outage_s:.2f} s{lost}, ended at {outcome.ended} "
                 f"({time.monotonic() - begun:.0f} s)")

    def run(self, found):
        """Rounds over all cases, so that whatever time allows is spread evenly."""
        def pairs(of):
            rounds = itertools.product(range(self.wish.runs), CASES, of)
            return [(system, case) for _, case, system in rounds if case in system.cases and (not self.wish.only or case in self.wish.only)]
        peers = [system for system in found if not isinstance(system, drover.Drover)]
        # Those who take longest begin first, so that none of them is waited for alone at the end.
        ordered = sorted(pairs(peers), key=lambda pair: -getattr(pair[0], "expire_s", 0))
        pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        try:
            for running in [pool.submit(self._one, system, case, PEER_S) for system, case in ordered]:
                running.result()
            for system, case in pairs([system for system in found if system not in peers]):
                self._one(system, case, DROVER_S)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def measure(wish, say):
    """The Measuring, done. Nothing of it is left on the machine."""
    place.sweep()
    _install(say)
    programs = place.directory()
    measuring = Measuring(wish, say)
    try:
        found = systems(wish, programs, say)
        measuring.run(found)
    finally:
        place.abandon()
    order = {name: n for n, name in enumerate(CASES)}
    names = {system.name: n for n, system in enumerate(found)}
    measuring.outcomes.sort(key=lambda outcome: (order[outcome.case], names[outcome.system]))
    return measuring


def figures(outcomes):
    """As bench/run prints them."""
    made = []
    for case, what in CASES.items():
        group = f"peers, {case}: {what}"
        mine = [outcome for outcome in outcomes if outcome.case == case]
        for system in dict.fromkeys(outcome.system for outcome in mine):
            runs = [outcome for outcome in mine if outcome.system == system]
            made.append(Figure(group, f"{system}: two at once", "s", [run.two_s for run in runs], digits=2))
            made.append(Figure(group, f"{system}: outage for clients outside", "s", [run.outage_s for run in runs], digits=2))
            losses = [run.lost for run in runs if run.lost is not None]
            if losses:
                made.append(Figure(group, f"{system}: acknowledged writes lost", "", losses))
        own = [run.outage_s for run in mine if run.system.startswith("drover")]
        for system in dict.fromkeys(outcome.system for outcome in mine if not outcome.system.startswith("drover")):
            ratios = [run.outage_s / ours for run, ours in zip((run for run in mine if run.system == system), own) if ours > 0.5]
            if ratios:
                made.append(Figure(group, f"{system} / drover: outage", "x", ratios, digits=2))
    return made
