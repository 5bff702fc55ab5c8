"""What log_append costs beside its engine's bare commit, on etcd and on SQLite: bench/engine, several times."""

import os
import re
import subprocess
import sys

from .table import Figure

PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "engine")
GROUP = "engine: append to acknowledged, turn by turn with etcd's bare transaction ({rounds} rounds a run)"
WAY = re.compile(r"^(?P<way>\S.*?)\s+(?P<median>\d+)\s+(?P<p99>\d+)\s+(?P<ratio>[\d.]+)$")
FLOW = re.compile(r"^(?P<n>\d+) in flight: etcd (?P<etcd>\d+)/s, SQLite (?P<sqlite>\d+)/s$")


def measure(options, say):
    ways, flows, in_flight = {}, {"etcd": [], "sqlite": []}, 0
    for run in range(options.fact_runs):
        say(f"engine: run {run + 1} of {options.fact_runs}, {options.rounds} rounds")
        done = subprocess.run([sys.executable, PROGRAM, "--bench", f"{options.build}/bench/engine_bench", "--rounds",
                               str(options.rounds)], timeout=600, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"bench/engine: exit {done.returncode}: {done.stderr.strip()}")
        for line in done.stdout.splitlines():
            way, flow = WAY.match(line), FLOW.match(line)
            if way:
                row = ways.setdefault(way["way"], ([], [], []))
                for values, value in zip(row, (int(way["median"]) / 1000, int(way["p99"]) / 1000, float(way["ratio"]))):
                    values.append(value)
            elif flow:
                in_flight = int(flow["n"])
                for name, values in flows.items():
                    values.append(int(flow[name]))
    group, figures = GROUP.format(rounds=options.rounds), []
    for name, (medians, p99s, ratios) in ways.items():
        figures.append(Figure(group, f"{name}: p50 of a run", "ms", medians, digits=2))
        figures.append(Figure(group, f"{name}: p99 of a run", "ms", p99s, digits=2))
        if not name.startswith("bare"):
            figures.append(Figure(group, f"{name}: p50 / bare p50", "x", ratios, digits=2))
    return figures + [Figure(group, f"{in_flight} in flight: {name}", "/s", values) for name, values in flows.items()]
