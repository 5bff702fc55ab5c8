"""The scenarios. A name is a sentence; the first line of the text says what must hold."""

import os
import random
import signal
import time

from fleet import Timing
from lab import bind

from . import anew, announced, drill, rolled, staked, untold
from .turned import hangs_and_turns
from .world import World, expect, expect_pace

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


@scenario
def a_dead_region_is_replaced_without_a_human(build):
    """Region killed with its links under a writing client: DR serves; the outage is bounded; losses are counted exactly. Who
    subscribes to the event is told once, and nobody waits for it. Before, everybody's keys were exchanged under that client."""
    with World(build, Timing(announced=announced.STEPS)) as world:
        subscribers = announced.Subscribers(world)
        world.judges_start()
        rolled.all_keys(world)
        world.judges_start()
        world.kill_region()
        world.wait_writable("west", 30)
        world.failed_over()
        time.sleep(3)
        report = world.judged()
        world.one_writer(report)
        world.outage_within(report)
        names = [world.lab.lookup(f"{name}.bud.test") for name in ("api", "status")]
        expect(names == [[world.lab.hosts["west-front"].address], [bind.AUTHORITY]], f"api and status are {names}")
        subscribers.told()
        untold.look(world.fleet)


@scenario
def canaries_count_what_was_lost(build):
    """Replication is cut, time passes, the region dies: the report tells the loss of each store in seconds and in
    canary writes, as they are found in the stores themselves; and the preview told all of it before."""
    with World(build, timing=Timing(sessions=True)) as world:
        world.judges_start()
        sessions = staked.held(world, "east")
        time.sleep(2)
        world.lab.cut("east-front", "west-db1")  # replication goes through the front
        time.sleep(6)
        preview = staked.told(world)
        there = world.lab.sql("east-db1", "SELECT n FROM drover.canary")[0][0]
        here = world.lab.sql("west-db1", "SELECT n FROM drover.canary")[0][0]
        redis_there, redis_here = (int(world.lab.redis(f"{region}-db1", "HGET", "drover:canary", "n")) for region in ("east", "west"))
        expect_pace(there - here >= 4, f"the cut did not show: {there} and {here}")
        world.kill_region()
        world.failed_over()
        staked.dropped(sessions)
        losses = {loss["link"]: loss for loss in world.fleet.ask("report", "1")["losses"]}
        for link, missing in (("postgresql-canary", there - here), ("redis-canary", redis_there - redis_here)):
            loss = losses[link]
            print(f"    {link}: {loss['lag_ms'] / 1000:.1f} s, {loss['lag_writes']} canary writes; in the stores {missing}")
            # What the region wrote in its last second, before its last report, nobody outside can know.
            expect_pace(loss["known"] and abs(loss["lag_writes"] - missing) <= 2, f"{link}: {loss}, {missing} are missing")
            expect_pace(abs(loss["lag_ms"] / 1000 - missing) <= 2, f"{link}: {loss}, {missing} s are missing")
        staked.as_previewed(world, preview, losses, {"postgresql-canary": there - here, "redis-canary": redis_there - redis_here})
        report = world.judged()
        world.one_writer(report)


@scenario
def the_old_primary_returns_as_a_standby(build):
    """Started again after the failover with Patroni and Redis enabled at boot, and a slow agent: never writable, follows
    the new primary. A drill is at work when the region dies: nobody waits for it."""
    with World(build, Timing(drill=drill.STEPS)) as world:
        world.judges_start()
        drill.begins(world)
        world.kill_region()
        world.failed_over()
        drill.was_interrupted(world)
        # Longer than Patroni needs to promote what it finds: it must wait for the fence.
        world.fleet.agent_late_s = 5
        world.lab.poweron("east", wait=False)
        deadline = time.monotonic() + 12
        while time.monotonic() < deadline:
            expect(not world.writable("east"), "east became writable")
            expect(world.recovering("east-db1") is not False, "behind its gate the old primary began a timeline of its own")
            time.sleep(0.2)
        world.fleet.wait(lambda: world.recovering("east-db1"), 30, "the old primary recovers")
        world.fleet.wait(lambda: world.lab.redis("east-db1", "ROLE")[0] in ("slave", b"slave"), 20, "its Redis follows")
        world.fleet.wait(lambda: world.streams("west"), 40, "it streams from the new primary")
        report = world.judged()
        world.one_writer(report)


