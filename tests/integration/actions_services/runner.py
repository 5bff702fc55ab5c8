"""Runs action_run on this machine, against servers on loopback."""
import json
import os
import random
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for room in ("eyes_services", "eyes_s3", "actions", "probes", "eyes_kubernetes", ""):
    sys.path.insert(0, os.path.join(HERE, "..", room))
sys.path.insert(0, HERE)

import typed  # noqa: E402


class Runner:
    def __init__(self, program, lab):
        self.program, self.lab = program, lab
        self.secrets = {}
        self.secret("wrong", "bm90LXRoZS1zZWNyZXQtb2YtYW55Ym9keQ==")

    def secret(self, name, text):
        self.secrets[name] = (self.lab.write(f"secret-{name}", text + "\n", mode=0o600), text)

    def typed(self, action, arguments, before=""):
        """(what the printed command says, what the printed look says, its exit code): typed into bash as the runbook has it, behind
        what a person sets first."""
        folder = self.lab.path("typed-secrets")
        os.makedirs(folder, exist_ok=True)
        for name, (path, _) in self.secrets.items():
            shutil.copy(path, os.path.join(folder, name))
        drover = os.path.join(os.path.dirname(self.program), "../../../coordinator/cli/drover")  # of the same build
        command, look = typed.printed(drover, self.lab.directory, action, arguments, folder)
        done = typed.typed(before + command)
        if done.returncode != 0:
            return f"exit code {done.returncode}: {done.stdout}{done.stderr}", "", None
        looked = typed.typed(before + look)
        for name, (_, text) in self.secrets.items():
            assert text not in done.stdout + done.stderr + looked.stdout + looked.stderr, f"{action}, typed, told the secret {name}"
        return done.stdout.strip(), looked.stdout.strip(), looked.returncode

    def looked(self, action, arguments):
        """What the printed look says, alone."""
        drover = os.path.join(os.path.dirname(self.program), "../../../coordinator/cli/drover")
        _, look = typed.printed(drover, self.lab.directory, action, arguments, self.lab.path("typed-secrets"))
        return typed.typed(look).stdout.strip()

    def exchanged(self, checks, action, secret, run):
        """run: the action, whose server takes one credential alone, by the file of this secret."""
        text = self.secrets[secret][1]
        stranger = self.secrets["wrong"][1]
        for sentence, lines, wanted in (
                ("has the new credential already", (text, stranger), {}),
                ("has not, and takes the second line", (stranger, text), {}),
                ("takes neither, and the file is named", (stranger,), {"err": "AUTH", "detail": "; used "})):
            self.lab.write(f"secret-{secret}", "".join(f"{line}\n" for line in lines), mode=0o600)
            checks.result(f"{action}, its credential exchanged: the server {sentence}", run(), **wanted)
        self.secret(secret, text)

    def start(self, action, arguments, timeout_ms=20000, epoch=1, lines=()):
        out = [f"action {action}", f"timeout_ms {timeout_ms}", "region east", f"epoch {epoch}", "execution 7", "step 3"]
        out += [f"secret {name} {path}" for name, (path, _) in self.secrets.items()]
        out += [f"arg {name}={value}" for name, value in arguments.items() if value is not None]
        process = subprocess.Popen([self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdin.write("\n".join([*out, *lines]) + "\n")
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, action, arguments, timeout_ms=20000, **options):
        """The action's result as a dict, with its exit code; late by its own clock is a failure."""
        process = self.start(action, arguments, timeout_ms, **options)
        out, errors = process.communicate(timeout=timeout_ms / 1000 + 30)
        if process.returncode not in (0, 1):
            raise AssertionError(f"{action} ended with {process.returncode}: {errors}")
        for name, (_, text) in self.secrets.items():
            assert text not in out + errors, f"{action} told the secret {name}"
        result = {**json.loads(out), "code": process.returncode}
        if result["took_ms"] > timeout_ms + 1500:
            result["err"] = f"LATE: {result['took_ms']} ms"
        return result

    def kill(self, action, arguments, span_s, **options):
        """Starts it and kills it somewhere on its way, or lets it end when it is quicker."""
        process = self.start(action, arguments, **options)
        time.sleep(random.uniform(0.0, span_s))
        process.kill()
        process.communicate()
