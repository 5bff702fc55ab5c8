"""The direct write probes, the second half of the judge: which store takes a write, at which
instant.

One thread for each store sends an INSERT or a SET at a constant rate over a kept connection (a gate
must cut that off too) and connects anew after every failure. Each attempt is one JSON line:
accepted (the server said so), refused (an error or a reset), or silent (no answer by the deadline;
`unknown` when the write itself had been sent).
Run as: python3 -m lab.prober --vantage NAME --credentials DIR --log FILE --target
HOST,REGION,postgres|redis,ADDRESS ...
"""

import argparse
import json
import os
import signal
import threading
import time

import psycopg2
import psycopg2.errors

from . import deadline, plan, redis
from .base import raw_ns, read_file


class PostgresTarget:
    def __init__(self, address, name, prober, credentials):
        self.address = address
        self.name = name
        self.prober = prober
        self.passfile = f"{credentials}/pgpass"
        self.connection = None
        self.sent = False

    def write(self, number, timeout_s):
        self.sent = False
        deadline.set_deadline(timeout_s)
        if self.connection is None:
            connection = psycopg2.connect(
                host=self.address,
                port=plan.POSTGRES_PORT,
                user="bud_app",
                dbname=plan.SCOPE,
                passfile=self.passfile,
                application_name="prober",
            )
            connection.autocommit = True
            with connection.cursor() as cursor:
                # What is asked is whether the write is taken; the writer's rows measure what
                # becomes of it.
                cursor.execute("SET synchronous_commit = off")
            self.connection = connection
        self.sent = True
        with self.connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO probe (prober, target, id) VALUES (%s, %s, %s)",
                (self.prober, self.name, number),
            )

    def failed(self, error):
        # A standby's refusal says nothing against the connection.
        if not isinstance(error, psycopg2.errors.ReadOnlySqlTransaction):
            self.close()

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class RedisTarget:
    def __init__(self, address, name, prober, credentials):
        self.address = address
        self.key = f"probe:{prober}:{name}"
        self.password = read_file(f"{credentials}/redis.password").strip()
        self.connection = None
        self.sent = False

    def write(self, number, timeout_s):
        self.sent = False
        end = time.monotonic() + timeout_s
        if self.connection is None:
            self.connection = redis.Connection(
                self.address, plan.REDIS_PORT, self.password, timeout_s
            )
        self.connection.socket.settimeout(max(0.001, end - time.monotonic()))
        self.sent = True
        self.connection.call("SET", self.key, number)

    def failed(self, error):
        if not isinstance(error, redis.RedisError):
            self.close()

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


KINDS = {"postgres": PostgresTarget, "redis": RedisTarget}


class Prober:
    def __init__(self, options):
        self.options = options
        self.name = f"{options.vantage}-{os.getpid()}-{raw_ns()}"
        self.log = open(options.log, "a", encoding="utf-8", buffering=1)
        self.lock = threading.Lock()
        self.stopping = threading.Event()

    def note(self, **values):
        line = json.dumps(values) + "\n"
        with self.lock:
            self.log.write(line)

    def attempt(self, target, number, fixed):
        sent = raw_ns()
        outcome, why = "accepted", None
        try:
            target.write(number, self.options.timeout_s)
        except Exception as error:  # a dying server fails in many ways; each of them is a result
            silent = isinstance(error, (deadline.Silence, TimeoutError))
            outcome, why = (
                "silent" if silent else "refused"
            ), f"{type(error).__name__}: {str(error).strip()[:160]}"
            target.failed(error)
        values = dict(fixed, id=number, sent=sent, done=raw_ns(), outcome=outcome)
        if why:
            values["why"] = why
        if outcome != "accepted" and target.sent:
            values["unknown"] = outcome == "silent" or target.connection is None
        self.note(**values)

    def watch(self, text, offset):
        host, region, store, address = text.split(",")
        target = KINDS[store](address, host, self.name, self.options.credentials)
        fixed = {"vantage": self.options.vantage, "target": host, "region": region, "store": store}
        start = time.monotonic() + offset / self.options.rate_hz
        number = 0
        while True:
            # A tick that was missed while an attempt hung is left out, not made up for.
            number = max(number + 1, int((time.monotonic() - start) * self.options.rate_hz) + 1)
            if self.stopping.wait(
                max(0.0, start + number / self.options.rate_hz - time.monotonic())
            ):
                break
            self.attempt(target, number, fixed)
        target.close()

    def run(self):
        self.note(
            prober=self.name,
            vantage=self.options.vantage,
            rate_hz=self.options.rate_hz,
            targets=self.options.target,
            start=raw_ns(),
        )
        threads = [
            threading.Thread(target=self.watch, args=(text, i / len(self.options.target)))
            for i, text in enumerate(self.options.target)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.note(end=raw_ns())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vantage", required=True)
    parser.add_argument("--credentials", required=True)
    parser.add_argument("--rate-hz", type=float, default=20.0)
    parser.add_argument("--timeout-s", type=float, default=0.5)
    parser.add_argument("--target", action="append", required=True)
    parser.add_argument("--log", required=True)
    deadline.install()
    prober = Prober(parser.parse_args())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: prober.stopping.set())
    prober.run()


if __name__ == "__main__":
    main()
