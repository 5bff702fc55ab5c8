"""Tests of a lab that is up: its servers, processes, cuts. See selftest.py."""

import os
import signal
import socket
import sys
import time

from . import bind, haproxy, judge, manual, net, plan, postgres
from .base import LabError, read_file, until
from .selftest_help import FRONT, expect, raises, reach

# -- up --------------------------------------------------------------------------------------------


def both_stores_stream_to_every_host(lab):
    rows = lab.sql(
        "east-db1", "SELECT application_name, host(client_addr) FROM pg_stat_replication"
    )
    expect(sorted(rows) == [("east-db2", "10.77.1.12"), ("west-db1", FRONT["east"])], rows)
    expect(
        lab.sql("west-db1", "SELECT application_name FROM pg_stat_replication") == [("west-db2",)],
        "west-db2",
    )
    lab.sql("east-db1", "INSERT INTO ledger (writer, id, front) VALUES ('selftest', 1, 'none')")
    lab.redis("east-db1", "SET", "selftest", "1")
    for name in ("east-db2", "west-db1", "west-db2"):
        until(
            f"the row is on {name}",
            lambda n=name: lab.sql(n, "SELECT 1 FROM ledger WHERE writer = 'selftest'"),
            5,
        )
        until(f"the key is on {name}", lambda n=name: lab.redis(n, "GET", "selftest") == "1", 5)


def durability_settings_are_the_real_ones(lab):
    for name, wanted in (
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("wal_log_hints", "on"),
    ):
        expect(lab.sql("east-db1", f"SHOW {name}") == [(wanted,)], name)
    expect(
        lab.redis("east-db1", "CONFIG", "GET", "appendonly") == ["appendonly", "yes"], "appendonly"
    )


def members_have_unique_names_and_one_system_identifier(lab):
    answers = [
        lab.patroni(h.name, "GET", "/patroni")[1]
        for r in plan.DATA_REGIONS
        for h in lab.region_dbs(r)
    ]
    expect(
        len({a["patroni"]["name"] if "name" in a["patroni"] else id(a) for a in answers}) == 4,
        answers,
    )
    expect(len({a["database_system_identifier"] for a in answers}) == 1, "one system identifier")


def standby_region_has_sentinels_that_monitor_nothing(lab):
    for host in lab.region_hosts("west"):
        if "sentinel" in host.services:
            expect(lab.sentinel(host.name, "SENTINEL", "MASTERS") == [], host.name)
    expect(manual.redis.replication(lab, "west-db1")["slave_priority"] == "0", "replica-priority")


def etcd_of_watch_needs_a_client_certificate(lab):
    done = lab.run(
        "watch-m2",
        [
            "etcdctl",
            "--endpoints",
            "https://10.77.3.11:2379",
            "--cacert",
            lab.credential("etcd-ca.pem"),
            "--command-timeout=2s",
            "get",
            "x",
        ],
        env={"ETCDCTL_API": "3"},
        check=False,
    )
    expect(done.returncode != 0, "it answered without a certificate")
    lab.etcdctl("watch-m2", "put", "selftest", "1")
    expect(
        "selftest" in lab.etcdctl("watch-m3", "get", "selftest").stdout,
        "put at one, get at the other",
    )


def secrets_are_private_and_in_no_argv(lab):
    folder = lab.credentials.directory
    secrets = [
        lab.secret(name) for name in os.listdir(folder) if name.endswith((".password", ".secret"))
    ]
    for name in os.listdir(folder):
        if not name.endswith(".srl"):
            mode = os.stat(f"{folder}/{name}").st_mode & 0o077
            expect(
                mode == 0 or os.stat(folder).st_mode & 0o077 == 0, f"{name} is readable by others"
            )
    for host in lab.hosts.values():
        for pid in net.pids(host.namespace):
            for kind in ("cmdline", "environ"):
                try:
                    with open(f"/proc/{pid}/{kind}", "rb") as file:
                        text = file.read().decode("utf-8", "replace")
                except OSError:
                    continue
                expect(
                    not any(secret in text for secret in secrets),
                    f"a secret in {kind} of pid {pid} on {host.name}",
                )


def dns_takes_signed_updates_of_the_permitted_names_only(lab):
    lab.dns_update(['update add _drover-canary.bud.test. 5 TXT "canary=1"'])
    expect(lab.lookup("_drover-canary.bud.test", "TXT") == ['"canary=1"'], "canary")
    lab.dns_update(['update add api.bud.test. 5 TXT "drover-epoch=1"'])
    expect(
        "REFUSED"
        in raises(LabError, lambda: lab.dns_update(["update add other.bud.test. 5 A 10.77.1.10"])),
        "other",
    )
    expect(
        "REFUSED"
        in raises(
            LabError,
            lambda: lab.run(
                "watch-m1",
                ["nsupdate", "-t", "3"],
                text=(
                    f"server {bind.AUTHORITY}\nzone bud.test\nupdate delete api.bud.test. A\nsend\n"
                ),
            ),
        ),
        "without a key",
    )
    expect(lab.lookup("api.bud.test") == [FRONT["east"]], "nothing of it was applied")


