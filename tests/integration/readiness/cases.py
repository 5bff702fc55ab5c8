"""What is broken, the lines that must say so and no others, and the mending by the command that they print."""

import json
import os
import re
import shutil
import socket
import subprocess
import time

from fleet import topology
from fleet.fleet import FleetError
from lab import plan
from lab.days import away_from_midnight, today
from lab.net import inside

from exchange import exchange, names_its_file, taken_back
from place import HEAL, PATIENCE_S, Failure, expect

CASES = []


def case(function):
    CASES.append(function)
    return function


def broken(place, wanted, options=(), code=9):
    """The lines come, each is mended by what it prints, and the region is ready again."""
    lines = place.becomes(wanted, code, "the breakage shows", options)
    for fix in dict.fromkeys(line["fix"] for line in lines.values()):
        print(f"    fix: {fix.replace(place.fleet.directory, '...')}")
        place.mend(fix)
    place.ready()


@case
def a_healthy_fleet_is_ready(place):
    place.ready()
    code, answer = place.readiness("--fail-on", "warning")
    plans = {line["name"]: line for line in answer["lines"] if line["name"].startswith("plan ")}
    expect(code == 9 and answer["ready"] and answer["members_up_n"] == 3, f"exit {code}")
    expect(set(plans) == {"plan failover", "plan switchover"}, sorted(plans))
    for name, line in plans.items():
        expect(line["weight"] == "warning" and "steps never ran as they are now: " in line["text"] and line["fix"], line)
        told = place.fleet.ask("plan", "history", name[len("plan "):])
        expect(all(step["never"] or not step["counts"] for step in told["steps"]), told)
    expect(answer["warnings_n"] == len(plans), answer["warnings_n"])
    named = {line["name"] for line in answer["lines"]}
    for name in ("lease", "agent west-db1", "guard west-db1", "topology east-db1", "link postgresql", "check east-rewind",
                 "check west-stream", "check dns-key", "check west-patroni-key", "drill component-failover", "automation held", "executions"):
        expect(name in named, f"nothing is said of {name}: {sorted(named)}")
    for line in answer["lines"]:
        if line["name"].split()[0] in ("agent", "guard", "check", "link"):
            expect(line["age_ms"] is not None and line["age_ms"] < 60000, f"{line['name']} is of {line['age_ms']} ms ago")
    shown = place.fleet.drover("readiness", "west").stdout
    expect(shown.startswith("READY  west could take over now: 0 blockers, 2 warnings"), shown)
    refused = place.fleet.drover("readiness", "east", check=False)
    expect(refused.returncode == 2 and "owns epoch 1" in refused.stderr, refused.stderr)
    refused = place.fleet.drover("readiness", "watch", check=False)
    expect(refused.returncode == 2, refused.stderr)


@case
def a_cut_replication_is_told(place):
    front = place.lab.hosts["east-front"].address
    place.lab.run("west-db1", ["nft", "-f", "-"], text="table inet cut {\n chain out {\n  type filter hook output priority 0;\n"
                  f"  ip daddr {front} tcp dport {plan.FRONT_POSTGRES_PORT} reject with tcp reset\n }}\n}}\n")
    place.becomes({"link postgresql": ("blocker", "the objective (RPO) is 5s"), "check west-stream": ("blocker", "")}, 9,
                  "the cut shows")
    shown = place.fleet.drover("readiness", "west", check=False)
    expect(shown.returncode == 9 and "NOT READY  west could not take over now: 2 blockers" in shown.stdout, shown.stdout)
    expect(f"fix  {HEAL}" in shown.stdout and "seen at most" in shown.stdout, shown.stdout)
    place.mend(HEAL)
    place.ready()


@case
def a_stopped_agent_is_one_line(place):
    place.fleet.process("west-db1/agent").stop()
    broken(place, {"agent west-db1": ("blocker", "declared observations are lost with it")})


@case
def a_frozen_agent_is_not_known_never_good(place):
    agent = place.fleet.process("west-db1/agent")
    agent.sigstop()
    line = place.becomes({"agent west-db1": ("blocker", "silent for")}, 9, "the frozen agent shows")["agent west-db1"]
    expect(line["state"] == "unknown" and line["age_ms"] > 0, line)
    agent.sigcont()
    place.ready()


