"""Runs action_run inside a lab's host and knows the arguments of both regions."""

import json
import os
import random
import signal
import shutil
import subprocess
import time

import typed

FRONT = {"east": "10.77.1.10", "west": "10.77.2.10"}
NET = {"east": "10.77.1", "west": "10.77.2"}
SLOT = {"east": "region_primary", "west": "region_dr"}
OTHER = {"east": "west", "west": "east"}
PG_BIN = "/usr/lib/postgresql/15/bin"


STRANGER = "bm90LXRoZS1zZWNyZXQtb2YtYW55Ym9keS1oZXJlISE="


class Driver:
    def __init__(self, lab, program):
        self.lab = lab
        self.program = program
        self.epoch = 1
        self.wrong = os.path.join(lab.run_dir, "wrong.password")
        with open(os.open(self.wrong, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            out.write(STRANGER + "\n")
        self.exchange = os.path.join(lab.run_dir, "exchange.secret")

    def exchanged(self, checks, action, secret, run):
        """run: the action, by the secret "exchange", whose server takes this secret alone."""
        for sentence, lines, wanted in (
                ("has the new credential already", (self.lab.secret(secret), STRANGER), {}),
                ("has not, and takes the second line", (STRANGER, self.lab.secret(secret)), {}),
                ("takes neither, and the file is named", (STRANGER,), {"err": "AUTH", "detail": "; used "})):
            with open(os.open(self.exchange, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
                out.write("".join(f"{line}\n" for line in lines))
            checks.result(f"{action}, its credential exchanged: the server {sentence}", run(), **wanted)

    def credential(self, name):
        return os.path.join(self.lab.run_dir, "credentials", name)

    def members(self, region):
        hosts = [f"{region}-db1", f"{region}-db2"]
        return [h for h in hosts if h in self.lab.hosts]

    def addresses(self, region, port):
        return ",".join(f"{self.lab.hosts[h].address}:{port}" for h in self.members(region))

    def patroni(self, region):
        other = OTHER[region]
        return {
            "patroni_urls": ",".join(f"http://{a}" for a in self.addresses(region, 8008).split(",")),
            "patroni_user": "patroni", "patroni_password_ref": "patroni",
            "pg_addresses": self.addresses(region, 5432), "pg_user": "drover", "pg_password_ref": "pg",
            "pg_database": "bud", "epoch_table": "drover.epoch",
            "slot_name": SLOT[region], "peer_slot_name": SLOT[other],
            "peer_front_host": FRONT[other], "peer_front_port": "5000",
        }

    def redis(self, region):
        sentinels = [f"{region}-front"] + self.members(region)
        return {
            "redis_addresses": self.addresses(region, 6379), "redis_password_ref": "redis",
            "sentinels": ",".join(f"{self.lab.hosts[h].address}:26379" for h in sentinels),
            "sentinel_name": "bud", "quorum": "2", "down_after_ms": "3000",
            "peer_front_host": FRONT[OTHER[region]], "peer_front_port": "6380",
        }

    def dns(self, value, **more):
        arguments = {"servers": "10.77.3.20:53", "zone": "bud.test", "name": "api.bud.test", "type": "A",
                     "value": value, "ttl": "5", "key_name": "drover", "key_secret_ref": "tsig",
                     "protected": "status.bud.test"}
        arguments.update(more)
        return arguments

    def text(self, action, arguments, timeout_ms=30000, epoch=None, region="east", secrets=None, lines=()):
        names = {"patroni": self.credential("patroni-rest.password"), "pg": self.credential("pg-drover.password"),
                 "redis": self.credential("redis.password"), "tsig": self.credential("tsig.secret"),
                 "wrong": self.wrong, "exchange": self.exchange}
        names.update(secrets or {})
        out = [f"action {action}", f"timeout_ms {timeout_ms}", f"region {region}",
               f"epoch {self.epoch if epoch is None else epoch}", "execution 7", "step 3"]
        out += [f"secret {name} {path}" for name, path in names.items()]
        out += [f"arg {name}={value}" for name, value in arguments.items() if value is not None]
        return "\n".join(out + list(lines)) + "\n"

    def start(self, host, text):
        with self.lab.inside(host):
            process = subprocess.Popen([self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, host, action, arguments, **options):
        """The action's result as a dict, with `code`, and `wall_ms` as seen from outside."""
        began = time.monotonic()
        timeout_ms = options.get("timeout_ms", 30000)
        process = self.start(host, self.text(action, arguments, **options))
        out, errors = process.communicate(timeout=timeout_ms / 1000 + 10)
        if process.returncode not in (0, 1):
            raise AssertionError(f"{action} ended with {process.returncode}: {errors}")
        result = json.loads(out)
        result["code"] = process.returncode
        result["wall_ms"] = (time.monotonic() - began) * 1000
        for path in ("patroni-rest.password", "pg-drover.password", "redis.password", "tsig.secret"):
            assert self.lab.secret(path) not in out + errors, f"{action} told the secret {path}"
        return result

    def printed(self, action, arguments, secrets=None):
        """(command, look) as this drover prints them."""
        folder = os.path.join(self.lab.run_dir, "typed")
        os.makedirs(folder, exist_ok=True)
        names = {"patroni": "patroni-rest.password", "pg": "pg-drover.password", "redis": "redis.password"}
        for name, path in {**{n: self.credential(p) for n, p in names.items()}, **(secrets or {})}.items():
            shutil.copy(path, os.path.join(folder, name))
        drover = os.path.join(os.path.dirname(self.program), "../../../coordinator/cli/drover")  # of the same build
        return typed.printed(drover, folder, action, arguments, folder)

    def types(self, host, text, programs=None):
        """A person with a shell on the host. programs: a directory that is /usr/lib/drover/exec for that shell alone."""
        shell = ["env", f"PATH={typed.BARE['PATH']}", "bash", "-c", text]
        if programs:
            shell = ["unshare", "-m", "bash", "-c", f'mount --bind {programs} /usr/lib/drover/exec && exec "$@"', "-", *shell]
        said = self.lab.run(host, shell, check=False, timeout=90)
        for name in ("patroni-rest.password", "pg-drover.password", "redis.password"):
            assert self.lab.secret(name) not in said.stdout + said.stderr, f"what was typed told the secret {name}"
        return said

    def typed(self, host, action, arguments, secrets=None, programs=None):
        """(what the printed command says, what the printed look says, its exit code), typed as the runbook has it."""
        said = [self.types(host, text, programs) for text in self.printed(action, arguments, secrets)]
        if said[0].returncode != 0:
            return f"exit code {said[0].returncode}: {said[0].stdout}{said[0].stderr}", "", None
        return said[0].stdout.strip(), said[1].stdout.strip(), said[1].returncode

    def run_killed(self, host, action, arguments, after_s, **options):
        """Starts the action and kills it after `after_s`. True when it was still running."""
        process = self.start(host, self.text(action, arguments, **options))
        try:
            process.wait(timeout=after_s)
            return False
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        finally:
            process.stdout.close()
            process.stderr.close()

    def killed_then_run(self, host, action, arguments, span_s, **options):
        """Killed at a random point of its way, then run to its end: the end must be the same."""
        after_s = random.uniform(0.0, span_s)
        killed = self.run_killed(host, action, arguments, after_s, **options)
        result = self.run(host, action, arguments, **options)
        result["killed"] = killed
        result["after_s"] = after_s
        return result
