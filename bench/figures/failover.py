"""Failovers on real servers: each run is a fresh lab, with three members on a three-member etcd with fsync
on, and is measured from drover's own log lines and by probers outside that know nothing of drover.

  decide   the region is killed, and the hold-down outlasts the lease: nothing is left to wait for when
           the deciding fact is applied
  dark     the region is killed (power and links at once), T 5 s, no hold-down
  speed    dark with leases of 3, 5 and 10 s: what clients see, beside the bound that the lease's numbers give
  cut      the region is cut off and lives, T 5 s, no hold-down: its guard and its gate tell when the lease ended
"""

import contextlib
import dataclasses
import re
import socket
import statistics
import subprocess
import sys
import threading
import time

from e2e.world import Stalls, World
from fleet import Timing
from lab.base import raw_ns

from . import lines as loglines

PROBE_HZ = 50
FIRST_WAVE = ("promote-postgresql", "promote-redis")

DECIDE = Timing(lease=3000, renew=450, fence=1000, gate_early=300, wait=3200, promise=3200, tick=100, hold_down=4000,
                silent=2000, block=1000, check=500, check_timeout=450, settle=4000)
DARK = Timing(lease=5000, renew=500, fence=1500, gate_early=500, wait=5210, promise=5210, tick=100, hold_down=0,
              silent=2000, block=1000, check=500, check_timeout=450, settle=4000)
SPEEDS = [
    Timing(lease=3000, renew=450, fence=1000, gate_early=300, wait=3170, promise=3170, tick=100, hold_down=0, silent=2000,
           block=1000, check=500, check_timeout=450, settle=4000),
    DARK,
    Timing(lease=10000, renew=1000, fence=3000, gate_early=1000, wait=10310, promise=10310, tick=100, hold_down=0, silent=2000,
           block=1000, check=500, check_timeout=450, settle=4000),
]


@dataclasses.dataclass
class Story:
    """One failover. All moments in s of the wall clock; None: not seen."""
    kind: str
    timing: Timing
    dark_s: float = None  # just before the links were cut
    decided_s: float = None  # rule 203, first member
    closed_s: float = None  # rule 111, a majority of the members
    opened_s: float = None  # rule 102, a majority of the members
    certified_s: float = None  # the guard of the other region holds its first certificate, last agent
    acted_s: float = None  # the last action of the first wave started
    postgres_s: float = None  # the first write that the other region's store took
    redis_s: float = None
    client_s: float = None  # the first write of the client, by the DNS name, that the other region acknowledged
    client_outage_s: float = None
    one_writer: bool = False
    gate_due_s: float = None  # when the kernel's element runs out
    gate_shut_s: float = None  # the first connection refused
    ended_s: float = None  # the guard's line
    softened_s: float = None  # the agent's line
    hold_down_late_ms: float = None  # by the core's own time, when it decided
    ages_ms: list = dataclasses.field(default_factory=list)  # (at the first member, at the last) a fact


class _GateWatch:
    """The lost region's own gate: when its kernel says it will shut, and when it does."""

    EXPIRES = re.compile(r"expires (?:(\d+)s)?(?:(\d+)ms)?")

    def __init__(self, world):
        self.world, self.due, self.refused_ns = world, [], None
        self.address = world.fleet.databases("east")[0].address
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._ask), threading.Thread(target=self._knock)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def _ask(self):
        """A few looks while no renewal can come any more; then the kernel is left alone."""
        with self.world.lab.inside("east-db1"):
            self.stopping.wait(0.3)
            for _ in range(10):
                begun = raw_ns()
                said = subprocess.run(["nft", "list", "set", "inet", "drover", "open"], capture_output=True, text=True,
                                      timeout=5, check=False)
                found = self.EXPIRES.search(said.stdout)
                if found and any(found.groups()):
                    left_ms = int(found.group(1) or 0) * 1000 + int(found.group(2) or 0)
                    self.due.append((begun + raw_ns()) / 2 + left_ms * 1e6)
                if self.stopping.wait(0.1):
                    return

    def _knock(self):
        with self.world.lab.inside("east-near"):
            while not self.stopping.wait(0.002):
                near = self.due and raw_ns() > statistics.median(self.due) - 250e6
                if not near:
                    continue
                begun = raw_ns()
                try:
                    socket.create_connection((self.address, 6379), 0.5).close()
                except OSError:
                    self.refused_ns = begun
                    return

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(10)