@case
def a_dead_guard_is_told(place):
    place.fleet.process("west-db1/guard").kill()
    broken(place, {"guard west-db1": ("blocker", "does not answer its agent")})


@case
def a_missing_member_is_a_warning(place):
    place.fleet.process("m3").stop()
    place.becomes({"member m3": ("warning", "does not answer")}, 9, "it counts when asked for", ("--fail-on", "warning"))
    broken(place, {"member m3": ("warning", "does not answer")}, code=0)


@case
def a_hold_is_told(place):
    place.fleet.drover("hold", "--reason", "network maintenance")
    broken(place, {"automation held": ("blocker", "until it is released")})


@case
def a_wrong_tsig_key_is_found_by_a_no_op(place):
    before = serial(place)
    with open(f"{place.fleet.place}/tsig.used", "w", encoding="utf-8") as secret:
        secret.write("d3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmch\n")
    broken(place, {"check dns-key": ("blocker", "BADSIG")})
    expect(serial(place) == before, "a check changed the zone")


def serial(place):
    ns1 = place.lab.hosts["watch-ns1"]
    return place.lab.run(ns1.name, ["dig", "+short", f"@{ns1.address}", "bud.test", "SOA"]).stdout.split()[2]


@case
def a_wrong_patroni_password_is_found_by_a_no_op(place):
    before = place.lab.patroni("west-db1", "GET", "/config")
    with open(f"{place.fleet.place}/patroni.used", "w", encoding="utf-8") as secret:
        secret.write("not-the-password\n")
    broken(place, {"check west-patroni-key": ("blocker", "status 401")})
    expect(place.lab.patroni("west-db1", "GET", "/config") == before, "a check changed Patroni's configuration")


@case
def a_right_of_redis_that_was_taken_is_told(place):
    place.lab.redis("west-db1", "ACL", "SETUSER", "default", "-replicaof")
    broken(place, {"check west-redis-rights": ("blocker", "no right to REPLICAOF")})


@case
def a_wrong_redis_password_is_told(place):
    with open(f"{place.fleet.place}/redis.used", "w", encoding="utf-8") as secret:
        secret.write("not-the-password\n")
    broken(place, {"check west-redis-login": ("blocker", "")})


@case
def credentials_are_exchanged_without_a_failing_check(place):
    """Requirement SEED-58: files are read at each use, nothing is restarted. Where a server changes and the file does not, the line
    names the file and the command that mends it."""
    keys = exchange(place)
    told = taken_back(keys)
    lines = place.becomes(told, 9, "the servers take the old ones back")
    for key in keys:
        names_its_file(key, lines[f"check {key.check}"])
    broken(place, told)


@case
def an_expired_certificate_is_told(place):
    shutil.copy(f"{place.fleet.place}/expired.crt", f"{place.fleet.place}/used.crt")
    broken(place, {"check west-certificate": ("blocker", "")})


@case
def a_full_disk_is_told(place):
    with open(f"{place.fleet.disk}/ballast", "wb") as ballast:
        ballast.write(b"\0" * (14 * 1024 * 1024))
    broken(place, {"check west-disk": ("blocker", "")})


@case
def a_standby_with_too_little_of_what_the_active_region_has_is_told(place):
    def resize(disk, megabytes):
        place.lab.run("west-db1", ["mount", "-o", f"remount,size={megabytes}m", disk])

    _, answer = place.readiness()
    (line,) = [line for line in answer["lines"] if line["name"] == "parity size"]
    expect(line["state"] == "good" and line["text"].startswith("west has 16 MiB, east has 16 MiB, 100 %"), line)
    resize(place.fleet.disk, 7)  # its own check has nothing against that
    broken(place, {"parity size": ("blocker", "west has 7 MiB, east has 16 MiB, 43 %; declared are 50 %")})
    resize(place.fleet.east_disk, 33)  # the active region grew
    place.becomes({"parity size": ("blocker", "west has 16 MiB, east has 33 MiB, 48 %; declared are 50 %")}, 9, "the active grew")
    resize(place.fleet.east_disk, 8)
    place.becomes({"parity size": ("warning", "east has 8 MiB, west has 16 MiB, 50 %; declared are 100 %")}, 0,
                  "the active one has less than its standby")
    resize(place.fleet.east_disk, 16)
    place.ready()


