"""Two clusters that fail over by themselves: Patroni with two members, Redis with three Sentinels. Their leaders are killed
under a writer, and what drover tells of it is held against the writer's own gap."""

import json
import os
import sys
import threading
import time

from place import HERE, expect, wait

sys.path.append(os.path.join(os.path.dirname(HERE), "probes"))
import election  # noqa: E402
import servers  # noqa: E402

EVERY_S = 0.02  # a writer's pace
# A report's way, a writer's pace, and a reading whose write was taken at its begin and told at its end.
SLACK_S = 0.5


class Writer:
    """Writes wherever writes are taken, and remembers the longest time without one."""

    def __init__(self, ways):
        self.ways, self.done, self.gap_s, self.late_s = ways, threading.Event(), 0.0, 0.0
        self.thread = threading.Thread(target=self.write, daemon=True)
        self.thread.start()

    def write(self):
        last = looked = time.monotonic()
        while not self.done.wait(EVERY_S):
            now = time.monotonic()
            self.late_s += max(0.0, now - looked - 0.3)  # this machine stood still
            if any(way() for way in self.ways):
                now = time.monotonic()
                self.gap_s, last = max(self.gap_s, now - last), now
            looked = time.monotonic()

    def stop(self):
        self.done.set()
        self.thread.join(30)
        return self.gap_s


class Row:
    """One way to PostgreSQL: its connection is kept as long as it holds."""

    def __init__(self, member):
        self.member, self.link = member, None

    def __call__(self):
        import psycopg2
        try:
            if self.link is None:
                self.link = psycopg2.connect(host="127.0.0.1", port=self.member.port, user="drover", dbname="postgres",
                                             password=servers.PASSWORD, connect_timeout=1)
                self.link.autocommit = True
            with self.link.cursor() as cursor:
                cursor.execute("INSERT INTO drover_probe (id, at) VALUES ('writer', now())"
                               " ON CONFLICT (id) DO UPDATE SET at = excluded.at")
            return True
        except psycopg2.Error:
            if self.link is not None and self.link.closed:
                self.link = None
            return False


class Key:
    """One way to Redis."""

    def __init__(self, port):
        self.port, self.file = port, None

    def ask(self, *words):
        import socket
        if self.file is None:
            self.file = socket.create_connection(("127.0.0.1", self.port), 1).makefile("rwb")
            self.ask("AUTH", servers.PASSWORD)
        self.file.write(b"".join([f"*{len(words)}\r\n".encode(),
                                  *(f"${len(word)}\r\n{word}\r\n".encode() for word in words)]))
        self.file.flush()
        return self.file.readline()

    def __call__(self):
        try:
            answer = self.ask("SET", "writer", "1")
            if answer == b"":
                self.file = None
            return answer.startswith(b"+OK")
        except OSError:
            self.file = None
            return False


