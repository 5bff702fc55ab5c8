"""Cuts, power and boots: what happens to links and machines, as opposed to what servers do by
themselves."""

import os
import signal
import socket
import threading

from . import bind, etcd, haproxy, manual, net, plan, postgres, redis
from .base import Hopeless, LabError, until

# -- cuts ------------------------------------------------------------------------------------------


def _address(lab, name):
    if name in plan.REGIONS:
        return plan.region_net(name)
    return lab.host(name).address


def _apply(lab, values):
    """All rules from the recorded state: regions without power, isolated regions, then the single
    cuts."""
    rules = []
    for name in values["off"]:
        rules += [(_address(lab, name), None), (None, _address(lab, name))]
    for region in values["isolated"]:
        inside = plan.region_net(region)
        rules += [(inside, f"!= {inside}"), (f"!= {inside}", inside)]
    for a, b, oneway in values["cuts"]:
        rules.append((_address(lab, a), _address(lab, b)))
        if not oneway:
            rules.append((_address(lab, b), _address(lab, a)))
    net.apply_cuts(lab.prefix, rules)


def cut(lab, a, b, oneway):
    _address(lab, a), _address(lab, b)
    with lab.state.edit() as values:
        if [a, b, oneway] not in values["cuts"]:
            values["cuts"].append([a, b, oneway])
        _apply(lab, values)


def heal(lab, a, b):
    with lab.state.edit() as values:
        if a is None:
            values["cuts"], values["isolated"] = [], []
        else:
            left = [c for c in values["cuts"] if {c[0], c[1]} != {a, b}]
            if len(left) == len(values["cuts"]):
                raise LabError(f"there is no cut between {a} and {b}")
            values["cuts"] = left
        _apply(lab, values)


def isolate(lab, region):
    plan.region_net(region)
    with lab.state.edit() as values:
        if region not in values["isolated"]:
            values["isolated"].append(region)
        _apply(lab, values)


def rejoin(lab, region):
    with lab.state.edit() as values:
        values["isolated"] = [r for r in values["isolated"] if r != region]
        _apply(lab, values)


# -- power -----------------------------------------------------------------------------------------


def _machines(lab, name):
    """The hosts that lose their power: of a region all but the neighbour, who is only there to
    look."""
    if name in plan.REGIONS:
        return [host for host in lab.region_hosts(name) if host.role != "near"]
    return [lab.host(name)]


def poweroff(lab, name):
    """First the links, so that no reset of a dying process is ever seen; then every process; then
    the kernel's state."""
    machines = _machines(lab, name)
    names = {host.name for host in machines}
    with lab.state.edit() as values:
        if name in values["off"] or machines[0].region in values["off"]:
            raise LabError(f"{name} is off already")
        values["off"] = [other for other in values["off"] if other not in names] + [name]
        _apply(lab, values)
    net.kill_all([host.namespace for host in machines], signal.SIGKILL)
    lab.reap()
    net.drop_hosts(lab.prefix, machines)


def poweron(lab, name, wait=False, services=None):
    """A boot: new kernels (no sockets, no nftables), old disks; what is enabled on a host, then its
    services."""
    with lab.state.edit() as values:
        if name not in values["off"]:
            raise LabError(
                f"{name} is not off by that name; off: {', '.join(values['off']) or 'nothing'}"
            )
    machines = _machines(lab, name)
    net.make_hosts(lab.prefix, machines)
    with lab.state.edit() as values:
        values["off"].remove(name)
        _apply(lab, values)
    _each(machines, lambda host: _boot(lab, host, services))
    if wait:
        wait_stores(lab, machines)


def _each(hosts, work):
    """Runs work(host) for all hosts at once; the first failure is raised after all have ended."""
    failures = []

    def guarded(host):
        try:
            work(host)
        except BaseException as error:  # it is raised again in the calling thread
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(host,)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _boot(lab, host, services=None):
    for unit, path in lab.state.load()["start_after"].items():
        if unit.startswith(f"{host.name} ") and os.path.lexists(path):
            os.unlink(path)  # it is on /run
    for hook in lab.boot_before:
        hook(lab, host)
    for unit in [dict(u) for u in lab.state.load()["boot"] if u["host"] == host.name]:
        path = unit.pop("ready_path")
        if path and os.path.lexists(path):
            os.unlink(path)
        unit["host_name"] = unit.pop("host")
        handle = lab.spawn(**unit)
        if path:
            until(
                f"{unit['name']} on {host.name} has made {path}; see {handle.log}",
                lambda p=path: os.path.lexists(p),
                10,
                0.02,
            )
    for name in host.services:
        if services is None or name in services:
            if name == "patroni" and "etcd" in host.services:
                # The unit files' order: Patroni after an etcd that is ready. A dead etcd must not
                # keep it from starting.
                try:
                    until("etcd answers", lambda: port_open(lab, host, plan.ETCD_PORT), 5, 0.05)
                except LabError:
                    pass
            after = lab.state.load()["start_after"].get(f"{host.name} {name}")
            if after is None:
                lab.service_start(host.name, name)
            else:
                postgres.start(lab, host, after)


def port_open(lab, host, port):
    with net.inside(host.namespace):
        with socket.create_connection((host.address, port), 1.0):
            return True


