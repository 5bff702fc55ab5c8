"""A fault simulated on the living fleet, and then the same fault made: the same gates, rules and steps."""

import contextlib
import json
import time

from .scenarios import scenario
from .world import World, expect

TARGET_AGENT = "west-db1/agent"
DULL = {0, 311, 321, 401, 402}  # rules that a simulated timeline does not tell either


def simulated(world):
    said = world.fleet.drover("plan", "simulate", "failover", "--people", "1m", "--json", check=False)
    return json.loads(said.stdout) if said.returncode in (0, 8, 9) else {}


def rules_simulated(said):
    return once(int(moment["text"].split()[1]) for moment in said["timeline"] if moment["text"].startswith("rule "))


def once(rules):
    """Each in the place where it came first: how often a tick finds the same is a matter of pace."""
    return list(dict.fromkeys(rule for rule in rules if rule not in DULL and rule < 900))


def rules_made(world, height):
    """Of the facts that changed something since then, in the log's order."""
    records, start = [], height + 1
    while True:
        part = world.fleet.ask("timeline", "--from", str(start))
        records += part["records"]
        if not part["more"]:
            return once(record["rule"] for record in records if record["result"] == "applied")
        start = part["next_from"]


def stopping(world):
    return sorted(gate["gate"] for gate in world.fleet.ask("explain")["gates"] if not gate["passes"])


def stops_as_foretold(world, foretold):
    """These gates, neither more nor fewer, and for longer than a failover would wait."""
    until = time.monotonic() + 30
    while stopping(world) != sorted(foretold):
        expect(time.monotonic() < until, f"foretold {foretold}, found {stopping(world)}")
        time.sleep(0.3)
    time.sleep(world.timing.hold_down / 1000)
    expect(stopping(world) == sorted(foretold), f"foretold {foretold}, found {stopping(world)}")
    expect(not world.fleet.ask("executions")["executions"], "it failed over although a gate was foretold to stop it")
    print(f"    stopped as foretold by: {', '.join(foretold)}")


def a_stopped_replica_stops_it(world):
    """Redis of the target stands still until more would be lost than its link may lose; then the region is lost."""
    world.fleet.wait(lambda: simulated(world).get("automatic"), 60, "it would fail over by itself")
    with stopped(world.lab.process("west-db1", "redis")):
        gates = foretell(world, "the stopped replica")
        world.kill_region()
        stops_as_foretold(world, gates)


@contextlib.contextmanager
def stopped(process):
    process.sigstop()
    try:
        yield process
    finally:
        process.sigcont()


def foretell(world, what):
    """The gates that would stop it, once the simulation sees `what`."""
    world.fleet.wait(lambda: simulated(world).get("blocked"), 30, f"the simulation sees {what}")
    said = simulated(world)
    expect(said["blocked"] and said["gates"] and not said["automatic"], said)
    return said["gates"]


def same_steps(said, execution):
    foretold = {step["name"]: step for step in said["steps"] if step["state"] == "done"}
    made = {step["name"]: step for step in execution["steps"] if step["state"] == "done"}
    expect(set(foretold) == set(made), f"foretold {sorted(foretold)}, done {sorted(made)}")
    for name, step in made.items():
        most_ms = foretold[name]["takes_ms"]
        expect(step["took_ms"] <= most_ms, f"{name} took {step['took_ms']} ms, foretold at most {most_ms} ms")
        for other, before in foretold.items():
            if before["ended_ms"] <= foretold[name]["begun_ms"] and other != name:
                expect(made[other]["finished_ms"] <= step["started_ms"], f"{name} began before {other} had ended")
    print(f"    steps as foretold: {', '.join(sorted(made, key=lambda name: made[name]['started_ms']))}")


@scenario
def what_was_simulated_is_what_happens(build):
    """With the target's agent frozen and the region lost, the gate that the simulation names blocks; with it back, rules
    and steps come as simulated, none later than foretold."""
    with World(build) as world:
        fleet = world.fleet
        fleet.wait(lambda: simulated(world).get("automatic"), 60, "it would fail over by itself")
        well = simulated(world)
        with stopped(fleet.process(TARGET_AGENT)):
            gates = foretell(world, "the frozen agent")
            height = fleet.ask("timeline")["height"]
            world.kill_region()
            stops_as_foretold(world, gates)
        world.failed_over()
        fleet.wait(lambda: world.stage(1) == "done", 20, "the execution is done")
        foretold, made = rules_simulated(well), rules_made(world, height)
        expect(foretold == made, f"rules foretold {foretold}, applied {made}")
        print(f"    rules as foretold: {made}")
        execution = fleet.ask("executions")["executions"][0]
        expect(execution["automatic"] == well["automatic"], execution)
        same_steps(well, execution)
        past = {step["name"]: step for step in fleet.ask("plan", "history", "failover", "--to", "west")["steps"]}
        for step in execution["steps"]:
            expect(past[step["name"]]["done_n"] == 1 and past[step["name"]]["last_execution"] == 1, past[step["name"]])
