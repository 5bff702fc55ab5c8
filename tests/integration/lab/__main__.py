"""The command line: /usr/bin/python3 -m lab up|down|status|... --dir RUN, from
tests/integration."""

import argparse
import json
import os
import signal
import sys
import time

from . import manual, registry
from .base import LabError
from .lab import Lab
from .proc import environment, prefix_argv


def _parser():
    parser = argparse.ArgumentParser(
        prog="lab", description="two regions and a monitoring region on one machine"
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name, help_text, *arguments):
        command = commands.add_parser(name, help=help_text)
        if name not in ("selftest", "list", "sweep"):
            command.add_argument("--dir", required=True, help="the run directory")
        for argument in arguments:
            command.add_argument(*argument[0], **argument[1])
        return command

    def words(*names, **settings):
        return names, settings

    region = words("region", choices=("east", "west", "watch"))
    add(
        "up",
        "bring everything up",
        words("--small", action="store_true", help="one database host in each region"),
        words("--dns-ttl", type=int, default=60),
        words("--members", type=int, default=3, choices=(1, 3, 5)),
        words("--primary", default="east", choices=("east", "west")),
        words("--keep", action="store_true", help="when it fails, leave everything for a look"),
    )
    add(
        "down",
        "remove everything",
        words("--keep", action="store_true", help="leave the run directory"),
    )
    add("status", "hosts and processes", words("--json", action="store_true"))
    add(
        "cut",
        "silence between two regions or hosts",
        words("a"),
        words("b"),
        words("--oneway", action="store_true"),
    )
    add("heal", "take a cut away, or all", words("a", nargs="?"), words("b", nargs="?"))
    add("isolate", "cut a region off from the rest", region)
    add("rejoin", "end the isolation", region)
    _more(add, words, region)
    return parser


def _more(add, words, region):
    add("poweroff", "kill a region, or one host, with its links", words("name"))
    add(
        "poweron", "boot it with its old disks", words("name"), words("--wait", action="store_true")
    )
    add("list", "all labs of this machine")
    add("sweep", "take down the labs of dead tests")
    add("run", "a command on a host", words("host"), words("argv", nargs="+"))
    add("sql", "one statement on a host's PostgreSQL", words("host"), words("statement"))
    add("redis", "one command on a host's Redis", words("host"), words("words", nargs="+"))
    add("promote", "promote a region by hand, without any fence", region)
    add("demote", "make a region the standby of the other, by hand", region)
    add("start", "start a service of a host", words("host"), words("service"))
    add("stop", "stop a service of a host", words("host"), words("service"))
    add(
        "writer-start",
        "the outside writer",
        words("--rate-hz", type=float, default=10.0),
        words("--timeout-s", type=float, default=1.0),
    )
    add("writer-stop", "stop it")
    add("probers-start", "direct write probes", words("--rate-hz", type=float, default=20.0))
    add("probers-stop", "stop them")
    add(
        "judge",
        "what the logs say",
        words("--json", action="store_true"),
        words("--rows-from", metavar="HOST", help="default: the one PostgreSQL that takes writes"),
    )
    add(
        "selftest",
        "the lab's own tests",
        words("--pure", action="store_true", help="only those without servers"),
        words("--keep", action="store_true"),
    )


def _print_status(values):
    print(f"{values['run_dir']}  namespaces {values['prefix']}-*  {values['options']}")
    for name in ("cuts", "isolated", "off"):
        if values[name]:
            print(f"{name}: {values[name]}")
    for name, host in values["hosts"].items():
        missing = f"  MISSING {' '.join(host['missing'])}" if host["missing"] else ""
        print(f"{name:12} {host['address']:12} {' '.join(host['processes'])}{missing}")


def _up(options):
    began = time.monotonic()
    lab = Lab(
        options.dir,
        options.small,
        options.dns_ttl,
        options.members,
        options.primary,
        options.keep,
        say=lambda text: print(f"{time.monotonic() - began:5.1f} s  {text}", flush=True),
    )
    lab.up()
    print(f"up in {time.monotonic() - began:.1f} s: {lab.run_dir}, namespaces {lab.prefix}-*")


def _run(lab, options):
    host = lab.host(options.host)
    argv = prefix_argv(host.namespace) + options.argv
    os.execvpe(argv[0], argv, environment(host.directory))


def _act(lab, options):
    """Commands that need nothing but a lab; returns what is to be printed, or None."""
    simple = {
        "cut": lambda: lab.cut(options.a, options.b, options.oneway),
        "heal": lambda: lab.heal(options.a, options.b),
        "isolate": lambda: lab.isolate(options.region),
        "rejoin": lambda: lab.rejoin(options.region),
        "poweroff": lambda: lab.poweroff(options.name),
        "poweron": lambda: lab.poweron(options.name, options.wait),
        "run": lambda: _run(lab, options),
        "sql": lambda: "\n".join(
            "|".join(str(v) for v in row) for row in lab.sql(options.host, options.statement)
        ),
        "redis": lambda: lab.redis(options.host, *options.words),
        "promote": lambda: manual.promote(lab, options.region),
        "demote": lambda: manual.demote(lab, options.region),
        "start": lambda: lab.service_start(options.host, options.service),
        "stop": lambda: lab.service_stop(options.host, options.service),
        "writer-start": lambda: lab.writer_start(options.rate_hz, options.timeout_s),
        "writer-stop": lab.writer_stop,
        "probers-start": lambda: lab.probers_start(options.rate_hz),
        "probers-stop": lab.probers_stop,
    }
    return simple[options.command]()


def _main():
    options = _parser().parse_args()
    if options.command == "selftest":
        from . import selftest

        return selftest.main(options.pure, options.keep)
    if options.command == "list":
        for entry in registry.entries():
            state = "orphan" if registry.orphan(entry) else "up"
            print(f"{entry['prefix']}-*  {state:6}  {entry['run_dir']}")
        return 0
    if options.command == "sweep":
        for run_dir in registry.sweep():
            print(f"taken down: {run_dir}")
        return 0
    if options.command == "up":
        _up(options)
        return 0
    lab = Lab.attach(options.dir)
    if options.command == "down":
        lab.keep = options.keep
        lab.down()
    elif options.command == "status":
        values = lab.status()
        print(json.dumps(values, indent=1)) if options.json else _print_status(values)
    elif options.command == "judge":
        report = lab.judge(options.rows_from)
        print(json.dumps(report, indent=1) if options.json else lab.judge_text(report))
        return 1 if report["two_writers"] else 0
    else:
        answer = _act(lab, options)
        if answer is not None:
            print(answer)
    return 0


def main():
    # A SIGTERM must run the same cleaning up as an interrupt from the keyboard.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return _main()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
