"""DNS, HTTP, exec, approval, plain PostgreSQL; and the return of a region that died."""

import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from driver import OTHER, PG_BIN
from moves import until


# WAL of the server's own up to the place `last`, and one record from there to `end`, both in whole segments of 16 MiB to come.
# A message of n bytes is a record of n + 51, and 24 bytes begin each page of 8 KiB.
PADDED = """
DO $$
DECLARE
    last pg_lsn := %(last)s; stop pg_lsn := %(end)s; here pg_lsn; room numeric;
BEGIN
    WHILE div(pg_current_wal_insert_lsn() - '0/0', 16777216) < div(last - '0/0', 16777216) LOOP
        PERFORM pg_logical_emit_message(false, '', 'x');
        PERFORM pg_switch_wal();
    END LOOP;
    LOOP
        here := pg_current_wal_insert_lsn();
        IF here > last THEN RAISE EXCEPTION '%% is past %%', here, last; END IF;
        room := least(8192 - mod(here - '0/0', 8192), last - here);
        EXIT WHEN room = 0;
        PERFORM pg_logical_emit_message(false, '', repeat('x', (CASE WHEN room > 280 THEN 112 ELSE room END)::int - 51));
    END LOOP;
    PERFORM pg_logical_emit_message(false, '', repeat('x', (stop - last)::int - 51));
    here := pg_current_wal_insert_lsn();
    IF here <> stop THEN RAISE EXCEPTION '%% is not %%', here, stop; END IF;
END $$
"""


class Dns:
    def __init__(self, driver, checks):
        self.driver, self.lab, self.checks = driver, driver.lab, checks

    def run(self, value, timeout_ms=10000, epoch=None, lines=(), **more):
        return self.driver.run("west-db1", "dns_update", self.driver.dns(value, **more), timeout_ms=timeout_ms,
                               epoch=epoch, lines=lines)

    def all(self):
        c, lab = self.checks, self.lab
        self.driver.epoch += 1
        epoch = self.driver.epoch
        c.result("looking only, nothing is changed", self.run("10.77.2.10", lines=["observe_only"]), "FAILED")
        c.result("the record is changed", self.run("10.77.2.10", old_value="10.77.1.10"), observed=False)
        c.that("BIND says the new address", lab.lookup("api.bud.test", "A") == ["10.77.2.10"],
               lab.lookup("api.bud.test", "A"))
        texts = lab.lookup("api.bud.test", "TXT")
        c.that("and the epoch beside it", any(f"drover-epoch={epoch}" in str(t) for t in texts), texts)
        c.result("the change is observed", self.run("10.77.2.10"), observed=True)
        c.result("an older epoch is refused", self.run("10.77.1.10", epoch=epoch - 1), "STALE", detail="larger")
        c.result("a stale prerequisite is refused", self.run("10.77.1.10", old_value="10.9.9.9"), "STALE",
                 detail="stale prerequisite")
        c.result("a wrong TSIG key is told as such", self.run("10.77.1.10", key_secret_ref="wrong"), "AUTH",
                 detail="NOTAUTH (BADSIG)")
        values = iter(("10.77.1.10", "10.77.2.10", "10.77.1.10"))  # what is there already needs no key
        self.driver.exchanged(c, "dns_update", "tsig.secret", lambda: self.run(next(values), key_secret_ref="exchange"))
        c.result("an unknown TSIG key is told as such", self.run("10.77.1.10", key_name="nobody"), "AUTH",
                 detail="NOTAUTH (BADKEY)")
        c.result("a name outside the policy is refused", self.run("10.77.1.10", name="ns1.bud.test"), "DENIED",
                 detail="REFUSED")
        c.result("a protected name is never touched", self.run("10.77.1.10", name="Status.bud.test."), "DENIED",
                 detail="protected")
        c.that("after all that nothing has changed", lab.lookup("api.bud.test", "A") == ["10.77.2.10"])
        self.race()
        self.overtaken()
        for turn in range(3):
            self.driver.epoch += 1
            value = f"10.77.{1 + turn % 2}.10"
            r = self.driver.killed_then_run("west-db1", "dns_update", self.driver.dns(value), 0.008)
            c.result(f"dns_update killed at {r['after_s'] * 1000:.1f} ms ends well", r)
            c.that("with the wished record", lab.lookup("api.bud.test", "A") == [value])
        self.second_server()
        named = lab.process("watch-ns1", "named")
        named.sigstop()
        r = self.run("10.77.2.10", timeout_ms=3000)
        named.sigcont()
        c.result("a stopped name server is a timeout", r, "TIMEOUT")
        c.that("by the deadline", r["took_ms"] < 3300, r["took_ms"])

    def race(self):
        """Two updaters at once: the larger epoch is what stays, whoever comes first."""
        low, high = self.driver.epoch + 1, self.driver.epoch + 2
        self.driver.epoch = high
        for _ in range(5):
            runs = [self.driver.start("west-db1", self.driver.text("dns_update", self.driver.dns(v), epoch=e))
                    for e, v in ((low, "10.77.2.10"), (high, "10.77.1.10"))]
            for process in runs:
                process.communicate(timeout=40)
        self.checks.that("of two updaters the larger epoch stays", self.lab.lookup("api.bud.test", "A") == ["10.77.1.10"])

    def overtaken(self):
        """A larger epoch comes between an update and the look at it, which silent servers hold up."""
        low, self.driver.epoch = self.driver.epoch + 1, self.driver.epoch + 2
        ports = (5396, 5397, 5398)
        with self.lab.inside("watch-ns1"):
            silent = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in ports]
        for port, server in zip(ports, silent):
            server.bind(("10.77.3.20", port))
        servers = ",".join(f"10.77.3.20:{port}" for port in (*ports, 53))
        slow = self.driver.start("west-db1", self.driver.text("dns_update", self.driver.dns("10.77.2.10", servers=servers),
                                                              epoch=low))
        until("the first update is there", lambda: self.lab.lookup("api.bud.test", "A") == ["10.77.2.10"])
        self.checks.result("another updater of a larger epoch comes before it has looked", self.run("10.77.1.10"))
        result = json.loads(slow.communicate(timeout=40)[0])
        for server in silent:
            server.close()
        self.checks.that("who is overtaken says so, and does not wait for what never comes",
                         result["err"] == "STALE" and result["took_ms"] < 20000, result)

    def second_server(self):
        self.driver.epoch += 1
        r = self.run("10.77.2.10", servers="10.77.3.20:53,10.77.3.20:5399", timeout_ms=8000)
        self.checks.result("an authority that is gone is named and does not hold up", r, detail="not reached 10.77.3.20:5399")
        self.driver.epoch += 1
        r = self.run("10.77.1.10", servers="10.77.3.20:5399,10.77.3.20:53", timeout_ms=8000)
        self.checks.result("the next authority takes the update", r)


