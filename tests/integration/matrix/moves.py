"""Moves under trouble: through a bad network, with slow disks, and planned ones whose link is lost on the way."""

import os
import subprocess
import time

from e2e.world import World, expect, expect_pace
from fleet import Timing

from . import common
from .common import bound_s, nothing_moves, reasoned, reshape, selves, streaming, world
from .noise import Noise
from .table import ROOT, refer, scenario

# -- a bad network. Messages go over TCP: what is lost comes later, so the lease is longer than elsewhere, as booth's was.


world("noisy")(lambda build: World(build, timing=Timing(
    lease=8000, renew=1100, fence=2400, gate_early=800, wait=8270, promise=8270, silent=4000, hold_down=4000, block=600000)))


@scenario(33, world="noisy", spoils=True)
def lost_late_doubled_and_overtaking_packets_change_no_outcome(world_):
    """Between all regions: packets 100 ms late, overtaking each other, every tenth twice: nothing moves. Then 30 % of them lost
    besides, and the active region is lost: it is moved once, as over a good network, and with the network good again at the latest."""
    with Noise(world_.lab, delay_ms=100, jitter_ms=40, doubled=10) as noise:
        nothing_moves(world_, world_.timing.lease / 1000 * 1.5)
        told = noise.told()
        print(f"    {told}")
        expect_pace(told["packets"] > 300 and told["doubled"] > 10 and told["overtaken"] > 10, told)
        expect_pace(told["dropped"] < told["packets"] / 100, f"the noise itself could not follow: {told}")
    expect(common.moves(world_) == 0 and common.epoch(world_) == 1, "an epoch was closed")
    with Noise(world_.lab, loss=30, delay_ms=100, jitter_ms=40, doubled=10) as noise:
        time.sleep(world_.timing.renew / 1000 * 3)
        world_.lab.isolate("east")
        # Sessions of ZeroMQ break and are made anew all the time; how soon enough of them stand together is a matter of luck.
        deadline = time.monotonic() + 30
        while not world_.writable("west") and time.monotonic() < deadline:
            time.sleep(0.5)
        told = noise.told()
        print(f"    {told}; {'moved' if world_.writable('west') else 'not moved'} while packets were lost")
        expect_pace(told["lost"] > told["packets"] / 5, told)
    world_.wait_writable("west", bound_s(world_, extra_s=45))
    world_.failed_over(90)
    expect(not world_.writable("east"), "east still takes its neighbours' writes")
    reasoned(world_, "rule 203", "CLOSE epoch 1", "OPEN epoch 2 for west")
    expect(common.moves(world_) == 1 and common.epoch(world_) == 2, "more than one epoch was closed")


refer(33, "sim", "no-nonce", "late and doubled answers taken for new ones are caught: the simulator loses, delays, doubles and reorders")
refer(33, "adversary", "replayed_frames_change_nothing", "whole sessions again")


# -- slow disks


def _slow_library(world_):
    path = f"{world_.lab.run_dir}/slow_sync.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", path, f"{ROOT}/tests/integration/engine/slow_sync.c"],
                   check=True, timeout=60)
    return path


@scenario(19, spoils=True)
def members_whose_disks_hang_say_yes_to_nothing_that_is_not_durable(world_):
    """The disks of two members hang: the lease lives on without them. The region is lost: nobody is promoted before a majority
    has its CLOSE on disk; when the disks work again, the move is made, once."""
    library, hang = _slow_library(world_), f"{world_.lab.run_dir}/disks-hang"
    for name in ("m1", "m2"):
        world_.fleet.process(name).stop()
        handle = world_.lab.spawn(
            world_.fleet.members[name].name,
            [world_.fleet.program("drover-coordinator"), "--config", f"{world_.fleet.directory}/{name}/coordinator.conf"],
            env={"LD_PRELOAD": library, "DROVER_SLOW_SYNC": hang}, name=f"drover-{name}")
        world_.fleet.processes[name] = handle
        world_.fleet.wait(lambda name=name: selves(world_).get(name, {}).get("caught_up"), 30, f"{name} is back")
    time.sleep(world_.timing.settle / 1000 + 1)
    with open(hang, "w", encoding="ascii"):
        pass
    try:
        nothing_moves(world_, world_.timing.lease / 1000 * 2)
        world_.lab.isolate("east")
        # A move with good disks takes the larger of lease and hold-down.
        world_.never_writable("west", (world_.timing.lease + world_.timing.hold_down + world_.timing.silent) / 1000 + 2)
    finally:
        os.unlink(hang)
    world_.wait_writable("west", bound_s(world_))
    world_.failed_over(60)
    reasoned(world_, "rule 203", "CLOSE epoch 1", "OPEN epoch 2 for west")
    expect(common.moves(world_) == 1, "more than one epoch was closed")