class Clusters:
    def __init__(self, directory):
        self.lab = servers.Lab(directory)
        etcd, peer = servers.free_port(), servers.free_port()
        self.lab.start("etcd", ["etcd", "--name", "e", "--data-dir", self.lab.directory_for("etcd"), "--unsafe-no-fsync",
                                "--listen-client-urls", f"http://127.0.0.1:{etcd}",
                                "--advertise-client-urls", f"http://127.0.0.1:{etcd}",
                                "--listen-peer-urls", f"http://127.0.0.1:{peer}",
                                "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                                "--initial-cluster", f"e=http://127.0.0.1:{peer}"])
        servers.wait_for("etcd", lambda: servers.accepts(etcd))
        self.pair = election.Pair(self.lab, etcd)  # ready when other cases are over
        self.redis = servers.Redis(self.lab)
        self.secret = self.lab.write("password", servers.PASSWORD, mode=0o600)

    def components(self):
        return [f'{{ name = "{name}"; kind = "{kind}"; tier = 1; endpoints: ({{ region = "east"; address = "127.0.0.1:1"; '
                'agents = ["east-db1"]; }); }' for name, kind in (("pair", "postgresql"), ("cache", "redis"))]

    def checks(self):
        pace, rows = 'agent = "east-db1"; interval = "1s"; timeout = 900;', []
        for member in self.pair.members:
            rows += [f'{{ name = "{member.name}"; kind = "postgresql"; component = "pair"; {pace} args: {{ address = '
                     f'"127.0.0.1:{member.port}"; user = "drover"; password_ref = "stores"; database = "postgres"; '
                     'table = "drover_probe"; }; }',
                     f'{{ name = "{member.name}-patroni"; kind = "patroni"; component = "pair"; {pace} '
                     f'args: {{ url = "{member.url}"; }}; }}']
        for name, port in (("r1", self.redis.port), ("r2", self.redis.replica_port)):
            rows.append(f'{{ name = "{name}"; kind = "redis"; component = "cache"; {pace} args: {{ address = "127.0.0.1:{port}"; '
                        'password_ref = "stores"; write_key = "drover"; }; }')
        sentinels = ",".join(f"127.0.0.1:{port}" for port in self.redis.sentinel_ports)
        rows.append(f'{{ name = "sentinels"; kind = "sentinel"; component = "cache"; {pace} args: {{ address = "{sentinels}"; '
                    'name = "bud"; }; }')
        return rows

    def end(self):
        self.lab.end()


def told(place, component):
    """What the member tells of that component's elections."""
    answer = place.drover("components", component, "--json")
    expect(answer.returncode == 0, f"components {component}: {answer.stdout}{answer.stderr}")
    (one,) = json.loads(answer.stdout)["components"]
    return one["elections"]


def measured(place, component, writer, leaders):
    """drover's figure holds the writer's own, and names who led before and after."""
    last = wait(lambda: next((one for one in told(place, component)["last"] if one["end"] == "failover"), None),
                f"the election of {component} is told", 60)
    gap_s, slack_s = writer.stop(), SLACK_S + writer.late_s
    least_s, most_s = last["at_least_ms"] / 1000, last["at_most_ms"] / 1000
    figures = f"{component}: {least_s:.1f} s to {most_s:.1f} s, the writer's own gap {gap_s:.2f} s"
    expect(least_s - slack_s <= gap_s <= most_s + slack_s, f"{figures}; stalled for {writer.late_s:.1f} s besides")
    expect(most_s - least_s <= 6 + 2 * writer.late_s, f"no closer than that: {figures}")
    expect((last["leader_from"], last["leader_to"]) == leaders, f"expected {leaders}, told {last}")
    return last, figures


def elections_inside_a_region_are_measured(place):
    """The leaders of both clusters die at once. Each is replaced by its own people; drover does nothing and has the figures."""
    clusters = place.clusters
    old, new = servers.wait_for("two members, one streaming", clusters.pair.complete, 120)
    election.prepare(old)
    servers.wait_for("the Sentinels to find each other", clusters.redis.sentinels_know)
    for component in ("pair", "cache"):
        wait(lambda component=component: told(place, component)["measured"], f"{component} is measured")
    before = election.timeline_of(old)
    rows = Writer([Row(member) for member in clusters.pair.members])
    keys = Writer([Key(clusters.redis.port), Key(clusters.redis.replica_port)])
    wait(lambda: place.value("drover_check_ok", check=old.name) == 1 and place.value("drover_check_ok", check="r1") == 1,
         "both take writes")
    time.sleep(2)  # and Patroni and Sentinel were asked
    try:
        clusters.lab.stop(clusters.redis.redis, 9)
        old.kill()
        wait(lambda: (place.value("drover_component_leaderless_seconds", component="pair") or 0) > 2, "it is told while it runs")
        expect("pair in east has no leader for" in place.drover("status").stdout, "status tells it while it runs")
        ports = [f"127.0.0.1:{port}" for port in (clusters.redis.port, clusters.redis.replica_port)]
        _, keys_told = measured(place, "cache", keys, tuple(ports))
        last, rows_told = measured(place, "pair", rows, (old.name, new.name))
    finally:
        rows.stop()
        keys.stop()
    expect((last["timeline_from"], last["timeline_to"]) == (before, election.timeline_of(new)), f"the timelines: {last}")
    shown = place.drover("components", "pair").stdout
    expect(f"failover  {old.name}" in shown and "30.0 s is declared" in shown, f"components: {shown}")
    for component in ("pair", "cache"):
        wait(lambda component=component: place.value("drover_component_failovers_total", component=component, end="failover") == 1,
             f"{component}'s is counted", 20)
        wait(lambda component=component: place.value("drover_component_leaderless_seconds", component=component) == 0,
             f"{component} has its leader", 20)
    expect(place.value("drover_lease_epoch") == 1 and place.value("drover_execution_id") == 1, "nothing was decided by it")
    return f"{rows_told}; {keys_told}"