class Server(http.server.BaseHTTPRequestHandler):
    """Counts what it did by idempotency key, as an API that honours them."""

    done = {}
    keys = []
    headers_seen = None

    def do_GET(self):
        self.reply(200, f"done={len(Server.done)}")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = self.headers.get("Idempotency-Key", "")
        Server.keys.append(key)
        Server.headers_seen = self.headers
        if self.headers.get("Authorization") == "Bearer bm90LXRoZS1zZWNyZXQtb2YtYW55Ym9keS1oZXJlISE=":
            self.reply(401, "no")
        elif self.path == "/slow":
            time.sleep(3)
            self.reply(200, "late")
        else:
            Server.done[key] = body
            self.reply(201, "made")

    def reply(self, status, text):
        try:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())
        except OSError:
            pass  # the caller gave up at its deadline

    def log_message(self, *_):
        pass


class Programs:
    def __init__(self, driver, checks):
        self.driver, self.lab, self.checks = driver, driver.lab, checks

    def http(self):
        c, d = self.checks, self.driver
        with self.lab.inside("west-near"):
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 8099), Server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = "http://127.0.0.1:8099"
        base = {"url": f"{url}/scale", "body": '{"replicas":10}', "expect_status": "201"}
        c.result("an HTTP call is made", d.run("west-near", "http_call", base), observed=False, detail="201")
        d.run("west-near", "http_call", base)
        c.that("the same attempt has the same key", len(Server.done) == 1 and len(Server.keys) == 2
               and "-7-3-1" in Server.keys[0], Server.keys)
        c.result("an unexpected status fails", d.run("west-near", "http_call", dict(base, expect_status="200")), "FAILED",
                 detail="HTTP 201")
        c.result("a refused token is told", d.run("west-near", "http_call", dict(base, token_ref="wrong")), "AUTH",
                 detail="401")
        c.result("the state is observed first", d.run("west-near", "http_call", dict(
            base, observe_url=f"{url}/state", expect_body="done=1")), observed=True)
        c.result("a state that never comes is a timeout", d.run("west-near", "http_call", dict(
            base, observe_url=f"{url}/state", expect_body="done=99"), timeout_ms=1500), "TIMEOUT")
        c.result("without observe_url nobody can tell", d.run("west-near", "http_call", base, lines=["observe_only"]),
                 "FAILED", detail="observe_url")
        c.result("a slow server ends at the deadline", d.run(
            "west-near", "http_call", dict(base, url=f"{url}/slow"), timeout_ms=600), "TIMEOUT")
        c.result("verify sees the URL", d.run("west-near", "verify", {"url": f"{url}/x", "expect_body": "done="}),
                 observed=True)
        c.result("verify waits for it and says what it saw", d.run(
            "west-near", "verify", {"url": f"{url}/x", "expect_status": "204"}, timeout_ms=700), "TIMEOUT", detail="200")
        self.event(base)
        made = len(Server.done)
        call = dict(base, observe_url=f"{url}/state", expect_body=f"done={made + 1}")
        said = d.typed("west-near", "http_call", call)
        c.that("http_call: the printed command, typed, makes the call, and its look shows the state",
               said[0] == "made\n201" and said[1] == f"done={made + 1}\n200" and len(Server.done) == made + 1, said)
        c.result("http_call: what was typed is found by the action", d.run("west-near", "http_call", call), observed=True)
        server.shutdown()
        server.server_close()

    def event(self, base):
        """Every attempt of it is one call to a receiver that keeps keys, and it says what the command says."""
        c, d = self.checks, self.driver
        names = ["cluster bud", "plan seed-order", "step_name announce"]
        event = dict(base, body='{"event":"dr_failover_initiated","execution":"{execution}","epoch":{epoch},"plan":"{plan}","from":"{from}",'
                     '"to":"{to}","kind":"{kind}","at":"{time}"}', once="execution", move="failover east west",
                     header1="Content-Type: application/json", header2="X-Step: {cluster}/{step}")
        before, told = len(Server.done), []
        for attempt in (1, 2, 3):
            c.result(f"attempt {attempt} of an event is sent", d.run("west-near", "http_call", event, lines=names + [f"attempt {attempt}"]),
                     detail="201")
            told.append(Server.keys[-1])
        c.that("three attempts of an event have one key", len(Server.done) == before + 1 and len(set(told)) == 1
               and told[0].endswith("-7"), told)
        said = json.loads(Server.done[told[0]])
        at = said.pop("at")
        c.that("the event says which execution it is, and which way it goes", said == {
            "event": "dr_failover_initiated", "execution": "7", "epoch": d.epoch, "plan": "seed-order", "from": "east", "to": "west",
            "kind": "failover"} and re.fullmatch(r"20\d\d-\d\d-\d\dT[0-9:.]+Z", at) and Server.headers_seen["X-Step"] == "bud/announce", said)
        d.run("west-near", "http_call", dict(event, once="step"), lines=["attempt 4"])
        c.that("once a step has the step in its key", Server.keys[-1].endswith("-7-3"), Server.keys[-1])
        c.result("a text that names a secret is refused", d.run("west-near", "http_call", dict(base, body="{token_ref}")), "CONFIG",
                 detail="body")

    def exec(self):
        c, d = self.checks, self.driver
        directory = os.path.join(self.lab.run_dir, "exec.d")
        os.mkdir(directory, 0o755)

        def program(name, text, mode=0o755):
            path = os.path.join(directory, name)
            with open(path, "w") as out:
                out.write(f"#!/bin/sh\n{text}\n")
            os.chmod(path, mode)

        def run(name, lines=(), timeout_ms=5000, **more):
            return d.run("west-near", "exec", dict({"program": name}, **more), timeout_ms=timeout_ms,
                         lines=[f"exec_directory {directory}", *lines])

        mark = os.path.join(directory, "mark")
        program("touches", f'[ "$1" = observe ] && exec test -e {mark}; echo "$1 $DROVER_EPOCH" > {mark}')
        program("fails", "echo why >&2; exit 3")
        program("hangs", "/bin/sleep 60 & /bin/sleep 60")
        program("open", "exit 0", 0o777)
        os.symlink("/bin/true", os.path.join(directory, "link"))
        c.result("a program is run", run("touches", observe="yes", arg1="a b; rm -rf /"), observed=False)
        c.that("its arguments are words, not shell", open(mark).read() == f"a b; rm -rf / {d.epoch}\n", open(mark).read())
        c.result("its state is observed", run("touches", observe="yes"), observed=True)
        self.exec_typed(run, directory, mark)
        c.result("an exit code fails with the program's words", run("fails"), "FAILED", detail="exit code 3: why")
        began = time.monotonic()
        c.result("a program that hangs is killed", run("hangs", timeout_ms=700), "TIMEOUT")
        c.that("at the deadline", time.monotonic() - began < 2)
        c.result("a program that anybody may write is refused", run("open"), "DENIED")
        c.result("a link is refused", run("link"), "DENIED")
        c.result("an unknown program is not found", run("nothing"), "NOT_FOUND")
        c.result("a path is refused", run("../exec.d/fails"), "CONFIG")
        c.result("without a directory nothing is run", d.run("west-near", "exec", {"program": "fails"}), "DENIED")
        os.chmod(directory, 0o777)
        c.result("a directory that anybody may write is refused", run("fails"), "DENIED")
        c.result("an approval is not an agent's", d.run("west-near", "approval", {}), "UNSUPPORTED")


    def exec_typed(self, run, directory, mark):
        c, d = self.checks, self.driver
        arguments = {"program": "touches", "observe": "yes", "arg1": "by hand; $(id) 'x'"}
        os.unlink(mark)
        place, made = "/usr/lib/drover/exec", []
        for path in (os.path.dirname(place), place):  # where something can be mounted, in that shell alone
            if not os.path.isdir(path):
                os.mkdir(path)
                made.append(path)
        try:
            said = d.typed("west-near", "exec", arguments, programs=directory)
        finally:
            for path in reversed(made):
                os.rmdir(path)
        c.that("exec: the printed command, typed, runs the program, and its look says so", said[2] == 0, said)
        c.that("exec: with the words of the step", os.path.exists(mark) and open(mark).read() == "by hand; $(id) 'x' 0\n", said)
        c.result("exec: what was typed is found by the action", run("touches", observe="yes", arg1=arguments["arg1"]), observed=True)