@case
def a_paused_patroni_is_a_warning(place):
    status, _ = place.lab.patroni("west-db1", "PATCH", "/config", {"pause": True})
    expect(status == 200, f"Patroni says {status}")
    both = ("check west-members", "check west-patroni-key")
    broken(place, {name: ("warning", "paused") for name in both}, code=0)


@case
def what_depends_on_a_component_that_is_down_is_told_so(place):
    shut = "table inet shut {\n chain in {\n  type filter hook input priority 0;\n  tcp dport 80 reject with tcp reset\n }\n}\n"

    def becomes(wanted, troubles_n, what):
        """{component: (standing, part of why)} of the east, as status tells it; nothing else is told of there."""
        seen = {}

        def there():
            nonlocal seen
            status = place.fleet.ask("status")
            seen = {one["name"]: one for one in status["troubles"] if one["region"] == "east"}
            own = [one for one in seen.values() if one["standing"] in ("down", "failing")]
            return set(seen) == set(wanted) and len(own) == troubles_n and all(
                seen[name]["standing"] == standing and part in seen[name]["why"] for name, (standing, part) in wanted.items())
        try:
            place.fleet.wait(there, PATIENCE_S, what)
        except FleetError as error:
            raise Failure(f"{error}, but: {[(one['name'], one['standing'], one['why']) for one in seen.values()]}") from error

    becomes({}, 0, "the east is well")
    try:
        place.lab.sql("east-db1", "ALTER ROLE drover NOLOGIN")
        becomes({"postgresql": ("down", "east-db1-postgresql: "),
                 "web": ("at-risk", "needs postgresql, which is down; its own checks pass"),
                 "api": ("at-risk", "needs postgresql, which is down, through web")}, 1, "the need is down, its dependents serve")
        place.lab.run("east-front", ["nft", "-f", "-"], text=shut)
        becomes({"postgresql": ("down", ""), "web": ("depending", "depends on postgresql, which is down"),
                 "api": ("at-risk", "needs postgresql")}, 1, "the dependent fails, too, and is no trouble of its own")
        shown = place.fleet.drover("status").stdout
        expect("\npostgresql in east is down for " in shown, shown)
        expect("\n  - web in east depends on postgresql, which is down\n" in shown, shown)
        explained = place.fleet.drover("explain", "web").stdout
        expect("\nweb in east depends on postgresql, which is down\n" in explained, explained)
        place.lab.sql("east-db1", "ALTER ROLE drover LOGIN")
        becomes({"web": ("down", "east-public: "), "api": ("at-risk", "needs web, which is down")}, 1,
                "with its need up it is its own fault")
    finally:
        place.lab.sql("east-db1", "ALTER ROLE drover LOGIN")
        place.lab.run("east-front", ["nft", "delete", "table", "inet", "shut"], check=False)
    becomes({}, 0, "the east is well again")
    place.ready()


@case
def an_overdue_drill_is_told_until_it_is_held(place):
    away_from_midnight(2 * PATIENCE_S)
    directory = place.fleet.directory
    path = f"{directory}/topology.conf"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    old = f"{directory}/overdue.conf"
    with open(old, "w", encoding="utf-8") as file:
        file.write(re.sub(r'last = "[0-9-]+"', f'last = "{today(100)}"', text))
    place.fleet.drover("config", "apply", old, "--reason", "what the records say")
    line = place.becomes({"drill component-failover": ("warning", "held 100 days ago; due every 30d")}, 0, "it is overdue")
    fix = line["drill component-failover"]["fix"]
    expect('write last = "YYYY-MM-DD" into drill component-failover' in fix, fix)
    expect(fix.endswith("drover config apply topology.conf"), fix)
    place.fleet.drover("config", "apply", path, "--reason", "it was held yesterday")
    place.ready()


