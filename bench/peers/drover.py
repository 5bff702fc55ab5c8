"""drover itself in the integration lab: PostgreSQL under Patroni, Redis, HAProxy, DNS, three members on etcd, gates shut
by the kernel; judged by the lab's own writer and probers, who know nothing of drover."""

import os
import random
import time

from e2e.world import World
from fleet import Timing
from lab import judge
from lab.base import raw_ns

from . import place as places
from .outcome import Outcome
from .place import wait

# A member's signed answer is far longer than ZeroMQ's own heartbeats, so this is an answer to a question of the agent.
ANSWER_BYTES_MIN = 200
AGENTS_PORT = 7401


def missing(build):
    """The program that is not built, or None."""
    wanted = ("agent/drover-agent", "agent/guard/drover-guard", "coordinator/drover-coordinator", "coordinator/cli/drover")
    return next((path for path in wanted if not os.path.isfile(f"{build}/{path}")), None)


class Drover:
    cases = ("renewal", "stopped", "isolated", "oneway", "majority", "dead")

    def __init__(self, build):
        self.build, self.timing = build, Timing()
        self.name = f"drover, lease {self.timing.lease // 1000} s"

    def _cut(self, world, case):
        t_s = self.timing.lease / 1000
        if case == "renewal":
            self._cut_renewal(world)
            return
        world.jitter(self.timing.renew / 1000)  # anywhere in a renewal
        if case == "isolated":
            world.lab.isolate("east")
        elif case == "oneway":
            for region in ("watch", "west", "outside"):
                world.lab.cut(region, "east", oneway=True)
        elif case == "dead":
            world.kill_region()
        elif case == "stopped":
            both = [world.fleet.process(f"east-db1/{name}") for name in ("agent", "guard")]
            for process in both:
                process.sigstop()
            time.sleep(3 * t_s)
            for process in both:
                process.sigcont()
        else:
            for name in ("m2", "m3"):
                world.fleet.process(name).kill()
            time.sleep(2 * t_s)
            for name in ("m2", "m3"):
                world.fleet.start_member(name)
            time.sleep(t_s)

    @staticmethod
    def _cut_renewal(world):
        """At one member's answer, whichever: the others' may be there already, and the certificate with them."""
        member = world.fleet.members[random.choice(list(world.fleet.members))].address
        holder = world.fleet.databases("east")[0].address
        places.arm(world.lab.prefix, f"ip saddr {member} ip daddr {holder} tcp sport {AGENTS_PORT} meta length > {ANSWER_BYTES_MIN}")
        if places.struck(world.lab.prefix, 10) is None:
            raise RuntimeError("drover: no renewal was seen")

    @staticmethod
    def _serving(world):
        """The one region that takes writes, as a neighbour inside it finds."""
        found = [region for region in ("east", "west") if world.writable(region)]
        return found[0] if len(found) == 1 else None

    def run(self, case):
        with World(self.build, timing=self.timing) as world:
            world.judges_start()
            begun_ns = raw_ns()
            self._cut(world, case)
            if case != "majority":  # wait for what is decided, wherever that is
                patience_s = (self.timing.lease + self.timing.hold_down) / 1000 + 30
                wait(lambda: world.writable("west"), patience_s, 0.2)
            time.sleep(4)  # the DNS name and its TTL
            serving = wait(lambda: self._serving(world), 20, 0.2)
            time.sleep(1)
            world.judges_stop()
            return self._outcome(world, case, serving, begun_ns)

    def _outcome(self, world, case, serving, begun_ns):
        if serving is None:
            raise RuntimeError("drover: not exactly one region serves in the end")
        host = f"{serving}-db1"
        report = world.lab.judge(host)
        writes, probes = world.lab.logs_of_judge()
        names = {line["vantage"]: line["prober"] for line in probes if "prober" in line}
        taken = {(names[line["vantage"]], line["target"], line["id"]) for line in probes
                 if line.get("outcome") == "accepted" and line["store"] == "postgres"}
        kept = {tuple(row) for row in world.lab.sql(host, "SELECT prober, target, id FROM probe")}
        return Outcome(self.name, case, report["stores"]["any"]["overlap_s"], self._outage_s(writes, begun_ns),
                       report["acked"] + len(taken), len(report["lost"]) + len(taken - kept), serving)

    @staticmethod
    def _outage_s(writes, begun_ns):
        return judge.outage([line for line in writes if "ok" in line and line["sent"] >= begun_ns])["gap_ns"] / 1e9