class Plain:
    """pg_promote: a primary and a standby without Patroni, in a neighbour's namespace."""

    def __init__(self, driver, checks):
        self.driver, self.lab, self.checks = driver, driver.lab, checks
        self.home = os.path.join(self.lab.run_dir, "plain")

    def pg(self, program, *arguments):
        return self.lab.run("east-near", [f"{PG_BIN}/{program}", *arguments], user="postgres", cwd=self.home, timeout=60)

    def start(self, name, port):
        self.pg("pg_ctl", "start", "-D", f"{self.home}/{name}", "-w", "-s", "-l", f"{self.home}/{name}.log", "-o",
                f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.home} -c shared_buffers=8MB"
                " -c dynamic_shared_memory_type=mmap -c fsync=off")

    def all(self):
        c, d = self.checks, self.driver
        os.mkdir(self.home, 0o755)
        shutil.chown(self.home, "postgres", "postgres")
        secret = os.path.join(self.home, "password")
        shutil.copy(d.credential("pg-superuser.password"), secret)
        shutil.chown(secret, "postgres", "postgres")
        self.pg("initdb", "-D", f"{self.home}/a", "-A", "scram-sha-256", "--pwfile", secret, "-N")
        with open(f"{self.home}/a/pg_hba.conf", "w") as hba:
            hba.write("host all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\nlocal replication all trust\n")
        self.start("a", 5601)
        took = []
        try:
            for turn in range(5):
                took.append(self.once(turn))
            took.remove(None)  # the one by hand
        finally:
            self.pg("pg_ctl", "stop", "-D", f"{self.home}/a", "-m", "immediate", "-s")
        c.figure(f"pg_promote: median of 4 {sorted(took)[2]:.0f} ms, all " + " ".join(f"{t:.0f}" for t in took))
        c.that("pg_promote takes less than 0.5 s", sorted(took)[2] < 500, took)

    def once(self, turn):
        c, d, name, port = self.checks, self.driver, f"b{turn}", 5610 + turn
        self.pg("pg_basebackup", "-D", f"{self.home}/{name}", "-h", self.home, "-p", "5601", "-R", "-c", "fast")
        self.start(name, port)
        try:
            arguments = {"pg_addresses": f"127.0.0.1:{port}", "pg_user": "postgres", "pg_password_ref": "super"}
            options = {"secrets": {"super": d.credential("pg-superuser.password")}}
            if turn == 0:
                c.result("pg_promote, looking only", d.run("east-near", "pg_promote", arguments, lines=["observe_only"],
                                                           **options), "FAILED", detail="recovery")
                c.result("pg_promote with a wrong password", d.run(
                    "east-near", "pg_promote", dict(arguments, pg_password_ref="wrong"), **options), "AUTH")
            if turn == 4:
                said = d.typed("east-near", "pg_promote", arguments, **options)
                c.that("pg_promote: the printed command, typed, promotes, and its look says f", said[:2] == ("t", "f"), said)
                c.result("pg_promote: what was typed is found by the action, which writes its epoch beside it",
                         d.run("east-near", "pg_promote", arguments, **options), observed=True)
                return None
            if turn == 1:
                d.run_killed("east-near", "pg_promote", arguments, 0.03, **options)
            result = d.run("east-near", "pg_promote", arguments, **options)
            c.result("a plain standby is promoted", result, observed=None if turn == 1 else False)
            c.result("and observed", d.run("east-near", "pg_promote", arguments, **options), observed=True)
            c.result("an older epoch is refused", d.run("east-near", "pg_promote", arguments, epoch=d.epoch - 1, **options),
                     "STALE")
            return result["took_ms"]
        finally:
            self.pg("pg_ctl", "stop", "-D", f"{self.home}/{name}", "-m", "immediate", "-s")