def resolver_of_the_client_honours_the_ttl(lab):
    with lab.inside("client"):
        values, ttl = bind.ask(bind.RESOLVER, "api.bud.test")
    expect(values == [FRONT["east"]] and 0 <= ttl <= lab.options["dns_ttl"], f"{values} {ttl}")


def web_app_answers_by_the_role_of_its_database(lab):
    expect(lab.http("client", FRONT["east"], "/health")[0] == 200, "east takes writes")
    expect(lab.http("client", FRONT["west"], "/health")[0] == 503, "west is a standby")
    expect(lab.http("client", FRONT["west"], "/live")[0] == 200, "but its app lives")


# -- processes -------------------------------------------------------------------------------------


def spawned_process_has_its_host_its_log_and_its_pid(lab):
    handle = lab.spawn(
        "east-near",
        ["sh", "-c", "echo $WORD; ip -o addr; exec sleep 60"],
        env={"WORD": "lantern"},
        name="try",
    )
    until("it has spoken", lambda: "10.77.1.50" in read_file(handle.log), 5, 0.02)
    expect(
        "lantern" in read_file(handle.log) and handle.log.endswith("logs/east-near-try.log"), "log"
    )
    expect(
        handle.alive() and handle.pid in net.pids(lab.hosts["east-near"].namespace),
        "alive in its namespace",
    )
    handle.sigstop()
    until("it is stopped", lambda: " T " in read_file(f"/proc/{handle.pid}/stat"), 2, 0.01)
    expect(handle.alive(), "a stopped process lives")
    expect(
        handle.stop(5) == -signal.SIGTERM and not handle.alive(), "stop continues it and ends it"
    )
    expect(lab.process("east-near", "try") is None, "forgotten")


def stop_kills_what_does_not_listen(lab):
    handle = lab.spawn(
        "east-near",
        ["sh", "-c", "trap '' TERM; echo ready; while :; do read x </dev/null; done"],
        name="deaf",
    )
    until("it is deaf", lambda: "ready" in read_file(handle.log), 5, 0.02)
    expect(handle.stop(0.3) == -signal.SIGKILL, "killed")


def run_tells_exit_code_and_words_of_a_failure(lab):
    expect(
        "no such table"
        in raises(
            LabError, lambda: lab.run("client", ["sh", "-c", "echo no such table >&2; exit 3"])
        ),
        "stderr",
    )
    expect("no host" in raises(LabError, lambda: lab.run("client9", ["true"])), "unknown host")
    expect(
        "did not end" in raises(LabError, lambda: lab.run("client", ["sleep", "9"], timeout=0.2)),
        "timeout",
    )


# -- cuts ------------------------------------------------------------------------------------------


def cut_is_silence_for_new_and_established_connections(lab):
    with lab.inside("west-db1"):
        kept = socket.create_connection((FRONT["east"], plan.FRONT_WEB_PORT), 2)
    lab.cut("east", "west")
    expect(reach(lab, "west-db1", FRONT["east"], 80) == "silent", "new: west to east")
    expect(reach(lab, "east-db1", FRONT["west"], 80) == "silent", "new: east to west")
    expect(reach(lab, "client", FRONT["east"], 80) == "open", "the client is not cut")
    expect(reach(lab, "west-near", FRONT["west"], 80) == "open", "nor the inside")
    kept.settimeout(0.7)
    kept.sendall(b"GET /live HTTP/1.0\r\n\r\n")
    raises(TimeoutError, lambda: kept.recv(100))
    lab.heal("west", "east")
    kept.settimeout(5)
    expect(
        kept.recv(100).startswith(b"HTTP/1.0 200"), "the kept connection goes on after the healing"
    )
    kept.close()
    until("PostgreSQL streams again", lambda: postgres.streaming(lab, "east-db1", ["west-db1"]), 30)


def cut_one_way_drops_one_direction_only(lab):
    lab.cut("east-near", "west-near", oneway=True)
    with lab.inside("east-near"):
        east = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        east.bind(("10.77.1.50", 9999))
    with lab.inside("west-near"):
        west = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        west.bind(("10.77.2.50", 9999))
    for one in (east, west):
        one.settimeout(0.5)
    west.sendto(b"back", ("10.77.1.50", 9999))
    expect(east.recv(10) == b"back", "west to east passes")
    east.sendto(b"there", ("10.77.2.50", 9999))
    raises(TimeoutError, lambda: west.recv(10))
    lab.heal()
    east.sendto(b"there", ("10.77.2.50", 9999))
    expect(west.recv(10) == b"there", "healed")
    east.close(), west.close()


def cut_between_two_hosts_leaves_the_others_alone(lab):
    lab.cut("watch-m1", "watch-m2")
    expect(
        reach(lab, "watch-m1", "10.77.3.12", plan.ETCD_PORT) == "silent", "cut inside one region"
    )
    expect(reach(lab, "watch-m1", "10.77.3.13", plan.ETCD_PORT) == "open", "the third")
    lab.heal("watch-m1", "watch-m2")
    expect(reach(lab, "watch-m1", "10.77.3.12", plan.ETCD_PORT) == "open", "healed")
    expect("no cut" in raises(LabError, lambda: lab.heal("watch-m1", "watch-m2")), "healing twice")


