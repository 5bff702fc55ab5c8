"""The lab's own tests: the judge's pure ones, then one full lab through cuts, a dead region, a promotion by hand, and the
return of the old region WITHOUT any fence, which the judge must call what it is: two regions that take writes.

Each live test is a function of the lab whose name is the sentence it proves; they run in order, on one lab.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

from . import bind, haproxy, judge_test, manual, net, plan, postgres, proc, registry
from .base import LabError, raw_ns, read_file, until
from .lab import Lab

FRONT = {"east": "10.77.1.10", "west": "10.77.2.10"}


class Remember:
    """What later tests need from earlier ones."""
    cut_ns = 0
    off_ns = 0


def _expect(condition, what):
    if not condition:
        raise AssertionError(what)


def _raises(kind, work):
    try:
        work()
    except kind as error:
        return str(error)
    raise AssertionError(f"{kind.__name__} was expected")


def _reach(lab, host_name, address, port, timeout_s=0.7):
    """open, refused or silent: what a connection attempt from a host meets."""
    try:
        with lab.inside(host_name):
            socket.create_connection((address, port), timeout_s).close()
        return "open"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silent"


# -- up ---------------------------------------------------------------------------------------------------------------


def both_stores_stream_to_every_host(lab):
    rows = lab.sql("east-db1", "SELECT application_name, host(client_addr) FROM pg_stat_replication")
    _expect(sorted(rows) == [("east-db2", "10.77.1.12"), ("west-db1", FRONT["east"])], rows)
    _expect(lab.sql("west-db1", "SELECT application_name FROM pg_stat_replication") == [("west-db2",)], "west-db2")
    lab.sql("east-db1", "INSERT INTO ledger (writer, id, front) VALUES ('selftest', 1, 'none')")
    lab.redis("east-db1", "SET", "selftest", "1")
    for name in ("east-db2", "west-db1", "west-db2"):
        until(f"the row is on {name}", lambda n=name: lab.sql(n, "SELECT 1 FROM ledger WHERE writer = 'selftest'"), 5)
        until(f"the key is on {name}", lambda n=name: lab.redis(n, "GET", "selftest") == "1", 5)


def durability_settings_are_the_real_ones(lab):
    for name, wanted in (("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on"),
                         ("wal_log_hints", "on")):
        _expect(lab.sql("east-db1", f"SHOW {name}") == [(wanted,)], name)
    _expect(lab.redis("east-db1", "CONFIG", "GET", "appendonly") == ["appendonly", "yes"], "appendonly")


def members_have_unique_names_and_one_system_identifier(lab):
    answers = [lab.patroni(h.name, "GET", "/patroni")[1] for r in plan.DATA_REGIONS for h in lab.region_dbs(r)]
    _expect(len({a["patroni"]["name"] if "name" in a["patroni"] else id(a) for a in answers}) == 4, answers)
    _expect(len({a["database_system_identifier"] for a in answers}) == 1, "one system identifier")


def standby_region_has_sentinels_that_monitor_nothing(lab):
    for host in lab.region_hosts("west"):
        if "sentinel" in host.services:
            _expect(lab.sentinel(host.name, "SENTINEL", "MASTERS") == [], host.name)
    _expect(manual.redis.replication(lab, "west-db1")["slave_priority"] == "0", "replica-priority")


def etcd_of_watch_needs_a_client_certificate(lab):
    done = lab.run("watch-m2", ["etcdctl", "--endpoints", "https://10.77.3.11:2379", "--cacert",
                                lab.credential("etcd-ca.pem"), "--command-timeout=2s", "get", "x"],
                   env={"ETCDCTL_API": "3"}, check=False)
    _expect(done.returncode != 0, "it answered without a certificate")
    lab.etcdctl("watch-m2", "put", "selftest", "1")
    _expect("selftest" in lab.etcdctl("watch-m3", "get", "selftest").stdout, "put at one, get at the other")


def secrets_are_private_and_in_no_argv(lab):
    folder = lab.credentials.directory
    secrets = [lab.secret(name) for name in os.listdir(folder) if name.endswith((".password", ".secret"))]
    for name in os.listdir(folder):
        if not name.endswith(".srl"):
            mode = os.stat(f"{folder}/{name}").st_mode & 0o077
            _expect(mode == 0 or os.stat(folder).st_mode & 0o077 == 0, f"{name} is readable by others")
    for host in lab.hosts.values():
        for pid in net.pids(host.namespace):
            for kind in ("cmdline", "environ"):
                try:
                    with open(f"/proc/{pid}/{kind}", "rb") as file:
                        text = file.read().decode("utf-8", "replace")
                except OSError:
                    continue
                _expect(not any(secret in text for secret in secrets), f"a secret in {kind} of pid {pid} on {host.name}")


def dns_takes_signed_updates_of_the_permitted_names_only(lab):
    lab.dns_update(['update add _drover-canary.bud.test. 5 TXT "canary=1"'])
    _expect(lab.lookup("_drover-canary.bud.test", "TXT") == ['"canary=1"'], "canary")
    lab.dns_update(['update add api.bud.test. 5 TXT "drover-epoch=1"'])
    _expect("REFUSED" in _raises(LabError, lambda: lab.dns_update(["update add other.bud.test. 5 A 10.77.1.10"])), "other")
    _expect("REFUSED" in _raises(LabError, lambda: lab.run("watch-m1", ["nsupdate", "-t", "3"], text=(
        f"server {bind.AUTHORITY}\nzone bud.test\nupdate delete api.bud.test. A\nsend\n"))), "without a key")
    _expect(lab.lookup("api.bud.test") == [FRONT["east"]], "nothing of it was applied")


def resolver_of_the_client_honours_the_ttl(lab):
    with lab.inside("client"):
        values, ttl = bind.ask(bind.RESOLVER, "api.bud.test")
    _expect(values == [FRONT["east"]] and 0 <= ttl <= lab.options["dns_ttl"], f"{values} {ttl}")


def web_app_answers_by_the_role_of_its_database(lab):
    _expect(lab.http("client", FRONT["east"], "/health")[0] == 200, "east takes writes")
    _expect(lab.http("client", FRONT["west"], "/health")[0] == 503, "west is a standby")
    _expect(lab.http("client", FRONT["west"], "/live")[0] == 200, "but its app lives")


# -- processes --------------------------------------------------------------------------------------------------------


def spawned_process_has_its_host_its_log_and_its_pid(lab):
    handle = lab.spawn("east-near", ["sh", "-c", "echo $WORD; ip -o addr; exec sleep 60"], env={"WORD": "lantern"},
                       name="try")
    until("it has spoken", lambda: "10.77.1.50" in read_file(handle.log), 5, 0.02)
    _expect("lantern" in read_file(handle.log) and handle.log.endswith("logs/east-near-try.log"), "log")
    _expect(handle.alive() and handle.pid in net.pids(lab.hosts["east-near"].namespace), "alive in its namespace")
    handle.sigstop()
    until("it is stopped", lambda: " T " in read_file(f"/proc/{handle.pid}/stat"), 2, 0.01)
    _expect(handle.alive(), "a stopped process lives")
    _expect(handle.stop(5) == -signal.SIGTERM and not handle.alive(), "stop continues it and ends it")
    _expect(lab.process("east-near", "try") is None, "forgotten")


def stop_kills_what_does_not_listen(lab):
    handle = lab.spawn("east-near", ["sh", "-c", "trap '' TERM; echo ready; while :; do read x </dev/null; done"], name="deaf")
    until("it is deaf", lambda: "ready" in read_file(handle.log), 5, 0.02)
    _expect(handle.stop(0.3) == -signal.SIGKILL, "killed")


def run_tells_exit_code_and_words_of_a_failure(lab):
    _expect("no such table" in _raises(LabError, lambda: lab.run("client", ["sh", "-c", "echo no such table >&2; exit 3"])),
            "stderr")
    _expect("no host" in _raises(LabError, lambda: lab.run("client9", ["true"])), "unknown host")
    _expect("did not end" in _raises(LabError, lambda: lab.run("client", ["sleep", "9"], timeout=0.2)), "timeout")


# -- cuts -------------------------------------------------------------------------------------------------------------


def cut_is_silence_for_new_and_established_connections(lab):
    with lab.inside("west-db1"):
        kept = socket.create_connection((FRONT["east"], plan.FRONT_WEB_PORT), 2)
    lab.cut("east", "west")
    _expect(_reach(lab, "west-db1", FRONT["east"], 80) == "silent", "new: west to east")
    _expect(_reach(lab, "east-db1", FRONT["west"], 80) == "silent", "new: east to west")
    _expect(_reach(lab, "client", FRONT["east"], 80) == "open", "the client is not cut")
    _expect(_reach(lab, "west-near", FRONT["west"], 80) == "open", "nor the inside")
    kept.settimeout(0.7)
    kept.sendall(b"GET /live HTTP/1.0\r\n\r\n")
    _raises(TimeoutError, lambda: kept.recv(100))
    lab.heal("west", "east")
    kept.settimeout(5)
    _expect(kept.recv(100).startswith(b"HTTP/1.0 200"), "the kept connection goes on after the healing")
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
    _expect(east.recv(10) == b"back", "west to east passes")
    east.sendto(b"there", ("10.77.2.50", 9999))
    _raises(TimeoutError, lambda: west.recv(10))
    lab.heal()
    east.sendto(b"there", ("10.77.2.50", 9999))
    _expect(west.recv(10) == b"there", "healed")
    east.close(), west.close()


def cut_between_two_hosts_leaves_the_others_alone(lab):
    lab.cut("watch-m1", "watch-m2")
    _expect(_reach(lab, "watch-m1", "10.77.3.12", plan.ETCD_PORT) == "silent", "cut inside one region")
    _expect(_reach(lab, "watch-m1", "10.77.3.13", plan.ETCD_PORT) == "open", "the third")
    lab.heal("watch-m1", "watch-m2")
    _expect(_reach(lab, "watch-m1", "10.77.3.12", plan.ETCD_PORT) == "open", "healed")
    _expect("no cut" in _raises(LabError, lambda: lab.heal("watch-m1", "watch-m2")), "healing twice")


def isolated_region_goes_on_inside(lab):
    lab.isolate("east")
    _expect(_reach(lab, "client", FRONT["east"], 80) == "silent", "outside")
    _expect(_reach(lab, "east-db1", "10.77.3.11", plan.ETCD_PORT) == "silent", "watch")
    _expect(lab.http("east-near", FRONT["east"], "/health")[0] == 200, "a neighbour is served")
    lab.rejoin("east")
    _expect(_reach(lab, "client", FRONT["east"], 80) == "open", "back")
    until("PostgreSQL streams again", lambda: postgres.streaming(lab, "east-db1", ["west-db1"]), 30)


def front_with_a_writable_check_is_shut_until_an_agent_says_yes(lab):
    try:
        _writable_check(lab)
    finally:
        lab.writable_check("east", [])
    until("the check is gone", lambda: _front_sql(lab) == 1, 10)
    until("the web app writes again", lambda: lab.http("client", FRONT["east"], "/health")[0] == 200, 10)


def _writable_check(lab):
    lab.writable_check("east", ["10.77.1.11:7790"])
    for _ in range(20):  # from its first moment on
        _expect(_rejected(lab, plan.FRONT_POSTGRES_PORT), "PostgreSQL is rejected while nobody answers")
        _expect(_rejected(lab, plan.FRONT_REDIS_PORT), "Redis is rejected while nobody answers")
        time.sleep(0.02)
    page = "HTTP/1.0 200 OK\\r\\n\\r\\n"
    code = ("import socket\ns=socket.create_server(('10.77.1.11',7790))\nwhile 1:\n c,_=s.accept();c.recv(999);"
            f"c.sendall(b'{page}');c.close()")
    agent = lab.spawn("east-db1", [sys.executable, "-c", code], name="yes")
    until("the front opens", lambda: haproxy.up_servers(lab, "east-front", "agent_writable") == ["agent1"], 5)
    until("PostgreSQL answers through the front", lambda: _front_sql(lab) == 1, 5)
    agent.kill()
    until("the front shuts", lambda: not haproxy.up_servers(lab, "east-front", "agent_writable"), 5)
    _raises(postgres.psycopg2.Error, lambda: _front_sql(lab))


def _rejected(lab, port):
    """True when a connection is taken away at once; HAProxy rejects with a reset, which may win against the connect."""
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


# -- the story --------------------------------------------------------------------------------------------------------


def writer_is_served_by_east_and_probes_see_one_region_only(lab):
    lab.writer_start(rate_hz=20, timeout_s=0.5)
    lab.probers_start(rate_hz=20)
    time.sleep(4)
    report = lab.judge()
    _expect(report["acked"] > 40 and report["failed"] <= 2, f"{report['acked']} acked, {report['failed']} failed")
    _expect(not report["lost"] and not report["two_writers"], "one region")
    _expect({s["region"] for s in report["spans"]} == {"east"}, "spans of east only")


def dead_region_is_silent_to_the_writer(lab):
    lab.cut("east", "west")
    Remember.cut_ns = raw_ns()
    time.sleep(2)  # rows that are acknowledged and never replicated
    lab.poweroff("east")
    Remember.off_ns = raw_ns()
    lab.heal("east", "west")
    for _ in range(3):
        _expect(_reach(lab, "west-db1", FRONT["east"], 80) == "silent", "nobody answers for a dead region")
    time.sleep(2)
    writes = [w for w in lab.logs_of_judge()[0] if "ok" in w and w["sent"] > Remember.off_ns]
    _expect(len(writes) > 20 and not any(w["ok"] for w in writes), "nothing is acknowledged")
    errors = {w["error"].split(":")[0] for w in writes}
    _expect(errors <= {"TimeoutError", "dns"}, f"silence, not resets: {errors}")
    _expect(not net.pids(lab.hosts["east-db1"].namespace), "no process of the region is left")
    _expect("off" in _raises(LabError, lambda: lab.run("east-db1", ["true"])), "its hosts are off")


def promotion_by_hand_makes_west_serve(lab):
    began = time.monotonic()
    manual.promote(lab, "west")
    took = time.monotonic() - began
    until("the web app of west is healthy", lambda: lab.http("client", FRONT["west"], "/health")[0] == 200, 10)
    time.sleep(lab.options["dns_ttl"] + 2)
    writes = [w for w in lab.logs_of_judge()[0] if w.get("ok")]
    _expect(writes[-1]["region"] == "west", "the writer is served by west")
    until("the Sentinels of west have their quorum",
          lambda: lab.sentinel("west-front", "SENTINEL", "ckquorum", plan.SCOPE).startswith("OK"), 20)
    _expect(lab.serving() == "west-db1", "west-db1 takes writes")
    print(f"    promotion by hand took {took:.2f} s")


def judge_counts_exactly_the_rows_that_never_left(lab):
    report = lab.judge()
    print("    " + lab.judge_text(report).replace("\n", "\n    "))
    writes = [w for w in lab.logs_of_judge()[0] if w.get("ok") and w["region"] == "east"]
    never = {w["id"] for w in writes if w["sent"] > Remember.cut_ns}
    sure = {w["id"] for w in writes if w["done"] < Remember.cut_ns - 500_000_000}
    _expect(len(never) > 15 and never <= set(report["lost"]), "acknowledged after the cut: lost")
    _expect(not sure & set(report["lost"]), "acknowledged well before the cut: there")
    _expect(report["one_writer_proved"] and not report["two_writers"], "nobody wrote twice")
    _expect(2 < report["outage_s"] < 25 and not report["outage_open"], f"outage {report['outage_s']}")
    _expect(report["stores"]["postgres"]["gap_s"] > 1.5, "the gap between the regions")


def boot_without_a_fence_is_two_writers_and_the_judge_says_so(lab):
    order = []
    lab.boot_before.append(lambda lab, host: order.append((host.name, lab.processes(host.name))))
    lab.run("west-near", ["nft", "add", "table", "inet", "stays"])
    lab.poweron("east", wait=True)
    lab.boot_before.clear()
    _expect(sorted(name for name, _ in order) == ["east-db1", "east-db2", "east-front"], "a hook for each host")
    _expect(not any(alive for _, alive in order), "hooks run before every service of their host")
    until("east writes again", lambda: any(postgres.writable(lab, h.name) for h in lab.region_dbs("east")), 60)
    time.sleep(2)
    _expect("east" in _raises(LabError, lab.serving), "two databases take writes")
    report = lab.judge("west-db1")
    print("    " + lab.judge_text(report).replace("\n", "\n    "))
    _expect(report["two_writers"] and not report["one_writer_proved"], "the overlap was found")
    _expect(report["stores"]["postgres"]["overlaps_certain"] > 0, "in PostgreSQL")
    _expect(report["stores"]["redis"]["overlaps_certain"] > 0, "in Redis")
    _expect(report["stores"]["postgres"]["gap_s"] < 0, "the gap is negative")
    lab.writer_stop()
    lab.probers_stop()


def reboot_forgets_the_kernels_tables(lab):
    lab.run("west-front", ["nft", "add", "table", "inet", "gate"])
    lab.poweroff("west")
    lab.poweron("west", wait=True)
    _expect(lab.run("west-front", ["nft", "list", "tables"]).stdout.strip() == "", "a new kernel knows no table")
    _expect("inet stays" in lab.run("west-near", ["nft", "list", "tables"]).stdout, "the neighbour was not rebooted")


def enabled_process_starts_before_the_services_of_its_host(lab):
    path = f"{lab.hosts['west-db2'].directory}/ready"
    code = f"import time,pathlib\npathlib.Path({path!r}).write_text(str(time.monotonic()))\ntime.sleep(600)"
    unit = lab.spawn("west-db2", [sys.executable, "-c", code], name="unit", boot=True, ready_path=path)
    until("it ran", lambda: os.path.exists(path), 5)
    lab.poweroff("west-db2")
    _expect(not unit.alive() and _reach(lab, "west-db1", "10.77.2.12", plan.REDIS_PORT) == "silent", "one host is off")
    _expect("off already" in _raises(LabError, lambda: lab.poweroff("west-db2")), "twice")
    _expect(_reach(lab, "west-near", "10.77.2.11", plan.REDIS_PORT) == "open", "only that one")
    Lab.attach(lab.run_dir).poweron("west-db2", wait=True)  # another process knows what is enabled
    again = lab.process("west-db2", "unit")
    _expect(again is not None and again.pid != unit.pid, "it was started again")
    _expect(again.stamp <= lab.process("west-db2", "redis").stamp, "before Redis")
    lab.disable("west-db2", "unit")
    again.kill()


def lab_refuses_a_directory_that_holds_anything(lab):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/precious", "w", encoding="utf-8"):
            pass
        _expect("not empty" in _raises(LabError, lambda: Lab(folder).up()), "it would be removed by down()")
        _expect(os.path.exists(f"{folder}/precious"), "untouched")


def store_can_be_stopped_and_started_by_its_name(lab):
    _expect(lab.postmaster("west-db2").alive(), "postmaster")
    lab.service_stop("west-db2", "redis", signal.SIGKILL)
    _expect(lab.process("west-db2", "redis") is None, "gone")
    lab.service_start("west-db2", "redis")
    until("it answers", lambda: lab.redis("west-db2", "PING") == "PONG", 5)
    _expect("runs" in _raises(LabError, lambda: lab.service_start("west-db2", "redis")), "twice")
    _expect("no service" in _raises(LabError, lambda: lab.service_start("west-db2", "etcd")), "unknown")


def another_process_can_attach(lab):
    other = Lab.attach(lab.run_dir)
    _expect(other.prefix == lab.prefix and other.process("west-db2", "redis").alive(), "same processes")
    _expect(other.status()["off"] == [], "same state")
    _expect("take it down" in _raises(LabError, lambda: Lab(lab.run_dir).up()), "no second lab in one directory")
    _expect(lab.prefix in [entry["prefix"] for entry in registry.entries()], "it is listed")


def second_lab_lives_beside_the_first(lab):
    with Lab(small=True, dns_ttl=1, members=1) as second:
        _expect(second.prefix != lab.prefix and second.serving() == "east-db1", "its own servers")
        folder, prefix = second.run_dir, second.prefix
    _expect(not os.path.exists(folder) and not net.namespaces(prefix), "and leaves alone")
    _expect(lab.redis("west-db2", "PING") == "PONG", "the first goes on")


def sweep_takes_down_the_lab_of_a_killed_test(lab):
    code = "import os,time\nfrom lab import Lab\nwith Lab(small=True, members=1) as l:\n print(l.run_dir, l.prefix, flush=True)\n time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=dict(
        os.environ, **lab.python_env()))
    folder, prefix = child.stdout.readline().split()
    child.kill()
    child.wait()
    child.stdout.close()
    _expect(net.namespaces(prefix), "a killed test leaves its lab")
    _expect(folder in registry.sweep() and not net.namespaces(prefix) and not os.path.exists(folder), "until the sweep")
    _expect(lab.redis("west-db2", "PING") == "PONG", "a living one is left alone")


def down_leaves_nothing_behind(lab):
    prefix, folder = lab.prefix, lab.run_dir
    recorded = [(p["pid"], p["stamp"]) for p in lab.state.load()["processes"]]
    inside = [pid for name in net.namespaces(prefix) for pid in net.pids(name)]
    stamps = recorded + [(pid, proc.start_stamp(pid)) for pid in inside]
    segments = [postgres.segment(h) for h in lab.hosts.values() if h.role == "db"]
    _expect(len(inside) > 40 and all(segments), f"{len(inside)} processes, segments {segments}")
    lab.down()
    _expect(not net.namespaces(prefix), "namespaces")
    _expect(not [pid for pid, stamp in stamps if stamp and proc.start_stamp(pid) == stamp], "processes")
    mounts = read_file("/proc/self/mounts")
    _expect(prefix not in mounts and folder not in mounts, "mounts")
    _expect(not os.path.exists(folder), "the run directory")
    shared = subprocess.run(["ipcs", "-m"], capture_output=True, text=True, check=True).stdout.split()
    _expect(not {str(s) for s in segments} & set(shared), "System V segments")
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    _expect("east-db1" not in links, "links")


STORY = [
    both_stores_stream_to_every_host, durability_settings_are_the_real_ones,
    members_have_unique_names_and_one_system_identifier, standby_region_has_sentinels_that_monitor_nothing,
    etcd_of_watch_needs_a_client_certificate, secrets_are_private_and_in_no_argv,
    dns_takes_signed_updates_of_the_permitted_names_only, resolver_of_the_client_honours_the_ttl,
    web_app_answers_by_the_role_of_its_database,
    spawned_process_has_its_host_its_log_and_its_pid, stop_kills_what_does_not_listen,
    run_tells_exit_code_and_words_of_a_failure,
    cut_is_silence_for_new_and_established_connections, cut_one_way_drops_one_direction_only,
    cut_between_two_hosts_leaves_the_others_alone, isolated_region_goes_on_inside,
    front_with_a_writable_check_is_shut_until_an_agent_says_yes,
    writer_is_served_by_east_and_probes_see_one_region_only, dead_region_is_silent_to_the_writer,
    promotion_by_hand_makes_west_serve, judge_counts_exactly_the_rows_that_never_left,
    boot_without_a_fence_is_two_writers_and_the_judge_says_so, reboot_forgets_the_kernels_tables,
    enabled_process_starts_before_the_services_of_its_host, lab_refuses_a_directory_that_holds_anything,
    store_can_be_stopped_and_started_by_its_name, another_process_can_attach, second_lab_lives_beside_the_first,
    sweep_takes_down_the_lab_of_a_killed_test,
    down_leaves_nothing_behind,
]


def _pure():
    suite = unittest.defaultTestLoader.loadTestsFromModule(judge_test)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0).run(suite)
    failed = len(result.failures) + len(result.errors)
    return result.testsRun - failed, failed


def _live(keep):
    began = time.monotonic()
    lab = Lab(dns_ttl=1, keep=keep,
              say=lambda text: print(f"{time.monotonic() - began:5.1f} s  {text}", flush=True))
    lab.owner = None if keep else os.getpid()
    passed = failed = 0
    try:
        lab.up()
        print(f"up in {time.monotonic() - began:.1f} s", flush=True)
        for test in STORY:
            start = time.monotonic()
            try:
                test(lab)
                passed += 1
                word = "ok    "
            except Exception:  # the next tests still tell something
                failed += 1
                word = "FAILED"
                traceback.print_exc(file=sys.stdout)
            print(f"{word} {time.monotonic() - start:5.1f} s  {test.__name__}", flush=True)
    except LabError as error:
        failed += 1
        print(f"FAILED: the lab did not come up: {error}", flush=True)
    finally:
        if not keep:
            lab.down()
    return passed, failed


def main(pure_only, keep):
    passed, failed = _pure()
    if not pure_only:
        more = _live(keep)
        passed, failed = passed + more[0], failed + more[1]
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