def _cut_off(build, before=None, after=None, **options):
    """East is alone with its neighbours, who go on writing; west must wait until it is fenced."""
    with World(build, **options) as world:
        world.judges_start()
        if before:
            before(world)
        world.lab.isolate("east")
        world.wait_writable("west", 30)
        world.failed_over()
        expect(not world.writable("east"), "east still takes its neighbours' writes")
        if after:
            after(world)
        time.sleep(2)
        report = world.judged()
        world.one_writer(report)
        gap_s = world.gap_s(report)
        expect(gap_s is not None and gap_s > 0, f"gap between the regions is {gap_s}")


@scenario
def a_region_cut_off_but_alive_is_fenced_first(build):
    """Cut off, alive and writing for its own neighbours: fenced before DR writes."""
    _cut_off(build)


@scenario
def a_stopped_agent_does_not_keep_the_region_open(build):
    """The agent is stopped by SIGSTOP, then the region is cut off; the agent comes back later."""
    def resume(world):
        world.fleet.process("east-db1/agent").sigcont()
        world.never_writable("east", 3)
    _cut_off(build, lambda world: world.fleet.process("east-db1/agent").sigstop(), resume)


@scenario
def the_kernel_gate_alone_holds(build):
    """Agent and guard are both stopped: the nftables elements shut the region by themselves."""
    def stop(world):
        world.fleet.process("east-db1/agent").sigstop()
        world.fleet.process("east-db1/guard").sigstop()

    def resume(world):
        world.fleet.process("east-db1/guard").sigcont()
        world.fleet.process("east-db1/agent").sigcont()
        world.never_writable("east", 3)
    _cut_off(build, stop, resume)


@scenario
def a_killed_agent_does_not_keep_the_region_open(build):
    """The agent is killed at the moment of the cut."""
    _cut_off(build, lambda world: world.fleet.process("east-db1/agent").kill())


@scenario
def a_killed_guard_does_not_keep_the_region_open(build):
    """The guard is killed at the moment of the cut."""
    _cut_off(build, lambda world: world.fleet.process("east-db1/guard").kill())


@scenario
def a_paused_member_cannot_revive_a_lease(build):
    """A member is stopped with messages in its queues, resumed after the failover: its late answers change nothing."""
    def stop(world):
        world.fleet.process("m2").sigstop()

    def resume(world):
        world.fleet.process("m2").sigcont()
        world.never_writable("east", 5)
    _cut_off(build, stop, resume)


@scenario
def a_one_way_cut_is_a_cut(build):
    """Answers cannot come back (members to east), questions still arrive: no renewal may come of it."""
    with World(build) as world:
        world.judges_start()
        world.lab.cut("watch", "east", oneway=True)
        world.lab.cut("west", "east")
        world.lab.cut("outside", "east")
        world.fleet.wait(lambda: not world.writable("east"), 15, "east is fenced")
        world.wait_writable("west", 30)
        time.sleep(2)
        report = world.judged()
        world.one_writer(report)


@scenario
def cuts_between_the_messages_of_a_renewal(build):
    """The cut falls at many moments of a renewal's exchange, member by member; healed before the lease ends nothing flaps."""
    with World(build) as world:
        world.judges_start()
        for _ in range(12):
            chosen = random.sample(["watch-m1", "watch-m2", "watch-m3"], random.randint(1, 3))
            for member in chosen:
                world.lab.cut("east-db1", member, oneway=random.random() < 0.5)
                world.jitter(0.03)
            world.jitter(1.2)
            for member in chosen:
                world.lab.heal("east-db1", member)
            world.jitter(0.8)
        expect(world.writable("east"), "east lost its lease over cuts shorter than it")
        world.jitter(0.7)
        world.lab.isolate("east")
        world.wait_writable("west", 30)
        time.sleep(2)
        report = world.judged()
        world.one_writer(report)