@case
def the_backups_are_told_by_a_live_member(place):
    away_from_midnight(2 * PATIENCE_S)

    def told(state, part, code):
        """The one declared backup is so, and its one check says that."""
        result = place.fleet.drover("backups", "--json", check=False)
        (backup,) = json.loads(result.stdout)["backups"]
        (seen,) = backup["checks"]
        fits = result.returncode == code and backup["state"] == seen["state"] == state and part in seen["detail"]
        return fits and (backup, seen)

    def becomes(state, part, code=9):
        return place.fleet.wait(lambda: told(state, part, code), PATIENCE_S, f"the backup is {state}")

    backup, seen = becomes("met", "4 there", 0)
    expect(backup["component"] == "postgresql" and backup["every_ms"] == 86400000, backup)
    expect(backup["restorable"] == "not shown", backup)
    expect(seen["region"] == "west" and seen["agent"] == "west-db1" and 0 <= seen["age_s"] < 2 * 86400, seen)
    os.unlink(f"{place.fleet.backups}/full-{today(2)}.tar")
    becomes("warn", today(2))
    line = place.becomes({"backup full of postgresql": ("warning", today(2))}, 0, "readiness tells the missing backup")
    expect(line["backup full of postgresql"]["fix"], line)
    for name in os.listdir(place.fleet.backups):
        os.unlink(f"{place.fleet.backups}/{name}")
    becomes("failed", "")
    shown = place.fleet.drover("backups", check=False)
    expect(shown.returncode == 9 and "postgresql" in shown.stdout and "failed" in shown.stdout, shown.stdout)
    for days_ago in range(4):
        place.fleet.back_up(days_ago)
    becomes("met", "4 there", 0)
    agent = place.fleet.process("west-db1/agent")
    agent.sigstop()  # what nobody sees is not met
    try:
        becomes("unknown", "no word of its agent")
    finally:
        agent.sigcont()
    becomes("met", "4 there", 0)
    place.ready()


# -- the doctor


@case
def a_healthy_machine_has_nothing_wrong(place):
    place.wrong({})
    shown = place.doctor("west-db1", code=0, json_wanted=False)
    for word in ("key of the agent", "key of the guard", "gate: in the kernel", "runs, process", "answers with the key",
                 "Patroni's member names: postgresql: no member of one cluster is in the other"):
        expect(word in shown, f"the doctor says nothing of {word}: {shown}")
    # A member's machine, and a vantage without a guard.
    place.wrong({}, host="m1")
    place.wrong({}, host="watch-eye")
    used = place.lab.run("west-db1", [place.fleet.program("drover"), "doctor", "/nonexistent"], check=False)
    expect(used.returncode == 2, used.stderr)


@case
def the_doctor_finds_a_key_that_others_may_read(place):
    path = f"{place.fleet.directory}/keys/west-db1.key"
    os.chmod(path, 0o644)
    line = place.wrong({"key of the agent": "mode 0644"})["key of the agent"]
    place.mend(line["fix"])
    place.wrong({})


@case
def the_doctor_finds_a_missing_secret(place):
    path = f"{place.fleet.place}/tsig.used"
    os.rename(path, f"{path}.away")
    fix = place.wrong({"secret tsig_ready of the agent": "No such file"})["secret tsig_ready of the agent"]["fix"]
    with open(f"{path}.away", encoding="utf-8") as secret:
        place.lab.run("west-db1", ["sh", "-c", fix], text=secret.read())
    os.unlink(f"{path}.away")
    place.wrong({})
    place.ready()


@case
def the_doctor_warns_of_keys_and_secrets_older_than_30_days(place):
    paths = {"key of the agent": f"{place.fleet.directory}/keys/west-db1.key",
             "secret redis of the agent": place.lab.credential("redis.password")}
    for days, wanted in ((29, set()), (31, set(paths))):
        for path in paths.values():
            made = time.time() - days * 86400 - 60
            os.utime(path, (made, made))
        old = {line["subject"] for line in place.doctor("west-db1", code=0)["lines"]
               if line["state"] == "warning" and f"{days} days old" in line["text"]}
        expect(old == wanted, f"after {days} days: {old}")
    for path in paths.values():
        os.utime(path)


