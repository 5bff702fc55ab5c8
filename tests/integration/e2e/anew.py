"""The coordinators' own disaster: members, notes and log are lost, all at once, and begun anew by a person."""

import os
import shutil
import signal

from .world import expect


def lose(world):
    """Every member and every etcd of theirs is killed, and their data are gone."""
    for name in world.fleet.members:
        world.fleet.process(name).kill()
    for name, host in world.fleet.members.items():
        if world.fleet.engine == "etcd":
            world.lab.service_stop(host.name, "etcd", sig=signal.SIGKILL)
            shutil.rmtree(f"{host.directory}/etcd")
            os.mkdir(f"{host.directory}/etcd", 0o700)
        home = f"{world.fleet.directory}/{name}"
        for lost in os.listdir(home):
            if lost == "notes" or lost.startswith(("log.db", "history.db")):
                os.remove(f"{home}/{lost}")


def _topology(world, more):
    path = f"{world.fleet.directory}/topology.conf"
    with open(path, encoding="utf-8") as file:
        kept = [line for line in file if not line.startswith(("initial_epoch", "initial_region", "await_initial_epoch"))]
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(kept) + more)
    return path


def _recover(world):
    """What `drover recover-coordinators` says, and its exit code."""
    import json
    found = world.fleet.drover("recover-coordinators", "--json", check=False)
    return found.returncode, json.loads(found.stdout) if found.stdout.startswith("{") else {}


def begin(world, heard_n):
    """As docs/recovery.md has it: awaiting the first epoch. What the command says once so many guards are heard."""
    fleet = world.fleet
    _topology(world, 'initial_region = "east";\nawait_initial_epoch = true;\n')
    for name, host in fleet.members.items():
        if fleet.engine == "etcd":
            world.lab.service_start(host.name, "etcd")
        fleet.start_member(name)

    def asked():
        code, said = _recover(world)
        return said if code == 8 and said["guards_heard_n"] == heard_n and said["known_epoch"] > 0 else None
    said = fleet.wait(asked, 40, "the new members hear the guards")
    expect(said["epoch"] == 0 and said["members_up_n"] == len(fleet.members), f"{said}")
    expect("recover-coordinators" in fleet.status()["next_human_act"], "status does not name what comes next")
    return said


def waited(world):
    """The members' first wait is over, and nothing is open yet."""
    world.fleet.wait(lambda: _recover(world)[1].get("wait_left_ms") == 0, 40, "the first wait is over")


def _two_persons(world, path):
    """One person's word does not begin it, nor that of the same person twice, nor one for another file."""
    fleet, why = world.fleet, ("--reason", "the members' site burnt down")

    def refused(word, *names):
        options = ("--second", word) if word else ()
        found = fleet.drover("config", "apply", path, *options, *why, check=False)
        told = found.stdout + found.stderr
        expect(found.returncode == 3 and all(name in told for name in names), f"{found.returncode} {told}")

    def word(who, of=path):
        file = f"{fleet.directory}/word-{who}"
        with open(file, "w", encoding="utf-8") as out:
            out.write(fleet.drover("config", "countersign", of, who=who).stdout)
        return file
    refused(None, "second person")
    refused(word("sre-1"), "keys of one person")
    refused(word("net-1"), "network-admin")
    other = f"{fleet.directory}/topology.other"
    shutil.copy(path, other)
    with open(other, "a", encoding="utf-8") as file:
        file.write("# one line more\n")
    refused(word("sre-2", other), "does not verify")
    fleet.drover("config", "apply", path, "--second", word("sre-2"), *why)
    told = fleet.drover("timeline").stdout
    expect("countersigned by sre-2" in told, told[:600])


def choose(world, said):
    """A person names the first epoch: one that is too low is refused. Waits until the members may attest it."""
    fleet = world.fleet
    path = _topology(world, f'initial_region = "{said["initial_region"]}";\ninitial_epoch = {said["known_epoch"]};\n')
    low = fleet.drover("config", "apply", path, "--reason", "too low", check=False)
    expect(low.returncode == 3 and "which agent" in low.stdout + low.stderr, f"{low.returncode} {low.stdout}{low.stderr}")
    _topology(world, f'initial_region = "{said["initial_region"]}";\ninitial_epoch = {said["initial_epoch"]};\n')
    _two_persons(world, path)

    def held():
        code, now = _recover(world)
        expect(now.get("epoch", 0) in (0, said["initial_epoch"]), f"{now}")
        return now if code == 8 and now["epoch"] and now["wait_left_ms"] == 0 else None
    now = fleet.wait(held, 40, "the first wait is over")
    expect(now["held"] and now["owner"] == said["initial_region"], f"{now}")
    status = fleet.status()
    expect(status["config_version"] == said["initial_epoch"], f"topology version {status['config_version']}")


def moves(world, said, to):
    """What the command advises: the log begins for the other region, held, and the service is moved from there."""
    expect(said["initial_epoch"] == said["known_epoch"] + 1000 and said["declare_to"] == to, f"{said}")
    waited(world)
    choose(world, said)
    opened = world.log(f"{to}-db1/guard").count("gate.open")
    world.fleet.drover("declare", "--to", to, "--reason", "it was there, or on its way", "--yes")
    number = said["initial_epoch"] + 1  # of the epoch that it opens, and of the execution
    world.approve(number, "dns-api")
    world.wait_writable(to, 40)
    world.fleet.wait(lambda: world.stage(number) == "done", 40, "the move is done")
    log = world.log(f"{to}-db1/guard")
    expect(log.count("gate.open") == opened + 1 and f"gate.open epoch={number} " in log, "the lease's epochs")
    release(world)


def release(world):
    world.fleet.drover("release", "--reason", "the service is where it shall be")
    code, now = _recover(world)
    expect(code == 0 and not now["held"], f"{code} {now}")
