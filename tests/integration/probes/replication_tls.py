"""TLS of each replication connection (PostgreSQL and Redis): all of them with the version that is wanted, one
without, one that is older, and what an end can say of itself when only the other one knows."""
import subprocess

import servers
from servers import PG, free_port, wait_for


class Follower:
    """One more replication connection, of PostgreSQL's own pg_receivewal."""

    def __init__(self, t, pg, name, more, standby=False):
        self.lab, self.pg, self.name, self.standby = t.lab, pg, name, standby
        port = pg.standby_port if standby else pg.port
        self.process = t.lab.start(name, [
            PG + "/pg_receivewal", "-n", "-D", t.lab.directory_for(name, "postgres"), "-d",
            f"host=127.0.0.1 port={port} user=repl application_name={name} {more}"], "postgres",
            {"PGPASSFILE": t.lab.path("pgpass")})

    def __enter__(self):
        wait_for(f"{self.name} follows", lambda: self.count() == "1")

    def __exit__(self, *ignored):
        self.lab.stop(self.process)
        wait_for(f"{self.name} is gone", lambda: self.count() == "0")

    def count(self):
        return self.pg.sql(f"SELECT count(*) FROM pg_stat_replication WHERE application_name = '{self.name}'"
                           " AND state = 'streaming'", self.standby)


def test_pg(t, pg, ask):
    """ask(standby=False, **arguments) asks pg_replication."""
    def named(name):
        return t.probe("pg_replication", {"address": f"127.0.0.1:{pg.port}", "user": "drover", "password_ref": "right",
                                          "standby": name, "tls": "1.3"}, 3000)

    t.see("pg_replication its receiver would take an older TLS", ask(True, tls="1.3"), err="OK", good=True, warn=True,
          detail="older TLS accepted")
    t.see("pg_replication its receiver insists on TLS 1.2", ask(True, tls="1.2"), err="OK", good=True, warn=False)
    for name, more, told in (("plain", "sslmode=disable", "no TLS to plain (of 2), 1.3 wanted"),
                             ("older", "sslmode=require ssl_max_protocol_version=TLSv1.2",
                              "TLSv1.2 to older (of 2), 1.3 wanted")):
        with Follower(t, pg, name, more):
            t.see(f"pg_replication one of two connections: {told}", ask(tls="1.3"), err="OK", good=False, role=1, detail=told)
            t.see(f"pg_replication the named standby's has TLS 1.3, {name} or not", named("dr1"),
                  err="OK", good=True, detail="TLSv1.3")
            t.see(f"pg_replication {name} where any TLS will do, or none", ask(), err="OK", good=True)
    t.see("pg_replication with both of them gone", ask(tls="1.3"), err="OK", good=True, detail="TLSv1.3")
    t.see("pg_replication a standby that nobody follows", ask(True, end="cascade"), err="OK", good=False, role=2,
          detail="no standby")
    t.see("pg_replication a primary is no cascade", ask(end="cascade"), err="OK", good=False, role=1)
    with Follower(t, pg, "third", "sslmode=require", standby=True):
        t.see("pg_replication a standby sends on", ask(True, end="cascade", tls="1.3"), err="OK", good=True, role=2,
              detail="TLSv1.3", positions=lambda p: p["received"] >= p["applied"])
    with Follower(t, pg, "fourth", "sslmode=disable", standby=True):
        t.see("pg_replication a standby sends on without TLS", ask(True, end="cascade", tls="1.2"), err="OK", good=False,
              role=2, detail="no TLS to fourth")
    conninfo = pg.sql("SHOW primary_conninfo", standby=True)

    def follow_by(words):
        pg.set("primary_conninfo", "'" + (conninfo + " " + words).replace("'", "''") + "'", standby=True)

    def both(what, words, sender, receiver):
        follow_by(words)
        t.eventually(f"pg_replication {what}, by the sender", lambda: ask(tls="1.3"), 20, err="OK", **sender)
        t.eventually(f"pg_replication {what}, by the receiver", lambda: ask(True, tls="1.3"), 20, err="OK", **receiver)

    # A later word of a conninfo counts.
    both("without TLS", "sslmode=disable", {"good": False, "detail": "no TLS to dr1"}, {"good": False, "detail": "no TLS (sslmode"})
    both("with TLS if there is any", "sslmode=prefer", {"good": True, "detail": "TLSv1.3"},
         {"good": True, "warn": True, "detail": "not insisted on"})
    both("with TLS 1.2", "ssl_max_protocol_version=TLSv1.2", {"good": False, "detail": "TLSv1.2 to dr1"},
         {"good": True, "warn": True, "detail": "older TLS accepted"})
    t.see("pg_replication TLS 1.2 where that is wanted", ask(tls="1.2"), err="OK", good=True, detail="TLSv1.2")
    both("with TLS 1.3 only", "ssl_min_protocol_version=TLSv1.3", {"good": True, "detail": "TLSv1.3"}, {"good": True, "warn": False})
    follow_by("")
    t.eventually("pg_replication as it was", lambda: ask(True, tls="1.3"), 20, err="OK", good=True, warn=True)


