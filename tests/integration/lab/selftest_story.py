"""The story: a region dies under a writer, the other is promoted by hand, the old one returns
without a fence and the judge says so; then boots, a second lab, and nothing left behind.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

from . import haproxy, manual, net, plan, postgres, proc, registry
from .base import LabError, raw_ns, read_file, until
from .lab import Lab
from .selftest_help import FRONT, expect, raises, reach


class Remember:
    """What later tests need from earlier ones."""

    cut_ns = 0
    off_ns = 0


# -- the story -------------------------------------------------------------------------------------


def _east_serves(lab):
    """HAProxy calls every server up until its first checks have failed, so a front that has just
    been restarted may lead a write to a standby: the primary must be the only one."""
    return (
        haproxy.up_servers(lab, "east-front", "postgres_primary") == ["east-db1"]
        and haproxy.up_servers(lab, "east-front", "redis_primary") == ["east-db1"]
        and lab.http("client", FRONT["east"], "/health")[0] == 200
    )


def writer_is_served_by_east_and_probes_see_one_region_only(lab):
    until("the front of east leads to its primary alone", lambda: _east_serves(lab), 30)
    lab.writer_start(rate_hz=20, timeout_s=0.5)
    lab.probers_start(rate_hz=20)
    time.sleep(4)
    report = lab.judge()

    def served():
        """More than forty rows, and two seconds without a failure: a machine that stands still for a moment fails some."""
        nonlocal report
        failed_before = report["failed"]
        time.sleep(2)
        report = lab.judge()
        return report["acked"] > 40 and report["failed"] == failed_before

    if report["acked"] <= 40 or report["failed"] > 2:
        until("east acknowledges what the writer writes", served, 30)
    expect(not report["lost"] and not report["two_writers"], "one region")
    expect({s["region"] for s in report["spans"]} == {"east"}, "spans of east only")


def dead_region_is_silent_to_the_writer(lab):
    lab.cut("east", "west")
    Remember.cut_ns = raw_ns()
    time.sleep(2)  # rows that are acknowledged and never replicated
    lab.poweroff("east")
    Remember.off_ns = raw_ns()
    lab.heal("east", "west")
    for _ in range(3):
        expect(
            reach(lab, "west-db1", FRONT["east"], 80) == "silent",
            "nobody answers for a dead region",
        )
    time.sleep(2)
    writes = [w for w in lab.logs_of_judge()[0] if "ok" in w and w["sent"] > Remember.off_ns]
    expect(len(writes) > 20 and not any(w["ok"] for w in writes), "nothing is acknowledged")
    errors = {w["error"].split(":")[0] for w in writes}
    expect(errors <= {"TimeoutError", "dns"}, f"silence, not resets: {errors}")
    expect(not net.pids(lab.hosts["east-db1"].namespace), "no process of the region is left")
    expect("off" in raises(LabError, lambda: lab.run("east-db1", ["true"])), "its hosts are off")


def promotion_by_hand_makes_west_serve(lab):
    began = time.monotonic()
    manual.promote(lab, "west")
    took = time.monotonic() - began
    until(
        "the web app of west is healthy",
        lambda: lab.http("client", FRONT["west"], "/health")[0] == 200,
        10,
    )
    time.sleep(lab.options["dns_ttl"] + 2)
    writes = [w for w in lab.logs_of_judge()[0] if w.get("ok")]
    expect(writes[-1]["region"] == "west", "the writer is served by west")
    until(
        "the Sentinels of west have their quorum",
        lambda: lab.sentinel("west-front", "SENTINEL", "ckquorum", plan.SCOPE).startswith("OK"),
        20,
    )
    expect(lab.serving() == "west-db1", "west-db1 takes writes")
    print(f"    promotion by hand took {took:.2f} s")


def judge_counts_exactly_the_rows_that_never_left(lab):
    report = lab.judge()
    print("    " + lab.judge_text(report).replace("\n", "\n    "))
    writes = [w for w in lab.logs_of_judge()[0] if w.get("ok") and w["region"] == "east"]
    never = {w["id"] for w in writes if w["sent"] > Remember.cut_ns}
    sure = {w["id"] for w in writes if w["done"] < Remember.cut_ns - 500_000_000}
    expect(len(never) > 15 and never <= set(report["lost"]), "acknowledged after the cut: lost")
    expect(not sure & set(report["lost"]), "acknowledged well before the cut: there")
    expect(report["one_writer_proved"] and not report["two_writers"], "nobody wrote twice")
    expect(
        2 < report["outage_s"] < 25 and not report["outage_open"], f"outage {report['outage_s']}"
    )
    expect(report["stores"]["postgres"]["gap_s"] > 1.5, "the gap between the regions")


def boot_without_a_fence_is_two_writers_and_the_judge_says_so(lab):
    order = []
    lab.boot_before.append(lambda lab, host: order.append((host.name, lab.processes(host.name))))
    lab.run("west-near", ["nft", "add", "table", "inet", "stays"])
    lab.poweron("east", wait=True)
    lab.boot_before.clear()
    expect(
        sorted(name for name, _ in order) == ["east-db1", "east-db2", "east-front"],
        "a hook for each host",
    )
    expect(not any(alive for _, alive in order), "hooks run before every service of their host")
    until(
        "east writes again",
        lambda: any(postgres.writable(lab, h.name) for h in lab.region_dbs("east")),
        60,
    )
    time.sleep(2)
    expect("east" in raises(LabError, lab.serving), "two databases take writes")
    report = lab.judge("west-db1")
    print("    " + lab.judge_text(report).replace("\n", "\n    "))
    expect(report["two_writers"] and not report["one_writer_proved"], "the overlap was found")
    expect(report["stores"]["postgres"]["overlaps_certain"] > 0, "in PostgreSQL")
    expect(report["stores"]["redis"]["overlaps_certain"] > 0, "in Redis")
    expect(report["stores"]["postgres"]["gap_s"] < 0, "the gap is negative")
    lab.writer_stop()
    lab.probers_stop()


def reboot_forgets_the_kernels_tables(lab):
    lab.run("west-front", ["nft", "add", "table", "inet", "gate"])
    lab.poweroff("west")
    lab.poweron("west", wait=True)
    expect(
        lab.run("west-front", ["nft", "list", "tables"]).stdout.strip() == "",
        "a new kernel knows no table",
    )
    expect(
        "inet stays" in lab.run("west-near", ["nft", "list", "tables"]).stdout,
        "the neighbour was not rebooted",
    )


def enabled_process_starts_before_the_services_of_its_host(lab):
    path = f"{lab.hosts['west-db2'].directory}/ready"
    code = f"import time,pathlib\npathlib.Path({path!r}).write_text('')\ntime.sleep(600)"
    unit = lab.spawn(
        "west-db2", [sys.executable, "-c", code], name="unit", boot=True, ready_path=path
    )
    until("it ran", lambda: os.path.exists(path), 5)
    lab.poweroff("west-db2")
    expect(
        not unit.alive() and reach(lab, "west-db1", "10.77.2.12", plan.REDIS_PORT) == "silent",
        "one host is off",
    )
    expect("off already" in raises(LabError, lambda: lab.poweroff("west-db2")), "twice")
    expect(reach(lab, "west-near", "10.77.2.11", plan.REDIS_PORT) == "open", "only that one")
    Lab.attach(lab.run_dir).poweron("west-db2", wait=True)  # another process knows what is enabled
    again = lab.process("west-db2", "unit")
    expect(again is not None and again.pid != unit.pid, "it was started again")
    expect(again.stamp <= lab.process("west-db2", "redis").stamp, "before Redis")
    lab.disable("west-db2", "unit")
    again.kill()


def lab_refuses_a_directory_that_holds_anything(lab):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/precious", "w", encoding="utf-8"):
            pass
        expect(
            "not empty" in raises(LabError, lambda: Lab(folder).up()),
            "it would be removed by down()",
        )
        expect(os.path.exists(f"{folder}/precious"), "untouched")


def store_can_be_stopped_and_started_by_its_name(lab):
    expect(lab.postmaster("west-db2").alive(), "postmaster")
    lab.service_stop("west-db2", "redis", signal.SIGKILL)
    expect(lab.process("west-db2", "redis") is None, "gone")
    lab.service_start("west-db2", "redis")
    until("it answers", lambda: lab.redis("west-db2", "PING") == "PONG", 5)
    expect("runs" in raises(LabError, lambda: lab.service_start("west-db2", "redis")), "twice")
    expect(
        "no service" in raises(LabError, lambda: lab.service_start("west-db2", "etcd")), "unknown"
    )


def another_process_can_attach(lab):
    other = Lab.attach(lab.run_dir)
    expect(
        other.prefix == lab.prefix and other.process("west-db2", "redis").alive(), "same processes"
    )
    expect(other.status()["off"] == [], "same state")
    expect(
        "take it down" in raises(LabError, lambda: Lab(lab.run_dir).up()),
        "no second lab in one directory",
    )
    expect(lab.prefix in [entry["prefix"] for entry in registry.entries()], "it is listed")


def second_lab_lives_beside_the_first(lab):
    with Lab(small=True, dns_ttl=1, members=1) as second:
        expect(second.prefix != lab.prefix and second.serving() == "east-db1", "its own servers")
        folder, prefix = second.run_dir, second.prefix
    expect(not os.path.exists(folder) and not net.namespaces(prefix), "and leaves alone")
    expect(lab.redis("west-db2", "PING") == "PONG", "the first goes on")


def sweep_takes_down_the_lab_of_a_killed_test(lab):
    code = (
        "import os,subprocess,time\nfrom lab import Lab\nwith Lab(small=True, members=1) as l:\n"
        " disk=f'{l.run_dir}/disk'; os.mkdir(disk)\n"
        " subprocess.run(['mount','-t','tmpfs','-o','size=1m','drover-lab',disk],check=True)\n"
        " print(l.run_dir, l.prefix, flush=True)\n time.sleep(600)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ, **lab.python_env()),
    )
    folder, prefix = child.stdout.readline().split()
    child.kill()
    child.wait()
    child.stdout.close()
    expect(net.namespaces(prefix), "a killed test leaves its lab")
    expect(
        folder in registry.sweep() and not net.namespaces(prefix) and not os.path.exists(folder),
        "until the sweep",
    )
    expect(lab.redis("west-db2", "PING") == "PONG", "a living one is left alone")


def down_leaves_nothing_behind(lab):
    prefix, folder = lab.prefix, lab.run_dir
    recorded = [(p["pid"], p["stamp"]) for p in lab.state.load()["processes"]]
    inside = [pid for name in net.namespaces(prefix) for pid in net.pids(name)]
    stamps = recorded + [(pid, proc.start_stamp(pid)) for pid in inside]
    segments = [postgres.segment(h) for h in lab.hosts.values() if h.role == "db"]
    expect(len(inside) > 40 and all(segments), f"{len(inside)} processes, segments {segments}")
    lab.down()
    expect(not net.namespaces(prefix), "namespaces")
    expect(
        not [pid for pid, stamp in stamps if stamp and proc.start_stamp(pid) == stamp], "processes"
    )
    mounts = read_file("/proc/self/mounts")
    expect(prefix not in mounts and folder not in mounts, "mounts")
    expect(not os.path.exists(folder), "the run directory")
    shared = subprocess.run(
        ["ipcs", "-m"], capture_output=True, text=True, check=True
    ).stdout.split()
    expect(not {str(s) for s in segments} & set(shared), "System V segments")
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    expect("east-db1" not in links, "links")


STORY = [
    writer_is_served_by_east_and_probes_see_one_region_only,
    dead_region_is_silent_to_the_writer,
    promotion_by_hand_makes_west_serve,
    judge_counts_exactly_the_rows_that_never_left,
    boot_without_a_fence_is_two_writers_and_the_judge_says_so,
    reboot_forgets_the_kernels_tables,
    enabled_process_starts_before_the_services_of_its_host,
    lab_refuses_a_directory_that_holds_anything,
    store_can_be_stopped_and_started_by_its_name,
    another_process_can_attach,
    second_lab_lives_beside_the_first,
    sweep_takes_down_the_lab_of_a_killed_test,
    down_leaves_nothing_behind,
]
