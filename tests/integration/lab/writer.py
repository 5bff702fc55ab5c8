"""The outside writer, the first half of the judge: what a client of the service sees.

Asks its resolver (which honours the TTL) for the name before every attempt, opens a new connection,
POSTs one numbered row, and logs each attempt as one JSON line. Attempts start at a constant rate,
however long earlier ones hang.
Run as: python3 -m lab.writer --log FILE [--rate-hz 10] [--timeout-s 1] [--seconds N]
"""

import argparse
import json
import os
import signal
import socket
import threading
import time

from .base import raw_ns

CONCURRENT_MAX = 200


def resolve(resolver, name, left_s):
    from . import bind

    addresses = bind.ask(resolver, name, "A", left_s)[0]
    if not addresses:
        raise OSError(f"{name} has no address")
    return addresses[0]


def read_response(connection, deadline):
    """(status, body) of an HTTP/1.0 response that ends with the connection, all of it before the
    deadline."""
    parts = []
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("no answer by the deadline")
        connection.settimeout(left_s)
        data = connection.recv(4096)
        if not data:
            break
        parts.append(data)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split()
    if len(words) < 2 or not words[1].isdigit():
        raise OSError("the answer was cut short")
    return int(words[1]), body


class Writer:
    def __init__(self, options):
        self.options = options
        self.name = f"{os.getpid():d}-{raw_ns():d}"
        self.log = open(options.log, "a", encoding="utf-8", buffering=1)
        self.lock = threading.Lock()
        self.free = threading.Semaphore(CONCURRENT_MAX)
        self.stopping = threading.Event()

    def note(self, **values):
        line = json.dumps(values) + "\n"
        with self.lock:
            self.log.write(line)

    def post(self, number, deadline):
        """(ok, region, address, error)"""
        address = resolve(
            self.options.resolver, self.options.name, min(0.5, deadline - time.monotonic())
        )
        body = json.dumps({"writer": self.name, "id": number}).encode("utf-8")
        request = (
            f"POST /write HTTP/1.0\r\nHost: {self.options.name}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode("ascii") + body
        left_s = max(0.001, deadline - time.monotonic())
        try:
            with socket.create_connection((address, self.options.port), left_s) as connection:
                connection.sendall(request)
                status, answer = read_response(connection, deadline)
            value = json.loads(answer)
            error = None if status == 200 else f"{status} {value.get('error', '')}"
            return status == 200, value.get("region"), address, error
        except (OSError, ValueError) as failure:
            return False, None, address, f"{type(failure).__name__}: {failure}"

    def attempt(self, number):
        sent = raw_ns()
        try:
            ok, region, address, error = self.post(
                number, time.monotonic() + self.options.timeout_s
            )
        except (
            Exception
        ) as failure:  # the resolver's library raises errors of its own; each is a failed attempt
            ok, region, address, error = (
                False,
                None,
                None,
                f"dns: {type(failure).__name__}: {failure}",
            )
        self.note(
            id=number, sent=sent, done=raw_ns(), ok=ok, region=region, address=address, error=error
        )
        self.free.release()

    def run(self):
        self.note(
            writer=self.name,
            rate_hz=self.options.rate_hz,
            timeout_s=self.options.timeout_s,
            start=raw_ns(),
        )
        start = time.monotonic()
        number = 0
        while not self.stopping.is_set():
            number += 1
            due = start + number / self.options.rate_hz
            if self.options.seconds and due - start > self.options.seconds:
                break
            if self.stopping.wait(max(0.0, due - time.monotonic())):
                break
            self.free.acquire()
            threading.Thread(target=self.attempt, args=(number,), daemon=True).start()
        # Attempts still out are awaited: every number that was sent has its line.
        for _ in range(CONCURRENT_MAX):
            self.free.acquire(timeout=self.options.timeout_s + 1)
        self.note(end=raw_ns())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resolver", default="10.77.9.2")
    parser.add_argument("--name", default="api.bud.test")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--rate-hz", type=float, default=10.0)
    parser.add_argument("--timeout-s", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--log", required=True)
    writer = Writer(parser.parse_args())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: writer.stopping.set())
    writer.run()


if __name__ == "__main__":
    main()
