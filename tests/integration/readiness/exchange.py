"""Credentials of the systems around, exchanged under living checks: a row a credential, with what its server does to take it."""

import base64
import os
import re
import secrets
import signal
import time

from lab import bind, postgres
from lab.base import read_file, write_file

from place import Failure, expect


def base64_key():
    return base64.b64encode(os.urandom(32)).decode("ascii")


def word():
    return secrets.token_hex(16)


class Key:
    """Of a server that takes one at a time: the file has both lines while that changes. label: of the secret, check: that uses it."""

    def __init__(self, place, label, check, make=word):
        self.place, self.label, self.check, self.make = place, label, check, make
        self.good, self.used = (f"{place.fleet.place}/{label}.{kind}" for kind in ("good", "used"))
        self.old, self.new = read_file(self.good).strip(), make()
        place.secrets += [self.old, self.new]

    def write(self, *lines):
        """Atomically, as a tool that exchanges secrets does."""
        write_file(f"{self.used}.new", "".join(f"{line}\n" for line in lines), 0o600)
        os.replace(f"{self.used}.new", self.used)

    def takes(self, key):
        raise NotImplementedError


    def begin(self):
        self.write(self.new, self.old)

    def settle(self):
        self.takes(self.new)

    def end(self):
        self.write(self.new)


class RedisKey(Key):
    """A user of Redis has several passwords: one line is enough."""

    def acl(self, rule):
        self.place.lab.redis("west-db1", "ACL", "SETUSER", "ready", *rule)

    def takes(self, key):
        self.acl(("resetpass", f">{key}"))

    def begin(self):
        self.acl((f">{self.new}",))
        self.write(self.new)


class PostgresKey(Key):
    """Set at the primary, and here a moment later."""

    def takes(self, key):
        self.place.lab.sql("east-db1", f"ALTER ROLE ready LOGIN PASSWORD '{key}'")


class BindKey(Key):
    def takes(self, key):
        host = self.place.lab.hosts["watch-ns1"]
        path = f"{host.directory}/named.conf"
        text, n = re.subn(r'secret "[^"]*"', f'secret "{key}"', read_file(path), count=1)
        expect(n == 1, f"{path} has no key")
        write_file(path, text, 0o600, bind.owner_ids("bind"))
        self.place.lab.process(host.name, "named").send(signal.SIGHUP)


class PatroniKey(Key):
    def takes(self, key):
        host = self.place.lab.hosts["west-db1"]
        path = postgres.configuration_path(host)
        text, n = re.subn(r'("username": "patroni",\s*"password": )"[^"]*"', rf'\g<1>"{key}"', read_file(path), count=1)
        expect(n == 1, f"{path} has no password")
        write_file(path, text, 0o600, bind.owner_ids("postgres"))
        self.place.lab.process(host.name, "patroni").send(signal.SIGHUP)


def keys_of(place):
    return [RedisKey(place, "redis", "west-redis-login"), PostgresKey(place, "pg", "west-pg-login"),
            BindKey(place, "tsig", "dns-key", base64_key), PatroniKey(place, "patroni", "west-patroni-key")]


def all_good(place, keys):
    """{check: age of what was seen}; fails when one of them is not good."""
    names = {f"check {key.check}" for key in keys}
    lines = {line["name"]: line for line in place.readiness()[1].get("lines", []) if line["name"] in names}
    expect(set(lines) == names, f"lines lack: {sorted(lines)}")
    for name, line in lines.items():
        expect(line["state"] == "good", f"{name} is {line['state']}: {line['text']}")
    return {name: line["age_ms"] for name, line in lines.items()}


def stays_good(place, keys, seconds, what):
    end, looks = time.monotonic() + seconds, {f"check {key.check}": set() for key in keys}
    while time.monotonic() < end or min(map(len, looks.values())) < 2:
        try:
            for name, age_ms in all_good(place, keys).items():
                looks[name].add(age_ms)
        except Failure as error:
            raise Failure(f"{what}: {error}") from error
        if time.monotonic() > end + 20:
            raise Failure(f"{what}: nothing was seen anew: {looks}")
        time.sleep(0.1)


def doctor_warns(place, keys):
    """While a file has two lines."""
    lines = [line for line in place.doctor("west-db1")["lines"] if "has two lines" in line["text"]]
    both = sorted(key.used for key in keys if not isinstance(key, RedisKey))
    told = sorted(line["text"].split(" ", 1)[0] for line in lines)
    expect(told == both and all(line["state"] == "warning" and line["fix"].startswith("sed -i 2d ") for line in lines), lines)


def exchange(place):
    keys = keys_of(place)
    for key in keys:
        key.begin()
    stays_good(place, keys, 2.5, "the files have the new ones and the old")
    doctor_warns(place, keys)
    for key in keys:
        key.settle()
    stays_good(place, keys, 2.5, "the servers take the new ones alone")
    for key in keys:
        key.end()
    stays_good(place, keys, 2.5, "the files have the new ones alone")
    return keys


def taken_back(keys):
    """The servers go on to take the first ones, and nobody has told the files: {check: how it is told}."""
    for key in keys:
        key.takes(key.old)
    return {f"check {key.check}": ("blocker", "; used ") for key in keys}


def names_its_file(key, line):
    """By its path, or as the secret that it is where a path does not fit; the command that mends it has the path."""
    used = line["text"].rpartition("; used ")[2]
    expect(used in (key.used, f"secret {key.label}_ready") and line["fix"] == f"cp {key.good} {key.used}", line)
