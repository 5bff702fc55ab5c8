"""under.py LOGS PROGRAM ARGUMENT...: runs one of the integration tests' python programs as it is, with
every process of drover under the sanitizer's options of this environment, and asked to end.

PROGRAM is a file, or -m MODULE. LOGS gets the logs of the fleet's processes, and a line a process that
was asked to end in the file `exits`."""
import json
import os
import runpy
import shutil
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
INTEGRATION = os.path.join(os.path.dirname(HERE), "integration")
sys.path.insert(0, INTEGRATION)

from fleet import fleet as fleets  # noqa: E402
from lab import proc  # noqa: E402

END_S = 60  # the leak check and the runtime's own end take their time on a busy machine

OPTIONS = {key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")}
environment_before = proc.environment
stop_before = fleets.Fleet.stop
stopped = []


def environment(home, extra=None):
    return {**environment_before(home, extra), **OPTIONS}


def stop(self):
    """All are asked at once, as on a reboot; then each exit code is noted and each log kept."""
    alive = [(name, handle) for name, handle in self.processes.items() if handle.alive()]
    for _, handle in alive:
        handle.sigcont()
        handle.send(signal.SIGTERM)
    deadline = time.monotonic() + END_S
    with open(f"{LOGS}/exits", "a", encoding="utf-8") as file:
        for name, handle in alive:
            ended = handle.wait(max(0.0, deadline - time.monotonic()))
            file.write(json.dumps({"name": name, "code": handle.exit_code if ended else "did not end"}) + "\n")
    stop_before(self)
    stopped.append(self)
    for handle in self.processes.values():
        kept = f"{LOGS}/{len(stopped)}-{os.path.basename(handle.log)}"
        if os.path.exists(handle.log):
            shutil.copyfile(handle.log, kept)


if __name__ == "__main__":
    LOGS = sys.argv[1]
    proc.environment = environment
    fleets.Fleet.stop = stop
    sys.argv = sys.argv[2:]
    if sys.argv[0] == "-m":
        module = sys.argv[1]
        sys.argv = sys.argv[1:]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
        runpy.run_path(sys.argv[0], run_name="__main__")
