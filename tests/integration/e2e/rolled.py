"""Everybody's keys are exchanged under a writing client, as docs/topology.md has it, and the old ones are refused afterwards."""

import json
import os
import sys
import time

from .world import expect, expect_pace

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "adversary"))
from rogue import Rogue  # noqa: E402


def _version(world):
    return world.fleet.ask("config", "show")["version"]


def _apply(world, why, agents):
    """The files are written; what they say comes into force at these agents."""
    fleet, version = world.fleet, _version(world)
    fleet.drover("config", "apply", f"{fleet.directory}/topology.conf", "--reason", why)
    fleet.wait(lambda: all(a["config_version"] > version for a in fleet.ask("agents")["agents"] if a["name"] in agents), 15,
               "the agents have the new topology")


def _keys(world, code, words, in_use=None, who="sre-2"):
    """`drover keys`: its exit code, what it says comes next, and with which key everybody was seen."""
    result = world.fleet.drover("keys", "--json", who=who, check=False)
    said = json.loads(result.stdout)
    expect(result.returncode == code and words in said["next"], f"keys: exit {result.returncode}: {said['next']}; expected {code}: {words}")
    for one in said["identities"]:
        expect(in_use is None or one["kind"] == "operator" or one["in_use"] == in_use, f"expected {in_use}: {one}")
    return said["next"]


def _agent(world, name):
    return next(a for a in world.fleet.ask("agents")["agents"] if a["name"] == name)


def _restart_host(world, name, take):
    """The guard first: the kernel keeps the gate open until it is back. Then the agent."""
    fleet, boot = world.fleet, _agent(world, name)["boot"]
    guarded = name in fleet.guarded
    if guarded:
        if take:
            fleet.next_key_take(f"{name}-guard")
        fleet.process(f"{name}/guard").stop()
        fleet.start_guard(name)
    if take:
        fleet.next_key_take(name)
    fleet.process(f"{name}/agent").stop()
    fleet.start_agent(name)

    def back():
        agent = _agent(world, name)
        return agent["heard"] and agent["boot"] != boot and (not guarded or agent["region"] != "east" or agent["guard"]["lease_left_ms"] > 0)
    fleet.wait(back, 20, f"{name} is back")
    for part in ("agent", "guard")[:1 + guarded]:
        said = world.log(f"{name}/{part}").rsplit(f"{part}.started", 1)[-1]
        expect(f"key={'next' if take else 'pinned'}" in said, f"{name}/{part} runs with another key: {said[:200]}")


def _roll_member(world, name):
    fleet = world.fleet
    fleet.next_key_take(name)
    fleet.process(name).stop()
    fleet.start_member(name)

    def attests():
        said = next(m for m in fleet.ask("members", who="sre-2")["members"] if m["member"] == name)
        return said["answered"] and said["self"]["caught_up"] and said["self"]["attests_yes_n"] > 0
    fleet.wait(attests, 20, f"{name} attests under its next key")
    expect(f"{name}.key: the next key of {name}" in world.log(name), f"{name} runs with another key")


def _old_keys_are_refused(world, rogue):
    """On the connection that is open since before, on a new one, at a start, and at the operators' door."""
    fleet = world.fleet
    before = rogue.stats()
    rogue.tell("report watch-eye", "reported")
    time.sleep(1)
    expect(rogue.stats()["acks"] == before["acks"], "the old key was answered on an open connection")
    with Rogue(world, fleet.program("rogue"), "watch-ns1", "stranger", "../keys-old/watch-eye") as again:
        line = again.tell("connect m1 own right", "connected", 10)
        expect(line == "connected=0 frames=0", line)
    conf = f"{fleet.directory}/dev-1-old.conf"
    with open(conf, "w", encoding="utf-8") as out:
        out.write(f'key = "{fleet.directory}/keys-old/dev-1.key";\npins = "{fleet.directory}/pins.conf";\ntimeout = "1s";\n')
    result = fleet.drover("status", who="dev-1-old", check=False)
    expect(result.returncode != 0, f"an operator's old key was answered: {result.stdout}")
    for name, kind in (("west-db1", "agent"), ("west-db1", "guard")):
        path = f"{fleet.directory}/{name}/{kind}-old.conf"
        with open(f"{fleet.directory}/{name}/{kind}.conf", encoding="utf-8") as text:
            old = text.read().replace(f"{fleet.directory}/keys/", f"{fleet.directory}/keys-old/")
        with open(path, "w", encoding="utf-8") as out:
            out.write(old)
    result = world.lab.run("west-db1", [fleet.program("drover-agent"), "--config", f"{fleet.directory}/west-db1/agent-old.conf"],
                           check=False, timeout=10)
    told = result.stdout + result.stderr
    expect(result.returncode != 0 and "other keys are pinned" in told, f"an agent started with its old key: {told}")


def all_keys(world):
    fleet, begun = world.fleet, time.monotonic()
    epoch = fleet.status()["epoch"]
    fleet.next_keys_make()
    _apply(world, "both keys are taken", list(fleet.agents))
    _keys(world, 8, "east-db1 does not know a key that is in force")
    for name in fleet.agents:
        _restart_host(world, name, take=True)
    fleet.wait(lambda: _keys(world, 8, "") == "restart member m1 with its next key, and wait until it attests", 5,
               "what comes next are the members")
    for name in fleet.members:
        _roll_member(world, name)
    for name in fleet.operators:
        fleet.next_key_take(name)
        fleet.drover("whoami", who=name)
    _keys(world, 8, "all use the next one", in_use="next")
    expect(world.writable("east"), "the active region lost its lease")
    fleet.next_keys_only()
    fleet.process("watch-eye/agent").stop()  # a thief of its old key takes its place, and is heard as long as that is taken
    with Rogue(world, fleet.program("rogue"), "watch-ns1", "agent", "../keys-old/watch-eye") as rogue:
        fleet.wait(lambda: rogue.stats()["connected"] >= 2, 10, "the thief is connected")
        rogue.tell("report watch-eye", "reported")
        rogue.expect("ack", 5)
        _apply(world, "the old keys are over", [name for name in fleet.agents if name != "watch-eye"])
        for name in fleet.agents:
            _restart_host(world, name, take=False)
        _old_keys_are_refused(world, rogue)
    fleet.wait(lambda: fleet.drover("keys", check=False).returncode == 0, 10, "the exchange is over")
    _keys(world, 0, "nothing", in_use="key")
    expect("no longer allowed" in world.log("m1") or "unknown key" in world.log("m1"), "the member left no line")
    status = fleet.status()
    expect(status["epoch"] == epoch and status["owner"] == "east" and status["open"], f"the lease has moved: {status}")
    time.sleep(2)  # HAProxy, which asks once a second, has taken east in again
    report = world.judged()
    world.one_writer(report)
    world.nothing_lost("east")
    outage_s = report["outage_s"] or 0
    print(f"    keys of {len(fleet._public)} identities exchanged in {time.monotonic() - begun:.1f} s; the longest time without a write: "
          f"{outage_s:.2f} s; this machine stalled for {world.stalled_s:.2f} s besides")
    # An agent that is started anew is missed by HAProxy's look at /writable, once a second, and found by the next but one.
    expect_pace(outage_s < 3 + world.stalled_s, f"the client saw {outage_s:.2f} s without a write")