class RedisPair:
    """A primary that listens with and without TLS, and its replica, which came by TLS."""

    def __init__(self, lab):
        self.lab = lab
        cert = servers.certificate(lab, "redis-tls", 20)
        self.plain_port, self.tls_port, self.replica_port = (free_port() for _ in range(3))
        common = (f"bind 127.0.0.1\nsave \"\"\nrepl-diskless-sync-delay 0\nrequirepass {servers.PASSWORD}\n"
                  f"masterauth {servers.PASSWORD}\ntls-cert-file {cert}\ntls-key-file {lab.path('redis-tls.key')}\n"
                  f"tls-ca-cert-file {cert}\ntls-auth-clients no\n")
        self.processes = []
        for name, more in (("redis-tls1", f"port {self.plain_port}\ntls-port {self.tls_port}\n"),
                           ("redis-tls2", f"port {self.replica_port}\ntls-replication yes\n"
                                          f"replicaof 127.0.0.1 {self.tls_port}\n")):
            config = lab.write(f"{name}.conf", f"{common}dir {lab.directory_for(name)}\n{more}", mode=0o600)
            self.processes.append(lab.start(name, ["redis-server", config]))
        for port in (self.plain_port, self.replica_port):
            wait_for("Redis with TLS", lambda: servers.accepts(port))

    def cli(self, port, *words):
        return subprocess.run(["redis-cli", "-p", str(port), *words], check=True, capture_output=True, text=True, timeout=5,
                              env={"PATH": "/usr/bin:/bin", "REDISCLI_AUTH": servers.PASSWORD}, stdin=subprocess.DEVNULL).stdout

    def both(self, *words):
        for port in (self.plain_port, self.replica_port):
            self.cli(port, *words)

    def stop(self):
        for process in self.processes:
            self.lab.stop(process)


def test_redis(t):
    pair = RedisPair(t.lab)

    def ask(port, **more):
        return t.probe("redis_replication", {"address": f"127.0.0.1:{port}", "password_ref": "right", "tls": "1.3", **more}, 2000)

    ends = (("sending end", pair.plain_port), ("receiving end", pair.replica_port))
    for end, port in ends:
        t.eventually(f"redis_replication {end} by TLS, an older one would be taken", lambda: ask(port), 20, err="OK", good=True,
                     warn=True, detail="older accepted")
        t.see(f"redis_replication {end} by TLS 1.2 at least", ask(port, tls="1.2"), err="OK", good=True, warn=False, detail="TLS")
    pair.both("CONFIG", "SET", "tls-protocols", "TLSv1.3")
    for end, port in ends:
        t.see(f"redis_replication {end} takes TLS 1.3 only", ask(port), err="OK", good=True, warn=False, detail=", TLS")
    pair.both("CONFIG", "SET", "tls-protocols", "TLSv1.2")
    for end, port in ends:
        t.see(f"redis_replication {end} takes TLS 1.2 only", ask(port), err="OK", good=False, detail="older TLS only")
        t.see(f"redis_replication {end} takes TLS 1.2 only, which is enough", ask(port, tls="1.2"), err="OK", good=True, warn=False)
    pair.cli(pair.plain_port, "ACL", "SETUSER", "blind", "reset", "on", f">{servers.PASSWORD}", "+info", "+config|get", "+ping")
    t.see("redis_replication TLS, the user may not ask", ask(pair.plain_port, user="blind"), err="AUTH", detail="NOPERM")
    pair.cli(pair.plain_port, "ACL", "SETUSER", "blind", "+client|list")
    t.see("redis_replication TLS, the user may ask", ask(pair.plain_port, user="blind", tls="1.2"), err="OK", good=True)
    pair.cli(pair.replica_port, "CONFIG", "SET", "tls-replication", "no")
    pair.cli(pair.replica_port, "REPLICAOF", "127.0.0.1", str(pair.plain_port))
    t.eventually("redis_replication sending end, its replica came without TLS", lambda: ask(pair.plain_port, tls="1.2"), 20,
                 err="OK", good=False, detail="1 of 1 without TLS")
    t.eventually("redis_replication receiving end without TLS", lambda: ask(pair.replica_port, tls="1.2"), 20, err="OK", good=False,
                 detail="no TLS (tls-replication)")
    t.see("redis_replication without TLS where none is wanted", ask(pair.replica_port, tls="any"), err="OK", good=True)
    pair.stop()
