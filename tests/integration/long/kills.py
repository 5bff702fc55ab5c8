"""Every step of every shipped kind of plan, disturbed at its start, middle and end: the plan comes to its end, or pauses with a
true reason and says what to do, and that then helps; never half-silent. Judged from outside over all rounds."""

import os
import random
import re
import signal
import threading
import time
from contextlib import ExitStack, suppress

from e2e.world import World, expect
from fleet import Timing
from fleet.fleet import FleetError
from lab import LabError
from lab.base import raw_ns

from .rounds import OTHER, follows

MOMENTS = ("start", "middle", "end")
KINDS = ("failover", "switchover", "reprotect")
FAULTS = ("agent", "leader", "store", "link")
HEALED_S = 4  # what is killed stays away so long
ROUND_S = 240  # the longest step timeout is 90 s
STORE_SERVICES = {"redis": [("db1", "redis")], "web": [("front", "haproxy")], "api": [("ns1", "named")]}


def steps_of(world):
    """(plan, its kind) -> [(step, component, whether it runs in the region that is left)], from the topology in force."""
    with open(f"{world.fleet.directory}/topology.conf", encoding="utf-8") as file:
        text = file.read()
    found = {}
    for plan, kind, steps in re.findall(r'\{ name = "([\w-]+)"; kind = "(\w+)"; steps: \((.*?)\n    \); \}', text, re.S):
        found[plan, kind] = [(name, re.search(r'component = "(\w+)"', body).group(1), 'at = "source"' in body)
                             for name, body in re.findall(r'\{ name = "([\w-]+)"; (action.*?);[ \n]*\}', steps, re.S)]
    return found


class Disturbance:
    """Waits in the agents' logs for the moment, does it to the host whose agent has the step, and takes it back; both happen
    on a thread of its own."""
    healed_s = {}  # fault -> how long what is killed stays away, where it is not HEALED_S

    def __init__(self, world, hosts, step, component, fault, moment, typical_s):
        self.world, self.host, self.step, self.component = world, hosts[0], step, component
        self.fault, self.moment, self.typical_s = fault, moment, typical_s
        self.logs = {host: world.fleet.processes[f"{host}/agent"].log for host in hosts}
        self.since = {host: os.path.getsize(log) for host, log in self.logs.items()}
        self.happened = threading.Event()
        self.over = threading.Event()
        self.error = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _met(self, stack):
        """The host whose agent says that the moment is there; None when the round is over without it."""
        word = "command.finished" if self.moment == "end" else "command.running"
        files, lines = {}, dict.fromkeys(self.logs, "")
        for host, log in self.logs.items():
            files[host] = stack.enter_context(open(log, encoding="utf-8", errors="replace"))
            files[host].seek(self.since[host])
        while not self.over.is_set():
            news = False
            for host, file in files.items():
                lines[host] += file.readline()
                if lines[host].endswith("\n"):
                    if word in lines[host] and f" step={self.step} " in lines[host]:
                        return host
                    lines[host], news = "", True
            if not news:
                time.sleep(0.001)
        return None

    def _run(self):
        try:
            with ExitStack() as stack:
                host = self._met(stack)
            if host is None:
                return
            self.host = host
            if self.moment == "middle":
                time.sleep(self.typical_s / 2)
            self.happened.set()
            undo = getattr(self, f"_{self.fault}")()
            self.over.wait(self.healed_s.get(self.fault, HEALED_S))
            undo()
        except Exception as error:  # told by the round
            self.error = error

    def _agent(self):
        self.world.fleet.process(f"{self.host}/agent").kill()
        return lambda: self.world.fleet.start_agent(self.host)

    def _leader(self):
        keeper = next((m["name"] for m in self.world.fleet.status().get("members", []) if m["timekeeper"]), "m1")
        self.world.fleet.process(keeper).kill()
        return lambda: self.world.fleet.start_member(keeper)

    def _store(self):
        if self.component == "postgresql":
            postmaster = self.world.lab.postmaster(self.host)
            if postmaster is not None:
                with suppress(LabError):
                    postmaster.kill()
            return lambda: None  # Patroni starts it again
        region = self.host.split("-", maxsplit=1)[0]
        killed = []
        for place, service in STORE_SERVICES[self.component]:
            host = "watch-ns1" if place == "ns1" else f"{region}-{place}"
            if self.world.lab.process(host, service) is not None:
                self.world.lab.service_stop(host, service, sig=signal.SIGKILL)
                killed.append((host, service))

        def undo():
            for host, service in killed:
                if self.world.lab.process(host, service) is None:
                    self.world.lab.service_start(host, service)
        return undo

    def _link(self):
        self.world.lab.cut("east", "west")
        return self.world.lab.heal

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        if self.happened.is_set():
            self.thread.join(HEALED_S + 30)  # it is taken back in its own time
        self.over.set()
        self.thread.join(30)


def execution_of(world, number):
    return next(e for e in world.fleet.ask("executions")["executions"] if e["id"] == number)


