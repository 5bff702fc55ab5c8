"""Redis and Sentinel: configuration, start, and a small RESP client for the tests (no client
package is needed)."""

import socket

from . import plan
from .base import LabError, make_directory, write_file
from .net import inside
from .proc import owner_ids


class RedisError(LabError):
    """An error reply of the server, with its first word as the kind (READONLY, NOREPLICAS, ...)."""


class Connection:
    """One RESP2 connection; values are str, int, None or lists of them. `timeout_s` bounds every
    read."""

    def __init__(self, address, port, password=None, timeout_s=3.0):
        self.socket = socket.create_connection((address, port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb")
        if password:
            self.call("AUTH", password)

    def close(self):
        self.reader.close()
        self.socket.close()

    def call(self, *words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode("utf-8")
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self.socket.sendall(b"".join(parts))
        return self._reply()

    def _reply(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, text = line[:1], line[1:-2].decode("utf-8", "replace")
        if kind == b"+":
            return text
        if kind == b"-":
            raise RedisError(text)
        if kind == b":":
            return int(text)
        if kind == b"$":
            length = int(text)
            if length < 0:
                return None
            data = self.reader.read(length + 2)
            if len(data) != length + 2:
                raise ConnectionError("the server closed the connection")
            return data[:-2].decode("utf-8", "replace")
        if kind == b"*":
            return None if int(text) < 0 else [self._reply() for _ in range(int(text))]
        raise LabError(f"not a Redis reply: {line[:80]!r}")


def info(text):
    """INFO's text as a dict."""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def head(lab, region):
    """The Redis that follows the other region, or heads this one, when the lab comes up."""
    return lab.hosts[f"{region}-db1"]


def prepare(lab, host):
    owner = owner_ids("redis")
    make_directory(f"{host.directory}/redis", 0o700, owner)
    password = lab.secret("redis.password")
    lines = [
        "bind 0.0.0.0",
        f"port {plan.REDIS_PORT}",
        "protected-mode no",
        "daemonize no",
        'logfile ""',
        f"dir {host.directory}/redis",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        f"requirepass {password}",
        f"masterauth {password}",
        "repl-diskless-sync yes",
        "repl-diskless-sync-delay 0",
        "repl-timeout 10",
        "repl-ping-replica-period 1",
        "repl-backlog-size 8mb",
        "maxmemory 64mb",
        "maxmemory-policy noeviction",
        "replica-read-only yes",
    ]
    region_head = head(lab, host.region)
    if host != region_head:
        lines.append(f"replicaof {region_head.address} {plan.REDIS_PORT}")
    elif host.region != lab.options["primary"]:
        front = lab.hosts[f"{lab.options['primary']}-front"]
        # Through the front the primary's Sentinels see an address at which no Redis listens, and
        # with priority 0 they never choose it: they can neither promote nor reconfigure the standby
        # region.
        lines += [f"replicaof {front.address} {plan.FRONT_REDIS_PORT}", "replica-priority 0"]
    write_file(f"{host.directory}/redis/redis.conf", "\n".join(lines) + "\n", 0o600, owner)


def sentinel_prepare(lab, host):
    owner = owner_ids("redis")
    make_directory(f"{host.directory}/sentinel", 0o700, owner)
    lines = [
        "bind 0.0.0.0",
        f"port {plan.SENTINEL_PORT}",
        "protected-mode no",
        "daemonize no",
        'logfile ""',
        f"dir {host.directory}/sentinel",
    ]
    if host.region == lab.options["primary"]:
        lines += [
            f"sentinel monitor {plan.SCOPE} {head(lab, host.region).address} {plan.REDIS_PORT} 2",
            f"sentinel auth-pass {plan.SCOPE} {lab.secret('redis.password')}",
            f"sentinel down-after-milliseconds {plan.SCOPE} 3000",
            f"sentinel failover-timeout {plan.SCOPE} 10000",
        ]
    # Sentinel rewrites its file by a temporary one beside it, so the folder is its own.
    write_file(f"{host.directory}/sentinel/sentinel.conf", "\n".join(lines) + "\n", 0o600, owner)


def start(lab, host):
    return lab.spawn(
        host.name,
        ["redis-server", f"{host.directory}/redis/redis.conf"],
        name="redis",
        user="redis",
        cwd=f"{host.directory}/redis",
    )


def sentinel_start(lab, host):
    return lab.spawn(
        host.name,
        ["redis-sentinel", f"{host.directory}/sentinel/sentinel.conf"],
        name="sentinel",
        user="redis",
        cwd=f"{host.directory}/sentinel",
    )


def call(lab, host_name, *words, port=plan.REDIS_PORT, timeout_s=3.0):
    host = lab.hosts[host_name]
    password = None if port == plan.SENTINEL_PORT else lab.secret("redis.password")
    with inside(host.namespace):
        connection = Connection(host.address, port, password, timeout_s)
    try:
        return connection.call(*words)
    finally:
        connection.close()


def replication(lab, host_name):
    return info(call(lab, host_name, "INFO", "replication"))


def linked(lab, host_name):
    """True for a replica whose link to its source is up."""
    return replication(lab, host_name).get("master_link_status") == "up"
