import argparse
import json
import os
import sys
import time

from peers import measure as peers

from . import engine, facts, failover, failover_figures, load, machine, table

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GROUPS = {
    "decide": "from the deciding fact to the actions: failovers of a killed region, hold-down longer than the lease",
    "dark": "region killed to the first write, no hold-down",
    "speed": "region killed to the client's first acknowledged write, by lease of 3, 5 and 10 s, beside the computed bound",
    "cut": "region cut off but alive: lease end to certified, and the timers of gate and guard",
    "load": "processor and memory of agent, guard and member, idle and with 100 checks a second, beside peers",
    "facts": "what a fact costs above the engine's own commit",
    "engine": "what an append costs beside its engine's bare commit, on etcd and on SQLite",
    "peers": "booth, Redis Sentinel and drover through the same cuts: two at once, outage, lost writes (bench/peers/run)",
}


def _options():
    parser = argparse.ArgumentParser(prog="bench/run", description="Prints drover's figures beside their peers'. Needs root.")
    parser.add_argument("--build", default=f"{ROOT}/build/release", help="build directory (default: build/release)")
    parser.add_argument("--only", action="append", choices=GROUPS, help="this group; may be given again")
    parser.add_argument("--runs", type=int, default=20, help="failovers of each kind (default 20; each takes half a minute)")
    parser.add_argument("--hosts", type=int, choices=(1, 2), default=1, help="database hosts a region (default 1)")
    parser.add_argument("--load-runs", type=int, default=3, help="runs of each load (default 3)")
    parser.add_argument("--seconds", type=int, default=60, help="of one load run (default 60)")
    parser.add_argument("--fact-runs", type=int, default=5, help="etcd clusters to measure (default 5)")
    parser.add_argument("--rounds", type=int, default=1000, help="facts on each cluster (default 1000)")
    parser.add_argument("--speed-runs", type=int, default=3, help="failovers of each lease (default 3)")
    parser.add_argument("--peer-runs", type=int, default=3, help="runs of each peer and cut (default 3)")
    parser.add_argument("--peer-seconds", type=int, default=900, help="for all runs of peers (default 900)")
    parser.add_argument("--monit", default="monit", help="Debian's monit, wherever it is; left out when it is not there")
    parser.add_argument("--blackbox", default="prometheus-blackbox-exporter", help="the same for the exporter")
    parser.add_argument("--json", help="write the figures with all their values here")
    parser.add_argument("--list", action="store_true", help="name the groups and end")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    return options


def _say(text):
    print(f"[{time.strftime('%H:%M:%S')}, load {machine.load()}] {text}", file=sys.stderr, flush=True)


def _measure(options, wanted):
    figures, stories = [], {}
    for kind in ("decide", "dark", "cut"):
        if kind in wanted:
            stories[kind] = failover.run_many(kind, options, _say)
    if "decide" in stories:
        figures += failover_figures.of_decide(stories["decide"], options.hosts)
    if "dark" in stories:
        figures += failover_figures.of_dark(stories["dark"], failover.PROBE_HZ)
    if "cut" in stories:
        figures += failover_figures.of_cut(stories["cut"])
    if "decide" in stories or "cut" in stories:
        figures += failover_figures.of_timers(stories.get("decide", []), stories.get("cut", []))
    if "speed" in wanted:
        figures += failover_figures.of_speeds(failover.run_speeds(options, _say))
    if "load" in wanted:
        figures += load.measure(options, _say)
    if "facts" in wanted:
        figures += facts.measure(options, _say)
    if "engine" in wanted:
        figures += engine.measure(options, _say)
    if "peers" in wanted:
        wish = peers.Wish(options.build, None, None, options.peer_runs, options.peer_seconds)
        figures += peers.figures(peers.measure(wish, _say).outcomes)
    return figures


def main():
    options = _options()
    if options.list:
        for name, text in GROUPS.items():
            print(f"{name:8} {text}")
        return 0
    if os.geteuid() != 0:
        print("bench/run makes network namespaces: it needs root", file=sys.stderr)
        return 2
    if not os.path.isfile(f"{options.build}/bench/fact_bench"):
        print(f"nothing is built in {options.build}: cmake --preset release && cmake --build --preset release", file=sys.stderr)
        return 2
    wanted = options.only or list(GROUPS)
    busy, before = machine.Busy(), machine.load()
    figures = _measure(options, wanted)
    print(f"machine: {machine.describe()}")
    print(f"load average before {before}, after {machine.load()}; processors {busy.percent():.0f} % busy over all of it")
    print(table.render(figures))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": machine.describe(), "figures": table.as_json(figures)}, file, indent=1)
    return 0 if all(figure.values for figure in figures) else 1


sys.exit(main())
