"""What an operator does by hand, by the stores' documentation: the lab's own proof that its servers
can fail over."""

import http.client

from . import bind, plan, postgres, redis
from .base import LabError, until


def http_get(lab, host_name, address, path, port=plan.FRONT_WEB_PORT, timeout_s=3.0):
    connection = http.client.HTTPConnection(address, port, timeout=timeout_s)
    try:
        with lab.inside(host_name):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", "replace")
    finally:
        connection.close()


def _patch(lab, region, body):
    """PATCH /config at the first member of the region that takes it."""
    answers = []
    for host in lab.region_dbs(region):
        try:
            status, answer = lab.patroni(host.name, "PATCH", "/config", body)
        except OSError as error:
            status, answer = None, error
        if status == 200:
            return
        answers.append(f"{host.name}: {status} {answer}")
    raise LabError(f"no member of {region} took the configuration: {'; '.join(answers)}")


def promote_postgres(lab, region):
    slot = postgres.SLOT_OF_PRIMARY if region == "west" else postgres.SLOT_OF_STANDBY
    _patch(lab, region, {"standby_cluster": None, "slots": {slot: {"type": "physical"}}})
    until(
        f"a PostgreSQL of {region} takes writes",
        lambda: any(postgres.writable(lab, host.name) for host in lab.region_dbs(region)),
        15,
        0.02,
    )


def demote_postgres(lab, region):
    """Makes the region a standby cluster of the other; every connection is closed (pg_ctl stop -m
    immediate)."""
    slots = {slot: None for slot in (postgres.SLOT_OF_PRIMARY, postgres.SLOT_OF_STANDBY)}
    _patch(lab, region, {"standby_cluster": postgres.standby_cluster(region), "slots": slots})


def promote_redis(lab, region):
    head = redis.head(lab, region)
    lab.redis(head.name, "REPLICAOF", "NO", "ONE")
    lab.redis(head.name, "CONFIG", "SET", "replica-priority", "100")
    for host in lab.region_dbs(region):
        if host != head:
            lab.redis(host.name, "REPLICAOF", head.address, plan.REDIS_PORT)
    for host in lab.region_hosts(region):
        if "sentinel" in host.services:
            monitor(lab, host.name, head.address)


def monitor(lab, sentinel_name, address):
    try:
        lab.sentinel(sentinel_name, "SENTINEL", "REMOVE", plan.SCOPE)
    except redis.RedisError:
        pass  # it monitored nothing
    lab.sentinel(sentinel_name, "SENTINEL", "MONITOR", plan.SCOPE, address, plan.REDIS_PORT, 2)
    lab.sentinel(
        sentinel_name,
        "SENTINEL",
        "SET",
        plan.SCOPE,
        "auth-pass",
        lab.secret("redis.password"),
        "down-after-milliseconds",
        3000,
        "failover-timeout",
        10000,
    )


def demote_redis(lab, region):
    for host in lab.region_hosts(region):
        if "sentinel" in host.services:
            try:
                lab.sentinel(host.name, "SENTINEL", "REMOVE", plan.SCOPE)
            except redis.RedisError:
                pass
    head = redis.head(lab, region)
    front = lab.hosts[f"{plan.other_region(region)}-front"]
    lab.redis(head.name, "CONFIG", "SET", "replica-priority", "0")
    for host in lab.region_dbs(region):
        target = (
            (front.address, plan.FRONT_REDIS_PORT)
            if host == head
            else (head.address, plan.REDIS_PORT)
        )
        lab.redis(host.name, "REPLICAOF", *target)
        lab.redis(host.name, "CONFIG", "REWRITE")


def promote(lab, region):
    """PostgreSQL, Redis, DNS. There is no fence here: whoever calls this answers for the other
    region."""
    promote_postgres(lab, region)
    promote_redis(lab, region)
    bind.point(lab, f"api.{plan.ZONE}", lab.hosts[f"{region}-front"].address)


def demote(lab, region):
    demote_postgres(lab, region)
    demote_redis(lab, region)