@scenario
def all_members_gone_promotes_nothing_and_serves_on(build):
    """All members gone for longer than T: nothing promoted; the active region lives on the standby's promises; nothing flaps."""
    with World(build) as world:
        world.judges_start()
        for name in world.fleet.members:
            world.fleet.process(name).kill()
        time.sleep(world.timing.lease / 1000 * 3)
        expect(world.writable("east"), "the active region was fenced although the standby's guards promised")
        expect(world.recovering("west-db1"), "the standby was promoted with all members gone")
        for name in world.fleet.members:
            world.fleet.start_member(name)
        time.sleep(10)
        expect(world.writable("east"), "the lease was lost when the members came back")
        report = world.judged()
        world.one_writer(report)
        world.served_on(report)


@scenario
def all_members_gone_fences_where_configured(build):
    """on_quorum_loss = fence: the active region gives up at T, nothing is promoted, and it serves again when members return."""
    with World(build, timing=Timing(on_quorum_loss="fence")) as world:
        world.judges_start()
        for name in world.fleet.members:
            world.fleet.process(name).kill()
        world.fleet.wait(lambda: not world.writable("east"), 15, "east is fenced at T")
        time.sleep(4)
        expect(world.recovering("west-db1"), "the standby was promoted with all members gone")
        for name in world.fleet.members:
            world.fleet.start_member(name)
        world.wait_writable("east", 40)
        report = world.judged()
        world.one_writer(report)


@scenario
def a_standby_out_of_reach_fences_nothing(build):
    """D is cut off from everybody: nothing moves, the primary serves on."""
    with World(build) as world:
        world.judges_start()
        world.lab.isolate("west")
        time.sleep(12)
        expect(world.writable("east"), "the primary was disturbed")
        report = world.judged()
        world.one_writer(report)
        world.served_on(report)


@scenario
def members_cut_from_the_primary_renew_through_the_standby(build):
    """The primary reaches the standby and its clients but no member: relayed questions keep its lease; no failover."""
    with World(build) as world:
        world.judges_start()
        world.lab.cut("east", "watch")
        time.sleep(world.timing.lease / 1000 * 3)
        expect(world.writable("east"), "the primary was fenced although the standby could relay")
        expect(world.recovering("west-db1"), "the standby was promoted")
        report = world.judged()
        world.one_writer(report)


@scenario
def the_log_engine_may_be_away(build, away_s=30):
    """etcd is gone for long: every running lease lives on, and the first decision after its return is right."""
    with World(build) as world:
        world.judges_start()
        for n in (1, 2, 3):
            world.lab.service_stop(f"watch-m{n}", "etcd", sig=signal.SIGKILL)
        time.sleep(away_s)
        expect(world.writable("east"), "the lease was lost with the log engine")
        for n in (1, 2, 3):
            world.lab.service_start(f"watch-m{n}", "etcd")
        time.sleep(10)
        expect(world.writable("east") and world.recovering("west-db1"), "the return of the engine moved something")
        world.kill_region()
        world.wait_writable("west", 40)
        time.sleep(2)
        report = world.judged()
        world.one_writer(report)


def _kill_during_failover(build, victim, delay_s):
    with World(build) as world:
        world.judges_start()
        world.kill_region()
        time.sleep(delay_s)
        victim(world)
        world.failed_over(60)
        time.sleep(1)
        for step, attempts in world.finished_steps("west-db1/agent").items():
            expect(len(attempts) == 1, f"step {step} was done {len(attempts)} times")
        report = world.judged()
        world.one_writer(report)


@scenario
def killing_members_during_the_plan_does_not_stop_it(build):
    """kill -9 of a member at a random moment of the failover: the plan finishes, no step done twice."""
    for _ in range(3):
        name = random.choice(["m1", "m2", "m3"])
        delay_s = random.uniform(1.0, 6.5)
        print(f"    kill {name} after {delay_s:.2f} s")
        _kill_during_failover(build, lambda world, name=name: world.fleet.process(name).kill(), delay_s)


