"""What a fact costs above the engine's own commit, in one run: three etcd members over TLS on loopback,
fsync on."""

import os
import shutil
import subprocess
import sys
import tempfile

from . import INTEGRATION
from .table import Figure

ENGINE_TESTS = os.path.join(INTEGRATION, "engine")
GROUP = "facts: append to applied, three members on etcd, beside etcd's bare commit in the same run"
WHAT = {"bare etcd txn": "bare etcd transaction (libcurl, kept connection)",
        "acknowledged": "log_append, until it is acknowledged",
        "at the proposer": "log_append, until the proposer is handed the fact",
        "at the slowest": "log_append, until the slowest of three is handed it"}


def _engine_parts():
    """The engine tests' own etcd cluster; their module is called lab, as the real lab is."""
    import importlib.util
    spec = importlib.util.spec_from_file_location("engine_lab", os.path.join(ENGINE_TESTS, "lab.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["engine_lab"] = module
    spec.loader.exec_module(module)
    return module


def _run(program, rounds):
    parts = _engine_parts()
    where = tempfile.mkdtemp(prefix="drover-bench-")
    etcd = None
    try:
        certificates = parts.Certificates(os.path.join(where, "certificates"))
        etcd = parts.Etcd(os.path.join(where, "etcd"), certificates)
        etcd.start()
        etcd.wait()
        leader = etcd.leader()
        endpoints = etcd.endpoints()
        endpoints = [endpoints[leader]] + endpoints[:leader] + endpoints[leader + 1:]
        done = subprocess.run([program, ",".join(endpoints), certificates.path("ca.crt"), certificates.path("client.crt"),
                               certificates.path("client.key"), "/drover/bench/", str(rounds)],
                              timeout=600, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"fact_bench: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout
    finally:
        if etcd is not None:
            etcd.stop()
        shutil.rmtree(where, ignore_errors=True)


def measure(options, say):
    """Several runs, a fresh cluster each; the figures are the runs' medians and their ratios."""
    medians, p99s = {name: [] for name in WHAT}, {name: [] for name in WHAT}
    for run in range(options.fact_runs):
        say(f"facts: run {run + 1} of {options.fact_runs}, {options.rounds} rounds")
        for line in _run(f"{options.build}/bench/fact_bench", options.rounds).splitlines():
            name, _low, middle, high, _most, _n = line.split("\t")
            medians[name].append(int(middle) / 1000)
            p99s[name].append(int(high) / 1000)
    figures = []
    for name, what in WHAT.items():
        bare = name == "bare etcd txn"
        figures.append(Figure(GROUP, f"{what}: p50 of a run", "ms", medians[name], digits=2,
                              peer="etcd put p50 1.8 ms, p99 3.1 ms" if bare else ""))
        figures.append(Figure(GROUP, f"{what}: p99 of a run", "ms", p99s[name], digits=2))
        if not bare:
            ratios = [a / b for a, b in zip(medians[name], medians["bare etcd txn"])]
            figures.append(Figure(GROUP, f"{what}: p50 / bare p50", "x", ratios, digits=2))
    return figures
