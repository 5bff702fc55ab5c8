"""Two Kubernetes clusters, one a region: what the standby has of what the active region has, by the documents' figures (10 nodes and 5, 8
GPUs and 4, CPU, memory, storage), as `drover readiness` tells it; and a token that is exchanged under an agent that goes on looking.
Each has a real API server; what nodes say of themselves is written by the test, as no machine here has a hundred gigabytes."""
import os
import sys
import time

from servers import wait_for

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "actions_services"))
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "actions"))
from share import AGENTS, PEOPLE, Fleet

RESOURCES = {"nodes": None, "gpus": "nvidia.com/gpu", "cpu": "cpu", "memory": "memory", "storage": "ephemeral-storage"}
SHARES = {"nodes": 50, "gpus": 50, "cpu": 50, "memory": 50, "storage": 100}
EACH = {"east": {"cpu": "32", "memory": "128Gi", "ephemeral-storage": "1Ti"}, "west": {"cpu": "32", "memory": "128Gi", "ephemeral-storage": "2Ti"}}
NODES = {"east": 10, "west": 5}
GPUS = {"east": 8, "west": 4}  # the first so many nodes have one
PACE = 'interval = "1s"; timeout = 900; failures = 2; passes = 1; ready = true; fix = "cp {}.good {}";'


class Pair(Fleet):
    """A member, and an agent in each region that asks its region's cluster."""

    def __init__(self, lab, build, clusters):
        super().__init__(lab, build, None, "pair")
        self.clusters = clusters
        self.secrets = {f"{region}-token": self.path(f"{region}-token") for region in clusters}

    def topology(self):
        endpoints = ", ".join(f'{{ region = "{region}"; agents = ["{name}"]; args: {{ url = "{self.clusters[region].url}"; '
                              f'ca = "{self.clusters[region].ca}"; }}; }}' for name, region in AGENTS.items())
        checks = ", ".join(
            f'{{ name = "{region}-{figure}"; kind = "kubernetes"; component = "kubernetes"; agent = "{name}"; '
            f'{PACE.format(*[self.secrets[f"{region}-token"]] * 2)} args: {{ token_ref = "{region}-token"; '
            + (f'what = "allocatable"; resource = "{resource}"; }}; }}' if resource else 'what = "nodes"; }; }')
            for name, region in AGENTS.items() for figure, resource in RESOURCES.items())
        rules = ", ".join(f'{{ name = "{figure}"; checks = ["east-{figure}", "west-{figure}"]; standby = {percent}; active = 100; '
                          f'ready = true; fix = "add {figure}"; }}' for figure, percent in SHARES.items())
        people = ", ".join(f'{{ name = "{who}"; person = "P {who}"; role = "{role}"; {self.public(who)} }}' for who, role in PEOPLE.items())
        return f'''document: {{ name = "Room"; version = "1"; date = "2026-01-25"; status = "test"; }};
policy: {{ automatic = false; hold_down = "3s"; settle = "5s"; silent = "3s"; }};
objectives: ({{ tier = 1; rto = "4h"; rpo = "1h"; }});
components: ({{ name = "kubernetes"; kind = "kubernetes"; tier = 1; endpoints: ({endpoints}); }});
checks: ({checks});
parity: ({rules});
operators: ({people});
'''

    def lines(self, kind):
        return {line["name"].split()[1]: line for line in self.ask("readiness", "west").get("lines", []) if line["name"].split()[0] == kind}


