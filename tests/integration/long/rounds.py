"""One round of each kind, and what the outside judge says of all of them together."""

import time

import psycopg2
from e2e.world import World, expect
from fleet import Timing
from lab import LabError, judge

OTHER = {"east": "west", "west": "east"}
# What a topology has that names nothing (docs/topology.md), with the documents' TTL.
UNSCALED = Timing(lease=30000, renew=5000, fence=8000, gate_early=2000, wait=32000, promise=32000, tick=1000, hold_down=60000,
                  settle=30000, silent=5000, block=10000, check=10000, check_timeout=5000)
UNSCALED_TTL = 60


def follows(world, region):
    """The other region is a standby of this one, by stream and by its own word, in both stores. False while one does not answer."""
    other = OTHER[region]
    try:
        role = [word.decode() if isinstance(word, bytes) else word for word in world.lab.redis(f"{other}-db1", "ROLE")]
        return world.recovering(f"{other}-db1") and world.streams(region) and role[0] == "slave" and role[3] == "connected"
    except (psycopg2.Error, LabError, OSError):
        return False


def newest(world):
    return max((found["id"] for found in world.fleet.ask("executions")["executions"]), default=0)


def switchover(world, target, patience_s=120):
    """Declares it, approves what asks for it, and waits until the region that was left follows. Returns seconds until then."""
    begun = time.monotonic()
    world.fleet.drover("declare", "--to", target, "--kind", "switchover", "--reason", "maintenance", "--yes")
    execution = newest(world)
    world.approve(execution, "dns-api")
    world.wait_writable(target, patience_s)
    world.fleet.wait(lambda: world.stage(execution) == "done", patience_s + UNSCALED_TTL, f"execution {execution} is done")
    world.fleet.wait(lambda: follows(world, target), patience_s, f"{OTHER[target]} follows")
    return time.monotonic() - begun


def gaps(world):
    """store -> the times in seconds in which no probe's write was taken, one a handover: at least and at most."""
    writes, probes = world.lab.logs_of_judge()
    # The outside writer counts for neither: it waits for the name server's answer to grow old.
    found = judge.spans([line for line in probes if "outcome" in line])
    return len([line for line in writes if line.get("ok")]), {
        store: [(least / 1e9, most / 1e9) for least, most in judge.handovers(found, store)] for store in ("postgres", "redis")}


def spread(values):
    ordered = sorted(values)
    return (f"median {ordered[len(ordered) // 2]:.2f} s, nine of ten within {ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)]:.2f} s, "
            f"most {ordered[-1]:.2f} s")


def told(world, wanted_n):
    """Prints what was measured, and holds it to: one writer, no acknowledged row lost, every move seen from outside."""
    acked, found = gaps(world)
    report = world.judged()
    for store, pairs in found.items():
        expect(len(pairs) >= wanted_n, f"{store}: {len(pairs)} moves seen from outside, {wanted_n} were made")
        print(f"    {store}, write gap by probes of 20 Hz: {spread([most for _, most in pairs])}")
    print(f"    acknowledged rows: {acked}, lost: {len(report['lost'])}")
    world.one_writer(report)
    return report, found


def switchovers(build, times):
    """Planned moves there and back under load, one after the other; no acknowledged row may be lost in any."""
    with World(build) as world:
        world.judges_start(rate_hz=50)
        target, took = "west", []
        for n in range(times):
            took.append(switchover(world, target))
            print(f"    {n + 1} of {times}: {target} serves and is followed after {took[-1]:.1f} s", flush=True)
            target = OTHER[target]
            time.sleep(3)
        print(f"    from the declaration to a standby that follows: {spread(took)}")
        report, found = told(world, times)
        expect(not report["lost"], f"acknowledged rows are lost: {report['lost'][:10]}")
        return found


def returns(build, times):
    """With the numbers of a real topology: the region dies, the other serves by itself; it returns as a standby, and the
    service is taken back by a switchover; nothing is rebuilt by hand in between."""
    with World(build, timing=UNSCALED, dns_ttl=UNSCALED_TTL) as world:
        world.judges_start(rate_hz=10)
        for n in range(times):
            begun = time.monotonic()
            world.kill_region("east")
            world.wait_writable("west", 280)
            served_s = time.monotonic() - begun
            world.fleet.wait(lambda: world.stage(newest(world)) == "done", 300, "the failover is done")
            done_s = time.monotonic() - begun
            world.lab.poweron("east", wait=False)
            world.fleet.wait(lambda: follows(world, "west"), 300, "east has returned as a standby")
            followed_s = time.monotonic() - begun
            world.fleet.drover("release", "--reason", "east is back")
            back_s = switchover(world, "east", patience_s=300)
            print(f"    {n + 1} of {times}: west takes writes after {served_s:.1f} s, the plan is done after {done_s:.1f} s, east follows "
                  f"after {followed_s:.1f} s; back in {back_s:.1f} s", flush=True)
            time.sleep(UNSCALED.block / 1000 + UNSCALED.settle / 1000)
        report, found = told(world, 2 * times)
        print(f"    longest outage of the outside client: {report['outage_s']:.1f} s")
        expect(report["outage_s"] < 300, "an automatic failover took five minutes or more, as its client sees it")
        return found
