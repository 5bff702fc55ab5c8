"""./quickstart's words; the script itself has installed and built before."""

import dataclasses
import os
import signal
import sys

from lab.proc import environment, prefix_argv

from . import place, story
from .place import DNS_TTL_S, EYE, TIMING, say


def numbers():
    return (f"lease T {TIMING.lease / 1000:g} s, renewed every {TIMING.renew / 1000:g} s; hold-down "
            f"{TIMING.hold_down / 1000:g} s; DNS TTL {DNS_TTL_S} s  (defaults: 30, 5, 60, 60 s)")


def run_drover(run_dir, who, words):
    """Becomes the command line, on the operator's host, with the user's terminal."""
    lab, fleet = place.attach(run_dir)
    if who not in fleet.operators:
        raise place.Trouble(f"no operator is called {who}; there are: {', '.join(fleet.operators)}")
    host = lab.host(EYE)
    argv = prefix_argv(host.namespace) + [fleet.program("drover"), "--config", f"{fleet.directory}/{who}.conf"] + words
    kept = {key: os.environ[key] for key in ("TERM", "COLUMNS", "NO_COLOR") if key in os.environ}
    os.chdir(host.directory)
    os.execvpe(argv[0], argv, environment(host.directory, kept))


def show_up(lab, fleet, fresh):
    say(f"\n{numbers()}\n\n$ ./quickstart status")
    sys.stdout.flush()
    print(fleet.drover("status", check=False).stdout)
    say("How to read it: docs and README.md, \"How to read drover status\". Next, type one of these:\n"
        "  ./quickstart disaster           kill east under a writing client, and watch\n"
        "  ./quickstart drover explain     why there is no failover now: every gate with its figures\n"
        "  ./quickstart drover help        everything an operator can say\n"
        "  ./quickstart where              files, logs, keys\n"
        "  ./quickstart down               take everything away" if fresh else "It is up already. ./quickstart help")


def where(run_dir):
    lab, fleet = place.attach(run_dir)
    say(f"run directory   {run_dir}      (logs/, hosts/: disks and configuration, drover/: keys, topology.conf, *.conf)\n"
        f"namespaces      {lab.prefix}-HOST: {', '.join(lab.hosts)}\n"
        f"a shell there   ip netns exec {lab.prefix}-east-db1 bash\n"
        f"the lab's words cd tests/integration; /usr/bin/python3 -m lab --help; with --dir {run_dir}\n"
        f"programs        {fleet.build}")


@dataclasses.dataclass
class Options:
    dir: str
    build: str
    began: int
    word: str


def words_of(argv):
    """--dir DIR --build DIR --began SECONDS WORD [REST...]; the script writes the first six, so they need no parser,
    and REST is the user's and is not looked at."""
    if len(argv) < 7 or argv[0::2][:3] != ["--dir", "--build", "--began"]:
        raise SystemExit("this is driven by ./quickstart")
    return Options(argv[1], argv[3], int(argv[5]), argv[6]), argv[7:]


def act(options, rest):
    run_dir = os.path.abspath(options.dir)
    if options.word == "up":
        unknown = set(rest) - {"--small", "--full"}
        if unknown:
            raise place.Trouble(f"unknown: {' '.join(sorted(unknown))}; expected --small or --full")
        clock = place.Clock(options.began)
        lab, fleet = place.up(run_dir, options.build, place.choose_small("--small" in rest, "--full" in rest), clock)
        clock.say("up")
        show_up(lab, fleet, fresh=True)
    elif options.word == "is-up":
        return 0 if place.is_up(run_dir) else 1
    elif options.word == "again":
        show_up(*place.attach(run_dir), fresh=False)
    elif options.word in ("disaster", "failback"):
        return getattr(story, options.word)(*place.attach(run_dir))
    elif options.word == "status":
        run_drover(run_dir, "sre-1", ["status"] + rest)
    elif options.word == "drover":
        run_drover(run_dir, "sre-1", rest)
    elif options.word == "as":
        if not rest:
            raise place.Trouble("as whom? ./quickstart as net-1 whoami")
        run_drover(run_dir, rest[0], rest[1:])
    elif options.word == "where":
        where(run_dir)
    elif options.word == "down":
        prefix = place.down(run_dir)
        say("nothing was up" if prefix is None else
            "everything is taken away; looked: no process, no namespace, no run directory is left")
    return 0


def main():
    options, rest = words_of(sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, story.on_terminate)
    try:
        return act(options, rest)
    except story.ERRORS as error:
        print(f"quickstart: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nquickstart: interrupted", file=sys.stderr)
        return 130


sys.exit(main())
