"""The three acts: the region dies, it returns, and the service moves back. The judge is an outside writer and
direct write probes of every store, never drover's own word."""

import contextlib
import re
import signal
import time

from fleet.fleet import FleetError
from lab import base
from lab.base import LabError

from .place import DNS_TTL_S, TIMING, Trouble, say
from .show import Watch

WRITES_HZ, PROBES_HZ = 20, 20
HOME = "east"
SECONDS_AFTER = 3  # the client goes on for so long after the last act


def other(region):
    return {"east": "west", "west": "east"}[region]


def command_line(argv, who="sre-1"):
    words = " ".join(f'"{word}"' if " " in word else word for word in argv)
    return f"./quickstart drover {words}" if who == "sre-1" else f"./quickstart as {who} {words}"


def tell(fleet, *argv, who="sre-1"):
    """Runs a command of the operator and shows it as the user would type it. Returns (exit code, its words)."""
    person, role = fleet.operators[who]
    say(f"\n  $ {command_line(argv, who)}        # {person}, {role}")
    result = fleet.drover(*argv, who=who, check=False)
    for line in (result.stdout + result.stderr).splitlines():
        say(f"    {line}")
    say("")
    return result.returncode, result.stdout


def declare(fleet, *argv):
    """The number of the new execution, or None. It is the answer's: another member may not know of it yet."""
    code, words = tell(fleet, "declare", *argv, "--yes")
    found = re.search(r"execution (\d+)", words)
    return int(found.group(1)) if code == 0 and found else None


@contextlib.contextmanager
def witnesses(lab):
    """The outside writer and the direct write probes; they end whatever happens."""
    writer = lab.writer_start(rate_hz=WRITES_HZ, timeout_s=1.0)
    probers = []
    try:
        probers = lab.probers_start(rate_hz=PROBES_HZ)
        yield
    finally:
        lab.writer_stop(writer)
        if probers:
            lab.probers_stop(probers)


def judge(lab, died=None):
    """The judge's report, in words; False when it is not what was promised."""
    host = base.until("one region serves", lab.serving, 20, 0.5)
    report = lab.judge(host)
    say("\nthe judge (an outside writer, and direct write probes of every store):")
    for line in lab.judge_text(report).splitlines():
        say(f"    {line}")
    gap_s = report["stores"]["any"]["gap_s"]
    if report["one_writer_proved"]:
        say(f"    proved: no instant had two writers; the smallest gap is {gap_s:.3f} s"
            if gap_s is not None else "    no instant had two writers")
    else:
        say("    NOT PROVED that there was only one writer at any instant: see above")
    if died and report["lost"]:
        say(f"    a lost row was acknowledged by {died} and never reached the other region: replication is asynchronous")
    return report


def behind(loss):
    """A canary's positions are counted writes, any other link's are bytes."""
    return f"{loss['lag_writes']} writes" if "lag_writes" in loss else f"{loss['lag_bytes']} bytes"


def print_report(fleet, execution):
    say(f"\nwhat drover says of it itself ({command_line(['report', str(execution)])}):")
    report = fleet.ask("report", str(execution))
    rto, spans = report["rto"], report["spans"]
    say(f"    RTO clock, from the start of the outage: {rto['actual_ms'] / 1000:.1f} s of {rto['objective_ms'] / 1000:.0f} s"
        f" allowed ({'met' if rto['met'] else 'MISSED'})")
    names = {"detect_ms": "noticed and held down", "fence_ms": "handed over and closed", "take_ms": "next epoch opened",
             "run_ms": "old lease waited out, and the steps"}
    say("    " + ", ".join(f"{names[key]} {value / 1000:.1f} s" for key, value in spans.items() if value is not None))
    for loss in report["losses"]:
        figures = (f"at most {loss['lag_ms'] / 1000:.1f} s, {behind(loss)}, of {loss['rpo_ms'] / 1000:.0f} s allowed"
                   f" ({'met' if loss['met'] else 'MISSED'})" if loss["known"] else "not known")
        say(f"    RPO of {loss['component']}: {figures}")
    return report


# -- act one


def disaster(lab, fleet):
    off = lab.state.load()["off"]
    if off:
        raise Trouble(f"{off[0]} is without power already. Type: ./quickstart failback")
    status = fleet.status()
    lost = status.get("owner")
    if not lost or not fleet.leased(lost):
        raise Trouble("no region holds the lease now; look with: ./quickstart status")
    heir = other(lost)
    fleet.wait(lambda: fleet.gate_passes("standby region is ready") and fleet.gate_passes("block is over"), 60,
               f"{heir} is ready to take over")
    say(f"{lost} serves, {heir} follows. A client writes {WRITES_HZ} rows a second to api.bud.test from outside;")
    say(f"probers try to write to every database and every Redis directly, {PROBES_HZ} times a second.")
    bound_s = max(TIMING.lease, TIMING.hold_down) / 1000 + DNS_TTL_S + 1
    say(f"In five seconds {lost} loses its links and its power. Allowed: max(T, hold-down) + DNS TTL + 1 s = {bound_s:.0f} s.\n")
    with witnesses(lab):
        watch = Watch(lab, fleet)
        watch.zero += 5
        watch.until(lambda _: watch.now_s() >= -0.6, 10, "five quiet seconds")
        watch.restart()
        lab.poweroff(lost)
        watch.note(f"*** {lost} is dark: links cut without a word, every process killed ***")
        moved = watch.until(lambda s: s.get("owner") == heir and s.get("open") and watch.execution_done(s)
                            and watch.served.get(heir, 0) > WRITES_HZ * SECONDS_AFTER, 120,
                            f"{heir} serves and every step is done")
    if not moved:
        raise Trouble("the failover did not finish; look with: ./quickstart status, ./quickstart drover timeline")
    report = judge(lab, died=lost)
    word = "within" if report["outage_s"] <= bound_s else "MORE THAN"
    say(f"    the outage is {word} the {bound_s:.0f} s allowed")
    number = watch.status["executions"][0]["id"]
    print_report(fleet, number)
    say(f"""
{heir} serves in epoch {watch.status['epoch']}; {lost} is still without power.
  ./quickstart drover timeline {number}     every fact of it, in order
  ./quickstart drover explain        what drover would do now, and why
  ./quickstart failback              power {lost} on again, and move back""")
    return 0 if report["one_writer_proved"] and report["outage_s"] <= bound_s else 1


