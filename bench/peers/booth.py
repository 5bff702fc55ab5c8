"""Debian's boothd: two sites and an arbitrator, one ticket. What stands for Pacemaker only notes when the ticket was
granted and revoked at each site; booth itself holds no data, so nothing can be said of writes."""

import os
import random
import shutil
import socket
import struct
import subprocess
import time

from lab import proc
from lab.base import raw_ns

from . import place as places
from .outcome import Outcome, both_s, longest_gap_s
from .place import HOLDER, OTHER, Place, wait

SITES = {"s1": HOLDER, "s2": OTHER}
PORT = 9929
HERE = os.path.dirname(os.path.abspath(__file__))


def build(directory):
    """The two small programs that boothd needs here, from the sources beside this file."""
    os.makedirs(f"{directory}/bin", exist_ok=True)
    for source, target, flags in (("one_datagram.c", "one_datagram.so", ("-shared", "-fPIC")), ("crm_ticket.c", "bin/crm_ticket", ())):
        subprocess.run(["cc", "-std=c17", "-O2", "-D_GNU_SOURCE", *flags, "-o", f"{directory}/{target}", f"{HERE}/{source}"],
                       check=True, timeout=60)


def missing():
    """What must be installed, or None."""
    return None if shutil.which("boothd", path=proc.PATH) else "booth"


def _word(text):
    return int.from_bytes(text.encode("ascii"), "big")


def _grant_request():
    """A client's request to grant the ticket at the site that is asked: header and ticket, all in network order."""
    ticket = struct.pack(">64sIII", b"right", 0, 0, 0)
    header = struct.pack(">12I", 0, 0, 0, 0x5F1BA08C, 0x00010003, 0, 48 + len(ticket), _word("CGnt"), 0, 0, 0, 0)
    return header + ticket


class Booth:
    def __init__(self, expire_s, programs, acquire_after_s=0):
        self.expire_s, self.programs, self.acquire_after_s = expire_s, programs, acquire_after_s
        self.name = f"booth, expire {expire_s} s" + (f", acquire-after {acquire_after_s} s" if acquire_after_s else "")
        self.cases = ("renewal", "stopped", "isolated", "oneway", "majority", "dead")

    def _config(self, place):
        # timeout * (retries + 1) must be less than the renewal, which is half of expire.
        lines = ["transport = UDP", f"port = {PORT}", f"arbitrator = {place.hosts['third'].address}"]
        lines += [f"site = {place.hosts[name].address}" for name in SITES]
        lines += ['ticket = "right"', f"expire = {self.expire_s}", f"timeout = {self.expire_s * 1000 // 15}ms", "retries = 3",
                  f"acquire-after = {self.acquire_after_s}"]
        place.write("booth.conf", "\n".join(lines) + "\n")

    def _start(self, place, host):
        tickets = f"{place.home}/{host}.tickets"
        with open(tickets, "a", encoding="utf-8"):
            os.chmod(tickets, 0o666)  # boothd gives root up
        place.start(host, "boothd", ["boothd", "daemon", "-S", "-c", f"{place.home}/booth.conf", "-l", f"{place.home}/{host}.pid"],
                    env={"LD_PRELOAD": f"{self.programs}/one_datagram.so", "PATH": f"{self.programs}/bin:{proc.PATH}",
                         "PEERS_TICKETS": tickets})

    def _grant(self, place):
        def ask():
            try:
                with place.inside("s1"):
                    link = socket.create_connection((place.hosts["s1"].address, PORT), 2)
                with link:
                    link.sendall(_grant_request())
                    link.settimeout(2)
                    link.recv(400)
            except OSError:
                return False
            return wait(lambda: self._holds(place, "s1"), 3)
        if not wait(ask, 3 * self.expire_s + 20, 0.5):
            raise RuntimeError(f"{self.name}: no ticket at its start: {place.log('s1', 'boothd')[-600:]}")

    # -- what the stand-in for Pacemaker noted

    @staticmethod
    def _notes(place, host):
        with open(f"{place.home}/{host}.tickets", encoding="utf-8") as file:
            return [(int(line.split()[0]) / 1e9, line.split()[1]) for line in file if line.endswith("\n")]

    def _holds(self, place, host):
        notes = self._notes(place, host)
        return bool(notes) and notes[-1][1] == "granted"

    def _held(self, place, host, end):
        """[(from, to)] in s; one that was not revoked runs to the end."""
        found, since = [], None
        for at, word in self._notes(place, host):
            if word == "granted" and since is None:
                since = at
            elif word == "revoked" and since is not None:
                found.append((since, at))
                since = None
        return found + ([(since, end)] if since is not None else [])

    # -- the cuts

    def _moved(self, place):
        return self._holds(place, "s2") and not self._holds(place, "s1")

    def _cut(self, place, case):
        """(moment of the cut, when the holder is out of reach for clients outside or None, when it died or None)"""
        patience_s = 3 * self.expire_s + 10
        if case == "renewal":
            # The holder has renewed by its followers' answers and now tells them the longer term ("UpdE" in the
            # eighth word behind the UDP header): here the links go down.
            places.arm(place.prefix, f"ip saddr {place.hosts['s1'].address} udp dport {PORT} @th,288,32 0x{_word('UpdE'):08x}")
            at = places.struck(place.prefix, patience_s)
            if at is None:
                raise RuntimeError(f"{self.name}: no renewal was seen")
            wait(lambda: self._moved(place), patience_s)
            return at, at, None
        time.sleep(random.uniform(0, self.expire_s / 2))  # anywhere in a renewal
        if case in ("isolated", "oneway"):
            at = place.cut(places.isolation() if case == "isolated" else places.deafness())
            wait(lambda: self._moved(place), patience_s)
            return at, at, None
        if case == "dead":
            at = place.cut(places.isolation())
            place.process("s1", "boothd").kill()
            wait(lambda: self._holds(place, "s2"), patience_s)
            return at, at, at
        return self._cut_deciders(place, case, patience_s), None, None

    def _cut_deciders(self, place, case, patience_s):
        at = raw_ns() / 1e9
        if case == "stopped":
            place.process("s1", "boothd").sigstop()
            time.sleep(3 * self.expire_s)
            place.process("s1", "boothd").sigcont()
            wait(lambda: self._moved(place), patience_s)
        else:
            for host in ("s2", "third"):
                place.process(host, "boothd").kill()
            time.sleep(2 * self.expire_s)
            for host in ("s2", "third"):
                self._start(place, host)
            wait(lambda: self._holds(place, "s1") or self._holds(place, "s2"), patience_s)
        return at

    def run(self, case):
        with Place() as place:
            self._config(place)
            for host in ("s1", "s2", "third"):
                self._start(place, host)
            self._grant(place)
            time.sleep(0.7 * self.expire_s)  # the first renewal has been
            if not self._holds(place, "s1"):
                raise RuntimeError(f"{self.name}: the ticket was lost before the cut")
            at, unreachable, died = self._cut(place, case)
            time.sleep(1)
            end = raw_ns() / 1e9
            one, other = self._held(place, "s1", died or end), self._held(place, "s2", end)
            outside = [(start, min(stop, unreachable or stop)) for start, stop in one] + other
            ended = [SITES[host] for host in SITES if self._holds(place, host) and not (host == "s1" and died)]
            return Outcome(self.name, case, both_s([(max(a, at), b) for a, b in one], other), longest_gap_s(outside, at, end),
                           ended=" and ".join(ended) or "nowhere")
