"""The live view: what the outside client gets, what the members decide, what each step does, second by second."""

import json
import os
import time

from .place import say


class Tail:
    """New JSON lines of a log since the last look."""

    def __init__(self, path):
        self.path, self.offset = path, 0

    def read(self):
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                data = file.read()
        except OSError:
            return []
        whole = data[:data.rfind(b"\n") + 1]
        self.offset += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


class Watch:
    """Prints one line a second, and every change of a step between them."""

    def __init__(self, lab, fleet):
        self.lab, self.fleet = lab, fleet
        self.writer = Tail(f"{lab.run_dir}/logs/writer.jsonl")
        self.probers = {}
        self.zero = time.monotonic()
        self.steps, self.stage = {}, None
        self.status = fleet.status()
        self.stuck_before = self.stuck()
        self.accepted = {}  # region -> direct probe writes accepted since the zero
        self.served = {}    # region -> client's writes since the zero

    def restart(self):
        self.stuck_before = self.stuck()  # what an earlier execution ended with is no news
        self.zero = time.monotonic()
        self._count()
        self.accepted, self.served = {}, {}

    def now_s(self):
        return time.monotonic() - self.zero

    def note(self, text):
        say(f"  {self.now_s():+6.1f} s  {text}")

    def _count(self):
        """Attempts and acknowledgements of the client since the last look."""
        folder = f"{self.lab.run_dir}/logs"
        for name in os.listdir(folder):
            if name.startswith("prober-") and name.endswith(".jsonl") and name not in self.probers:
                self.probers[name] = Tail(f"{folder}/{name}")
        for tail in self.probers.values():
            for line in tail.read():
                if line.get("outcome") == "accepted":
                    self.accepted[line["region"]] = self.accepted.get(line["region"], 0) + 1
        lines = [line for line in self.writer.read() if "ok" in line]
        for line in lines:
            if line["ok"]:
                self.served[line["region"]] = self.served.get(line["region"], 0) + 1
        return len(lines), sum(line["ok"] for line in lines)

    def _words(self, tries, acks):
        status = self.status
        owner = status.get("owner") or "nobody"
        lease = f"{'open' if status.get('open') else 'closed'} for {owner}"
        regions = ", ".join(f"{r['name']} {r['class']}" for r in status.get("regions", []) if r["role"] != "independent")
        client = "no attempt ended" if tries == 0 else f"{acks} of {tries} writes"
        return (f"client: {client:16} | {status.get('phase', 'no member answers'):8} epoch {status.get('epoch', '?')} {lease}"
                f" | {regions}")

    def _steps(self):
        executions = self.status.get("executions") or []
        if not executions:
            return
        execution = executions[0]
        head = (execution["id"], execution["stage"], execution["paused"])
        if self.stage is None and not execution["running"]:
            # An earlier one, which ended before this watch began.
            self.steps = {(execution["id"], step["name"]): self._step_state(step) for step in execution["steps"]}
        elif head != self.stage:
            paused = "" if execution["paused"] in ("", "no") else f", paused: {execution['paused']}"
            who = "automatic" if execution["automatic"] else f"declared by {execution['declared_by']}"
            self.note(f"execution {execution['id']} ({execution['kind']} {execution['source']} -> {execution['target']}, "
                      f"{who}): {execution['stage']}{paused}")
        self.stage = head
        for step in execution["steps"]:
            key = (execution["id"], step["name"])
            now = self._step_state(step)
            if self.steps.get(key, ("waiting", 0, "")) != now:
                self.steps[key] = now
                self.note(self._step_words(step))

    @staticmethod
    def _step_state(step):
        return (step["state"], step["attempt"], step["error"])

    @staticmethod
    def _step_words(step):
        took = f" in {step['took_ms'] / 1000:.3f} s" if step["state"] == "done" else ""
        took += ", it was so already" if step["state"] == "done" and step["observed"] else ""
        attempt = f", attempt {step['attempt']}" if step["attempt"] > 1 else ""
        error = f": {step['error']}" if step["error"] and step["state"] != "done" else ""
        where = f" at {step['agent']}" if step["agent"] else ""
        return f"    step {step['name']}: {step['state']}{took}{where}{attempt}{error}"

    def until(self, done, most_s, what):
        """Looks ten times a second, prints each second; done(status) ends it. False when time is up."""
        deadline = time.monotonic() + most_s
        tries = acks = 0
        next_line = time.monotonic()
        while time.monotonic() < deadline:
            self.status = self.fleet.status() or {"phase": "asking"}
            more, ok = self._count()
            tries, acks = tries + more, acks + ok
            self._steps()
            if time.monotonic() >= next_line:
                self.note(self._words(tries, acks))
                tries = acks = 0
                next_line = max(next_line + 1.0, time.monotonic())
            if done(self.status):
                return True
            if self.stuck() and self.stuck() != self.stuck_before:
                self.note(self.stuck())
                return False
            time.sleep(0.15)
        self.note(f"not within {most_s} s: {what}")
        return False

    def stuck(self):
        """In words, when the newest execution was given up or waits for people; else None."""
        execution = (self.status.get("executions") or [{}])[0]
        if execution.get("stage") == "aborted":
            return f"execution {execution['id']} was given up and undone"
        if execution.get("paused") not in (None, "", "no"):
            return f"execution {execution['id']} is paused: {execution['paused']}"
        return None

    @staticmethod
    def execution_done(status, number=None):
        """The newest execution is done, and is that one."""
        execution = (status.get("executions") or [{}])[0]
        return execution.get("stage") == "done" and number in (None, execution["id"])
