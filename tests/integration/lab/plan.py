"""The declared world: regions, hosts, addresses, and which service runs where. No side effects."""

import dataclasses

WAN_ADDRESS = "10.77.0.1"
WHOLE_NET = "10.77.0.0/16"
DATA_REGIONS = ("east", "west")
REGIONS = {"east": 1, "west": 2, "watch": 3, "outside": 9}
SCOPE = "bud"  # the Patroni scope, the database and the name that Sentinel uses
ZONE = "bud.test"

POSTGRES_PORT = 5432
PATRONI_PORT = 8008
ETCD_PORT = 2379
ETCD_PEER_PORT = 2380
REDIS_PORT = 6379
SENTINEL_PORT = 26379
FRONT_POSTGRES_PORT = 5000
FRONT_REDIS_PORT = 6380
FRONT_WEB_PORT = 80
APP_PORT = 8080
HAPROXY_METRICS_PORT = 8404


@dataclasses.dataclass(frozen=True)
class Host:
    name: str
    region: str
    role: str  # db, front, near, member, dns, client
    address: str
    services: tuple  # in the order in which a boot starts them
    namespace: str
    directory: str


def region_net(region):
    return f"10.77.{REGIONS[region]}.0/24"


def other_region(region):
    return {"east": "west", "west": "east"}[region]


def _data_rows(region, small):
    net = f"10.77.{REGIONS[region]}"
    rows = [
        (f"{region}-front", region, "front", f"{net}.10", ("sentinel", "haproxy", "app")),
        (f"{region}-db1", region, "db", f"{net}.11", ("etcd", "redis", "sentinel", "patroni")),
    ]
    if not small:
        rows.append((f"{region}-db2", region, "db", f"{net}.12", ("redis", "sentinel", "patroni")))
    rows.append((f"{region}-near", region, "near", f"{net}.50", ()))
    return rows


def hosts(prefix, run_dir, small=False, members=3):
    """All hosts by name, in the order in which they are made."""
    rows = []
    for region in DATA_REGIONS:
        rows += _data_rows(region, small)
    for i in range(1, members + 1):
        rows.append((f"watch-m{i}", "watch", "member", f"10.77.3.{10 + i}", ("etcd",)))
    rows.append(("watch-ns1", "watch", "dns", "10.77.3.20", ("named",)))
    rows.append(("client", "outside", "client", "10.77.9.2", ("resolver",)))
    return {
        name: Host(
            name, region, role, address, services, f"{prefix}-{name}", f"{run_dir}/hosts/{name}"
        )
        for name, region, role, address, services in rows
    }
