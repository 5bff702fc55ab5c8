"""Regions with two members of each store, and the plans that stay inside one: another member leads, and no lease moves."""

import time

from fleet import Timing
from lab import LabError, plan

from .scenarios import scenario
from .world import World, expect, expect_pace

DBA = "dba-1"


def leader(world, region):
    """(name, timeline) of the member that Patroni's DCS names, once it streams to or from the other; None until then."""
    for host in world.fleet.databases(region):
        try:
            status, said = world.lab.patroni(host.name, "GET", "/cluster", timeout_s=2.0)
        except OSError:
            continue
        members = said.get("members", []) if status == 200 else []
        leaders = [m for m in members if m["role"] in ("leader", "standby_leader") and m["state"] in ("running", "streaming")]
        others = [m for m in members if m not in leaders and m["state"] in ("running", "streaming")]
        if len(leaders) == 1 and len(others) == 1 and leaders[0]["timeline"] == others[0].get("timeline"):
            return leaders[0]["name"], leaders[0]["timeline"]
    return None


def master(world, region):
    """(name, failovers that the Sentinels have counted), once all of them agree and the other member follows; None until then."""
    hosts = world.fleet.databases(region)
    try:
        told = set()
        for host in [h.name for h in hosts] + [f"{region}-front"]:
            words = world.lab.sentinel(host, "SENTINEL", "MASTER", plan.SCOPE)
            fields = dict(zip(words[::2], words[1::2], strict=True))
            told.add((fields["ip"], int(fields["config-epoch"]), fields["flags"]))
        address, moves_n, flags = told.pop()
        name = next(h.name for h in hosts if h.address == address)
        other = next(h.name for h in hosts if h.address != address)
        role = world.lab.redis(other, "ROLE")
        settled = not told and flags == "master" and role[:2] == ["slave", address] and role[3] == "connected"
        return (name, moves_n) if settled and world.lab.redis(name, "ROLE")[0] == "master" else None
    except (LabError, OSError):
        return None


def settled(world, region, seconds=60):
    """Both, as soon as they are there."""
    return {"postgresql": world.fleet.wait(lambda: leader(world, region), seconds, f"one leads {region}, the other follows"),
            "redis": world.fleet.wait(lambda: master(world, region), seconds, f"one is the master in {region}, the other follows")}


def execution_of(world, number):
    return next(e for e in world.fleet.ask("executions")["executions"] if e["id"] == number)


def _fails_over(world, number, component):
    """By its plan, and nobody but the database's administrator lets it."""
    before, name, step = settled(world, "east"), f"component-{component}", f"switch-{component}"
    world.fleet.drover("declare", "--to", "east", "--plan", name, "--kind", "component", "--reason", "maintenance of a member", "--yes")
    refused = world.fleet.drover("approve", str(number), step, who="net-1", check=False)
    expect(refused.returncode != 0, f"a network's administrator approved it: {refused.stdout}")
    world.approve(number, step, who=DBA)
    world.fleet.wait(lambda: world.stage(number) == "done", 60, f"{name} is done")
    texts = [record["text"] for record in world.fleet.ask("timeline", str(number))["records"]]
    print("    " + next((text for text in reversed(texts) if " instead of " in text), f"{texts}"))
    after = settled(world, "east")
    expect(after[component][0] != before[component][0], f"{before[component][0]} leads still")
    expect(after[component][1] == before[component][1] + 1, f"it moved more than once: {before} {after}")
    other = next(store for store in after if store != component)
    expect(after[other] == before[other], f"{other} moved, too: {before} {after}")
    return before[component][0], after[component][0]


def _measured(world, component, was, leads):
    """`drover components` tells it as what it was: a failover inside the region, with how long no writes were taken."""
    def told():
        rows = world.fleet.ask("components", component)["components"]
        return [last for row in rows if row["region"] == "east" for last in row["elections"]["last"] if last["end"] == "failover"]
    elections = world.fleet.wait(told, 20, f"{component}'s failover inside the region is told")
    print(f"    {elections}")
    expect(len(elections) == 1, f"{len(elections)} failovers of {component}")
    told_of = [elections[0]["leader_from"], elections[0]["leader_to"]]
    named = [name if component == "postgresql" else f"{world.lab.hosts[name].address}:{plan.REDIS_PORT}" for name in (was, leads)]
    expect(told_of == named, f"{told_of}, {named} it was")
    expect(0 < elections[0]["at_most_ms"] < 30000, f"{elections}")


def _is_interrupted(world, number):
    """The switch is at work when a switchover is declared: that begins at once, and nothing of the drill is wanted any more (D8).
    Its hand-off of the same store waits, as both name its lock: the one who leads would not be the one that handed over."""
    world.fleet.drover("declare", "--to", "east", "--plan", "component-drill", "--kind", "drill", "--reason", "a drill", "--yes")
    world.approve(number, "switch-redis", who=DBA)
    world.fleet.drover("declare", "--to", "west", "--kind", "switchover", "--reason", "the region has to be left", "--yes")
    drill, move = execution_of(world, number), execution_of(world, number + 1)
    expect_pace(drill["stage"] != "done" and drill["steps"][0]["attempt"] == 1, "the drill was not at work when the move was declared")
    expect((drill["stage"], drill["superseded_by"]) == ("interrupted", number + 1), f"{drill['stage']}")
    expect(move["kind"] == "switchover", f"{move['kind']}")
    world.approve(number + 1, "dns-api")
    world.wait_writable("west", 60)
    world.fleet.wait(lambda: world.stage(number + 1) == "done", 90, "the switchover is done")
    texts = [record["text"] for n in (number, number + 1) for record in world.fleet.ask("timeline", str(n))["records"]]
    print("    " + "\n    ".join(text for text in texts if "switch-redis" in text or "handoff" in text))


@scenario
def another_member_leads_inside_the_region(build):
    """Two members of each store, a client writes: by plans of kind component another one leads, each is measured, no lease moves
    and nothing is lost. A switchover that is declared while a drill moves the master interrupts it, and loses nothing either."""
    with World(build, Timing(automatic=False, inside=True), small=False) as world:
        world.judges_start()
        epoch = world.fleet.ask("status")["epoch"]
        for number, component in ((1, "postgresql"), (2, "redis")):
            _measured(world, component, *_fails_over(world, number, component))
        expect(world.fleet.ask("status")["epoch"] == epoch, "the epoch moved")
        world.nothing_lost("east")
        _is_interrupted(world, 3)
        time.sleep(2)
        report = world.judged()
        world.one_writer(report)
        expect(not report["lost"], f"acknowledged rows are lost: {report['lost']}")