class Return:
    """The old region comes back: fenced before it starts; and, when nobody did that, diverged."""

    def __init__(self, driver, checks, moves):
        self.driver, self.lab, self.checks, self.moves = driver, driver.lab, checks, moves

    def lose(self, rows_n):
        """The active region is cut off, writes rows that nobody else will have, and dies. The other is promoted."""
        d, lab, active = self.driver, self.lab, self.moves.active
        other = OTHER[active]
        lab.sql(self.moves.leader(active), "CHECKPOINT")
        lab.cut(active, other)
        lab.sql(self.moves.leader(active), "INSERT INTO probe SELECT 'lost', g + %s, 'lost' FROM generate_series(1, %s) g",
                (int(time.time() * 1000) % 10**9 * 1000, rows_n))
        lab.poweroff(active)
        d.epoch += 1
        for action, arguments in (("patroni_promote", d.patroni(other)), ("redis_promote", d.redis(other))):
            self.checks.result(f"{action} after the loss", d.run(f"{other}-db1", action, arguments, region=other))
        lab.heal(active, other)
        self.moves.active = other
        return active

    def grant(self):
        """Without it a divergence is only seen by its symptoms; with it, by the timelines' histories."""
        self.lab.sql(self.moves.leader(self.moves.active),
                     "GRANT EXECUTE ON FUNCTION pg_read_file(text, bigint, bigint, boolean) TO drover")

    def start(self, region, patroni):
        for name in (["patroni"] if patroni else []) + ["redis", "sentinel"]:
            for host in self.driver.members(region):
                self.lab.service_start(host, name)
        for name in ("haproxy", "sentinel", "app"):
            self.lab.service_start(f"{region}-front", name)

    def arguments(self, region, **more):
        net = "1" if region == "east" else "2"
        return dict(self.driver.patroni(region), etcd=f"http://10.77.{net}.11:2379", scope="bud", **more)

    def fenced_first(self):
        c, d, lab = self.checks, self.driver, self.lab
        self.grant()
        old = self.lose(100)
        state = os.path.join(lab.run_dir, "state")
        os.makedirs(state, exist_ok=True)
        host = f"{old}-db1"
        leader = next(h for h in d.members(old) if "in production" in self.control(h))
        began = time.monotonic()
        lab.poweron(old, services=["etcd"])
        r = d.run(leader, "pg_rejoin", dict(self.arguments(old), **self.moves.local(leader)), region=old,
                  timeout_ms=5000, lines=[f"state_directory {state}"])
        c.result("before Patroni starts the region is fenced in its DCS", r, "TIMEOUT",
                 detail="fenced in the DCS, Patroni is not up; fork")
        c.that("and what diverged is told exactly", "100 ins 0 upd 0 del" in r["detail"], r["detail"])
        c.that("and kept", any(name.startswith("divergence-") for name in os.listdir(state)), os.listdir(state))
        c.result("the fence in the DCS is observed", d.run(
            host, "pg_rejoin", self.arguments(old), region=old, timeout_ms=3000), "TIMEOUT", detail="fenced in the DCS")
        watch = Watch(self.moves, old)
        self.start(old, patroni=True)
        r = d.run(host, "pg_rejoin", self.arguments(old, rebuild="yes"), region=old, timeout_ms=90000)
        writable = watch.end()
        c.result("the old region returns", r)
        c.that("it was writable at no time", not writable, writable)
        c.figure(f"return of a dead region, boot to replicating: {time.monotonic() - began:.1f} s")
        until("Redis is demoted", lambda: d.run(host, "redis_demote", d.redis(old), region=old)["err"] == "OK")
        self.moves.settle()

    def demoted_first(self):
        """The soft fence of an agent that starts before its Patroni: it goes into the DCS, and no leader key helps."""
        c, d, lab = self.checks, self.driver, self.lab
        self.grant()
        old = self.lose(10)
        host = f"{old}-db1"
        lab.poweron(old, services=["etcd"])
        tries = []  # as the agent does, once a second until it holds

        def demoted():
            tries.append(d.run(host, "patroni_demote", self.arguments(old), region=old, timeout_ms=5000))
            return tries[-1]["err"] == "OK"
        until("etcd is up, and the demotion is in it", demoted)
        c.result("without a Patroni the demotion goes into its DCS", tries[-1], observed=False)
        c.result("and is observed there", d.run(
            host, "patroni_demote", self.arguments(old), region=old, timeout_ms=5000), observed=True)
        watch = Watch(self.moves, old)
        self.start(old, patroni=True)
        r = d.run(host, "pg_rejoin", self.arguments(old, rebuild="yes"), region=old, timeout_ms=90000)
        writable = watch.end()
        c.result("the demoted region returns", r)
        c.that("it was writable at no time before", not writable, writable)
        until("Redis is demoted", lambda: d.run(host, "redis_demote", d.redis(old), region=old)["err"] == "OK")
        self.moves.settle()

    def control(self, host):
        return subprocess.run([f"{PG_BIN}/pg_controldata", self.moves.local(host)["data_directory"]],
                              capture_output=True, text=True, check=True, env={"LANG": "C"}).stdout

    def diverged(self):
        """Nobody fences: Patroni makes the old primary writable, on the same timeline number as the new one's."""
        c, d, lab = self.checks, self.driver, self.lab
        self.grant()
        lab.sql(self.moves.leader(self.moves.active), "CREATE TABLE IF NOT EXISTS drover.epoch (epoch bigint PRIMARY KEY, "
                "at timestamptz NOT NULL); ALTER TABLE drover.epoch OWNER TO drover; "
                "INSERT INTO drover.epoch VALUES (1, now()) ON CONFLICT DO NOTHING")
        until("the epoch's table is in both regions, with a row", lambda: all(
            lab.sql(member, "SELECT 1 FROM pg_tables WHERE schemaname = 'drover' AND tablename = 'epoch'") and
            lab.sql(member, "SELECT 1 FROM drover.epoch") for region in OTHER for member in d.members(region)))
        old = self.lose(10)
        host = f"{old}-db1"
        lab.poweron(old, services=["etcd"])
        self.start(old, patroni=True)
        until("the old region is writable: nothing fenced it", lambda: self.moves.leader(old), 60)
        r = d.run(host, "pg_rejoin", self.arguments(old), region=old, timeout_ms=60000)
        c.result("a region on the same timeline number with another past is told", r, "PRECONDITION",
                 detail="rebuild needed")
        c.that("with its fork", "diverged" not in r["detail"] or "history at" in r["detail"], r["detail"])
        print(f"      {r['detail']}", flush=True)
        data = {member: self.moves.local(member)["data_directory"] for member in d.members(old)}
        before = {member: os.stat(path).st_ino for member, path in data.items()}
        r = d.run(host, "pg_rejoin", self.arguments(old, rebuild="yes"), region=old, timeout_ms=30000)
        c.result("nothing is cloned from a leader that diverged", r, "PRECONDITION", detail="drover-pg-rebuild")
        c.that("and no member's data is deleted", before == {
            member: os.path.exists(path) and os.stat(path).st_ino for member, path in data.items()})
        self.two_pasts(old)
        self.rebuild(old)
        r = d.run(host, "pg_rejoin", self.arguments(old), region=old, timeout_ms=90000)
        c.result("after the rebuild it replicates", r)
        self.rebuild_replica(old)
        self.leader_left_behind(old)
        until("Redis is demoted", lambda: d.run(host, "redis_demote", d.redis(old), region=old)["err"] == "OK")
        self.moves.settle()

    def two_pasts(self, region):
        """The active region's WAL gets a record's end where the diverged leader's WAL ends: there PostgreSQL replays on."""
        c, lab, d = self.checks, self.lab, self.driver
        leader, _ = self.leader_and_replica(region)
        end = lab.sql(leader, "SELECT pg_last_wal_replay_lsn()")[0][0]
        high, low = (int(half, 16) for half in end.split("/"))
        wal = os.path.join(self.moves.local(leader)["data_directory"], "pg_wal")
        newest = max(name for name in os.listdir(wal) if name.endswith(f"{high:08X}{low >> 24:08X}"))
        told = subprocess.run([f"{PG_BIN}/pg_waldump", os.path.join(wal, newest)], capture_output=True, text=True, check=False)
        last = re.findall(r"lsn: (\S+), prev", told.stdout)[-1]
        active = self.moves.leader(OTHER[region])
        lab.sql(active, PADDED, {"last": last, "end": end})
        lab.sql(active, "CHECKPOINT")  # whole pages from here on
        until("it replays past its end", lambda: lab.sql(leader, "SELECT pg_last_wal_replay_lsn() > %s::pg_lsn", (end,))[0][0])
        d.epoch += 1  # a row that is new in the index, too
        arguments = self.arguments(region, rebuild="yes")
        for name in ("pg_addresses", "patroni_urls"):
            arguments[name] = next(one for one in arguments[name].split(",") if lab.hosts[leader].address in one)
        r = d.run(leader, "pg_rejoin", arguments, region=region, timeout_ms=20000)
        c.result("a leader that replays the active region's rows on another past has not returned", r, "PRECONDITION",
                 detail="diverged: rebuild needed, with the leader: drover-pg-rebuild")
        row = lab.sql(leader, "SELECT epoch FROM drover.epoch WHERE epoch = %s", (d.epoch,))
        c.that("though it has the row", row == [(d.epoch,)], row)

    def rebuild_on(self, host, region, epoch=None, leader=None):
        """deploy/exec/drover-pg-rebuild on one host, with the lab in systemctl's place."""
        program = os.path.join(os.path.dirname(__file__), "..", "..", "..", "deploy", "exec", "drover-pg-rebuild")
        net = "1" if region == "east" else "2"
        shim = os.path.join(self.lab.run_dir, "shim")
        os.makedirs(os.path.join(shim, host), exist_ok=True)
        path = os.path.join(shim, host, "systemctl")
        with open(path, "w") as out:
            stand_in = os.path.join(os.path.dirname(os.path.abspath(__file__)), "systemctl.py")
            out.write(f"#!/bin/sh\nexec /usr/bin/python3 {stand_in} {self.lab.run_dir} {host} \"$@\"\n")
        os.chmod(path, 0o755)
        data = self.moves.local(host)["data_directory"]
        epoch = epoch or self.driver.epoch
        words = [program, data, "bud", "service", f"http://10.77.{net}.11:2379"] + (["patroni", leader] if leader else [])
        env = {"PATH": f"{shim}/{host}:/usr/sbin:/usr/bin:/sbin:/bin", "DROVER_EPOCH": str(epoch), "LANG": "C"}
        done = self.lab.run(host, words, env=env, timeout=60, check=False)
        self.checks.that("the old data is renamed, not deleted", os.path.exists(
            f"{data}.diverged-{epoch}/PG_VERSION"), done.stderr)
        words.insert(1, "observe")
        return done, lambda: self.lab.run(host, words, env=env, timeout=60, check=False).returncode == 0

    def rebuild(self, region):
        """On every host, in any order: the first waits for the other, which could lead, and is told so."""
        c, hosts = self.checks, self.driver.members(region)
        done, observed = self.rebuild_on(hosts[0], region)
        c.that("the first is not cloned from one that has diverged", done.returncode == 1 and
               f"not rebuilt yet and able to lead: {hosts[1]}." in done.stderr and not observed(), done.stderr)
        clones = []
        for host in (hosts[1], hosts[0]):  # the second while the first is being cloned
            done, observed = self.rebuild_on(host, region)
            c.that(f"drover-pg-rebuild on {host}", done.returncode == 0, done.stderr)
            clones.append(observed)
        until("each is observed when it is cloned", lambda: all(observed() for observed in clones))

    def leader_and_replica(self, region):
        hosts = self.driver.members(region)
        role = {host: self.lab.patroni(host, "GET", "/patroni")[1].get("role") for host in hosts}
        hosts.sort(key=lambda host: role[host] not in ("master", "primary", "standby_leader"))
        return hosts

    def rebuild_replica(self, region):
        """A replica alone, beside a leader that replicates and is named: in an epoch of which nothing is marked."""
        c, epoch = self.checks, self.driver.epoch + 1
        leader, replica = self.leader_and_replica(region)
        done, _ = self.rebuild_on(replica, region, epoch)
        c.that("a replica whose leader nobody vouches for is not cloned", done.returncode == 1 and
               f"able to lead: {leader}." in done.stderr, done.stderr)
        done, observed = self.rebuild_on(replica, region, epoch, leader)
        c.that("beside a leader that is named it is", done.returncode == 0, done.stderr)
        until("it is observed when it is cloned", observed)

    def leader_left_behind(self, region):
        """A replica that follows the active region past its leader, which does not: as Patroni lets it for a moment."""
        c, lab, arguments = self.checks, self.lab, self.arguments(region, rebuild="yes")
        leader, replica = self.leader_and_replica(region)
        until("the replica is back", lambda: lab.sql(replica, "SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming'"))
        replay = lab.sql(leader, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'")[0][0]
        patroni = lab.process(replica, "patroni")
        patroni.send(signal.SIGSTOP)
        try:
            passfile, words = os.path.join(lab.hosts[replica].directory, "postgres", "pgpass-clients"), []
            for word in lab.sql(replica, "SHOW primary_conninfo")[0][0].split():
                words += [] if word.startswith(("host=", "port=", "passfile=")) else [word]
            words += [f"host={arguments['peer_front_host']} port={arguments['peer_front_port']} passfile={passfile}"]
            lab.sql(replica, "ALTER SYSTEM SET primary_conninfo = %s", (" ".join(words),))
            lab.sql(replica, "ALTER SYSTEM SET primary_slot_name = ''")
            lab.sql(replica, "SELECT pg_reload_conf()")
            until("the replica follows the active region", lambda: lab.sql(
                replica, "SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming' AND sender_host = %s",
                (arguments["peer_front_host"],)))
            os.kill(replay, signal.SIGSTOP)
            r = self.driver.run(leader, "pg_rejoin", arguments, region=region, timeout_ms=60000)
            c.result("nothing is cloned from a leader that does not replicate, though a replica does", r,
                     "PRECONDITION", detail="rebuild needed, with the leader: drover-pg-rebuild")
        finally:
            os.kill(replay, signal.SIGCONT)
            lab.sql(replica, "ALTER SYSTEM RESET primary_conninfo")
            lab.sql(replica, "ALTER SYSTEM RESET primary_slot_name")
            lab.sql(replica, "SELECT pg_reload_conf()")
            patroni.send(signal.SIGCONT)
        c.result("it is one again", self.driver.run(leader, "pg_rejoin", arguments, region=region, timeout_ms=60000))


class Watch:
    """Looks every 50 ms whether any member of a region takes writes."""

    def __init__(self, moves, region):
        self.moves, self.region, self.seen, self.going = moves, region, [], True
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()

    def loop(self):
        began = time.monotonic()
        while self.going:
            leader = self.moves.leader(self.region)
            if leader is not None:
                self.seen.append((round(time.monotonic() - began, 2), leader))
            time.sleep(0.05)

    def end(self):
        self.going = False
        self.thread.join()
        return self.seen