refer(19, "engine", "etcd_goes_on_when_the_leader_hangs", "the log's own disk")
refer(19, "unit", "a_certificate_too_late_for_the_disk_gives_nothing_but_keeps_the_epoch", "the guard's own disk is slow")
refer(19, "sim", "no-durable-close", "a yes before the close is on disk is caught; disks are slow there")


# -- a planned switchover


def _declare_switchover(world_, to="west"):
    known = {found["id"] for found in world_.fleet.ask("executions")["executions"]}
    common.ordered(world_, "declare", "--to", to, "--kind", "switchover", "--reason", "maintenance", "--yes")
    return (({found["id"] for found in world_.fleet.ask("executions")["executions"]}) - known).pop()


def _said(world_, words, since):
    """Until the source's agent has logged it: looked for often, because steps are short."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        if any(all(word in line for word in words) for line in world_.log("east-db1/agent")[since:].splitlines()):
            return
        time.sleep(0.005)
    expect(False, f"the agent of east did not say {words}")


def _comes_to_its_end(world_, number):
    """Done or given up, whichever it is; an approval that it waits for is given."""
    def ended():
        found = next(e for e in world_.fleet.ask("executions")["executions"] if e["id"] == number)
        for step in found["steps"]:
            if step["state"] == "needs-approval":
                world_.fleet.drover("approve", str(number), step["name"], who="net-1", check=False)
        return found["stage"] if found["stage"] in ("done", "aborted") else None
    stage = world_.fleet.wait(ended, 150, "the move has come to its end")
    told = world_.fleet.ask("executions")["executions"]
    steps = next(e for e in told if e["id"] == number)["steps"]
    print(f"    {stage}: " + ", ".join(f"{step['name']} {step['state']}" for step in steps))
    return stage


@scenario(46, world="declared", spoils=True)
def a_switchover_whose_link_is_lost_ends_on_one_side_with_nothing_lost(world_):
    """The link between the regions is lost as the hand-off begins, and again as it ends, and stays lost: whether the move is undone
    by itself or completed, one side serves, with every acknowledged row."""
    # Steps give up sooner than in a plan for people, but long after what they need where nothing is lost.
    reshape(world_, ("timeout = 20000; intent", "timeout = 10000; intent"), ("before_fence = true; timeout = 30000;", "before_fence = true; timeout = 10000;"))
    time.sleep(1)
    for words in (("command.running", "step=handoff-"), ("command.finished", "step=handoff-postgresql", "state=2")):
        since = len(world_.log("east-db1/agent"))
        number = _declare_switchover(world_)
        _said(world_, words, since)
        world_.lab.cut("east", "west")
        print(f"    the link is lost at: {' '.join(words)}")
        begun = time.monotonic()
        stage = _comes_to_its_end(world_, number)
        region, other = ("west", "east") if stage == "done" else ("east", "west")
        world_.wait_writable(region, 60)
        took_s = time.monotonic() - begun
        print(f"    {region} serves {took_s:.1f} s after the link was lost")
        # A stop of PostgreSQL that waits for the lost standby takes wal_sender_timeout: a minute. The steps have ten seconds.
        expect_pace(stage == "done" or took_s < 55, f"{region} served again only after {took_s:.1f} s")
        expect(not world_.writable(other), f"{other} takes writes too")
        reasoned(world_, f"execution {number}: {stage}", f"execution {number} begins: switchover")
        world_.nothing_lost(region)
        world_.lab.heal()
        if stage == "done":
            break
        streaming(world_, "east")
        world_.fleet.wait(lambda: world_.lab.redis("west-db1", "INFO", "replication").count("master_link_status:up"), 60, "Redis follows")
        time.sleep(2)
    expect(common.moves(world_) <= 1, "more than one epoch was closed")


refer(46, "e2e", "a_planned_switchover_and_back_loses_nothing", "there and back over a good link")
refer(46, "unit", "a_handoff_that_fails_is_undone_by_itself", "each step of the hand-off")
refer(46, "unit", "an_undoing_that_fails_is_tried_again_but_not_in_a_rush", "the way back")
