"""Stores, clocks and disks: pauses short of the lease, stepped wall clocks, members without a disk, databases that die,
replication that lags, a standby that is not fit."""

import random
import time

from e2e.world import expect, expect_pace

from . import common
from .means import (
    SmallDisk,
    WallClock,
    apply,
    declare,
    executions,
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
        expect_pace(stood_s < 12, f"this machine let 3 s become {stood_s:.1f} s: nothing can be learnt from that")
        common.nothing_moves(world, 3)
        if names[0].endswith("/agent") or len(names) == 1:
            _log_says(world, names[0], "process.paused", 2900)
    after = world.fleet.status()
    expect(after["epoch"] == before["epoch"] and after["phase"] == "serving", after)
    expect(world.lab.postmaster("east-db1").pid == postmaster, "the database was disturbed")
    common.reasoned(world, r"no longer hears east-db1", r"hears east-db1")


def _no_lag_of_clocks(world):
    """An hour is on no link, whichever end's clock is off, and no objective is said to be missed. A member that was just
    started may know no lag for a moment."""
    status = {}

    def well():
        status.update(world.fleet.status())
        return status.get("links") and not status["rpo_alarms"] and all(link["known"] for link in status["links"])

    world.fleet.wait(well, 20, "all lags are known")
    expect(all(link["lag_ms"] < HOUR * 100 for link in status["links"]), status["links"])


def _said_off(world, agent, by_s):
    clocks = world.fleet.status().get("clocks_off", [])
    named = [clock["off_ms"] for clock in clocks if clock["agent"] == agent]
    ready = world.fleet.drover("readiness", "west", check=False).stdout
    return len(named) == 1 and abs(named[0] - by_s * 1000) < 5000 and f"clock {agent}" in ready


@scenario(16, world="house")
def the_wall_clock_may_step(world):
    """The wall clock of the holder's agent and guard, and of two members, jumps by an hour, forward and back: no lease ends,
    nothing moves, no lag is an hour long, the agent's clock is told as off by so much, and each says so in its log."""
    fleet = world.fleet
    shifted = {}
    shifted["east-db1/guard"] = WallClock(world, "east-db1/guard", lambda: fleet.start_guard("east-db1"))
    shifted["east-db1/agent"] = WallClock(world, "east-db1/agent", lambda: fleet.start_agent("east-db1"))
    for name in ("m1", "m2"):
        shifted[name] = WallClock(world, name, lambda name=name: fleet.start_member(name))
        _caught_up(world, name)
    common.settled(world)
    epoch = common.epoch(world)
    for steps in ({"east-db1": HOUR}, {"east-db1": -HOUR}, {"m1": HOUR}, {"m1": -HOUR, "m2": HOUR}, {}):
        for name, clock in shifted.items():
            clock.set(steps.get(name.split("/")[0], 0))
        common.nothing_moves(world, world.timing.lease / 1000 / 2)  # every one of them has asked or answered by then
        _no_lag_of_clocks(world)
        if "east-db1" in steps:
            fleet.wait(lambda by=steps["east-db1"]: _said_off(world, "east-db1", by), 15, "the clock that is off is told")
        elif not steps:
            fleet.wait(lambda: fleet.status().get("clocks_off") == [], 15, "all clocks are right again")
    for name in shifted:
        if not name.endswith("/guard"):  # the guard sees no wall clock at all
            _log_says(world, name, "clock.stepped", (HOUR - 1) * 1000)
    expect(common.epoch(world) == epoch, "the lease has moved")
    common.reasoned(world, r"serving|east is well")


@scenario(20, world="house", spoils=True)
def a_member_that_cannot_write_does_not_vote_and_one_without_its_disk_waits(world):
    """Two of three members have a disk that is full, or takes no writes, when the region is cut off: they refuse rather than
    warn, so nothing is promoted, and they say why. Then the full disk is lost, and its member comes back under its name and
    key with an empty one: it reads the log to its end, and answers for the next epoch only a whole wait after its own start,
    because nobody knows when it last said yes to the old region. The third one goes on when its disk does."""
    epoch = common.epoch(world)
    with SmallDisk(world, "m2") as full, SmallDisk(world, "m3") as stuck:
        for name in ("m2", "m3"):
            _caught_up(world, name)
        wait_gate(world, "members have settled", True, 30)
        full.fill()
        stuck.read_only()
        common.nothing_moves(world, 3)  # who may not write goes on attesting what is open
        world.lab.isolate("east")  # its guards can prove nothing to anybody: the members must wait
        world.fleet.wait(lambda: any(f"CLOSE epoch {epoch}" in record["text"] for record in common.records(world)), 60,
                         "the epoch is closed")
        world.never_writable("west", world.timing.wait / 1000 + 3)
        for name in ("m2", "m3"):
            said = world.log(name).rsplit("member.started", 1)[-1]
            expect("notes.write" in said and "no close is applied until it is written" in said, f"{name} does not say what is wrong")
        begun = time.monotonic()
        full.replace()
        world.never_writable("west", world.timing.wait / 1000 - 0.2)
        waited_s = passed_s(begun)
        world.wait_writable("west", common.bound_s(world, 40))
        print(f"    west was shut for {waited_s:.1f} s behind the start of m2, took writes {passed_s(begun):.1f} s behind it; "
              f"the wait is {world.timing.wait / 1000:.2f} s")
        said = world.log("m2").rsplit("member.notes", 1)[-1]
        for words in ("closed_epoch=0 waited_epoch=0", "member.caught_up", "the member's own wait after the close is not over"):
            expect(words in said, f"the log of m2 lacks {words}")
        stuck.writable()
        world.fleet.wait(lambda: f"kind=open rule=102 result=0 phase=serving epoch={epoch + 1}" in
                         world.log("m3").rsplit("member.started", 1)[-1], 30, "m3 goes on")
        world.failed_over(60)
        common.reasoned(world, rf"CLOSE epoch {epoch}", rf"OPEN epoch {epoch + 1} for west")
        for name in ("m2", "m3"):
            world.fleet.process(name).kill()


def _caught_up(world, name):
    world.fleet.wait(lambda: "member.caught_up" in world.log(name).rsplit("member.started", 1)[-1], 30,
                     f"{name} has caught up")


@scenario(24, world="house", spoils=True)
def a_dead_database_is_patronis_first_and_an_operator_may_come_between(world):
    """PostgreSQL dies, its agent lives: Patroni starts it again within the hold-down, and the region keeps the service. When
    Patroni is dead, too, the policy `automatic_sick` moves the service behind the hold-down; at about that instant an operator
    declares the same: one execution, by whoever came first in the log, and the operator is told its number, be it under way or
    over already. Behind the point of no return it cannot be left, and the refusal says why."""
    def sick_moves(hold_down_ms):
        apply(world, replaced(topology_text(world), [(r"policy: \{", "policy: { automatic_sick = true;"),
                                                     (r"hold_down = \d+", f"hold_down = {hold_down_ms}")]), "a sick region moves")
    sick_moves(120000)
    epoch, known = common.epoch(world), executions(world)
    world.lab.postmaster("east-db1").kill()
    served_again(world, "east", 100)
    expect(common.epoch(world) == epoch and executions(world) == known, "Patroni was not waited for")
    sick_moves(12000)
    wait_gate(world, "loss is known", True, 60)  # behind a new topology the lag has to be learnt again
    wait_gate(world, "members have settled", True, 60)
    world.lab.service_stop("east-db1", "patroni", sig=9)
    world.lab.postmaster("east-db1").kill()
    wait_class(world, "east", "region-sick", 40)
    act = world.fleet.wait(lambda: (found := world.fleet.ask("explain")["next_automatic_act"])["in_ms"] is not None
                           and "automatic failover" in found["text"] and found, 30, "the automatic decision is near")
    decision = time.monotonic() + act["in_ms"] / 1000
    print(f"    explain: {act['text']} in {act['in_ms']} ms")
    expect(executions(world) == known, "it moved without waiting for the hold-down")
    time.sleep(max(0.0, decision - time.monotonic() + random.choice((-0.6, -0.1, 0.3, 6.0))))
    result = declare(world, "west", check=False)
    print(f"    declare: exit {result.returncode}: {' '.join(result.stdout.split())[:160]}")
    expect(result.returncode in (0, 3), f"exit {result.returncode}: {result.stdout}{result.stderr}")
    new = world.fleet.wait(lambda: executions(world)[len(known):], 20, "an execution began")
    expect(len(new) == 1 and f"execution {new[0]}" in result.stdout, f"executions {new}: {result.stdout}")
    world.fleet.wait(lambda: world.stage(new[0]) in ("running", "done"), 60, "the lease has moved")
    refused = world.fleet.drover("abort", str(new[0]), "--reason", "too late", check=False)
    expect(refused.returncode == 3 and "rule 399" in refused.stdout, f"{refused.returncode}: {refused.stdout}")
    print(f"    abort: {refused.stdout.strip()[:160]}")
    if not next(e for e in world.fleet.ask("executions")["executions"] if e["id"] == new[0])["automatic"]:
        world.approve(new[0], "dns-api")
    world.failed_over(60)
    common.reasoned(world, r"rule 201", r"sre-1 declared failover to west", rf"CLOSE epoch {epoch}",
                    rf"OPEN epoch {epoch + 1} for west", r"REFUSED by rule 399")


@scenario(39, world="house")
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


@scenario(38, world="house", spoils=True)
def lag_beyond_the_objective_is_for_people_and_a_hung_step_stops_the_plan(world):
    """Replication lags beyond the objective when the region is cut off: every other gate passes and nothing moves, with the
    figure and the limit shown. An operator declares: that goes past the gate, for this run alone. The promotion hangs: its
    deadline, its second try, then the plan stops half way and says where; DNS still points to the old region; mended and
    tried again the plan goes on to its end."""
    apply(world, replaced(topology_text(world), rpo(6) + [(
        r'action = "patroni_promote"; component = "postgresql"; timeout = 30000; retries = 3',
        'action = "patroni_promote"; component = "postgresql"; timeout = 4000; retries = 1')]), "a small objective")
    wait_gate(world, "loss is known", True, 30)
    epoch, known = common.epoch(world), executions(world)
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
        common.reasoned(world, r"a gate stands in the way", r"STOP +the loss is known")
        expect(common.epoch(world) == epoch and executions(world) == known, "it moved by itself")
        declare(world, "west", reason="customers wait, the loss is accepted")
        run = executions(world)[-1]
        _stops_half_way(world, run, front["east"])
    world.fleet.drover("step", "retry", str(run), "promote-postgresql")
    world.approve(run, "dns-api", seconds=90)
    world.fleet.wait(lambda: world.stage(run) == "done", 90, "the plan is done")
    expect(world.lab.lookup("api.bud.test") == [front["west"]], "DNS points to the new region")
    common.reasoned(world, r"sre-1 declared failover to west: customers wait, the loss is accepted",
                    r"step promote-postgresql failed", r"paused-by-failed-step", r"sre-1 asked: step.retry promote-postgresql")


def _stops_half_way(world, run, old_front):
    def execution():
        return next(found for found in world.fleet.ask("executions")["executions"] if found["id"] == run)
    world.fleet.wait(lambda: execution()["paused"] == "paused-by-failed-step", common.bound_s(world, 60),
                     "the plan stops at the failed step")
    steps = {step["name"]: step["state"] for step in execution()["steps"]}
    expect(steps["promote-postgresql"] == "failed" and steps["dns-api"] == "waiting", steps)
    expect(world.lab.lookup("api.bud.test") == [old_front], "DNS was switched before the database")
    expect(world.recovering("west-db1"), "the promotion went through after all")
    act = world.fleet.status()["next_human_act"]
    expect(f"drover step retry {run} promote-postgresql" in act, act)
    print(f"    next human act: {act}")
    expect(not execution()["automatic"] and execution()["declared_by"] == "sre-1", execution())
