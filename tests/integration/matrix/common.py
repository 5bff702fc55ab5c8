"""What every scenario of the matrix asks: is it settled, is the reason recorded, did anything move."""

import re
import time

from e2e.world import Failure, World, expect, expect_pace  # noqa: F401
from fleet import Timing
from fleet.fleet import FleetError

NOT_DECIDED = 6  # the command line's exit code when no majority of the log answered: nothing was done

# Names of worlds; scenarios of one name share one fleet as long as they leave it as they found it.
WORLDS = {
    "fleet": World,
    "declared": lambda build: World(build, timing=Timing(automatic=False)),
}


def world(name):
    """Registers how the worlds of a name are made: a function of the build directory."""
    def register(make):
        WORLDS[name] = make
        return make
    return register


def bound_s(world_, extra_s=25.0):
    """How long anything that ends by the lease, the wait or the hold-down may take on a busy machine."""
    timing = world_.timing
    return (timing.lease + timing.wait + timing.hold_down + timing.silent) / 1000 + world_.dns_ttl + extra_s


def records(world_, since=None):
    """The audit's records, oldest first, of this scenario alone (or from that height on)."""
    found, start = [], world_.since if since is None else since
    while True:
        page = world_.fleet.ask("timeline", "--from", str(start))["records"]
        page = [record for record in page if record["height"] >= start]
        if not page:
            return found
        found += page
        start = page[-1]["height"] + 1


def height(world_):
    """The height at which the next record of the audit will stand, as a member knows it now."""
    return max(m["self"]["history_height"] for m in world_.fleet.ask("members")["members"] if m.get("answered")) + 1


def reasoned(world_, *patterns, seconds=20):
    """The reason of what happened, or did not, stands in the timeline of this scenario or in `drover explain`: a line fits
    each pattern. Returns those lines."""
    found = {}

    def all_there():
        lines = [record["text"] + (f" (rule {record['rule']})" if record["rule"] else "") for record in records(world_)]
        lines += world_.fleet.drover("explain").stdout.splitlines()
        for pattern in patterns:
            for line in lines:
                if re.search(pattern, line):
                    found[pattern] = re.sub(r"\s+", " ", line)
        return len(found) == len(patterns)
    try:
        world_.fleet.wait(all_there, seconds, "the reasons are recorded")
    except FleetError:
        missing = [pattern for pattern in patterns if pattern not in found]
        told = "; ".join(record["text"] for record in records(world_)[-60:])
        raise Failure(f"neither timeline nor explain says: {missing}; they say: {told}") from None
    for line in found.values():
        print(f"    recorded: {line[:150]}")
    return list(found.values())


def epoch(world_):
    return world_.fleet.wait(world_.fleet.status, 20, "the members answer")["epoch"]


def nothing_moves(world_, seconds, owner="east", each=None):
    """For so long the owner serves its neighbours and the other region is not promoted."""
    other = {"east": "west", "west": "east"}[owner]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        # A machine that is busy may miss one connect's time-out, or two; a region that was fenced misses all.
        expect(any(world_.writable(owner) for _ in range(4)), f"{owner} was disturbed")
        expect(world_.recovering(f"{other}-db1") in (True, None), f"{other} was promoted")
        if each:
            each()
        time.sleep(0.3)


def settled(world_, seconds=40):
    """One region holds an open lease and takes writes; no execution is under way but one that waits for people."""
    def stands():
        status = world_.fleet.status()
        return (status.get("open") and status.get("owner") in ("east", "west") and world_.fleet.leased(status["owner"])
                and world_.writable(status["owner"]))
    world_.fleet.wait(stands, seconds, "the fleet has settled")


def ordered(world_, *argv, who="sre-1", seconds=40):
    """An order of an operator, given again as long as nothing could be decided: on a busy machine the log is late as well."""
    def taken():
        result = world_.fleet.drover(*argv, who=who, check=False)
        if result.returncode == NOT_DECIDED:
            return False
        expect(result.returncode == 0, f"drover {' '.join(argv)}: exit {result.returncode}: {result.stdout}{result.stderr}")
        return True
    world_.fleet.wait(taken, seconds, f"drover {' '.join(argv)} is taken")


def reshape(world_, *changes):
    """Applies the topology with these texts replaced, as an operator would; without any: the one the fleet began with."""
    with open(f"{world_.fleet.directory}/topology.conf", encoding="utf-8") as file:
        text = file.read()
    for old, new in changes:
        expect(old in text, f"the topology has no {old!r}")
        text = text.replace(old, new)
    path = f"{world_.fleet.directory}/topology-reshaped.conf"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    ordered(world_, "config", "apply", path)


def streaming(world_, region, seconds=90):
    """Until the other region's PostgreSQL follows that of the region."""
    world_.fleet.wait(lambda: world_.streams(region), seconds, f"a standby streams from {region}")


def selves(world_):
    """What each member that answers says of itself, by its name."""
    return {m["member"]: m["self"] for m in world_.fleet.ask("members", timeout=40)["members"] if m.get("answered")}


def moves(world_):
    """How many epochs were closed in this scenario."""
    return sum(record["kind"] == "close" and record["rule"] == 111 and record["text"].startswith("CLOSE")
               for record in records(world_))


def unfenced(world_, region, seconds=60):
    """Until a region that had given up its lease, and kept its epoch, serves and leads its own followers again."""
    world_.wait_writable(region, seconds)
    world_.fleet.wait(lambda: world_.lab.redis(f"{region}-db1", "ROLE")[0] == "master", seconds, f"Redis of {region} leads again")
