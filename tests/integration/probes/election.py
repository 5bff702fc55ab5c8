"""Patroni's own election, as the probes see it: two members of one region, the leader's Patroni and
PostgreSQL killed, the other elected, the old one back as a replica. drover does nothing in it."""
import json
import os
import re
import signal
import time
import urllib.request

import servers
from servers import PG, free_port, wait_for

TTL_S, LOOP_S, RETRY_S = 10, 1, 3
# A dead leader's key ends after the ttl, and a loop or two later another holds it. The rest is for a
# machine that is slow.
ELECTED_S = 90


class Member:
    def __init__(self, pair, name):
        self.pair, self.name, self.lab = pair, name, pair.lab
        self.rest, self.port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.rest}"
        home = self.lab.directory_for(name, "postgres")
        self.data = os.path.join(home, "data")
        self.config = self.lab.write(f"{name}.yml", f"""
scope: pair
name: {name}
restapi: {{listen: '127.0.0.1:{self.rest}', connect_address: '127.0.0.1:{self.rest}'}}
etcd3: {{hosts: '127.0.0.1:{pair.etcd_port}'}}
bootstrap:
  dcs: {{ttl: {TTL_S}, loop_wait: {LOOP_S}, retry_timeout: {RETRY_S},
        postgresql: {{use_pg_rewind: true, use_slots: true,
                      parameters: {{shared_buffers: 16MB, fsync: 'off', max_connections: 30,
                                   wal_keep_size: 64MB}}}}}}
  initdb: [{{encoding: UTF8}}, data-checksums]
postgresql:
  listen: 127.0.0.1:{self.port}
  connect_address: 127.0.0.1:{self.port}
  data_dir: {self.data}
  bin_dir: {PG}
  pgpass: {os.path.join(home, "pgpass")}
  remove_data_directory_on_rewind_failure: true
  remove_data_directory_on_diverged_timelines: true
  authentication:
    superuser: {{username: postgres, password: {servers.PASSWORD}}}
    replication: {{username: repl, password: {servers.PASSWORD}}}
    rewind: {{username: rewinder, password: {servers.PASSWORD}}}
  basebackup: [{{checkpoint: fast}}]
  pg_hba: [local all all trust, host all all 127.0.0.1/32 scram-sha-256,
           host replication all 127.0.0.1/32 scram-sha-256]
  parameters: {{unix_socket_directories: '{home}'}}
""", "postgres", 0o600)
        self.start()

    def start(self):
        self.process = self.lab.start("pg" + self.name, ["/usr/bin/patroni", self.config], "postgres")

    def postmaster(self):
        with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as f:
            return int(f.readline())

    def kill(self):
        """Patroni first: it would start PostgreSQL again. Then PostgreSQL and what it forked."""
        postmaster = self.postmaster()
        self.lab.stop(self.process, signal.SIGKILL)
        forked = children(postmaster)
        for pid in [postmaster, *forked]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # a backend that ended by itself, or because the postmaster was gone
        wait_for(f"the end of {self.name}", lambda: not any(
            parent(pid) is not None for pid in [postmaster, *forked]))

    def sql(self, text):
        return self.lab.run(["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h",
                             os.path.dirname(self.data), "-p", str(self.port), "-U", "postgres", "-d",
                             "postgres", "-c", text], "postgres").strip()


def parent(pid):
    """None: it has ended. (A zombie has too: the machine's first process may be slow to bury it.)"""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            state, number = f.read().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else int(number)


def children(pid):
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and parent(name) == pid]


class Pair:
    """Two members of one cluster, on the etcd of the room's other Patroni."""

    def __init__(self, lab, etcd_port):
        self.lab, self.etcd_port = lab, etcd_port
        self.members = [Member(self, "q1"), Member(self, "q2")]

    def cluster(self):
        """What Patroni says by any member that answers: {name: (role, state)}."""
        for member in self.members:
            try:
                with urllib.request.urlopen(member.url + "/cluster", timeout=5) as answer:
                    return {row["name"]: (row["role"], row["state"]) for row in json.load(answer)["members"]}
            except OSError:
                continue
        return {}

    def complete(self):
        """(leader, replica) when both run, the one as leader and the other streaming from it."""
        roles = self.cluster()
        leaders = [m for m in self.members if roles.get(m.name) == ("leader", "running")]
        others = [m for m in self.members if roles.get(m.name, ("",))[0] == "replica"]
        if len(leaders) != 1 or len(others) != 1:
            return None
        streams = leaders[0].sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
                                 f" AND application_name = '{others[0].name}'")
        return (leaders[0], others[0]) if streams == "1" else None


def prepare(leader):
    """What a probe's login needs; and where the two timelines part is not left to chance."""
    leader.sql(f"CREATE ROLE drover LOGIN PASSWORD '{servers.PASSWORD}'; GRANT pg_monitor TO drover;"
               "CREATE TABLE drover_probe (id text PRIMARY KEY, at timestamptz NOT NULL);"
               "GRANT SELECT, INSERT, UPDATE ON drover_probe TO drover;")
    wait_for("the replica has it", lambda: leader.sql(
        "SELECT bool_and(replay_lsn = pg_current_wal_lsn()) FROM pg_stat_replication") == "t")