def _fill_from_members(story, world):
    applied = {}
    for name in world.fleet.members:
        for line in loglines.read(world.fleet.process(name).log):
            if line.event == "fact.applied" and line.words.get("result") == "0":
                applied.setdefault(int(line.words["index"]), []).append(line)
    everywhere = [rows for rows in applied.values() if len(rows) == len(world.fleet.members)]
    story.ages_ms = [(min(ages), max(ages)) for ages in ([int(line.words["age_ms"]) for line in rows] for rows in everywhere)]

    def moment(rule, nth):
        stamps = sorted(line.at_s for rows in everywhere for line in rows
                        if line.words["rule"] == str(rule) and line.at_s >= story.dark_s - 0.002)
        return stamps[nth] if len(stamps) > nth else None
    majority = len(world.fleet.members) // 2
    story.decided_s = moment(203, 0)
    story.closed_s, story.opened_s = moment(111, majority), moment(102, majority)


def _fill_from_agents(story, world):
    held, begun = [], {}
    for host in world.fleet.databases("west"):
        found = loglines.read(world.fleet.process(f"{host.name}/agent").log)
        first = loglines.first(found, "lease.held", story.dark_s)
        held += [first.at_s] if first else []
        for step in FIRST_WAVE:
            line = loglines.first(found, "command.running", story.dark_s, step=step)
            if line:
                begun.setdefault(step, line.at_s)
    story.certified_s = max(held) if len(held) == len(world.fleet.databases("west")) else None
    story.acted_s = max(begun.values()) if len(begun) == len(FIRST_WAVE) else None


def _fill_from_guard(story, world, watch, offset_s):
    story.gate_due_s = statistics.median(watch.due) / 1e9 + offset_s if watch.due else None
    story.gate_shut_s = watch.refused_ns / 1e9 + offset_s if watch.refused_ns else None
    ended = loglines.first(loglines.read(world.fleet.process("east-db1/guard").log), "lease.ended", story.dark_s)
    softened = loglines.first(loglines.read(world.fleet.process("east-db1/agent").log), "fence.softening", story.dark_s)
    story.ended_s = ended.at_s if ended else None
    story.softened_s = softened.at_s if softened else None


def _fill_from_judges(story, world, offset_s):
    writes, probes = world.lab.logs_of_judge()
    served = [write["done"] for write in writes if write.get("ok") and write["region"] == "west"]
    story.client_s = min(served) / 1e9 + offset_s if served else None
    for store in ("postgres", "redis"):
        taken = [probe["done"] for probe in probes if probe.get("region") == "west" and probe.get("store") == store
                 and probe.get("outcome") == "accepted"]
        setattr(story, f"{store}_s", min(taken) / 1e9 + offset_s if taken else None)
    report = world.lab.judge()
    story.client_outage_s = report["outage_s"]
    story.one_writer = report["one_writer_proved"]


def _wall_offset_s():
    return time.time() - raw_ns() / 1e9


def run_once(kind, build, hosts, timing=None):
    timing = timing or (DECIDE if kind == "decide" else DARK)
    story = Story(kind, timing)
    with World(build, timing=timing, small=hosts == 1) as world, contextlib.ExitStack() as stack:
        offset_s = _wall_offset_s()
        world.stalls = Stalls()
        world.writer = world.lab.writer_start(rate_hz=20, timeout_s=1.0)
        # Where latency is the question the probers leave the processors alone as far as they can.
        vantages = ("outside",) if kind == "decide" else ("outside", "east", "west")
        world.probers = world.lab.probers_start(rate_hz=PROBE_HZ, vantages=vantages)
        time.sleep(2)
        watch = _GateWatch(world) if kind == "cut" else None
        story.dark_s = time.time()
        if watch:
            world.lab.isolate("east")
            watch.start()
            stack.callback(watch.stop)
        else:
            world.kill_region()
        world.failed_over(40)
        if kind == "decide":
            spans = world.fleet.ask("report")["spans"]
            story.hold_down_late_ms = spans["detect_ms"] - timing.hold_down
        time.sleep(2)
        world.judges_stop()
        if watch:
            watch.stop()
            _fill_from_guard(story, world, watch, offset_s)
        _fill_from_members(story, world)
        _fill_from_agents(story, world)
        _fill_from_judges(story, world, offset_s)
    return story


def run_many(kind, options, say, timing=None, runs=None):
    stories, runs = [], runs or options.runs
    for n in range(runs):
        begun = time.monotonic()
        try:
            story = run_once(kind, options.build, options.hosts, timing)
        except Exception as failure:  # a run that breaks is told and counted, the others stand
            say(f"{kind}: run {n + 1} of {runs} FAILED: {type(failure).__name__}: {failure}")
            continue
        stories.append(story)
        say(f"{kind}: run {n + 1} of {runs}, {time.monotonic() - begun:.0f} s"
            + ("" if story.one_writer else ", ONE WRITER NOT PROVED"))
        sys.stdout.flush()
    return stories


def run_speeds(options, say):
    """A few of each lease: how the failover's time follows from the lease's numbers."""
    return [story for timing in SPEEDS for story in run_many("speed", options, say, timing, options.speed_runs)]
