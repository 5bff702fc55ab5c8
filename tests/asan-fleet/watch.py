"""Rooms and fleets of the integration tests run with instrumented programs, and what those said.

A room is run unchanged in a process of its own (under.py), in which every process of drover gets the
sanitizer's options and is asked, not killed, at the end: a leak is found only at an orderly exit."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
INTEGRATION = os.path.join(ROOT, "tests", "integration")
EXIT_OF_REPORT = 86
SPOKE = re.compile(r"(Thread|Address|Leak|UndefinedBehavior)Sanitizer|runtime error: ")
# Bookkeeping of ThreadSanitizer itself: a child of a unit test's fork() begins threads of its own.
FORKED = re.compile(r"^==\S*==\d+==ThreadSanitizer: dup thread with used id 0x[0-9a-f]+$")
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed", re.M)


def sanitizer_options(kind, logs):
    """What the environment tells the runtime of the sanitizers. Reports go to files: a program's own
    output must stay readable by the room, and a report must outlive the lab's directory."""
    common = f"exitcode={EXIT_OF_REPORT}:log_exe_name=1"
    if kind == "tsan":
        # history_size: a race's other stack is still known after a busy loop. die_after_fork: unit tests fork.
        return {"TSAN_OPTIONS": f"log_path={logs}/report:{common}:history_size=5:second_deadlock_stack=1:"
                                f"suppressions={ROOT}/tests/tsan/suppressions:die_after_fork=0"}
    return {"ASAN_OPTIONS": f"log_path={logs}/report:{common}:detect_leaks=1:strict_string_checks=1:"
                            "detect_stack_use_after_return=1:check_initialization_order=1",
            "LSAN_OPTIONS": f"suppressions={HERE}/leaks:print_suppressions=0:exitcode={EXIT_OF_REPORT}",
            "UBSAN_OPTIONS": f"log_path={logs}/report:print_stacktrace=1"}


def without_random_addresses(argv):
    """ThreadSanitizer's map of memory does not stand every layout that a newer kernel draws."""
    wrapped = ["setarch", os.uname().machine, "--addr-no-randomize"]
    tried = subprocess.run(wrapped + ["true"], capture_output=True, check=False)
    return wrapped + list(argv) if tried.returncode == 0 else list(argv)


class Stage:
    """Counts, and keeps what instrumented programs left until the end."""

    def __init__(self, kind, build):
        self.kind, self.build = kind, os.path.abspath(build)
        self.passed = self.failed = 0
        self.directory = tempfile.mkdtemp(prefix=f"drover-{kind}-")
        os.chmod(self.directory, 0o755)
        self.began = time.monotonic()

    def verdict(self, good, name, why=""):
        if good:
            self.passed += 1
            print(f"ok {name}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL {name}{': ' + why if why else ''}", flush=True)

    def fresh(self, name):
        path = os.path.join(self.directory, name)
        os.mkdir(path)
        os.chmod(path, 0o777)  # servers' users run drover's programs too
        return path

    def environment(self, logs):
        values = {k: v for k, v in os.environ.items() if not k.endswith("SAN_OPTIONS")}
        return {**values, **sanitizer_options(self.kind, logs), "DROVER_BUILD": self.build}

    def run(self, argv, logs, limit_s, show=True):
        """(exit code, output) of argv, all of whose process group is gone afterwards."""
        if self.kind == "tsan":
            argv = without_random_addresses(argv)
        process = subprocess.Popen(argv, cwd=INTEGRATION, env=self.environment(logs), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                   start_new_session=True)
        try:
            output, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # a lab takes itself down
            try:
                output, _ = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, _ = process.communicate()
            output += f"\nnot done within {limit_s} s\n"
        if show:
            print("    " + output.strip().replace("\n", "\n    "), flush=True)
        return process.returncode, output

    def reports(self, logs):
        """name -> text of every report; of a log only the lines from the first report on."""
        found = {}
        for name in sorted(os.listdir(logs)):
            path = os.path.join(logs, name)
            if not os.path.isfile(path) or name == "exits":
                continue
            with open(path, encoding="utf-8", errors="replace") as file:
                text = "".join(line for line in file if not FORKED.search(line))
            spoke = SPOKE.search(text)
            if spoke or (name.startswith("report") and text.strip()):
                found[name] = text[max(0, text.rfind("\n", 0, spoke.start())) if spoke else 0:]
        return found

    def canaries(self, faults):
        """Each fault on purpose is reported, under the same options; and nothing is where there is none."""
        logs = self.fresh("canaries")
        program = os.path.join(self.directory, "canary")
        sanitize = "thread" if self.kind == "tsan" else "address,undefined"
        subprocess.run(["gcc", "-g", "-O0", "-pthread", f"-fsanitize={sanitize}", "-fno-sanitize-recover=all",
                        "-o", program, f"{HERE}/canary.c"], check=True, timeout=60)
        for fault in list(faults) + ["nothing"]:
            code, output = self.run([program, fault], logs, 30, show=False)
            told = self.reports(logs)
            spoke = bool(told) or bool(SPOKE.search(output))
            good = (spoke and code != 0) if fault != "nothing" else (not spoke and code == 0)
            self.verdict(good, f"canary {fault} is {'reported' if fault != 'nothing' else 'not reported'}",
                         f"exit code {code}, {output[-300:]}")
            for name in told:
                os.unlink(os.path.join(logs, name))

    def room(self, name, argv, limit_s, processes_min=0, as_it_is=False):
        """A room's own verdicts, then: no report in any log, and every process that was asked ended well.
        as_it_is: it has no fleet, and a module that is called lab too; its programs inherit the options."""
        began, logs = time.monotonic(), self.fresh(name)
        print(f"== {name}", flush=True)
        under = [] if as_it_is else [f"{HERE}/under.py", logs]
        code, output = self.run([sys.executable, *under, *argv], logs, limit_s)
        closing = CLOSING.findall(output)
        if closing:
            self.passed += int(closing[-1][0])
            self.failed += int(closing[-1][1])
        self.verdict(bool(closing) and (code == 0 or int(closing[-1][1]) > 0), f"{name}: it ended as it should",
                     f"exit code {code}")
        self.judge(name, logs, processes_min)
        print(f"-- {name}: {time.monotonic() - began:.0f} s", flush=True)

    def judge(self, name, logs, processes_min):
        told = self.reports(logs)
        for report, text in told.items():
            print(f"    --- {report}\n    " + text[:6000].strip().replace("\n", "\n    "), flush=True)
        self.verdict(not told, f"{name}: no report in any log", f"{len(told)}: {', '.join(told)}")
        if processes_min:
            exits = []
            if os.path.exists(f"{logs}/exits"):
                with open(f"{logs}/exits", encoding="utf-8") as file:
                    exits = [json.loads(line) for line in file]
            wrong = [f"{e['name']} {e['code']}" for e in exits if e["code"] != 0]
            self.verdict(not wrong and len(exits) >= processes_min,
                         f"{name}: {len(exits)} processes were asked to end and did, with exit code 0",
                         f"at least {processes_min} expected; {', '.join(wrong) or 'too few'}")

    def close(self):
        if self.failed:
            print(f"kept: {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
        print(f"{time.monotonic() - self.began:.0f} s")
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.passed and not self.failed else 1
