"""Stores, clocks and disks: pauses short of the lease, stepped wall clocks, members without a disk, databases that die,
replication that lags, a standby that is not fit."""

import os
import time

from e2e.world import expect

from . import common
from .means import (
    SmallDisk,
    WallClock,
    apply,
    declare,
    gate,
    passed_s,
    port_dropped,
    region_class,
    replaced,
    rpo,
    served_again,
    topology_text,
    wait_class,
    wait_gate,
)
from .table import scenario

HOUR = 3600


def _log_says(world, name, event, least_ms):
    """The process's own log names the event with a figure of at least so much, either way."""
    def said():
        for line in world.log(name).splitlines():
            if event in line and abs(int(line.rsplit("_ms=", 1)[1].split()[0])) >= least_ms:
                return line
        return None
    line = world.fleet.wait(said, 10, f"the log of {name} says {event} with {least_ms} ms")
    print(f"    logged: {line.strip()[:140]}")


@scenario(15, world="patient")
def a_pause_short_of_the_lease_moves_nothing(world):
    """Agent and guard of the holder, then the member that keeps the time, stand still for 3 s, which is well short of the
    lease: no failover, nothing flaps, and the pause is in the log with its length."""
    before = world.fleet.status()
    keeper = next(m["name"] for m in world.fleet.ask("members")["members"][0]["members"] if m["timekeeper"])
    postmaster = world.lab.postmaster("east-db1").pid
    for names in (("east-db1/agent", "east-db1/guard"), (keeper,)):
        handles = [world.fleet.process(name) for name in names]
        begun = time.monotonic()
        for handle in handles:
            handle.sigstop()
        time.sleep(3)
        for handle in handles:
            handle.sigcont()
        stood_s = passed_s(begun)
        expect(stood_s < 6, f"this machine let 3 s become {stood_s:.1f} s: nothing can be learnt from that")
        common.nothing_moves(world, 3)
        if names[0].endswith("/agent") or len(names) == 1:
            _log_says(world, names[0], "process.paused", 2900)
    after = world.fleet.status()
    expect(after["epoch"] == before["epoch"] and after["phase"] == "serving", after)
    expect(world.lab.postmaster("east-db1").pid == postmaster, "the database was disturbed")
    common.reasoned(world, r"no longer hears east-db1", r"hears east-db1")


@scenario(16)
def the_wall_clock_may_step(world):
    """The wall clock of the holder's agent and guard, and of two members, jumps by an hour, forward and back: no lease ends,
    nothing moves, and each says so in its log."""
    fleet = world.fleet
    shifted = {}
    shifted["east-db1/guard"] = WallClock(world, "east-db1/guard", lambda: fleet.start_guard("east-db1"))
    shifted["east-db1/agent"] = WallClock(world, "east-db1/agent", lambda: fleet.start_agent("east-db1"))
    for name in ("m1", "m2"):
        shifted[name] = WallClock(world, name, lambda name=name: fleet.start_member(name))
        fleet.wait(lambda name=name: "member.caught_up" in world.log(name).rsplit("member.started", 1)[-1], 30,
                   f"{name} has caught up")
    common.settled(world)
    epoch = common.epoch(world)
    for steps in ({"east-db1": HOUR}, {"east-db1": -HOUR}, {"m1": HOUR}, {"m1": -HOUR, "m2": HOUR}, {}):
        for name, clock in shifted.items():
            clock.set(steps.get(name.split("/")[0], 0))
        common.nothing_moves(world, world.timing.lease / 1000 / 2)  # every one of them has asked or answered by then
    for name in shifted:
        if not name.endswith("/guard"):  # the guard sees no wall clock at all
            _log_says(world, name, "clock.stepped", (HOUR - 1) * 1000)
    expect(common.epoch(world) == epoch, "the lease has moved")
    common.reasoned(world, r"serving|east is well")