@scenario
def killing_the_log_leader_during_the_plan_does_not_stop_it(build):
    """kill -9 of etcd members at a random moment of the failover: the plan finishes, no step done twice."""
    delay_s = random.uniform(3.0, 6.0)
    name = random.choice(["watch-m1", "watch-m2", "watch-m3"])
    print(f"    kill etcd on {name} after {delay_s:.2f} s")
    _kill_during_failover(build, lambda world: world.lab.service_stop(name, "etcd", sig=signal.SIGKILL), delay_s)


@scenario
def a_member_that_lagged_or_was_replaced_catches_up(build):
    """The log is compacted while a member is away; it, and one with an empty disk, come back through the snapshot."""
    import shutil
    with World(build, snapshot_every=25) as world:
        world.judges_start()
        world.fleet.process("m3").kill()
        time.sleep(60)  # the timekeeper writes a fact a second: more than one snapshot and compaction
        world.fleet.process("m2").kill()
        time.sleep(1)
        home = f"{world.fleet.directory}/m2"
        for name in ("notes", "history.db", "history.db-wal", "history.db-shm"):
            shutil.os.path.exists(f"{home}/{name}") and shutil.os.remove(f"{home}/{name}")
        world.fleet.start_member("m2")
        world.fleet.start_member("m3")
        for name in ("m2", "m3"):
            world.fleet.wait(lambda name=name: "member.caught_up" in world.log(name).rsplit("member.started", 1)[-1], 20,
                             f"{name} has caught up")
        # The one without notes might have closed anything: for a whole wait it attests nothing.
        world.fleet.wait(lambda: "attest.first_waited" in world.log("m2").rsplit("member.started", 1)[-1], 30,
                         "m2 has waited")
        world.fleet.process("m1").kill()  # now the two that came back must be able to decide
        world.kill_region()
        world.wait_writable("west", 40)
        time.sleep(2)
        report = world.judged()
        world.one_writer(report)


@scenario
def one_member_with_the_embedded_engine_is_enough(build):
    """A group of one member on SQLite: the same failover. Then it loses its notes and its log together: it says yes to nobody,
    and stops when it hears of an epoch that its new log does not have. A person begins the log anew, and moves the service on."""
    with World(build, engine="embedded", members=1) as world:
        world.judges_start()
        world.kill_region()
        world.failed_over()
        time.sleep(2)
        report = world.judged()
        world.one_writer(report)
        world.outage_within(report)
        _loses_everything(world, "m1")
        anew.lose(world)
        anew.moves(world, anew.begin(world, heard_n=1), to="west")


def _loses_everything(world, name):
    epoch = world.fleet.status()["epoch"]
    world.fleet.process(name).kill()
    home = f"{world.fleet.directory}/{name}"
    for lost in os.listdir(home):
        if lost == "notes" or lost.startswith(("log.db", "history.db")):
            os.remove(f"{home}/{lost}")
    world.fleet.start_member(name)
    world.fleet.wait(lambda: "log.lost_epoch" in world.log(name), 60, f"{name} hears of epoch {epoch}")
    said = world.log(name).rsplit("member.notes", 1)[-1]
    for words in ("first_wait=1", "member.first_wait", f"names epoch {epoch}, and the log ends with epoch",
                  "this member stops until a human has looked"):
        expect(words in said, f"the log of {name} lacks: {words}")
    expect("answer=0" not in said, f"{name} said yes to somebody")