@case
def the_doctor_finds_a_key_of_another_agent(place):
    home = f"{place.fleet.directory}/west-db1"
    shutil.copytree(home, f"{place.fleet.directory}/other", ignore=shutil.ignore_patterns("*.sock", "guard", "guard.conf"))
    conf = f"{place.fleet.directory}/other/agent.conf"
    with open(conf, encoding="utf-8") as file:
        text = file.read()
    with open(conf, "w", encoding="utf-8") as file:
        file.write(text.replace("keys/west-db1.key", "keys/east-db1.key").replace(f"{home}/agent", f"{home}/agent"))
    place.fleet.agents["other"] = place.fleet.agents["west-db1"]
    try:
        place.wrong({"key of the agent": "is the key of east-db1", "drover-agent": "does not run with"}, host="other")
    finally:
        del place.fleet.agents["other"]
        shutil.rmtree(f"{place.fleet.directory}/other")


@case
def the_doctor_finds_the_gate_missing(place):
    place.fleet.process("west-db1/guard").kill()
    place.lab.run("west-db1", ["nft", "delete", "table", "inet", "drover"])
    lines = place.wrong({"drover-guard": "does not run", "gate": "no table inet drover"})
    expect("systemctl restart drover-guard" in lines["gate"]["fix"], lines)
    place.restart("west-db1", "drover-guard")
    place.ready()
    place.wrong({})


@case
def the_doctor_finds_who_has_the_port(place):
    west = place.lab.hosts["west-db1"]
    place.fleet.process("west-db1/agent").stop()
    with inside(west.namespace):
        taken = socket.create_server((west.address, 7421))
    try:
        place.wrong({"drover-agent": "does not run", "writable_listen": "is taken by run"})
    finally:
        taken.close()
    place.restart("west-db1", "drover-agent")
    place.ready()
    place.wrong({})


@case
def the_doctor_finds_other_pins(place):
    path = f"{place.fleet.directory}/pins.conf"
    with open(path, encoding="utf-8") as file:
        good = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(good.replace("wait = 5210", "wait = 5300"))
    lines = place.wrong({"pins of the agent": "numbers are others", "pins of the guard": "numbers are others",
                         "pins of the operator": "numbers are others"})
    expect(lines["pins of the agent"]["fix"].endswith("drover config show"), lines)
    shown = place.fleet.drover("config", "show").stdout
    with open(path, "w", encoding="utf-8") as file:
        file.write(shown)
    place.wrong({})
    with open(path, "w", encoding="utf-8") as file:
        file.write(good)


@case
def the_doctor_finds_a_silent_member(place):
    place.fleet.process("m3").stop()
    place.wrong({"member m3": "does not answer"})
    place.restart("m3", "drover-coordinator")
    place.fleet.wait(lambda: not place.failing(place.readiness()[1]), 60, "m3 has caught up")
    place.wrong({})


@case
def the_doctor_reads_haproxy(place):
    path = f"{place.fleet.directory}/haproxy.cfg"
    source = place.lab.hosts["west-front"].directory + "/haproxy.cfg"
    shutil.copy(source, path)
    place.wrong({}, path)
    with open(source, encoding="utf-8") as file:
        lines = [line for line in file if "nbsrv(agent_writable)" not in line]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(lines)
    place.wrong({"haproxy": "does not fail closed"}, path)


@case
def the_doctor_reads_a_topology(place):
    path = f"{place.fleet.directory}/bad/topology.conf"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copy(f"{place.fleet.directory}/topology.conf", path)
    place.wrong({}, path)
    subprocess.run(["sed", "-i", "s/lease = 5000/lease = 500/", path], check=True)
    place.wrong({"topology": "errors"}, path)
    subprocess.run(["sed", "-i", "s/cluster = /clutser = /", path], check=True)
    place.wrong({"topology": "clutser"}, path)


expect(topology.DATA == ("east", "west"), "the cases are about west")
