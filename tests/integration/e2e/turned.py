"""A planned move whose hand-off hangs, turned ungraceful by a person who watches it."""

import contextlib

from .watching import Watching
from .world import expect

GRACEFUL, UNGRACEFUL = "graceful", "ungraceful"


def _says(world, number, mode, code, rule, *more):
    """`drover mode`: its exit code, and the rule that the audit names for it."""
    result = world.fleet.drover("mode", str(number), mode, "--reason", "west's Redis hangs", "--yes", *more, check=False)
    expect(result.returncode == code, f"mode {mode}: exit {result.returncode}, expected {code}: {result.stdout}{result.stderr}")
    # Rules of requests: what comes of a step may be told in between.
    records = [record for record in world.fleet.ask("timeline", str(number))["records"] if 300 <= record["rule"] < 400]
    expect(records[-1]["rule"] == rule, f"mode {mode}: rule {records[-1]['rule']}, expected {rule}: {records[-1]}")


def _states(world, number):
    found = next((e for e in world.fleet.ask("executions")["executions"] if e["id"] == number), {"steps": []})
    return {step["name"]: step["state"] for step in found["steps"]}


def _drawn(world, watching, seconds, *wanted):
    try:
        lines = world.fleet.wait(lambda: watching.shows(*wanted), seconds, f"the screen shows {wanted}")
    except Exception as error:
        raise type(error)(f"{error}; it shows:\n" + "\n".join(watching.terminal.lines())) from error
    return lines


def _name_waits(world, number):
    """The target's load balancer is down: what looks through it fails, and the name stays until it was seen to answer."""
    world.fleet.wait(lambda: _states(world, number).get("verify-web") == "failed", 40, "the look through it fails")
    world.fleet.wait(lambda: f"drover step retry {number} verify-web" in world.fleet.status()["next_human_act"], 5, "a person is asked")
    steps = _states(world, number)
    expect(steps["promote-postgresql"] == "done" and steps["dns-api"] == "waiting", f"{steps}")
    name = world.lab.lookup("api.bud.test")
    expect(name == [world.lab.hosts["east-front"].address], f"api is {name}")
    found = next(e for e in world.fleet.ask("executions")["executions"] if e["id"] == number)
    told = next(step["error"] for step in found["steps"] if step["name"] == "verify-web")
    print(f"    the name waits: {told}")
    world.lab.service_start("west-front", "haproxy")
    world.fleet.drover("step", "retry", str(number), "verify-web")


def hangs_and_turns(world, number):
    """The target's Redis is stopped, so that nobody takes what Redis hands over: the move hangs before its fence. Its load balancer is
    down, too: no name moves there before it answers."""
    redis = world.lab.process("west-db1", "redis")
    watching = Watching(world.fleet)
    with contextlib.closing(watching):
        _drawn(world, watching, 10, "NEXT HUMAN ACT")
        redis.sigstop()
        try:
            world.fleet.drover("declare", "--to", "west", "--kind", "switchover", "--reason", "maintenance again", "--yes")
            world.fleet.wait(lambda: _states(world, number).get("handoff-redis") == "running", 10, "Redis is handed over")
            _drawn(world, watching, 5, f"EXECUTION {number}  switchover east -> west  graceful", "NOW      ", "handoff-redis at east-db1")
            world.fleet.drover("pause", str(number))
            _says(world, number, UNGRACEFUL, 7, 319, "--digest", "1" * 64)
            _says(world, number, UNGRACEFUL, 0, 320)
            _says(world, number, GRACEFUL, 0, 323)
            _says(world, number, UNGRACEFUL, 0, 320)
            lines = _drawn(world, watching, 5, f"EXECUTION {number}  switchover east -> west  ungraceful", "STAGE    paused", f"drover resume {number}")
            expect(world.writable("east") or not world.writable("west"), "west was opened before the fence")
        finally:
            redis.sigcont()
        print("    " + "\n    ".join(line for line in lines if line))
        world.lab.service_stop("west-front", "haproxy")
        world.fleet.drover("resume", str(number))
        _name_waits(world, number)
        _drawn(world, watching, 60, "YOU      network-admin", f"drover approve {number} dns-api")
        _says(world, number, GRACEFUL, 3, 324)  # the lease has moved
        world.approve(number, "dns-api")
        world.wait_writable("west", 60)
        world.fleet.wait(lambda: world.stage(number) == "done", 60, "it is done")
        expect(not watching.terminal.wrong, f"the screen: {sorted(set(watching.terminal.wrong))}")
        expect(watching.quiet(), "keys are shown on the screen")
        code, same, took_s = watching.end()
        expect(code == 0 and same and took_s < 2, f"after q: exit {code}, terminal as before: {same}, {took_s:.1f} s")
        print(f"    {watching.terminal.pictures_n} pictures of 80 by 24, none scrolled; ended by q in {took_s:.2f} s, the terminal as before")
    execution = next(e for e in world.fleet.ask("executions")["executions"] if e["id"] == number)
    expect(execution["mode"] == UNGRACEFUL, execution)
