"""What `drover plan preview` says is at stake, held against what the run then measured."""

import json
import select
import socket
import time

from lab import bind, haproxy, plan

from .world import expect, expect_pace

HELD = 60  # sessions of ours through the front of the region that is lost
STARTUP = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # SSLRequest: a living server answers with one byte
NEAR = 3  # seconds, writes: between the look and the loss of the region both go on
OTHERS = 30  # sessions of the judges and of the application come and go


def held(world, region, number=HELD):
    """Sessions through the front's HAProxy, as clients have them."""
    with world.lab.inside("client"):
        front = world.lab.hosts[f"{region}-front"].address
        return [socket.create_connection((front, plan.FRONT_POSTGRES_PORT), timeout=5) for _ in range(number)]


def answered(sessions):
    """How many of them a server still answers."""
    for session in sessions:
        try:
            session.send(STARTUP)
        except OSError:
            continue
    alive = 0
    time.sleep(1)
    for session in sessions:
        ready, _, _ = select.select([session], [], [], 0)
        try:
            alive += bool(ready and session.recv(1))
        except OSError:
            continue
    return alive


def sessions_now(world, region):
    rows = [line.split(",") for line in haproxy.command(world.lab, f"{region}-front", "show stat").splitlines()]
    return next(int(row[4]) for row in rows if row[:2] == ["postgres_primary", "BACKEND"])


def ttl_served(world, name):
    with world.lab.inside("client"):
        return bind.ask(bind.AUTHORITY, name)[1]


def told(world):
    """The preview, and beside it what is so in the world at the same moment."""
    world.fleet.wait(lambda: _preview(world)["stakes"]["sessions"]["known"], 10, "a check tells the sessions")
    preview = _preview(world)
    n, now = preview["stakes"]["sessions"]["sessions_n"], sessions_now(world, "east")
    expect(n >= HELD, f"{n} sessions told, {HELD} are ours")
    expect_pace(abs(n - now) <= OTHERS, f"{n} sessions told, HAProxy has {now}")
    name = preview["stakes"]["names"][0]
    expect(name["tail_ms"] == 1000 * ttl_served(world, "api.bud.test"), name)
    return preview


def _preview(world):
    said = world.fleet.drover("plan", "preview", "failover", "--to", "west", "--json", check=False)
    expect(said.returncode in (0, 9), said)
    return json.loads(said.stdout)


def as_previewed(world, preview, losses, missing):
    """The run is over: the loss, what was lost for good, the copies that are left, and who was asked."""
    links = {link["name"]: link for link in preview["links"]}
    for link, lost in missing.items():
        said, came = links[link], losses[link]
        print(f"    {link}: previewed {said['lag_ms'] / 1000:.1f} s, {said['lag_writes']} writes; reported "
              f"{came['lag_ms'] / 1000:.1f} s, {came['lag_writes']} writes; in the stores {lost}")
        expect(said["known"] and said["moved"], said)
        expect_pace(abs(said["lag_ms"] - came["lag_ms"]) <= 1000 * NEAR, f"{link}: {said}, {came}")
        expect_pace(abs(said["lag_writes"] - lost) <= NEAR, f"{link}: {said}, {lost} are missing")
    stakes = preview["stakes"]
    execution = world.fleet.ask("report", "1")["execution"]
    done = {step["name"] for step in execution["steps"] if step["state"] == "done"}
    for_good = {one["step"] for one in stakes["no_return"]}
    expect(for_good == {"promote-postgresql", "promote-redis"} and for_good <= done, f"{for_good}, done {done}")
    expect(world.fleet.drover("abort", "1", check=False).returncode == 3, "behind its fence it could be aborted")
    copies = {one["component"]: one for one in stakes["copies"]}
    expect(set(copies) == {"postgresql", "redis"}, copies)
    followers = {"postgresql": world.lab.sql("west-db1", "SELECT count(*) FROM pg_stat_replication")[0][0],
                 "redis": len(world.lab.redis("west-db1", "ROLE")[2])}
    for component, copy in copies.items():
        expect(copy["known"] and copy["beside_writer_n"] == followers[component], f"{copy}, {followers[component]} follow")
        expect(copy["until_plan"] == "reprotect", copy)
    expect({service["name"] for service in stakes["services"]} == {"postgresql", "redis", "web", "api"}, stakes)
    for name in stakes["names"]:
        expect(world.lab.lookup(name["name"].rstrip(".")) == [name["value"]], f"{name} did not move")
    asked = [act["step"] for one in stakes["people"] for act in one["acts"]]
    expect(asked == ["dns-api"] and stakes["people"][0]["acts"][0]["mandated"], stakes["people"])


def dropped(sessions):
    """Ours of the region that was lost; nobody answers them any more."""
    alive = answered(sessions)
    for session in sessions:
        session.close()
    expect(alive == 0, f"{alive} of {len(sessions)} sessions lived on")