@scenario
def two_operators_declare_at_once(build):
    """A stopped replica of Redis keeps it from failing over by itself, as simulated. Two operators declare at two members in the
    same second: one execution. In the midst of it all members and the whole log are lost; begun anew by a person, above every epoch
    that a guard knows and held, nothing is promoted twice."""
    import subprocess
    from .foretold import a_stopped_replica_stops_it
    with World(build, timing=Timing(redis_lag='target_lag = "2s"; alert_lag = "3s"; rpo = "5s";')) as world:
        world.judges_start()
        a_stopped_replica_stops_it(world)
        runs = []
        for who, member in (("sre-1", "m1"), ("sre-2", "m2")):
            argv = [world.fleet.program("drover"), "--config", f"{world.fleet.directory}/{who}.conf", "--at", member,
                    "declare", "--to", "west", "--reason", "region east is gone", "--yes", "--json"]
            with world.lab.inside("watch-ns1"):
                runs.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        for run in runs:
            out, err = run.communicate(timeout=30)
            print(f"    exit {run.returncode}: {out.strip()[:160]}{err.strip()[:160]}")
        executions = world.fleet.ask("executions")["executions"]
        expect(len(executions) == 1, f"{len(executions)} executions")
        world.fleet.wait(lambda: "gate.open epoch=2" in world.log("west-db1/guard"), 30, "west has the lease of epoch 2")
        anew.lose(world)
        said = anew.begin(world, heard_n=1)
        expect((said["known_epoch"], said["known_region"]) == (2, "west"), f"{said}")
        anew.moves(world, said, to="west")
        time.sleep(2)
        report = world.judged()
        world.one_writer(report)


@scenario
def a_planned_switchover_and_back_loses_nothing(build):
    """Declared switchover under load, there and back: every acknowledged row is in the serving database. A third one hangs in its
    hand-off and is turned ungraceful by an operator who watches it in a terminal; its name waits for the target's load balancer."""
    with World(build, timing=Timing(names_last=True)) as world:
        world.judges_start()
        for n, target in ((1, "west"), (2, "east")):
            world.fleet.drover("declare", "--to", target, "--kind", "switchover", "--reason", "maintenance", "--yes")
            world.approve(n, "dns-api")
            world.wait_writable(target, 60)
            world.fleet.wait(lambda n=n: world.stage(n) == "done", 60, "it is done")
            other = "east" if target == "west" else "west"
            world.fleet.wait(lambda other=other: world.recovering(f"{other}-db1"), 40, f"{other} follows")
            world.fleet.wait(lambda target=target: world.streams(target), 60, "the other region streams")
            time.sleep(4)
        report = world.judged()
        world.one_writer(report)
        expect(not report["lost"], f"acknowledged rows are lost: {report['lost']}")
        world.judges_start()
        hangs_and_turns(world, 3)
        world.one_writer(world.judged())


@scenario
def a_second_disaster_is_left_with_one_command(build):
    """West is lost while the plan that moved there is paused: nothing moves by itself, the operator is asked with one
    command, and that command takes the service back to east, which had returned as a standby."""
    with World(build) as world:
        world.judges_start()
        world.kill_region()
        world.fleet.drover("declare", "--to", "west", "--reason", "east is gone", "--yes")

        def asks_for_approval():
            steps = world.fleet.ask("executions")["executions"][0]["steps"]
            return any(step["name"] == "dns-api" and step["state"] == "needs-approval" for step in steps)
        world.fleet.wait(asks_for_approval, 60, "the plan asks for an approval")
        world.fleet.drover("pause", "1")
        world.lab.poweron("east", wait=False)
        world.fleet.wait(lambda: world.recovering("east-db1"), 40, "the old primary recovers")
        world.fleet.wait(lambda: world.streams("west"), 60, "it streams from the new primary")
        time.sleep(3)
        world.kill_region("west")

        def declare_asked_for():
            act = world.fleet.status()["next_human_act"]
            return act if "declare" in act else None
        act = world.fleet.wait(declare_asked_for, 40, "the operator is asked")
        print(f"    next human act: {act}")
        expect(act.startswith("drover declare --to east "), act)
        world.never_writable("east", 15)  # well beyond hold-down and waits: nothing leaves it by itself
        expect(world.stage(1) == "running", world.stage(1))
        world.fleet.drover("declare", "--to", "east", "--reason", "west is gone too", "--yes")
        world.approve(2, "dns-api")
        world.wait_writable("east", 60)
        world.fleet.wait(lambda: world.stage(2) == "done", 60, "the second move is done")
        expect(world.stage(1) == "superseded", world.stage(1))
        report = world.judged()
        world.one_writer(report)
