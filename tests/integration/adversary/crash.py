#!/usr/bin/python3
"""kill -9 at random moments: an agent while it carries out commands, a member while it decides. One real member
with the embedded engine and one real agent, on loopback.

    crash.py [--build DIR] [--loops N] [--seed N]

Each loop is one execution of four steps, each running a program that writes one line; agent, member or both are killed
and started again meanwhile. No (execution, step, attempt) may ever write two lines, every execution must end well,
and what the member says at rest must be the same after a kill. Ends with "N passed, N failed"."""

import argparse
import collections
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.dirname(HERE))

from cli.place import Place  # noqa: E402

AGENT = "west-db1"
STEPS = ("first", "second", "third", "fourth")
VOLATILE = ("_ms", "_at", "ago", "age", "since", "wall", "time", "now", "sampled", "uptime", "for")


class Crash(Place):
    """The place of the command line's tests, with a plan of programs and an agent that runs them."""

    def __init__(self, directory, build):
        super().__init__(directory, build)
        self.agent_program = os.path.join(build, "agent", "drover-agent")
        self.agent_process = self.agent_log = None
        for name in ("agent", "exec"):
            os.mkdir(self.path(name), 0o755)
        self.lines = self.path("lines")
        program = self.write(os.path.join("exec", "mark"),
                             f'#!/bin/sh\necho "$DROVER_EXECUTION $DROVER_STEP" >> {self.lines}\nexec sleep "$1"\n')
        os.chmod(program, 0o755)
        lease = 'lease: { lease = "6s"; renew = "1s"; fence = "2s"; };\n'
        agents = ", ".join(Place.agent(self, name, name.split("-")[0], True) for name in ("east-db1", AGENT))
        self.write("agent-pins.conf", self.pins() + lease + f"agents: ({agents});\n")
        self.write("agent.conf", f'name = "{AGENT}";\nkey = "{self.path("keys", AGENT + ".key")}";\n'
                                 f'pins = "{self.path("agent-pins.conf")}";\nstate = "{self.path("agent")}";\n'
                                 f'exec_directory = "{self.path("exec")}";\nallow = ["exec"];\n')

    def topology(self):
        steps = ",\n      ".join(
            f'{{ name = "{name}"; action = "exec"; agent = "{AGENT}"; timeout = "5s"; retries = 9; '
            f'{needs} args: {{ program = "mark"; arg1 = "0.1"; }}; }}'
            for name, needs in zip(STEPS, ("", "", 'needs = ["first"];', 'needs = ["second", "third"];')))
        text = super().topology()
        text = text.replace("automatic = true;", "automatic = false;")
        return text.replace("plans: (", f'plans: (\n  {{ name = "mark"; kind = "reprotect"; steps: (\n      {steps}); }},', 1)

    def agent_start(self):
        self.agent_log = open(self.path("agent.log"), "ab")  # pylint: disable=consider-using-with
        self.agent_process = subprocess.Popen([self.agent_program, "--config", self.path("agent.conf")],
                                      stdout=self.agent_log, stderr=self.agent_log)

    def agent_kill(self):
        if self.agent_process is not None:
            self.agent_process.kill()
            self.agent_process.wait(10)
            self.agent_log.close()
        self.agent_process = None

    def execution(self, number):
        for execution in self.ask("executions").get("executions", []):
            if execution.get("execution", execution.get("id")) == number:
                return execution
        return {}

    def marks(self):
        try:
            with open(self.lines, encoding="utf-8") as file:
                return collections.Counter(line.strip() for line in file)
        except FileNotFoundError:
            return collections.Counter()

    def at_rest(self):
        """What must not change by a restart: everything but the passing of time."""
        def steady(value):
            if isinstance(value, dict):
                return {k: steady(v) for k, v in value.items() if not any(part in k for part in VOLATILE)}
            return [steady(v) for v in value] if isinstance(value, list) else value
        status = self.ask("status")
        kept = {key: status.get(key) for key in ("cluster", "epoch", "open", "owner", "phase", "config_version")}
        return kept, steady(self.ask("executions"))


def until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


def one_loop(place, number, kill):
    made = place.drover("declare", "--to", "west", "--kind", "reprotect", "--plan", "mark", "--reason", f"loop {number}", "--yes")
    assert made.returncode == 0, made.stdout + made.stderr
    for _ in range(random.randint(1, 3)):
        time.sleep(random.uniform(0, 0.35))
        if "agent" in kill:
            place.agent_kill()
        if "member" in kill:
            place.stop(kill=True)
        time.sleep(random.uniform(0, 0.1))
        if "member" in kill:
            place.start()
        if "agent" in kill:
            place.agent_start()

    def over():
        execution = place.execution(number)
        for step in execution.get("steps", []):
            if step.get("phase", step.get("state")) == "failed":
                place.drover("step", "retry", str(number), step["name"])
        if execution.get("paused") not in (None, "", "no", False):
            place.drover("resume", str(number))
        return execution.get("stage") == "done" and execution
    try:
        until(over, 60, f"execution {number} is done")
    except AssertionError:
        print(json.dumps(place.execution(number), indent=1)[:3000])
        raise
    twice = {key: n for key, n in place.marks().items() if n > 1}
    assert not twice, f"run more than once: {twice}"
    mine = {key.split()[1].split("-")[0] for key in place.marks() if key.split()[0] == str(number)}
    assert mine == {str(n) for n in range(len(STEPS))}, f"steps that ran in execution {number}: {sorted(mine)}"


def member_at_rest(place):
    before = place.at_rest()
    assert before[0]["epoch"] == 1 and before[1].get("executions"), before
    place.stop(kill=True)
    place.start()
    until(lambda: place.at_rest()[0] == before[0], 10, f"the status is as before the kill: {before[0]}")
    after = place.at_rest()
    assert after == before, f"before {json.dumps(before)[:1500]}\nafter {json.dumps(after)[:1500]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.environ.get("DROVER_BUILD", f"{ROOT}/build/dev"))
    parser.add_argument("--loops", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    random.seed(options.seed)
    print(f"seed {options.seed}")
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="drover-crash-") as directory:
        place = Crash(directory, options.build)
        try:
            place.start()
            place.agent_start()
            until(lambda: place.ask("agents").get("agents"), 10, "the member answers")
            until(lambda: any(a["name"] == AGENT and a["heard"] for a in place.ask("agents")["agents"]), 15, "the agent is heard")
            for number in range(1, options.loops + 1):
                kill = random.choice((("agent",), ("agent",), ("member",), ("agent", "member")))
                try:
                    one_loop(place, number, kill)
                    member_at_rest(place)
                    passed += 1
                    print(f"ok     loop {number}: {' and '.join(kill)} killed", flush=True)
                except AssertionError:
                    failed += 1
                    traceback.print_exc(file=sys.stdout)
                    print(f"FAILED loop {number}: {' and '.join(kill)} killed", flush=True)
                    break
            print(f"{sum(place.marks().values())} runs of {len(place.marks())} attempts")
            if failed:
                for name in ("m1.log", "agent.log"):
                    with open(place.path(name), encoding="utf-8", errors="replace") as log:
                        print(f"--- {name}\n{log.read()[-4000:]}")
        finally:
            place.agent_kill()
            place.stop()
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