def isolated_region_goes_on_inside(lab):
    lab.isolate("east")
    expect(reach(lab, "client", FRONT["east"], 80) == "silent", "outside")
    expect(reach(lab, "east-db1", "10.77.3.11", plan.ETCD_PORT) == "silent", "watch")
    expect(lab.http("east-near", FRONT["east"], "/health")[0] == 200, "a neighbour is served")
    lab.rejoin("east")
    expect(reach(lab, "client", FRONT["east"], 80) == "open", "back")
    until("PostgreSQL streams again", lambda: postgres.streaming(lab, "east-db1", ["west-db1"]), 30)


def front_with_a_writable_check_is_shut_until_an_agent_says_yes(lab):
    try:
        _writable_check(lab)
    finally:
        lab.writable_check("east", [])
    until("the check is gone", lambda: _front_sql(lab) == 1, 10)
    until(
        "the web app writes again",
        lambda: lab.http("client", FRONT["east"], "/health")[0] == 200,
        10,
    )


def _writable_check(lab):
    lab.writable_check("east", ["10.77.1.11:7790"])
    for _ in range(20):  # from its first moment on
        expect(
            _rejected(lab, plan.FRONT_POSTGRES_PORT), "PostgreSQL is rejected while nobody answers"
        )
        expect(_rejected(lab, plan.FRONT_REDIS_PORT), "Redis is rejected while nobody answers")
        time.sleep(0.02)
    page = "HTTP/1.0 200 OK\\r\\n\\r\\n"
    code = (
        "import socket\ns=socket.create_server(('10.77.1.11',7790))\n"
        "while 1:\n c,_=s.accept();c.recv(999);"
        f"c.sendall(b'{page}');c.close()"
    )
    agent = lab.spawn("east-db1", [sys.executable, "-c", code], name="yes")
    until(
        "the front opens",
        lambda: haproxy.up_servers(lab, "east-front", "agent_writable") == ["agent1"],
        5,
    )
    until("PostgreSQL answers through the front", lambda: _front_sql(lab) == 1, 5)
    agent.kill()
    until("the front shuts", lambda: not haproxy.up_servers(lab, "east-front", "agent_writable"), 5)
    raises(postgres.psycopg2.Error, lambda: _front_sql(lab))


def _rejected(lab, port):
    """True when a connection is taken away at once; HAProxy rejects with a reset, which may win
    against the connect."""
    try:
        with lab.inside("client"):
            door = socket.create_connection((FRONT["east"], port), 2)
    except ConnectionResetError:
        return True
    door.settimeout(0.3)
    try:
        return door.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    finally:
        door.close()


def _front_sql(lab):
    connection = postgres.connect(lab, "east-front", port=plan.FRONT_POSTGRES_PORT)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone()[0]
    finally:
        connection.close()


def write_whose_answer_was_lost_is_found_by_its_row(lab):
    (prober,) = lab.probers_start(rate_hz=20, vantages=("outside",))
    until("it probes", lambda: len(lab.logs_of_judge()[1]) > 20, 5)
    rule = f"add rule inet mute out ip daddr {lab.hosts['client'].address} tcp sport 5432 drop"
    table = "add table inet mute\nadd chain inet mute out { type filter hook output priority 0; }\n"
    lab.run("east-db1", ["nft", "-f", "-"], text=table + rule + "\n")
    time.sleep(1)
    lab.probers_stop([prober])
    lab.run("east-db1", ["nft", "delete", "table", "inet", "mute"])
    probes = [line for line in lab.logs_of_judge()[1] if line.get("target") == "east-db1"]
    unknown = [line for line in probes if line.get("unknown")]
    expect([line["outcome"] for line in unknown] == ["silent"], f"one write was out: {unknown}")
    found = judge.with_rows(unknown, lab._probe_rows(lab.logs_of_judge()[1]))
    expect(found[0]["outcome"] == "accepted", "its row tells that it was taken")


PARTS = [
    both_stores_stream_to_every_host,
    durability_settings_are_the_real_ones,
    members_have_unique_names_and_one_system_identifier,
    standby_region_has_sentinels_that_monitor_nothing,
    etcd_of_watch_needs_a_client_certificate,
    secrets_are_private_and_in_no_argv,
    dns_takes_signed_updates_of_the_permitted_names_only,
    resolver_of_the_client_honours_the_ttl,
    web_app_answers_by_the_role_of_its_database,
    spawned_process_has_its_host_its_log_and_its_pid,
    stop_kills_what_does_not_listen,
    run_tells_exit_code_and_words_of_a_failure,
    cut_is_silence_for_new_and_established_connections,
    cut_one_way_drops_one_direction_only,
    cut_between_two_hosts_leaves_the_others_alone,
    isolated_region_goes_on_inside,
    front_with_a_writable_check_is_shut_until_an_agent_says_yes,
    write_whose_answer_was_lost_is_found_by_its_row,
]