# -- act two and three


def recovering(lab, host):
    try:
        return lab.sql(host, "SELECT pg_is_in_recovery()", timeout_s=2)[0][0]
    except Exception:  # it boots: every failure means "not yet"
        return None


def streams_from(lab, active, back):
    """Does a database of `active` send its log to one of the region `back`? Patroni names them by their hosts."""
    wanted = {host.name for host in lab.region_dbs(back)}
    for host in lab.region_dbs(active):
        with contextlib.suppress(Exception):  # not there yet
            rows = lab.sql(host.name, "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'", timeout_s=2)
            if wanted & {row[0] for row in rows}:
                return True
    return False


def approve_when_asked(fleet, watch, execution):
    """Plays the network admin: the step waits for that role, as the plan says."""
    def asked(status):
        now = (status.get("executions") or [{}])[0]
        return now.get("id") == execution and (not now.get("running") or any(
            step["name"] == "dns-api" and step["state"] == "needs-approval" for step in now["steps"]))
    if not watch.until(asked, 60, "step dns-api asks for its approval"):
        return False
    return tell(fleet, "approve", str(execution), "dns-api", who="net-1")[0] == 0


def failback(lab, fleet):
    status = fleet.status()
    active = status.get("owner")
    off = lab.state.load()["off"]
    if not active or not status.get("open"):
        raise Trouble("no region holds the lease now; look with: ./quickstart status")
    home = off[0] if off else other(active)
    if home == active or (not off and active == HOME):
        raise Trouble(f"{active} serves and nothing is without power. First: ./quickstart disaster")
    with witnesses(lab):
        watch = Watch(lab, fleet)
        time.sleep(1)
        returned = come_home(lab, fleet, watch, home, active)
        moved = returned and move_back(lab, fleet, watch, home)
    if not returned:
        raise Trouble(f"{home} did not come back as a standby; look with: ./quickstart status, ./quickstart where")
    report = judge(lab)
    lost_n = len(report["lost"])
    say(f"    rows lost: {lost_n}{'' if lost_n == 0 else ' - a planned move must lose none'}")
    if not moved:
        raise Trouble(f"{home} follows, but the move back did not finish; ./quickstart status says what it waits for")
    print_report(fleet, watch.status["executions"][0]["id"])
    say(f"""
{home} serves again in epoch {watch.status['epoch']}, {active} follows.
  ./quickstart disaster     once more, if you like
  ./quickstart down         take everything away""")
    return 0 if report["one_writer_proved"] and lost_n == 0 else 1


def come_home(lab, fleet, watch, home, active):
    """The lost region boots with its old disks, on which it is a primary."""
    heads = [host.name for host in lab.region_dbs(home)]
    watch.restart()
    if home in lab.state.load()["off"]:
        say(f"{active} serves in epoch {fleet.status()['epoch']}. {home} gets its power back, with its old disks: on them its")
        say("PostgreSQL and its Redis are primaries, and both start at boot. Before them start the guard (the gate is")
        say("shut until a lease opens it) and the agent (it asks the members, and demotes the stores).\n")
        lab.poweron(home, wait=False)
        watch.note(f"*** {home} has power: guard, agent, etcd, Redis, Sentinel, Patroni, HAProxy ***")
    if not watch.until(lambda _: all(recovering(lab, h) for h in heads), 60, f"PostgreSQL of {home} runs as a standby"):
        return False
    watch.note(f"PostgreSQL of {home} answers, in recovery")
    number = declare(fleet, "--kind", "reprotect", "--to", home, "--reason", f"{home} is back")
    if number is None:
        return False
    # For a whole lease at least, so that the probers had time to catch it writing.
    done = watch.until(lambda s: watch.execution_done(s, number) and watch.now_s() > TIMING.lease / 1000
                       and streams_from(lab, active, home), 180, f"{home} follows {active}")
    accepted = watch.accepted.get(home, 0)
    watch.note(f"{home} {'follows' if done else 'does not follow'} {active}; direct writes that {home} took since its power"
               f" came back: {accepted}")
    return done and accepted == 0


def move_back(lab, fleet, watch, home):
    fleet.wait(lambda: fleet.gate_passes("standby region is ready") and fleet.gate_passes("loss is known"), 90,
               f"{home} is ready")
    say(f"\nNow the planned move back, with the client still writing: {other(home)} hands over at a known position, {home} takes")
    say("the lease and all of the data. Moving the name waits for the network admin: nobody planned it beforehand.")
    number = declare(fleet, "--kind", "switchover", "--to", home, "--reason", "back home")
    before = watch.served.get(home, 0)
    if number is None or not approve_when_asked(fleet, watch, number):
        return False
    return watch.until(lambda s: s.get("owner") == home and watch.execution_done(s, number)
                       and watch.served.get(home, 0) - before > WRITES_HZ * SECONDS_AFTER, 120,
                       f"{home} serves and every step is done")


def on_terminate(*_):
    raise SystemExit(128 + signal.SIGTERM)


ERRORS = (Trouble, LabError, FleetError)
