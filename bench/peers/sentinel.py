"""Redis with three Sentinels, one in each of three places as its documentation's example with three boxes has it.
Acknowledged writes are counted by clients of our own: one outside that asks the Sentinels for the master, and one in
each region that writes to its own region's Redis."""

import random
import shutil
import signal
import threading
import time

from lab import judge, proc
from lab.base import LabError, raw_ns
from lab.redis import Connection, info

from . import place as places
from .outcome import Outcome
from .place import HOLDER, OTHER, Place, wait

BOXES = ("s1", "s2", "third")
PORT, SENTINEL_PORT = 6379, 26379
RATE_HZ, TIMEOUT_S = 20, 0.5
SET = "acknowledged"


def missing():
    for program, package in (("redis-server", "redis-server"), ("redis-sentinel", "redis-sentinel")):
        if not shutil.which(program, path=proc.PATH):
            return package
    return None


class Client:
    """Writes numbers at a constant rate, one attempt after the other, over a kept connection. `where` names the
    address to connect to, each time anew."""

    def __init__(self, place, host, vantage, where):
        self.place, self.host, self.vantage, self.where = place, host, vantage, where
        self.attempts, self.link, self.address = [], None, None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _write(self, number, end):
        if self.link is None:
            with self.place.inside(self.host):
                self.address = self.where(end)
                self.link = Connection(self.address, PORT, timeout_s=max(0.05, end - time.monotonic()))
        self.link.socket.settimeout(max(0.01, end - time.monotonic()))
        self.link.call("SADD", SET, f"{self.vantage}:{number}")

    def _attempt(self, number):
        sent, ok = raw_ns(), True
        try:
            self._write(number, time.monotonic() + TIMEOUT_S)
        except (OSError, LabError):
            ok = False
            if self.link is not None:
                self.link.close()
            self.link = None
        region = {"10.77.1.11": HOLDER, "10.77.2.11": OTHER}.get(self.address, "elsewhere")
        self.attempts.append({"vantage": self.vantage, "target": self.address, "region": region, "store": "redis", "id": number,
                              "sent": sent, "done": raw_ns(), "ok": ok, "outcome": "accepted" if ok else "refused"})

    def _run(self):
        number, start = 0, time.monotonic()
        while not self.stopping.is_set():
            number = max(number + 1, int((time.monotonic() - start) * RATE_HZ) + 1)
            self.stopping.wait(max(0.0, start + number / RATE_HZ - time.monotonic()))
            self._attempt(number)
        if self.link is not None:
            self.link.close()

    def stop(self):
        self.stopping.set()
        self.thread.join(5)