# -- the first boot --------------------------------------------------------------------------------


def await_first(lab, what, check, timeout_s, step_s=0.1):
    """until(), but given up at once when a server that was started has died; and so nothing is lost
    by waiting three times as long as a first boot may take, for a machine that stands still."""

    def alive():
        for handle in list(lab.handles.values()):
            if handle.name in lab.hosts[handle.host].services and not handle.alive():
                raise Hopeless(f"{handle} died; its log ends:\n{handle.log_tail(5)}")
        return check()

    until(what, alive, 3 * timeout_s, step_s)


def first_boot(lab):
    """Brings everything up once, the primary region's database first, because the others are its
    copies."""
    from .lab import SERVICES

    for host in lab.hosts.values():
        for name in host.services:
            SERVICES[name][0](lab, host)
        for hook in lab.boot_before:
            hook(lab, host)
    lab.say("etcd, Redis, Sentinel, HAProxy, the web app, BIND, its resolver")
    for host in lab.hosts.values():
        for name in host.services:
            if name != "patroni":
                lab.service_start(host.name, name)
    primary = lab.options["primary"]
    standby = plan.other_region(primary)
    head = f"{primary}-db1"
    for region in plan.DATA_REGIONS:
        await_first(
            lab,
            f"etcd of {region} answers",
            lambda r=region: port_open(lab, lab.hosts[f"{r}-db1"], plan.ETCD_PORT),
            20,
        )
    lab.say(f"PostgreSQL and Patroni on {head}")
    lab.service_start(head, "patroni")
    await_first(lab, f"PostgreSQL on {head} takes writes", lambda: postgres.writable(lab, head), 40)
    postgres.create_schema(lab, head)
    await_first(
        lab,
        f"the front of {primary} knows its primary",
        lambda: head in haproxy.up_servers(lab, f"{primary}-front", "postgres_primary"),
        20,
        0.05,
    )
    lab.say("the other databases, as copies")
    others = [
        host.name for r in (primary, standby) for host in lab.region_dbs(r) if host.name != head
    ]
    # The standby region's second member would race its first for the leadership; it starts when
    # that one leads.
    seconds = [name for name in others if name == f"{standby}-db2"]
    for name in others:
        if name not in seconds:
            lab.service_start(name, "patroni")
    await_first(
        lab,
        f"{standby} follows {primary}",
        lambda: postgres.streaming(lab, head, [f"{standby}-db1"]),
        60,
    )
    for name in seconds:
        lab.service_start(name, "patroni")
    lab.say("everything replicates, the name leads to a front that writes")
    wait_ready(lab)


def wait_ready(lab):
    """Until both stores replicate everywhere and the outside world is served by the primary
    region."""
    primary = lab.options["primary"]
    standby = plan.other_region(primary)
    small = lab.options["small"]
    names = [f"{standby}-db1"] + ([] if small else [f"{primary}-db2"])
    await_first(
        lab,
        "PostgreSQL streams to " + ", ".join(names),
        lambda: postgres.streaming(lab, f"{primary}-db1", names),
        60,
    )
    if not small:
        await_first(
            lab,
            f"PostgreSQL streams to {standby}-db2",
            lambda: postgres.streaming(lab, f"{standby}-db1", [f"{standby}-db2"]),
            60,
        )
    for host in lab.hosts.values():
        if host.role == "db" and host.name != f"{primary}-db1":
            await_first(
                lab, f"Redis on {host.name} follows", lambda h=host: redis.linked(lab, h.name), 30
            )
    for host in lab.region_hosts(primary):
        if "sentinel" in host.services:
            await_first(
                lab,
                f"the Sentinel on {host.name} has its quorum",
                lambda h=host: lab.sentinel(h.name, "SENTINEL", "ckquorum", plan.SCOPE).startswith(
                    "OK"
                ),
                30,
            )
    for host in lab.hosts.values():
        if host.role == "member":
            await_first(
                lab,
                f"etcd on {host.name} has a majority",
                lambda h=host: etcd.healthy(lab, h.name),
                30,
            )
    front = lab.hosts[f"{primary}-front"]
    await_first(
        lab,
        f"Redis answers at the front of {primary}",
        lambda: haproxy.up_servers(lab, front.name, "redis_primary") == [f"{primary}-db1"],
        20,
    )
    await_first(
        lab,
        "the name leads to the primary region",
        lambda: bind.lookup(lab, f"api.{plan.ZONE}", "A", bind.RESOLVER) == [front.address],
        20,
    )
    await_first(
        lab,
        "the web app answers outside",
        lambda: manual.http_get(lab, "client", front.address, "/health")[0] == 200,
        20,
    )


def wait_stores(lab, hosts, timeout_s=60):
    """Until every PostgreSQL and Redis of the hosts answers, in whatever role."""
    for host in hosts:
        if host.role != "db":
            continue
        until(
            f"PostgreSQL on {host.name} answers",
            lambda h=host: lab.sql(h.name, "SELECT 1", db="postgres"),
            timeout_s,
        )
        until(
            f"Redis on {host.name} answers",
            lambda h=host: lab.redis(h.name, "PING") == "PONG",
            timeout_s,
        )
