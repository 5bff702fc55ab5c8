"""Every step of the plans that stay inside a region, disturbed at its start, middle and end. Such a plan comes to its end, or pauses
with a true reason, and what it says helps; the members change places once, the lease never."""

import random
import signal
import time
from contextlib import suppress

from e2e.inside import DBA, leader, master
from e2e.world import World, expect
from fleet import Timing
from lab import LabError
from lab.base import raw_ns

from .kills import FAULTS, MOMENTS, Disturbance, declare, drive, execution_of, steps_of
from .rounds import follows

REGION = "east"
KINDS = ("component", "drill")
PAIR = (f"{REGION}-db1", f"{REGION}-db2")
DEMOTED_S = 8  # behind a cut Patroni's leader shuts itself down, when it missed its etcd for retry_timeout, and leads again
STORE_OF = {"switch-postgresql": "postgresql", "switch-redis": "redis"}


class Inside(Disturbance):
    """The store is the member that leads at that moment; `pair` is the link between the two members. The agent comes back while
    its host has the lease: one that comes back without it takes the whole region for lost, and shuts both members' stores."""
    healed_s = {"agent": 1.5}

    def _store(self):
        lab = self.world.lab
        if self.component == "postgresql":
            with suppress(LabError):
                lab.postmaster(self.world.leader(REGION)).kill()
            return lambda: None  # Patroni starts it again
        if self.component == "redis":
            place = next((host for host in PAIR if lab.redis(host, "ROLE")[0] == "master"), PAIR[0])
            lab.service_stop(place, "redis", sig=signal.SIGKILL)
            return lambda: lab.service_start(place, "redis")
        lab.service_stop(f"{REGION}-front", "haproxy", sig=signal.SIGKILL)
        return lambda: lab.service_start(f"{REGION}-front", "haproxy")

    def _pair(self):
        self.world.lab.cut(*PAIR)
        return self.world.lab.heal


def whole_again(world):
    """east serves, in both stores one member leads and the other follows, and west follows east. Who leads, and how often it moved."""
    world.fleet.wait(lambda: world.fleet.serving(REGION) and world.writable(REGION), 90, "east serves")
    found = {"postgresql": world.fleet.wait(lambda: leader(world, REGION), 90, "one leads east, the other follows"),
             "redis": world.fleet.wait(lambda: master(world, REGION), 90, "one is the master in east, the other follows")}
    world.fleet.wait(lambda: follows(world, REGION), 90, "west follows east")
    return found


def moved_once(before, after, store, fault, done):
    """What was killed or cut may make Patroni or Sentinel move by themselves, besides; nothing else may."""
    other = next(name for name in after if name != store)
    if fault in ("store", "pair"):
        return
    expect(after[other] == before[other], f"{other} moved, which nobody asked for: {before} {after}")
    moves_n = after[store][1] - before[store][1]
    moved = after[store][0] != before[store][0]
    # Sentinels that give a move up have counted it.
    once = moved and (moves_n == 1 or store == "redis")
    expect(once if done else once or not moved, f"{store} moved {moves_n} times: {before} {after}")


def one_round(world, before, plan, kind, step, component, fault, moment, typical_s):
    """Returns who leads behind it."""
    begun, begun_ns = time.monotonic(), raw_ns()
    epoch = world.fleet.ask("status")["epoch"]
    with Inside(world, PAIR, step, component, fault, moment, typical_s) as disturbance:
        number = declare(world, kind, REGION, "--plan", plan)
        stage, pauses = drive(world, number, DBA)
        took_s = time.monotonic() - begun
    if disturbance.error is not None:
        raise disturbance.error
    store = next(STORE_OF[s["name"]] for s in execution_of(world, number)["steps"] if s["name"] in STORE_OF)
    after = whole_again(world)
    if fault == "pair":
        time.sleep(DEMOTED_S)
        after = whole_again(world)
    moved_once(before, after, store, fault, stage == "done")
    expect(world.fleet.ask("status")["epoch"] == epoch, "the epoch moved")
    if fault not in ("store", "pair"):
        world.nothing_lost(REGION, begun_ns)
    said = f"; paused: {'; '.join(pauses)}" if pauses else ""
    met = "" if disturbance.happened.is_set() else ", never met"
    print(f"    {plan} {step}, {fault} at its {moment}{met}: {stage} after {took_s:.1f} s{said}; whole again after "
          f"{time.monotonic() - begun:.1f} s", flush=True)
    return after


def inside(build, times, first=0, kinds=KINDS):
    """All of them once when times is 0, from that one on; else so many, drawn by chance."""
    with World(build, timing=Timing(automatic=False, inside=True), small=False) as world:
        plans = [key for key in steps_of(world) if key[1] in kinds]
        rows = [(*key, *step[:2], fault, moment) for key in plans for step in steps_of(world)[key]
                for fault in (*FAULTS, "pair") for moment in MOMENTS][first:]
        if times:
            rows = random.sample(rows, min(times, len(rows)))
        world.judges_start()
        known = {}
        for plan, kind in plans:
            number = declare(world, kind, REGION, "--plan", plan)
            drive(world, number, DBA)
            known.update({(plan, step["name"]): step["took_ms"] / 1000 for step in execution_of(world, number)["steps"]})
            found = whole_again(world)
        print("    undisturbed: " + ", ".join(f"{plan} {step} {took:.2f} s" for (plan, step), took in known.items()), flush=True)
        for number, row in enumerate(rows, first):
            print(f"    {number}", end="")
            try:
                found = one_round(world, found, *row, known[row[0], row[2]])
            except Exception:
                for host in PAIR:
                    print(f"--- Patroni and PostgreSQL of {host}\n{world.lab.process(host, 'patroni').log_tail(60)}")
                raise
        report = world.judged()
        world.one_writer(report)
        print(f"    {len(rows)} rounds")