class Sentinel:
    cases = ("stopped", "isolated", "oneway", "majority", "dead")  # it renews nothing

    def __init__(self, down_after_s, min_replicas):
        self.down_after_s, self.min_replicas = down_after_s, min_replicas
        self.name = f"Sentinel, down-after {down_after_s} s" + (", min-replicas-to-write 1" if min_replicas else "")

    # -- the servers

    def _redis_start(self, place, host):
        lines = ["bind 0.0.0.0", f"port {PORT}", "protected-mode no", 'save ""', "appendonly no", f"dir {place.home}",
                 "repl-diskless-sync-delay 0", "repl-ping-replica-period 1", f"dbfilename {host}.rdb"]
        if host == "third":
            lines.append("replica-priority 0")  # the third place decides; it never serves
        if host != "s1":
            lines.append(f"replicaof {place.hosts['s1'].address} {PORT}")
        if self.min_replicas:
            lines += ["min-replicas-to-write 1", f"min-replicas-max-lag {self.down_after_s}"]
        place.start(host, "redis", ["redis-server", place.write(f"{host}-redis.conf", "\n".join(lines) + "\n")])

    def _sentinel_start(self, place, host):
        path = f"{place.home}/{host}-sentinel.conf"
        if f"{host}/sentinel" not in place.processes:  # else it kept its own file
            place.write(f"{host}-sentinel.conf", "\n".join([
                "bind 0.0.0.0", f"port {SENTINEL_PORT}", "protected-mode no", f"dir {place.home}",
                f"sentinel monitor right {place.hosts['s1'].address} {PORT} 2",
                f"sentinel down-after-milliseconds right {self.down_after_s * 1000}",
                f"sentinel failover-timeout right {self.down_after_s * 2000}"]) + "\n")
        place.start(host, "sentinel", ["redis-sentinel", path])

    @staticmethod
    def _ask(place, host, port, *words):
        try:
            with place.inside(host):
                link = Connection(place.hosts[host].address, port, timeout_s=1.0)
            try:
                return link.call(*words)
            finally:
                link.close()
        except (OSError, LabError):
            return None

    def _role(self, place, host):
        return info(self._ask(place, host, PORT, "INFO", "replication") or "").get("role")

    def _masters(self, place):
        """What each Sentinel says."""
        found = [self._ask(place, host, SENTINEL_PORT, "SENTINEL", "get-master-addr-by-name", "right") for host in BOXES]
        return [answer[0] if answer else None for answer in found]

    def _ready(self, place):
        for host in BOXES:
            said = info(self._ask(place, host, SENTINEL_PORT, "INFO", "sentinel") or "")
            if "slaves=2,sentinels=3" not in said.get("master0", ""):
                return False
        said = info(self._ask(place, "s1", PORT, "INFO", "replication") or "")
        return all("state=online" in said.get(f"slave{n}", "") for n in (0, 1))

    def _settled(self, place):
        """All Sentinels agree, and of the two regions one is master, the other its replica."""
        masters = self._masters(place)
        roles = {place.hosts[host].address: self._role(place, host) for host in ("s1", "s2")}
        if len(set(masters)) != 1 or masters[0] not in roles or list(roles.values()).count("master") != 1:
            return None
        return masters[0] if roles[masters[0]] == "master" else None

    # -- the clients

    def _from_sentinels(self, place, end):
        for host in ("third", "s2", "s1"):
            try:
                link = Connection(place.hosts[host].address, SENTINEL_PORT, timeout_s=min(0.15, max(0.05, end - time.monotonic())))
                try:
                    return link.call("SENTINEL", "get-master-addr-by-name", "right")[0]
                finally:
                    link.close()
            except (OSError, LabError, TypeError):
                continue
        raise OSError("no Sentinel answers")

    def _clients(self, place):
        one, other = place.hosts["s1"].address, place.hosts["s2"].address
        return [Client(place, "client", "outside", lambda end: self._from_sentinels(place, end)),
                Client(place, "s1-near", "near the holder", lambda _end: one),
                Client(place, "s2-near", "near the other", lambda _end: other)]

    # -- the cuts

    def _cut(self, place, case):
        t_s = self.down_after_s
        time.sleep(random.uniform(0, 1))
        if case in ("isolated", "oneway"):
            place.cut(places.isolation() if case == "isolated" else places.deafness())
            time.sleep(3 * t_s)
            place.heal()
        elif case == "dead":
            place.cut(places.isolation())
            for name in ("redis", "sentinel"):
                place.process("s1", name).kill()
            wait(lambda: self._role(place, "s2") == "master", 3 * t_s + 10)
        elif case == "stopped":
            place.process("s1", "redis").sigstop()
            time.sleep(3 * t_s)
            place.process("s1", "redis").sigcont()
        else:
            for host in ("s2", "third"):
                place.process(host, "sentinel").send(signal.SIGKILL)
            time.sleep(2 * t_s)
            for host in ("s2", "third"):
                self._sentinel_start(place, host)

    def run(self, case):
        with Place() as place:
            for host in BOXES:
                self._redis_start(place, host)
            for host in BOXES:
                self._sentinel_start(place, host)
            if not wait(lambda: self._ready(place), 60, 0.3):
                raise RuntimeError(f"{self.name}: not ready")
            clients = self._clients(place)
            for client in clients:
                client.thread.start()
            try:
                time.sleep(2)
                begun_ns = raw_ns()
                self._cut(place, case)
                time.sleep(2)  # what a returned master still takes in its first moment is taken
                if case == "dead":
                    master = place.hosts["s2"].address if self._role(place, "s2") == "master" else None
                else:
                    master = wait(lambda: self._settled(place), 60, 0.3)
                time.sleep(1)
            finally:
                for client in clients:
                    client.stop()
            return self._outcome(place, case, clients, master, begun_ns)

    def _outcome(self, place, case, clients, master, begun_ns):
        attempts = [attempt for client in clients for attempt in client.attempts]
        pairs = judge.overlaps(judge.spans(attempts))
        host = next((name for name in ("s1", "s2") if place.hosts[name].address == master), None)
        acked = {f"{attempt['vantage']}:{attempt['id']}" for attempt in attempts if attempt["ok"]}
        kept = self._ask(place, host, PORT, "SMEMBERS", SET) if host else None
        gap = judge.outage([attempt for attempt in clients[0].attempts if attempt["sent"] >= begun_ns])
        return Outcome(self.name, case, judge.union_ns([(pair.start, pair.end) for pair in pairs]) / 1e9, gap["gap_ns"] / 1e9,
                       len(acked), None if kept is None else len(acked - set(kept)),
                       {"s1": HOLDER, "s2": OTHER}.get(host, "nowhere"))
