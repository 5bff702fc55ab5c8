"""systemctl's words for one host's Patroni in a lab: systemctl.py LAB HOST stop|start|... SERVICE."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import Lab  # noqa: E402


def main(run_dir, host, *words):
    lab = Lab.attach(run_dir)
    runs = any(handle.name == "patroni" for handle in lab.processes(host))
    if "is-active" in words:
        return 0 if runs else 3
    if "stop" in words and runs:  # what does not run is stopped already, as systemd has it
        lab.service_stop(host, "patroni")
    if "start" in words and not runs:
        lab.service_start(host, "patroni")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
