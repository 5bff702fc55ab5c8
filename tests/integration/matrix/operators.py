"""Operators and what they see: agents that die, views that differ, declarations at bad moments, lost majorities, changes of
the topology."""

import re
import time

from e2e.world import expect

from . import common
from .means import (
    apply,
    declare,
    engines,
    executions,
    gate,
    other_numbers,
    passed_s,
    served_again,
    topology_text,
    wait_class,
    wait_gate,
)
from .table import scenario


@scenario(23, world="patient")
def a_dead_agent_alone_is_an_alarm_and_no_failover(world):
    """The holder's agent is killed, its database lives and is seen from outside: the members hear nothing of it and
    move nothing; the agent, started again within the lease, finds the database as it was."""
    epoch = common.epoch(world)
    postmaster = world.lab.postmaster("east-db1").pid
    begun = time.monotonic()
    world.fleet.process("east-db1/agent").kill()
    wait_gate(world, "own voice", True, 12)
    expect(not gate(world, "outside view")["passes"], "its agent's silence alone decides")
    explained = world.fleet.drover("explain").stdout
    world.fleet.start_agent("east-db1")
    print(f"    the agent was away for {passed_s(begun):.1f} s")
    common.nothing_moves(world, 4)
    wait_class(world, "east", "well", 60)
    expect(common.epoch(world) == epoch, "the lease has moved")
    expect(world.lab.postmaster("east-db1").pid == postmaster, "the database was killed for its agent's restart")
    common.reasoned(world, r"no longer hears east-db1", r"hears east-db1")
    expect(re.search(r"STOP +the outside view says it does not serve", explained), explained)


@scenario(25, world="house")
def a_bad_outside_view_alone_moves_nothing(world):
    """The agent says all is well, but from outside the region's front does not answer: one signal is not two."""
    for vantage in ("watch-ns1", "west-db1"):
        world.lab.cut(vantage, "east-front")
    world.fleet.wait(lambda: _outside(world, "east")["outside_bad_n"] == 2, 30, "both vantages see it fail")
    common.nothing_moves(world, world.timing.hold_down / 1000 + 4)
    expect(not gate(world, "own voice")["passes"], gate(world, "own voice"))
    expect(not gate(world, "outside view")["passes"], "the outside view alone decided")
    common.reasoned(world, r"east-public ok -> |east-public .*-> failed", r"STOP +the region's own voice is silent")
    world.lab.heal()
    wait_class(world, "east", "well", 60)
    served_again(world, "east")


def _outside(world, region):
    return next(found for found in world.fleet.ask("explain")["regions"] if found["name"] == region)


@scenario(26, world="house")
def a_silent_agent_of_a_region_that_serves_moves_nothing(world):
    """From outside all is well, the agent's link to the members is down for longer than the lease: the standby's agents carry
    its questions, the region keeps its lease, and the reason why nothing moves is shown."""
    epoch = common.epoch(world)
    world.lab.cut("east-db1", "watch")
    wait_gate(world, "own voice", True, 30)
    common.nothing_moves(world, world.timing.lease / 1000 + world.timing.hold_down / 1000 + 1)
    expect(gate(world, "own voice")["passes"] and not gate(world, "outside view")["passes"], "it is seen, and not heard")
    common.reasoned(world, r"none: east is (stale|region-isolated-but-serving)", r"STOP +the outside view says it does not serve")
    world.lab.heal()
    wait_class(world, "east", "well", 60)
    expect(common.epoch(world) == epoch, "the lease has moved")


@scenario(30, world="house")
def a_planned_move_can_be_left_until_the_lease_moves(world):
    """An operator begins a switchover whose steps each wait for an approval, and cancels it at each step before the fence:
    with nothing done, with Redis handed over, with both stores handed over. Each time the old region writes again, and the
    lease has not moved."""
    epoch = common.epoch(world)
    steps = ("handoff-redis", "handoff-postgresql", "await-position")
    with other_numbers(world, [(rf'name = "{step}";', f'name = "{step}"; approval = "network-admin";') for step in steps]
                       + [(r'needs = \["handoff-postgresql"\]', 'needs = ["handoff-postgresql", "handoff-redis"]')]):
        for n, step in enumerate(steps):
            declare(world, "west", kind="switchover", reason=f"cancelled at {step}")
            run = executions(world)[-1]
            for before in steps[:n]:
                world.approve(run, before)
                world.fleet.wait(lambda run=run, before=before: _step(world, run, before) == "done", 60, f"{before} is done")
            world.fleet.wait(lambda run=run, step=step: _step(world, run, step) == "needs-approval", 60, f"it is {step}'s turn")
            result = world.fleet.drover("abort", str(run), "--reason", f"at {step}")
            print(f"    abort at {step}: {result.stdout.strip()[:120]}")
            world.fleet.wait(lambda run=run: world.stage(run) == "aborted", 60, f"execution {run} is undone")
            served_again(world, "east")
            expect(common.epoch(world) == epoch, "the lease has moved")
    common.reasoned(world, r"sre-1 declared switchover to west: cancelled at await-position",
                    r"sre-1 asked: abort execution \d+: at handoff-postgresql", r"execution \d+.* aborted")