def declare(world, kind, target, *more):
    before = max((e["id"] for e in world.fleet.ask("executions")["executions"]), default=0)

    def declared():
        world.fleet.drover("declare", "--to", target, "--kind", kind, "--reason", "a drill", "--yes", *more, check=False)
        return max((e["id"] for e in world.fleet.ask("executions")["executions"]), default=0) > before
    world.fleet.wait(declared, 60, f"the {kind} to {target} is declared")
    return before + 1


def drive(world, number, approver="net-1"):
    """Does what an operator does who follows `drover status`: approves, and answers pauses. Returns (stage, pauses as told)."""
    pauses, deadline = [], time.monotonic() + ROUND_S
    while time.monotonic() < deadline:
        try:
            found = execution_of(world, number)
        except (FleetError, ValueError, StopIteration):
            time.sleep(0.3)
            continue
        if not found["running"]:
            failed = ", ".join(f"{step['name']} {step['error']}" for step in found["steps"] if step["error"])
            return found["stage"] + (f" ({failed})" if failed else ""), pauses
        for step in found["steps"]:
            if step["state"] == "needs-approval":
                world.fleet.drover("approve", str(number), step["name"], who=approver, check=False)
        if found["paused"] not in ("", "no", "none"):
            said = world.fleet.status().get("next_human_act", "drover ")  # a member that is away says nothing
            failed = [s for s in found["steps"] if s["state"] == "failed"]
            told = f"{found['paused']}: " + (", ".join(f"{s['name']} {s['error']}" for s in failed) or "no step failed")
            if not pauses or pauses[-1] != told:
                pauses.append(told)
                for record in world.fleet.ask("timeline", str(number))["records"]:
                    print(f"\n        {record['text']}" if " failed by " in record["text"] else "", end="")
            expect(said.startswith("drover "), f"paused, and nobody is told what to do: {said}")
            time.sleep(1)
            for step in failed:
                world.fleet.drover("step", "retry", str(number), step["name"], check=False)
            if not failed:
                world.fleet.drover("resume", str(number), check=False)
        time.sleep(0.2)
    raise FleetError(f"half-silent: execution {number} is neither over nor paused after {ROUND_S} s: {execution_of(world, number)}")


def whole_again(world):
    """One region serves and the other follows it; a reprotect is what an operator has for one that does not by itself."""
    def owner():
        status = world.fleet.status()
        region = status.get("owner")
        return region if status.get("open") and region in OTHER and world.writable(region) else None
    region = world.fleet.wait(owner, 90, "one region serves")
    by_hand = ""
    try:
        world.fleet.wait(lambda: follows(world, region), 60, f"{OTHER[region]} follows {region}")
    except FleetError:
        by_hand = ", by a reprotect"
        drive(world, declare(world, "reprotect", OTHER[region]))
        world.fleet.wait(lambda: follows(world, region), 90, f"{OTHER[region]} follows {region} behind a reprotect")
    return region, by_hand


def one_round(world, owner, kind, step, component, at_source, fault, moment, typical_s):
    """Returns the region that serves, and how long the step took when nothing disturbed it."""
    target = OTHER[owner]
    hosts = [f"{owner if at_source != (kind == 'reprotect') else target}-db1"]
    begun, begun_ns = time.monotonic(), raw_ns()
    with Disturbance(world, hosts, step, component, fault, moment, typical_s) as disturbance:
        number = declare(world, kind, target)
        stage, pauses = drive(world, number)
        took_s = time.monotonic() - begun
    if disturbance.error is not None:
        raise disturbance.error
    owner, by_hand = whole_again(world)
    if kind != "failover":
        world.nothing_lost(owner, begun_ns)
    said = f"; paused: {'; '.join(pauses)}" if pauses else ""
    met = "" if disturbance.happened.is_set() else ", never met"
    print(f"    {kind} {step}, {fault} at its {moment}{met}: {stage} after {took_s:.1f} s{said}; {owner} serves and is followed "
          f"after {time.monotonic() - begun:.1f} s{by_hand}", flush=True)
    return owner


def typical(world, owner):
    """One round of each kind undisturbed: step -> seconds."""
    known = {}
    for kind in ("switchover", "failover", "reprotect"):  # in the order in which one needs the other
        number = declare(world, kind, OTHER[owner])
        drive(world, number)
        for step in execution_of(world, number)["steps"]:
            known[kind, step["name"]] = step["took_ms"] / 1000
        owner, _ = whole_again(world)
    return owner, known


def kills(build, times, first=0, kinds=KINDS):
    """All of them once when times is 0, from that one on; else so many, drawn by chance."""
    with World(build, timing=Timing(automatic=False)) as world:
        rows = [(kind, *step, fault, moment) for (_, kind), steps in steps_of(world).items() if kind in kinds
                for step in steps for fault in FAULTS for moment in MOMENTS]
        rows = rows[first:]
        if times:
            rows = random.sample(rows, min(times, len(rows)))
        world.judges_start()
        owner, known = typical(world, "east")
        print("    undisturbed: " + ", ".join(f"{kind} {step} {took:.2f} s" for (kind, step), took in known.items()), flush=True)
        for number, row in enumerate(rows, first):
            print(f"    {number}", end="")
            owner = one_round(world, owner, *row, known[row[0], row[1]])
        report = world.judged()
        world.one_writer(report)
        print(f"    {len(rows)} rounds")