class TwoClusters:
    def __init__(self, t, lab, build, east, west):
        self.t, self.clusters, self.fleet = t, {"east": east, "west": west}, Pair(lab, build, {"east": east, "west": west})

    def node(self, region, n):
        gpu = {"nvidia.com/gpu": "1"} if n < GPUS[region] else {}
        self.clusters[region].node(f"{region}-{n}", {**EACH[region], **gpu})

    def token(self, region, text):
        """As a tool that exchanges it does."""
        path = self.fleet.secrets[f"{region}-token"]
        for name in (f"{path}.new", f"{path}.good"):
            with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text + "\n")
        os.replace(f"{path}.new", path)

    def eventually(self, name, look, seconds=30):
        """look: what is wrong, or nothing."""
        end = time.monotonic() + seconds
        while (wrong := look()) and time.monotonic() < end:
            time.sleep(0.2)
        self.t.see(f"two clusters: {name}", {"wrong": wrong or "", "err": "as expected"}, wrong="")

    def parity(self, state, weight, texts):
        """What differs from these five lines: {figure: text}."""
        lines = self.fleet.lines("parity")
        return {figure: lines.get(figure) for figure, text in texts.items()
                if figure not in lines or (lines[figure]["state"], lines[figure]["text"]) != (state, text)
                or (weight and lines[figure]["weight"] != weight) or (state != "good" and lines[figure]["fix"] != f"add {figure}")}

    def all(self):
        for region, cluster in self.clusters.items():
            cluster.account()
            for n in range(NODES[region]):
                self.node(region, n)
        self.first, self.second = (self.clusters["west"].token(name) for name in ("first", "second"))
        self.token("east", self.clusters["east"].token("first"))
        self.token("west", self.first)
        self.fleet.begin()
        half = {"nodes": "west has 5, east has 10, 50 %; declared are 50 %", "gpus": "west has 4, east has 8, 50 %; declared are 50 %",
                "cpu": "west has 160, east has 320, 50 %; declared are 50 %",
                "memory": "west has 655360 MiB, east has 1310720 MiB, 50 %; declared are 50 %",
                "storage": "west has 10485760 MiB, east has 10485760 MiB, 100 %; declared are 100 %"}
        self.eventually("half of all and the whole storage are enough", lambda: self.parity("good", None, half))
        self.exchanged()
        self.clusters["west"].ask("/api/v1/nodes/west-0", "DELETE")
        self.eventually("a node less is told in each figure", lambda: self.parity("wrong", "blocker", {
            "nodes": "west has 4, east has 10, 40 %; declared are 50 %", "gpus": "west has 3, east has 8, 37 %; declared are 50 %",
            "cpu": "west has 128, east has 320, 40 %; declared are 50 %",
            "memory": "west has 524288 MiB, east has 1310720 MiB, 40 %; declared are 50 %",
            "storage": "west has 8388608 MiB, east has 10485760 MiB, 80 %; declared are 100 %"}))
        self.node("west", 0)
        self.eventually("with it all are quiet again", lambda: self.parity("good", None, half))
        for n in range(6):
            self.clusters["east"].ask(f"/api/v1/nodes/east-{n}", "DELETE")
        self.eventually("an active region with less than its standby is told", lambda: self.parity("wrong", "warning", {
            "nodes": "east has 4, west has 5, 80 %; declared are 100 %", "gpus": "east has 2, west has 4, 50 %; declared are 100 %"}))
        self.taken_back()
        self.clusters["west"].lab.stop(self.clusters["west"].server)
        self.eventually("a cluster that is away has nothing that is known", lambda: self.parity("unknown", "blocker", {
            figure: f"what west has is not known: see check west-{figure}" for figure in SHARES}))

    def exchanged(self):
        """A service account's two tokens: the file is exchanged, then the first is taken away. No check has anything to say."""
        self.token("west", self.second)
        looks, end = {}, time.monotonic() + 3.5
        for turn in range(1000):
            if turn == 3:
                self.clusters["west"].forget("first")
            for name, line in self.fleet.lines("check").items():
                looks.setdefault(name, set()).add((line["state"], line["age_ms"]))
            if time.monotonic() > end and all(len(seen) > 1 for seen in looks.values()) and turn > 6:
                break
            time.sleep(0.2)
        self.t.see("two clusters: a token is exchanged without a failing check", {
            "states": {state for seen in looks.values() for state, _ in seen}, "n": len(looks), "err": "as expected"},
            states={"good"}, n=len(RESOURCES))

    def taken_back(self):
        """The file has the token that is no more: the line names it, and its fix mends it."""
        path = self.fleet.secrets["west-token"]
        self.token("west", self.first)

        def wrong():
            lines = [line for name, line in self.fleet.lines("check").items() if name.startswith("west-")]
            return [line for line in lines if line["state"] != "wrong" or line["fix"] != f"cp {path}.good {path}"
                    or not line["text"].endswith((f"; used {path}", "; used secret west-token"))]
        self.eventually("a token that was taken away is told with its file", wrong)
        self.token("west", self.second)
        self.eventually("and mended", lambda: [line for line in self.fleet.lines("check").values() if line["state"] != "good"])

    def end(self):
        for name in list(self.fleet.processes):
            self.fleet.lost(name)
        for n in range(NODES["east"]):
            self.clusters["east"].ask(f"/api/v1/nodes/east-{n}", "DELETE")


def test_two_clusters(t, lab, build, east, west):
    begun, both = time.monotonic(), TwoClusters(t, lab, build, east, west)
    try:
        both.all()
    finally:
        both.end()
    wait_for("the first cluster has no node left", lambda: '"items":[]' in east.ask("/api/v1/nodes")[1].replace(" ", ""))
    print(f"      two clusters: {time.monotonic() - begun:.0f} s", flush=True)