def _step(world, execution, name):
    found = next(e for e in world.fleet.ask("executions")["executions"] if e["id"] == execution)
    return next(step["state"] for step in found["steps"] if step["name"] == name)


@scenario(31, world="house")
def nothing_is_declared_without_a_majority(world):
    """The log's majority is gone, then that of the members: a declaration is not decided, and says why and what comes next;
    the active region serves on, nothing is promoted, and when they are back it has not happened after all."""
    epoch, known = common.epoch(world), executions(world)
    engines(world, stop=(1, 2))
    world.fleet.wait(lambda: not any(m["self"]["log_reachable"] for m in world.fleet.ask("members")["members"]), 30,
                     "every member knows that the log is away")
    _not_decided(world, "nothing can be decided", "drover members")
    engines(world, start=(1, 2))
    world.fleet.wait(lambda: all(m["self"]["log_reachable"] for m in world.fleet.ask("members")["members"]), 60,
                     "the log is back")
    for name in ("m1", "m2"):
        world.fleet.process(name).kill()
    _not_decided(world, "1 of 3 members", "drover members")
    common.nothing_moves(world, world.timing.lease / 1000 + 2)
    for name in ("m1", "m2"):
        world.fleet.start_member(name)
    world.fleet.wait(lambda: len([m for m in world.fleet.ask("members")["members"] if m["answered"]]) == 3, 30,
                     "all members answer")
    served_again(world, "east")
    expect(common.epoch(world) == epoch and executions(world) == known, "it was done after all")


def _not_decided(world, *words):
    result = declare(world, "west", check=False)
    said = (result.stdout + result.stderr).strip()
    print(f"    exit {result.returncode}: {said[:240]}")
    expect(result.returncode == 6 and all(word in said for word in words), f"exit {result.returncode}: {said}")


@scenario(41, world="house")
def the_members_change_in_no_unsafe_way(world):
    """Under load an operator asks for what the product does not do while it runs: five members at once, one at a time, one
    fewer, one renamed, a shorter wait, a lease that never ends. Each is refused with its reason by every member, at the log
    and not only at the door, and nothing of it is in force. A safe change is taken."""
    epoch, version = common.epoch(world), world.fleet.ask("config", "show")["version"]
    text = topology_text(world)
    row = re.search(r'    \{ name = "m3"; agents_address.*?\}', text).group(0)

    def more(*names):
        rows = [row]
        for n, name in enumerate(names):
            public = _key_of(world, name)
            other = row.replace('"m3"', f'"{name}"').replace("10.77.3.13", f"10.77.3.{31 + n}")
            for field in ("curve_key", "sign_key"):
                other = re.sub(rf'{field} = "[0-9a-f]+"', f'{field} = "{public[field]}"', other)
            rows.append(other)
        return text.replace(row, ",\n".join(rows))
    place = "regions and members may not change place, vanish or be renamed"
    wait = re.search(r"wait = (\d+)", text).group(1)
    unsafe = [("five members", more("m4", "m5"), place), ("a fourth member", more("m4"), "member|" + place),
              ("no third member", text.replace(",\n" + row, ""), "member|" + place),
              ("another name", text.replace('name = "m3"', 'name = "m9"'), place),
              ("a shorter wait", text.replace(f"wait = {wait}", f"wait = {int(wait) - 5}"), "may not become shorter"),
              ("a lease without end", text.replace('on_quorum_loss = "failsafe"', 'on_quorum_loss = "hold"').replace(
                  "automatic = true", "automatic = false"), "on_quorum_loss may not become hold")]
    for what, changed, words in unsafe:
        expect(changed != text, f"{what}: nothing was changed")
        result = apply(world, changed, what, check=False)
        said = next((line for line in reversed(result.stdout.splitlines()) if "REFUSED" in line or "error" in line), "")
        print(f"    {what}: exit {result.returncode}: {said[:140]}")
        expect(result.returncode == 3 and re.search(words, result.stdout), f"{what}: {result.returncode}: {result.stdout}")
    expect(world.fleet.ask("config", "show")["version"] == version, "an unsafe topology is in force")
    apply(world, text.replace('rto = "4h"', 'rto = "3h"'), "a safe change")
    apply(world, text, "as before")
    common.nothing_moves(world, 2)
    expect(common.epoch(world) == epoch, "the lease has moved")
    common.reasoned(world, r"may not change place, vanish or be renamed", r"may not become shorter",
                    rf"topology version {version + 1} applied by sre-1: a safe change")


def _key_of(world, name):
    try:
        return world.fleet.public(name)
    except KeyError:
        world.fleet._keygen("member", name)
        return world.fleet.public(name)
