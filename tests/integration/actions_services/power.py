"""fence_agent with two fence agents of Debian's package that need no hardware: fence_dummy, whose machine is a file, and
fence_ipmilan with a BMC that speaks IPMI."""
import time

import fence
from servers import wait_for

PROGRAM = "/usr/sbin/fence_dummy"


class Power:
    def __init__(self, runner, checks, lab):
        self.runner, self.checks, self.lab = runner, checks, lab
        self.file = lab.path("machine")
        runner.secret("bmc", "a-secret-of-the-bmc")
        self.lines = [f"fence_device db2-power {PROGRAM}", "fence_option type=file", f"fence_option status_file={self.file}",
                      f"fence_device broken {PROGRAM}", "fence_option type=fail", "fence_option power_timeout=1",
                      # what it does not know it repeats in its errors: here a password
                      f"fence_device talks {PROGRAM}", "fence_option type=fail", "fence_option power_timeout=1",
                      "fence_option password_ref=bmc",
                      f"fence_device slow {PROGRAM}", "fence_option type=file", f"fence_option status_file={self.file}",
                      "fence_option random_sleep_range=30",
                      "fence_device none /usr/sbin/fence_of_nobody",
                      f"fence_device unsafe {lab.write('anybody', '#!/bin/sh', mode=0o777)}"]

    def run(self, device, state="off", timeout_ms=20000, lines=()):
        return self.runner.run("fence_agent", {"device": device, "state": state}, timeout_ms=timeout_ms, lines=[*self.lines, *lines])

    def machine(self):
        with open(self.file, encoding="utf-8") as f:
            return f.read().strip().lower()

    def all(self):
        c = self.checks
        c.result("a machine is switched on", self.run("db2-power", "on"), observed=False, detail="db2-power is on")
        c.that("and is on", self.machine() == "on", self.machine())
        c.result("looking only, it is not switched off", self.run("db2-power", lines=["observe_only"]), "FAILED")
        c.that("and stays on", self.machine() == "on")
        c.result("it is switched off", self.run("db2-power"), observed=False, detail="by its own status")
        c.that("and is off", self.machine() == "off", self.machine())
        c.result("again it is observed", self.run("db2-power"), observed=True)
        for state in ("on", "off", "on"):
            self.runner.kill("fence_agent", {"device": "db2-power", "state": state}, 0.6, lines=self.lines)
            c.result(f"killed on its way to {state} and run again", self.run("db2-power", state))
            c.that(f"it is {state}", self.machine() == state)
        self.typed(self.options_file("dummy", "type=file", f"status_file={self.file}"), PROGRAM, "db2-power")
        self.run("db2-power", "on")
        c.result("a device that its own file does not name", self.run("db3-power"), "DENIED", detail="no fence device")
        c.result("a device that fails says so", self.run("broken"), "FAILED", detail="ends with 1")
        c.result("and one that repeats a password is not repeated", self.run("talks"), "FAILED", detail="tells a secret")
        c.result("a program that is not there", self.run("none"), "NOT_FOUND", detail="fence-agents")
        c.result("a program that anybody may write", self.run("unsafe"), "DENIED")
        self.bmc()
        began = time.monotonic()
        result = self.run("slow", timeout_ms=900)
        c.that("a slow device ends at the deadline", result["err"] in ("TIMEOUT", "OK") and time.monotonic() - began < 10, result)
        wait_for("the machine is as it was", lambda: self.machine() == "on", 5)

    def options_file(self, name, *lines):
        return self.lab.write(f"options-{name}", "\n".join(lines) + "\n", mode=0o600)

    def typed(self, options, program, device, lines=()):
        """What the printed words want to be told is in agent.conf, on that host alone."""
        c = self.checks
        said = self.runner.typed("fence_agent", {"device": device, "state": "off"}, f"export PROGRAM={program} OPTIONS={options}\n")
        c.that(f"the printed command, typed, switches {device} off, and its look says so", said[2] == 2, said)
        c.result(f"{device} is found off by the action", self.run(device, lines=lines), observed=True)

    def bmc(self):
        c, bmc = self.checks, fence.Bmc(self.lab)
        self.runner.secret("ipmi", fence.PASSWORD)
        lines = [*bmc.lines("db3-power", "ipmi"), *bmc.lines("db4-power", "wrong")]
        c.result("a BMC refuses a wrong password", self.run("db4-power", lines=lines), "FAILED", detail="ends with 1")
        c.that("and its machine stays on", bmc.is_on())
        c.result("a machine is switched off by its BMC", self.run("db3-power", lines=lines), observed=False, detail="by its own status")
        c.that("it is off, by the BMC", not bmc.is_on())
        bmc.switch(True)
        options = self.options_file("bmc", "ip=127.0.0.1", f"ipport={bmc.port}", "lanplus=1", "cipher=3", "username=drover",
                                    f"password={fence.PASSWORD}")
        self.typed(options, fence.IPMILAN, "db3-power", lines)
        c.that("it is off again, by the BMC", not bmc.is_on())