def timeline_told(reading):
    found = re.search(r"timeline (\d+)", reading.get("detail", ""))
    return int(found[1]) if found else None


def timeline_of(member):
    """As PostgreSQL has it, on a primary."""
    return int(member.sql("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"), 16)


def watch_election(ask_patroni, ask_pg, old, new, timeline):
    """Asks both until the new leader is told by both. Returns what was told on the way that is not
    true of any moment of an election, and the seconds it took."""
    wrong, promoted, begun = [], False, time.monotonic()
    # The old leader's key is Patroni's knowledge until its ttl ends; then nobody leads; then the new
    # one, whose timeline is the old one until PostgreSQL has promoted.
    ways = (f"leader {old.name}, timeline {timeline}, ", f"leader {old.name} does not run", "no leader, ",
            f"leader {new.name}, timeline ", f"leader {new.name} does not run")
    while time.monotonic() < begun + ELECTED_S:
        cluster, store = ask_patroni(new), ask_pg(new)
        told = cluster.get("detail", "")
        if cluster["err"] == "OK" and not told.startswith(ways):
            wrong.append(told)
        if cluster["err"] == "OK" and told.startswith("no leader") and cluster["good"]:
            wrong.append("good without a leader")
        if store["err"] == "OK" and store["writable"] and store["role"] != 1:
            wrong.append("a write on a standby")
        if promoted and store["err"] == "OK" and store["role"] != 1:
            wrong.append("a standby again")
        promoted = promoted or (store["err"] == "OK" and store["role"] == 1)
        if promoted and told.startswith(f"leader {new.name},") and timeline_told(cluster) > timeline:
            return wrong, time.monotonic() - begun
        time.sleep(0.2)
    return [*wrong, "no election was told"], ELECTED_S


def test_election(t, pair):
    try:
        elect(t, pair)
    finally:
        for member in pair.members:
            t.lab.stop(member.process, signal.SIGINT)


def elect(t, pair):
    def ask_patroni(member, **more):
        return t.probe("patroni", {"url": member.url, "members": 2, **more}, 5000)

    def ask_pg(member, **more):
        return t.probe("postgresql", {"address": f"127.0.0.1:{member.port}", "user": "drover",
                                      "password_ref": "right", "table": "drover_probe", **more}, 5000)

    old, new = wait_for("two members, one streaming", pair.complete, 120)
    prepare(old)
    t.eventually("patroni pair, before", lambda: ask_patroni(new, expect_role="primary"), 20, err="OK",
                 good=True, warn=False, role=1, value=2, detail=f"leader {old.name}, timeline ")
    before = timeline_of(old)
    t.see("patroni pair, the timeline before", ask_patroni(new), detail=f"timeline {before}, 2/2 members")
    t.see("patroni names all members", ask_patroni(new), detail=", names ")
    t.see("postgresql pair, the leader before", ask_pg(old, expect_role="primary"), err="OK", good=True,
          role=1, writable=True)
    t.see("postgresql pair, the replica before", ask_pg(new, expect_role="standby"), err="OK", good=True,
          role=2, writable=False)
    old.kill()
    t.see("postgresql pair, the killed leader", ask_pg(old), err="REFUSED")
    t.see("patroni pair, by the killed member", ask_patroni(old), err="REFUSED")
    wrong, took_s = watch_election(ask_patroni, ask_pg, old, new, before)
    t.see("patroni pair, nothing untrue is told during the election",
          {"detail": "; ".join(wrong) or f"all of {took_s:.1f} s"}, detail="all of")
    # One more than before; still more where this machine stood still for longer than the ttl.
    after = timeline_of(new)
    t.see("postgresql pair, its timeline", {"timeline": after}, timeline=lambda n: n > before)
    t.eventually("patroni pair, the leader changed", lambda: ask_patroni(new, expect_role="primary"), 30,
                 err="OK", good=True, warn=True, role=1, value=1,
                 detail=f"leader {new.name}, timeline {after}, 1/2")
    t.eventually("postgresql pair, the elected one", lambda: ask_pg(new, expect_role="primary"), 30, err="OK",
                 good=True, role=1, writable=True)
    old.start()
    t.eventually("patroni pair, the old leader is back", lambda: ask_patroni(old, expect_role="primary"), 90,
                 err="OK", good=True, warn=False, role=1, value=2,
                 detail=f"leader {new.name}, timeline {after}, 2/2")
    t.eventually("postgresql pair, the old leader is a replica", lambda: ask_pg(
        old, expect_role="standby"), 60, err="OK", good=True, role=2, writable=False)
    t.eventually("postgresql pair, and not the expected primary", lambda: ask_pg(
        old, expect_role="primary"), 10, err="OK", good=False, role=2)
