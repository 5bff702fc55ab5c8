"""Operators and what they see: agents that die, views that differ, declarations at bad moments, lost majorities, changes of
the topology."""

import os
import random
import subprocess
import time

from e2e.world import expect

from . import common
from .means import (
    apply,
    declare,
    engines,
    gate,
    passed_s,
    region_class,
    served_again,
    topology_text,
    wait_class,
    wait_gate,
)
from .table import scenario


@scenario(23, world="patient")
def a_dead_agent_alone_is_an_alarm_and_no_failover(world):
    """The holder's agent is killed, its database lives and is seen from outside: the members call the region isolated and
    move nothing; the agent, started again within the lease, finds the database as it was."""
    epoch = common.epoch(world)
    postmaster = world.lab.postmaster("east-db1").pid
    begun = time.monotonic()
    world.fleet.process("east-db1/agent").kill()
    wait_class(world, "east", "region-isolated-but-serving", 7)
    view = gate(world, "outside view")
    expect(not view["passes"], view)
    common.reasoned(world, r"no longer hears east-db1", r"outside view says it does not serve", seconds=3)
    world.fleet.start_agent("east-db1")
    print(f"    the agent was away for {passed_s(begun):.1f} s")
    common.nothing_moves(world, 4)
    wait_class(world, "east", "well", 20)
    expect(common.epoch(world) == epoch, "the lease has moved")
    expect(world.lab.postmaster("east-db1").pid == postmaster, "the database was killed for its agent's restart")


@scenario(25)
def a_bad_outside_view_alone_moves_nothing(world):
    """The agent says all is well, but from outside the region's front does not answer: one signal is not two."""
    for vantage in ("watch-ns1", "west-db1"):
        world.lab.cut(vantage, "east-front")
    world.fleet.wait(lambda: _outside(world, "east")["outside_bad_n"] == 2, 30, "both vantages see it fail")
    common.nothing_moves(world, world.timing.hold_down / 1000 + 4)
    expect(not gate(world, "own voice")["passes"], gate(world, "own voice"))
    expect(not gate(world, "outside view")["passes"], "the outside view alone decided")
    common.reasoned(world, r"east-public ok -> |east-public .*-> failed", r"own voice is silent.*none of its agents heard; 1 are")
    world.lab.heal()
    wait_class(world, "east", "well", 60)
    served_again(world, "east")


def _outside(world, region):
    return next(found for found in world.fleet.ask("explain")["regions"] if found["name"] == region)


@scenario(26)
def a_silent_agent_of_a_region_that_serves_moves_nothing(world):
    """From outside all is well, the agent's link to the members is down for longer than the lease: the standby's agents carry
    its questions, the region keeps its lease, and the reason why nothing moves is shown."""
    epoch = common.epoch(world)
    world.lab.cut("east-db1", "watch")
    wait_class(world, "east", "region-isolated-but-serving", 30)
    common.nothing_moves(world, world.timing.lease / 1000 + world.timing.hold_down / 1000 + 1)
    expect(region_class(world, "east") == "region-isolated-but-serving", region_class(world, "east"))
    common.reasoned(world, r"none: east is region-isolated-but-serving", r"more failed than passing views from outside; 0 failed, 2 pass")
    world.lab.heal()
    wait_class(world, "east", "well", 40)
    expect(common.epoch(world) == epoch, "the lease has moved")


@scenario(30)
def a_planned_move_can_be_left_until_the_lease_moves(world):
    """An operator begins a switchover and cancels it at each of its steps before the fence: every time the old region writes
    again. Behind the point of no return the same command is refused, with its reason."""
    for n, step in enumerate(("handoff-redis", "handoff-postgresql", "await-position"), 1):
        declare(world, "west", kind="switchover", reason=f"cancelled at {step}")
        world.fleet.wait(lambda: _step(world, n, step) in ("running", "done") or world.stage(n) != "prepare", 60,
                         f"{step} begins")
        result = world.fleet.drover("abort", str(n), "--reason", f"at {step}", check=False)
        print(f"    abort at {step}: exit {result.returncode}: {result.stdout.strip()[:120]}")
        if result.returncode != 0:  # it was quicker than we: past the point of no return
            break
        world.fleet.wait(lambda: world.stage(n) == "aborted", 60, f"execution {n} is undone")
        world.wait_writable("east", 60)
        expect(common.epoch(world) == 1, "the lease has moved")
        served_again(world, "east")


def _step(world, execution, name):
    found = next(e for e in world.fleet.ask("executions")["executions"] if e["id"] == execution)
    return next(step["state"] for step in found["steps"] if step["name"] == name)


@scenario(30, spoils=True)
def an_operator_declares_while_the_automatic_decision_is_taken(world):
    """The region dies; at about the instant when the hold-down ends an operator declares the same failover: one execution, by
    whoever came first in the log, and the operator is told its number. Behind the point of no return it cannot be left."""
    world.kill_region()
    left = world.fleet.wait(lambda: (act := world.fleet.ask("explain")["next_automatic_act"])["in_ms"] is not None
                            and "automatic failover" in act["text"] and act, common.bound_s(world), "the decision is near")
    time.sleep(max(0.0, left["in_ms"] / 1000 + random.uniform(-0.4, 0.4)))
    result = declare(world, "west", "--json", check=False)
    print(f"    exit {result.returncode}: {result.stdout.strip()[:160]}")
    executions = world.fleet.ask("executions")["executions"]
    expect(len(executions) == 1, f"{len(executions)} executions")
    expect(result.returncode in (0, 3), f"exit {result.returncode}: {result.stdout}{result.stderr}")
    world.fleet.wait(lambda: world.stage(1) in ("run", "running", "done"), 60, "it runs")
    refused = world.fleet.drover("abort", "1", "--reason", "too late", check=False)
    expect(refused.returncode == 3 and "rule 399" in refused.stdout, f"{refused.returncode}: {refused.stdout}")
    print(f"    abort: {refused.stdout.strip()[:160]}")
    if not executions[0]["automatic"]:
        world.approve(1, "dns-api")
    world.failed_over(60)
    common.reasoned(world, r"sre-1 declared failover to west", r"REFUSED by rule 399", r"CLOSE epoch 1")


@scenario(31)
def nothing_is_declared_without_a_majority(world):
    """The log's majority is gone, then that of the members: a declaration is not decided, and says why and what comes next;
    the active region serves on, nothing is promoted, and when they are back it has not happened after all."""
    epoch = common.epoch(world)
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
    common.nothing_moves(world, (world.timing.lease + world.timing.wait) / 1000)
    for name in ("m1", "m2"):
        world.fleet.start_member(name)
    world.fleet.wait(lambda: len([m for m in world.fleet.ask("members")["members"] if m["answered"]]) == 3, 30,
                     "all members answer")
    served_again(world, "east")
    expect(common.epoch(world) == epoch and not world.fleet.ask("executions")["executions"], "it was done after all")


def _not_decided(world, *words):
    result = declare(world, "west", check=False)
    said = (result.stdout + result.stderr).strip()
    print(f"    exit {result.returncode}: {said[:240]}")
    expect(result.returncode == 6 and all(word in said for word in words), f"exit {result.returncode}: {said}")
