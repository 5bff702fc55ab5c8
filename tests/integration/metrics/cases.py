"""What is claimed of the metrics, in the order in which it happens."""

import concurrent.futures
import json
import re
import signal
import subprocess
import time

from elections import elections_inside_a_region_are_measured
from place import AGENTS, MEMBER, ROOT, Failure, Hook, expect, fetch, samples, value, wait

def series_of_the_page(section):
    with open(f"{ROOT}/docs/metrics.md", encoding="utf-8") as file:
        text = file.read().split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(drover_\w+)` \|", text, re.MULTILINE)


def the_fleet_serves_under_metrics(place):
    """The lease is held and told so by guard, agent and member; a switchover waits for its approval."""
    wait(lambda: value(7423, "drover_agent_lease_held") == 1, "the agent tells of its lease")
    wait(lambda: value(MEMBER, "drover_lease_guards_leased", region="east") == 1, "the member tells of the guard's lease")
    wait(lambda: value(MEMBER, "drover_link_known", link="redis") == 1 and value(MEMBER, "drover_link_known", link="canary") == 1,
         "both links are known")
    told = place.drover("declare", "--to", "west", "--kind", "switchover", "--reason", "maintenance", "--yes")
    expect(told.returncode == 0, f"declare: {told.stdout}{told.stderr}")
    wait(lambda: value(MEMBER, "drover_execution_waits_for_people") == 1, "the execution waits for its approval")
    asked = place.drover("command", "take", "1", "--reason", "sre-1 is on the train", who="cmd-1")
    expect(asked.returncode == 0, f"command take: {asked.stdout}{asked.stderr}")
    expect(value(MEMBER, "drover_execution_commander", operator="sre-1") == 1, "sre-1 has command")
    wait(lambda: value(MEMBER, "drover_execution_command_asked", operator="cmd-1") == 1, "cmd-1 asks for it")


def every_series_of_the_page_is_there(_place):
    def missing():
        lacks = set(series_of_the_page("Members")) - set(samples(MEMBER))
        seen = set().union(*(samples(port) for _, port in AGENTS.values()))
        return sorted(lacks | (set(series_of_the_page("Agents")) - seen))
    expect(len(series_of_the_page("Members")) > 60 and len(series_of_the_page("Agents")) > 15, "the page has its tables")
    try:
        wait(lambda: not missing(), "every series")
    except Failure as failure:
        raise Failure(f"{failure}: without a sample are {missing()}") from failure


def promtool_reads_every_answer(_place):
    for port in (MEMBER, *(port for _, port in AGENTS.values())):
        text = wait(lambda port=port: fetch(port, "/metrics"), f"the metrics of port {port}")
        result = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
                                timeout=60, check=False)
        expect(result.returncode == 0, f"port {port}: {result.stdout}{result.stderr}")


def what_fails_is_told_as_it_is(_place):
    wait(lambda: value(MEMBER, "drover_check_state", check="refused") == 3, "the refused port is told as failed")
    expect(value(MEMBER, "drover_check_ok", check="refused") == 0, "a failed check is not ok")
    wait(lambda: value(MEMBER, "drover_check_ok", check="page") == 1, "the page is told as well")
    wait(lambda: value(MEMBER, "drover_backup_state", type="full", state="failed") == 1, "the old backup is told")
    expect(88 <= value(MEMBER, "drover_check_value", check="certificate") <= 90, "the certificate's days")
    wait(lambda: 31 * 86400 <= (value(MEMBER, "drover_secret_age_seconds", holder="mon1", name="oldest") or 0) < 32 * 86400,
         "mon1's key, which is 31 days old")
    expect(value(MEMBER, "drover_check_state", check="secrets") == 4, "that is a warning")
    expect(value(MEMBER, "drover_secret_age_seconds", holder="m1", name="key") < 3600, "the member's own is new")
    offsets = [number for labels, number in samples(MEMBER)["drover_clock_offset_seconds"]]
    expect(len(offsets) == 3 and all(-5 < number < 1 for number in offsets), f"one machine, one clock: {offsets}")
    expect(value(MEMBER, "drover_guard_present", agent="west-db1") == 0, "west's guard does not run")
    expect(value(MEMBER, "drover_guard_gate", agent="west-db1", gate="unknown") == 1, "so its gate is unknown")


def nothing_secret_is_told(place):
    texts = [wait(lambda port=port: fetch(port, "/metrics"), f"the metrics of port {port}") for port in (MEMBER, *(port for _, port in AGENTS.values()))]
    secrets = set()
    for name in ("m1", "sre-1", *AGENTS, "east-db1-guard"):
        with open(place.path("keys", f"{name}.key"), encoding="utf-8") as file:
            secrets |= set(re.findall(r'"([0-9a-fA-F]{32,})"', file.read()))
    expect(len(secrets) > 6, "the keyfiles hold keys")
    for text in texts:
        expect(not [secret for secret in secrets if secret in text], "a key is in the metrics")
        expect("127.0.0.1" not in text and place.directory not in text, "an address or a path is in the metrics")


def a_storm_of_scrapes_costs_no_lease(_place):
    epoch = value(7423, "drover_agent_guard_epoch")
    until = time.monotonic() + 3

    def hammer(port):
        n = 0
        while time.monotonic() < until:
            try:
                n += len(fetch(port, "/metrics", timeout=20)) > 0
            except OSError:
                pass  # one connection too many: refused, as it should be
        return n
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answered = sum(pool.map(hammer, [MEMBER, 7423] * 4))
    expect(answered > 8, f"only {answered} answers")
    wait(lambda: value(7423, "drover_agent_lease_held") == 1, "the lease is held")
    expect(value(7423, "drover_agent_guard_epoch") == epoch, "in the same epoch")
    return f"{answered} answers in 3 s"


def one_prometheus_federates_the_other(place):
    """Scraping begins about 5 s after a start."""
    wait(lambda: place.query('region:up:sum{federated_from="primary"}'), "the primary's aggregate at the federating one")
    wait(lambda: [one["value"][1] for one in place.query('up{job="federate", federated_from="dr"}')] == ["0"],
         "the other region's Prometheus, which is gone, is told as down")
    wait(lambda: len(place.query('up{job=~"drover.*"} == 1')) == 4, "drover's four targets")


def expressions():
    with open(f"{ROOT}/deploy/grafana/drover.json", encoding="utf-8") as file:
        dashboard = json.load(file)
    shown = [target["expr"].replace("$cluster", ".*") for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return shown, [one["expr"].replace("$cluster", ".*") for one in dashboard["annotations"]["list"]]


def rules(place):
    with open(place.path("monitoring/drover.rules.yml"), encoding="utf-8") as file:
        text = re.sub(r"expr: >-\n((?: {10}.*\n)+)", lambda m: "expr: " + " ".join(m.group(1).split()) + "\n", file.read())
    return re.findall(r"- (record|alert): (\S+)\n +expr: (.*)\n", text)


def every_query_answers(place):
    """Panels and recordings have samples. An alert that is quiet has none, rightly: then each series it asks for is there,
    and promtool's test of it shows that it fires."""
    shown, annotations = expressions()
    expect(len(shown) > 30 and len(rules(place)) > 35, "the dashboard and the rules are read")
    wait(lambda: place.query('ALERTS{alertname="DroverExecutionWaits"}'), "an alert, so that its panel has something")
    for expr in shown + [expr for kind, _, expr in rules(place) if kind == "record"]:
        wait(lambda expr=expr: place.query(expr), f"something for {expr}", 20)
    for expr in [expr for kind, _, expr in rules(place) if kind == "alert"] + annotations:
        place.query(expr)
        for name in set(re.findall(r"\bdrover[_:][a-z_:]+\b(?!\()", expr)):
            # What a rule records comes with the rule's next turn.
            wait(lambda name=name: place.query(f"count({name})"), f"the series {name}, of {expr}", 20)


def an_alert_arrives_through_alertmanager(_place):
    wait(lambda: [one for one in Hook.heard if one[1] == "/on-call" and one[2]["alertname"] == "DroverExecutionWaits"
                  and one[2]["cluster"] == "bud" and one[3] == "firing"], "DroverExecutionWaits at the webhook")
    expect(not [one for one in Hook.heard if one[1] == "/on-call" and one[2]["severity"] != "page"],
           "only what is worth a page goes there")


def a_silent_agent_is_stale(place):
    west = place.processes["west-db1"]
    wait(lambda: value(MEMBER, "drover_check_ok", check="west-redis") == 1, "west's check passes")
    west.send_signal(signal.SIGSTOP)
    try:
        wait(lambda: value(MEMBER, "drover_check_state", check="west-redis") == 5, "the silent agent's check is stale")
        now = samples(MEMBER)
        mine = {name: number for name, rows in now.items() for labels, number in rows if labels.get("check") == "west-redis"}
        expect(mine["drover_check_ok"] == 0 and "drover_check_value" not in mine, f"stale looks well: {mine}")
        expect(value(MEMBER, "drover_agent_heard", agent="west-db1") == 0, "the silent agent is told as silent")
    finally:
        west.send_signal(signal.SIGCONT)


def without_monitoring_the_dead_mans_switch_goes_silent(place):
    """And drover goes on as if nothing had happened."""
    def beats(since):
        return [one for one in Hook.heard if one[0] > since and one[2]["alertname"] == "DroverWatchdog" and one[3] == "firing"]
    wait(lambda: len(beats(0)) >= 3, "the watchdog beats")
    expect({one[1] for one in beats(0)} == {"/drover-is-watched"}, "and goes to its own receiver only")
    epoch = value(MEMBER, "drover_lease_epoch")
    place.stop("prometheus")
    wait(lambda: not beats(time.monotonic() - 5), "5 s without a beat")
    wait(lambda: value(7423, "drover_agent_lease_held") == 1, "the region serves on")
    expect(value(MEMBER, "drover_lease_epoch") == epoch, "nothing is promoted")


CASES = [the_fleet_serves_under_metrics, promtool_reads_every_answer, what_fails_is_told_as_it_is, nothing_secret_is_told,
         one_prometheus_federates_the_other, elections_inside_a_region_are_measured, every_series_of_the_page_is_there,
         every_query_answers, an_alert_arrives_through_alertmanager, a_silent_agent_is_stale, a_storm_of_scrapes_costs_no_lease,
         without_monitoring_the_dead_mans_switch_goes_silent]