@scenario(20, spoils=True)
def a_member_that_cannot_write_does_not_vote(world):
    """Two of three members have a disk that is full, or read-only, when the region dies: they refuse rather than warn, so
    nothing is promoted, and they say why. With space again the move goes on."""
    with SmallDisk(world, "m2") as full, SmallDisk(world, "m3") as stuck:
        for name in ("m2", "m3"):
            world.fleet.wait(lambda name=name: "member.caught_up" in world.log(name).rsplit("member.started", 1)[-1], 30,
                             f"{name} has caught up")
        time.sleep(world.timing.settle / 1000 + 1)
        full.fill()
        stuck.read_only()
        common.nothing_moves(world, 6)  # who may not write goes on attesting what is open
        world.kill_region()
        world.fleet.wait(lambda: not world.fleet.ask("status")["open"] or world.fleet.ask("status")["epoch"] > 1, 60,
                         "the epoch is closed")
        world.never_writable("west", common.bound_s(world, 0))
        for name in ("m2", "m3"):
            tail = world.log(name).rsplit("member.started", 1)[-1]
            expect("notes.write" in tail and "the close cannot be applied yet" in tail, f"{name} does not say what is wrong")
        common.reasoned(world, r"CLOSE epoch 1")
        full.free()
        world.wait_writable("west", common.bound_s(world, 40))
        stuck.writable()
        world.failed_over(60)
        common.reasoned(world, r"OPEN epoch 2 for west")
        for name in ("m2", "m3"):
            world.fleet.process(name).kill()
    for name in ("m2", "m3"):
        os.makedirs(f"{world.fleet.directory}/{name}", exist_ok=True)


@scenario(22, spoils=True)
def a_member_that_lost_its_disk_waits_before_it_speaks(world):
    """A member that said yes to the old region loses its disk, and comes back under its name and key in the middle of the
    move: it reads the log to its end, and answers for the next epoch only a whole wait after its own start. The other
    member that could answer is dead, so without that wait the promotion would come at once."""
    world.fleet.process("m1").kill()
    world.lab.isolate("east")
    world.fleet.wait(lambda: common.records(world) and any("CLOSE epoch 1" in r["text"] for r in common.records(world)), 60,
                     "the epoch is closed")
    world.fleet.process("m3").kill()
    home = f"{world.fleet.directory}/m3"
    with open(f"{home}/coordinator.conf", encoding="utf-8") as file:
        conf = file.read()
    for root, folders, files in os.walk(home, topdown=False):
        for name in files:
            os.remove(f"{root}/{name}")
        for name in folders:
            os.rmdir(f"{root}/{name}")
    with open(f"{home}/coordinator.conf", "w", encoding="utf-8") as file:
        file.write(conf)
    begun = time.monotonic()
    world.fleet.start_member("m3")
    world.never_writable("west", world.timing.wait / 1000 - 0.2)
    waited_s = passed_s(begun)
    world.wait_writable("west", common.bound_s(world, 40))
    print(f"    west was shut for {waited_s:.1f} s behind the start of m3, took writes {passed_s(begun):.1f} s behind it; "
          f"the wait is {world.timing.wait / 1000:.2f} s")
    tail = world.log("m3").rsplit("member.started", 1)[-1]
    expect("closed_epoch=0 waited_epoch=0" in tail, "m3 kept its notes")
    for words in ("member.caught_up", "answer=4"):
        expect(words in tail, f"the log of m3 lacks {words}")
    world.failed_over(60)
    common.reasoned(world, r"CLOSE epoch 1", r"OPEN epoch 2 for west")
    world.fleet.start_member("m1")


@scenario(24, spoils=True)
def a_dead_database_is_left_to_patroni_first(world):
    """PostgreSQL dies, its agent lives: Patroni starts it again within the hold-down, and the region keeps the service. When
    Patroni is dead, too, and nobody leads for the hold-down, the policy `automatic_sick` moves the service."""
    apply(world, replaced(topology_text(world), [(r"policy: \{", "policy: { automatic_sick = true;"),
                                                 (r"hold_down = \d+", "hold_down = 12000")]), "a sick region moves, too")
    epoch = common.epoch(world)
    world.lab.postmaster("east-db1").kill()
    world.wait_writable("east", 60)
    wait_class(world, "east", "well", 40)
    expect(common.epoch(world) == epoch, "Patroni was not waited for")
    served_again(world, "east")
    world.lab.service_stop("east-db1", "patroni", sig=9)
    world.lab.postmaster("east-db1").kill()
    wait_class(world, "east", "region-sick", 40)
    begun = time.monotonic()
    waits = world.fleet.wait(lambda: (g := gate(world, "hold-down")) and not g["passes"] and g["value"] > 0 and g, 30,
                             "the hold-down runs")
    print(f"    explain: the hold-down needs {waits['would_need']}")
    world.wait_writable("west", common.bound_s(world, 50))
    expect(passed_s(begun) > 8, "it moved without waiting for the hold-down")
    world.failed_over(60)
    common.reasoned(world, r"rule 201", r"rule 203", r"CLOSE epoch 1", r"OPEN epoch 2 for west")


