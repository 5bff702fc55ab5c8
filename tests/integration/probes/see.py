"""Runs one probe and compares its reading with what is wanted: for every room of probe tests."""
import json
import os
import subprocess
import time

import servers

TIMEOUT_MS = 700
LATE_MS = 100


class Tests:
    def __init__(self, program, lab):
        self.program = program
        self.lab = lab
        self.passed = self.failed = 0
        self.latest_ms = 0
        self.names = []  # of the tests that passed
        lab.write("password", servers.PASSWORD + "\n", mode=0o600)
        lab.write("wrong", "not-the-password\n", mode=0o600)

    def describe(self, kind, arguments, timeout_ms, extra=""):
        lines = [f"kind {kind}", f"timeout_ms {timeout_ms}",
                 f"secret right {self.lab.path('password')}",
                 f"secret wrong {self.lab.path('wrong')}"]
        lines += [f"arg {name} {value}" for name, value in arguments.items()]
        return "\n".join(lines) + "\n" + extra + "\n"

    def probe(self, kind, arguments, timeout_ms=TIMEOUT_MS, extra="", active=True, environment=None):
        """active: the probe's region holds the open epoch."""
        extra += "\nactive\n" if active else ""
        done = subprocess.run([self.program], input=self.describe(kind, arguments, timeout_ms,
                                                                  extra),
                              capture_output=True, text=True, timeout=60, env={**os.environ, **(environment or {})})
        if done.returncode != 0 or done.stderr:
            return {"err": f"probe_run failed: {done.returncode} {done.stderr[-600:]}"}
        reading = json.loads(done.stdout)
        # What the probe waited for a processor is this machine's doing, and no delay of the probe's.
        late_ms = reading.get("took_ms", 0) - reading.get("waited_ms", 0) - timeout_ms
        self.latest_ms = max(self.latest_ms, late_ms)
        if late_ms > LATE_MS:
            reading["err"] = f"LATE by {late_ms} ms"
        if servers.PASSWORD in done.stdout:
            reading["err"] = "the password is in the reading"
        return reading

    def see(self, name, reading, **wanted):
        """Wanted: fields by value; detail= a part of it; value may be a function."""
        wrong = []
        for field, want in wanted.items():
            got = reading.get(field)
            if field == "detail":
                good = isinstance(got, str) and want in got
            elif callable(want):
                good = got is not None and want(got)
            elif field == "err" and isinstance(want, tuple):
                good = got in want
            else:
                good = got == want
            if not good:
                wrong.append(f"{field}: {got!r}")
        if wrong:
            self.failed += 1
            print(f"FAILED {name}: {', '.join(wrong)}; reading: {reading}", flush=True)
        else:
            self.passed += 1
            self.names.append(name)
            print(f"ok     {name}: {reading.get('detail') or reading.get('err')}", flush=True)

    def eventually(self, name, probe, seconds=10, **wanted):
        """For what a server needs a moment to notice. The last reading counts."""
        end = time.monotonic() + seconds
        while True:
            reading = probe()
            fits = all(want in reading.get(field, "") if field == "detail" else
                       want(reading.get(field)) if callable(want) else reading.get(field) == want
                       for field, want in wanted.items())
            if fits or time.monotonic() > end:
                break
            time.sleep(0.2)
        self.see(name, reading, **wanted)