@scenario(39)
def a_standby_that_is_not_fit_is_said_beforehand(world):
    """The standby's database is down: `explain` says so while all is well with the active region; when that one is cut off,
    nothing moves into a region that could not serve. Healed, the region serves on."""
    epoch = common.epoch(world)
    world.lab.service_stop("west-db1", "patroni")
    shut = wait_gate(world, "standby region is ready", False, 30)
    expect("west-db1-postgresql" in shut["would_need"], shut)
    expect(region_class(world, "east") in ("well", "link-only"), "the active region is well")
    common.reasoned(world, r"standby region is ready.*west-db1-postgresql")
    world.lab.isolate("east")
    wait_gate(world, "hold-down", True, common.bound_s(world))
    world.never_writable("west", 4)
    expect(common.epoch(world) == epoch and not gate(world, "standby region is ready")["passes"], "it has moved")
    common.reasoned(world, r"a gate stands in the way", r"east, epoch \d+: .*own voice and the outside view agree")
    world.lab.service_start("west-db1", "patroni")
    world.lab.rejoin("east")
    served_again(world, "east")


@scenario(38, spoils=True)
def lag_beyond_the_objective_is_for_people_and_a_hung_step_stops_the_plan(world):
    """Replication lags beyond the objective when the region is cut off: every other gate passes and nothing moves, with the
    figure and the limit shown. An operator declares: that goes past the gate, for this run alone. The promotion hangs: its
    deadline, its second try, then the plan stops half way and says where; DNS still points to the old region; mended and
    tried again the plan goes on to its end."""
    apply(world, replaced(topology_text(world), rpo(6) + [(
        r'action = "patroni_promote"; component = "postgresql"; timeout = 30000; retries = 3',
        'action = "patroni_promote"; component = "postgresql"; timeout = 4000; retries = 1')]), "a small objective")
    wait_gate(world, "loss is known", True, 30)
    front = {region: world.fleet.front(region).address for region in ("east", "west")}
    world.lab.cut("east-front", "west-db1")  # replication goes through the front
    shut = wait_gate(world, "loss is known", False, 60)
    print(f"    while it serves: {shut['gate']}: {shut['value']} ms of {shut['limit']} ms by {shut['subject']}")
    with port_dropped(world, "west-db1", 8008):
        world.lab.isolate("east")
        for words in ("hold-down", "outside view", "attested its lease", "own voice", "standby region"):
            wait_gate(world, words, True, common.bound_s(world))
        world.never_writable("west", 3)
        shut = gate(world, "loss is known")
        expect(not shut["passes"] and (shut["value"] > shut["limit"] or shut["value"] < 0), shut)
        common.reasoned(world, r"a gate stands in the way", r"loss is known.*(behind by less|known at both ends)")
        expect(common.epoch(world) == 1 and not world.fleet.ask("executions")["executions"], "it moved by itself")
        declare(world, "west", reason="customers wait, the loss is accepted")
        _stops_half_way(world, front["east"])
    world.fleet.drover("step", "retry", "1", "promote-postgresql")
    world.approve(1, "dns-api", seconds=90)
    world.fleet.wait(lambda: world.stage(1) == "done", 90, "the plan is done")
    expect(world.lab.lookup("api.bud.test") == [front["west"]], "DNS points to the new region")
    expect(not gate(world, "loss is known")["passes"] or gate(world, "loss is known")["limit"] == 6000, "the gate stands")
    common.reasoned(world, r"sre-1 declared failover to west: customers wait, the loss is accepted",
                    r"step promote-postgresql failed", r"paused-by-failed-step", r"sre-1 asked: step.retry promote-postgresql")


def _stops_half_way(world, old_front):
    world.fleet.wait(lambda: world.fleet.ask("executions")["executions"][0]["paused"] == "paused-by-failed-step",
                     common.bound_s(world, 60), "the plan stops at the failed step")
    execution = world.fleet.ask("executions")["executions"][0]
    steps = {step["name"]: step["state"] for step in execution["steps"]}
    expect(steps["promote-postgresql"] == "failed" and steps["dns-api"] == "waiting", steps)
    expect(world.lab.lookup("api.bud.test") == [old_front], "DNS was switched before the database")
    expect(world.recovering("west-db1"), "the promotion went through after all")
    act = world.fleet.status()["next_human_act"]
    expect("drover step retry 1 promote-postgresql" in act, act)
    print(f"    next human act: {act}")
    expect(not execution["automatic"] and execution["declared_by"] == "sre-1", execution)
