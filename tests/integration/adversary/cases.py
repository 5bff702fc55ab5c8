"""What a stolen minority key, a stolen agent's key and a stranger may not achieve. Every case runs in one
world, in this order; east is active until the switchover, then west."""

import contextlib
import os
import re
import socket
import time

from rogue import Rogue, Watch, ledger_rows, memory_kib

CASES = []


def case(function):
    CASES.append(function)
    return function


class Stage:
    """The world, and the parts in it that several cases share."""

    def __init__(self, world, program):
        self.world, self.fleet, self.lab, self.program = world, world.fleet, world.lab, program
        self.lease_s = world.timing.lease / 1000
        self.member = None
        self.recording = f"{self.fleet.directory}/recorded"

    def start(self):
        """m3's key is stolen and its place is taken: its host's address, its port."""
        self.fleet.process("m3").stop()
        address = self.fleet.members["m3"].address
        self.member = Rogue(self.world, self.program, "watch-m3", "member", "m3", f"tcp://{address}:7401")
        self.fleet.wait(lambda: self.member.stats()["reports"] >= len(self.fleet.agents), 15,
                        "the agents take the thief for m3")

    def stop(self):
        if self.member is not None:
            self.member.stop()

    @contextlib.contextmanager
    def instead_of(self, agent):
        """A thief with that agent's key, from its own host; the agent itself is stopped meanwhile."""
        self.fleet.process(f"{agent}/agent").stop()
        try:
            with Rogue(self.world, self.program, self.fleet.agents[agent].name, "agent", agent) as rogue:
                self.fleet.wait(lambda: rogue.stats()["connected"] >= 2, 10, "the thief is connected")
                yield rogue
        finally:
            self.fleet.start_agent(agent)

    def log(self, name):
        return self.world.log(name)

    def gates(self, region):
        agents = self.fleet.ask("agents")["agents"]
        return [(a["guard"] or {}).get("gate") for a in agents if a["name"] in self.fleet.guarded and a["region"] == region]

    def nothing_happened(self, active="east", epoch=1):
        """East serves, west is closed and in recovery, nobody moved the epoch."""
        standby = "west" if active == "east" else "east"
        status = self.fleet.status()
        assert status.get("epoch") == epoch and status.get("open") and status.get("owner") == active, status
        assert self.world.recovering(f"{standby}-db1"), f"{standby} is not in recovery any more"
        assert "open" not in self.gates(standby), f"a gate of {standby} is open"
        assert self.world.writable(active), f"{active} does not take writes"


def failed_checks(value, name=None):
    """Every vantage's view in the answer about components, with the name of its check."""
    if isinstance(value, dict):
        name = value.get("name", name)
        if "from" in value and "status" in value:
            yield name, value
        value = list(value.values())
    for part in value if isinstance(value, list) else []:
        yield from failed_checks(part, name)


# ------------------------------------------------------------------ a member's key

@case
def one_member_alone_promotes_nothing(stage):
    """Commands of one member, with its own yes to everything: right, future and past epoch, other actions."""
    before = ledger_rows(stage.world, "west-db1")
    member = stage.member
    member.tell("mode yes", "mode")
    with Watch(stage.world, "east") as watch:
        for number, epoch in enumerate((1, 2, 0, 99)):
            member.tell(f"command west-db1 failover promote-postgresql {epoch} {70 + number} 0 1", "sent")
        member.tell("command west-db1 failover promote-redis 1 74 1 1", "sent")
        member.tell("command west-db1 failover promote-postgresql 1 75 0 1 exec", "sent")
        member.tell("command east-db1 reprotect rejoin-postgresql 1 76 0 1", "sent")
        member.tell("command east-db1 reprotect rejoin-redis 1 77 1 1", "sent")
        stage.fleet.wait(lambda: all(f"command.refused execution={e} " in stage.log("west-db1/agent")
                                     for e in range(70, 76)), 20, "the agent says that it refused each of them")
        stage.fleet.wait(lambda: all(f"command.refused execution={e} " in stage.log("east-db1/agent")
                                     for e in (76, 77)), 5, "and that of the active region too")
    watch.check()
    assert member.stats()["commands_asked"] > 0, "the agent did not ask anybody"
    assert ledger_rows(stage.world, "west-db1") == before, "the ledger has an entry"
    assert "command.running" not in stage.log("west-db1/agent") + stage.log("east-db1/agent")
    assert not [line for line in member.lines if line.startswith("outcome") and "state=2" in line]
    stage.nothing_happened()


@case
def lying_acks_of_one_member_neither_fence_nor_stop_renewals(stage):
    """Acknowledgements that name another epoch, owner or state, and answers that all is over, longer than a lease."""
    stage.lab.cut("east", "west")  # else the standby's promises would hide renewals that do not come
    try:
        with Watch(stage.world, "east") as watch:
            for lie in ("99 east 1 1", "99 west 1 1", "1 east 0 1", "18446744073709551615 east 1 1"):
                stage.member.tell("mode yes" if "99 east" in lie else "mode over", "mode")
                stage.member.tell(f"ack {lie}", "acks")
                time.sleep(stage.lease_s + 1.5)
                assert watch.wrong == 0, f"with acks {lie!r} the region was not writable {watch.wrong} times"
    finally:
        stage.lab.heal("east", "west")
        stage.member.tell("ack off", "acks")
        stage.member.tell("mode yes", "mode")
    watch.check()
    log = stage.log("east-db1/agent")
    assert "fence.softening" not in log, "the region fenced itself"
    stage.nothing_happened()


@case
def a_topology_of_one_member_is_not_adopted(stage):
    """Other checks, under a higher version, from one member: no agent takes them up."""
    with open(f"{stage.fleet.directory}/topology.conf", encoding="utf-8") as text:
        other = re.sub(r"timeout = 900;", "timeout = 901;", text.read())
    path = f"{stage.fleet.directory}/rogue-topology.conf"
    with open(path, "w", encoding="utf-8") as out:
        out.write(other)
    stage.member.tell(f"config 50 {path}", "sent")
    stage.member.tell(f"config 4294967295 {path}", "sent")
    time.sleep(2.5)
    for name in stage.fleet.agents:
        adopted = re.findall(r"topology.adopted version=(\d+)", stage.log(f"{name}/agent"))
        assert set(adopted) == {"1"}, f"{name} adopted versions {adopted}"
    stage.nothing_happened()


# ------------------------------------------------------------------ an agent's key

@case
def an_agent_gets_a_yes_only_for_itself(stage):
    """The standby's agent asks for its own region, for the other one, in another's name, with other numbers."""
    def refused(rogue, words, why, answers=2):
        while not rogue.queue.empty():
            rogue.queue.get_nowait()
        rogue.tell(words, "asked")
        for _ in range(answers):
            line = rogue.expect("answer", 5)
            assert "yes=0" in line and why in line, f"{words}: {line}"

    with Watch(stage.world, "east") as watch, stage.instead_of("west-db1") as rogue:
        stage.member.tell("mode silent", "mode")
        refused(rogue, "question west west-db1 lease 1", "belongs to another region")
        refused(rogue, "question east west-db1 lease 1", "not of that region")
        refused(rogue, "question west west-db1 lease 2", "not the newest")
        refused(rogue, "question west west-db1 lease 0", "not the newest")
        refused(rogue, "question west west-db1 command 1", "no such step")
        refused(rogue, "relay east east-db1 lease 1", "signature")
        rogue.tell("question east east-db1 lease 1", "asked")  # directly, in another's name: no answer at all
        rogue.tell("numbers 60000 5300 5300", "numbers")
        refused(rogue, "question west west-db1 lease 1", "differ")
        rogue.tell("numbers 5000 1 5300", "numbers")
        refused(rogue, "question west west-db1 lease 1", "differ")
        before = rogue.stats()
        rogue.tell("report east-db1", "reported")
        rogue.tell("report watch-eye", "reported")
        time.sleep(1)
        after = rogue.stats()
        assert after["acks"] == before["acks"], "a report in another's name was acknowledged"
        assert after["yes"] == 0, "a member said yes"
        rogue.tell("report west-db1", "reported")
        rogue.expect("ack", 5)
        stage.member.tell("mode yes", "mode")
    watch.check()
    for name in ("m1", "m2"):
        assert "frame.refused" in stage.log(name), f"{name} left no line of the frames it refused"
    stage.nothing_happened()


@case
def an_agent_speaks_only_of_its_own_checks_and_links(stage):
    """The outside vantage claims that all of east's stores have failed, and that the standby has received everything."""
    with Watch(stage.world, "east") as watch, stage.instead_of("watch-eye") as rogue:
        checks_n = len(re.findall(r'kind = "(?:postgresql|redis|patroni|http)"; component',
                                  open(f"{stage.fleet.directory}/topology.conf", encoding="utf-8").read()))
        rogue.tell(f"checks 3 0 {checks_n}", "reported")
        rogue.tell("positions 0 2 1152921504606846976", "reported")
        time.sleep(2)
        links = stage.fleet.ask("links")["links"]
        assert not [link for link in links if "1152921504606846976" in str(link) or "10000000/0" in str(link)], links
        believed = [name for name, seen in failed_checks(stage.fleet.ask("components"))
                    if seen.get("from") == "watch-eye" and seen.get("status") == "failed"]
        assert believed, "its own outside checks are believed"
        assert all(name.endswith("-public") for name in believed), f"believed about {believed}"
    watch.check()
    stage.nothing_happened()


@case
def a_flood_of_one_agent_harms_only_itself(stage):
    """6,000 questions a second to every member, then 4,000 frames a second for east's agent to carry: renewals go on."""
    with Watch(stage.world, "east") as watch, stage.instead_of("west-db1") as rogue:
        rogue.tell("flood 6000 3", "flooding")
        print("    " + rogue.expect("flooded", 20))
        address = stage.fleet.agents["east-db1"].address
        rogue.tell(f"peer tcp://{address}:7411 east-db1", "peer")
        stage.fleet.wait(lambda: rogue.stats()["peer"] == 1, 10, "the thief reaches east's agent")
        rogue.tell(f"peer-flood 4000 {int(stage.lease_s) + 2}", "flooding")
        print("    " + rogue.expect("flooded", 30))
    watch.check()
    assert "frames a second from west-db1" in stage.log("east-db1/agent"), "the flood left no line"
    assert "frames a second from east-db1" not in stage.log("m1"), "east's agent carried the flood to the members"
    stage.nothing_happened()


@case
def an_agent_with_other_numbers_is_told_so(stage):
    """Pins with another lease length: the agent says at once that they differ, and gets no lease."""
    directory = stage.fleet.directory
    with open(f"{directory}/pins.conf", encoding="utf-8") as pins:
        other = pins.read().replace("lease = 5000;", "lease = 5100;")
    with open(f"{directory}/pins-other.conf", "w", encoding="utf-8") as out:
        out.write(other)
    path = f"{directory}/west-db1/agent.conf"
    with open(path, encoding="utf-8") as conf:
        original = conf.read()
    before = len(stage.log("west-db1/agent"))
    stage.fleet.process("west-db1/agent").stop()
    try:
        with open(path, "w", encoding="utf-8") as conf:
            conf.write(original.replace("/pins.conf", "/pins-other.conf"))
        stage.fleet.start_agent("west-db1")
        stage.fleet.wait(lambda: "lease.numbers_differ" in stage.log("west-db1/agent")[before:], 10,
                         "the agent says that its numbers are not the members'")
    finally:
        stage.fleet.process("west-db1/agent").stop()
        with open(path, "w", encoding="utf-8") as conf:
            conf.write(original)
        stage.fleet.start_agent("west-db1")
    stage.nothing_happened()


# ------------------------------------------------------------------------ strangers

@case
def a_stranger_is_not_spoken_to(stage):
    """An unknown key, a known key towards a wrong server key, no CURVE at all, noise."""
    with Rogue(stage.world, stage.program, "client", "stranger", "west-db1") as rogue:
        for words in ("connect m1 fresh right", "connect m1 own wrong"):
            line = rogue.tell(words, "connected", 10)
            assert line == "connected=0 frames=0", f"{words}: {line}"
    address = stage.fleet.members["m1"].address
    null = b"\xff" + b"\0" * 8 + b"\x7f\x03\x00NULL" + b"\0" * 48
    heard = []
    for noise in (b"", b"GET / HTTP/1.0\r\n\r\n", null + b"\x04\x26\x05READY\x0bSocket-Type\0\0\0\x06DEALER",
                  b"\xff" * 4096, null[:20]):
        with stage.lab.inside("client"), contextlib.suppress(OSError):
            with socket.create_connection((address, 7401), timeout=2) as link:
                link.sendall(noise)
                link.settimeout(1)
                while chunk := link.recv(4096):
                    heard.append(chunk)
    assert len(b"".join(heard)) < 5 * 200, "more than greetings came back"
    stage.fleet.wait(lambda: "wire.refused connection with an unknown key" in stage.log("m1").replace('"', ""), 5,
                     "the refusal is in the member's log")
    assert stage.fleet.process("m1").alive()
    stage.nothing_happened()


@case
def unknown_keys_by_the_hundred_cost_nothing(stage):
    """300 connections a second with unknown keys for 10 s at a member: renewals go on, memory and log stay bounded."""
    handle = stage.fleet.process("m1")
    lines = stage.log("m1").count("wire.refused")
    rss_before, files_before = memory_kib(handle.pid)
    with Watch(stage.world, "east") as watch, Rogue(stage.world, stage.program, "client", "stranger") as rogue:
        rogue.tell("flood m1 300 10", "flooding")
        line = rogue.expect("flooded", 60)
        rss_first, _ = memory_kib(handle.pid)
        rogue.tell("flood m1 300 5", "flooding")
        rogue.expect("flooded", 60)
    watch.check()
    made, connected, frames = (int(n) for n in re.findall(r"=(\d+)", line))
    assert made >= 1500 and connected == 0 and frames == 0, line
    time.sleep(1)
    rss_after, files_after = memory_kib(handle.pid)
    lines = stage.log("m1").count("wire.refused") - lines
    print(f"    {made} connections; resident {rss_before} -> {rss_first} -> {rss_after} KiB, descriptors {files_before} -> "
          f"{files_after}, {lines} log lines")
    # AddressSanitizer keeps up to 256 MiB of what was freed, to see its use: then only a bound is left to see.
    first_kib, again_kib = (300 * 1024, 300 * 1024) if "ASAN_OPTIONS" in os.environ else (16 * 1024, 4 * 1024)
    assert rss_first - rss_before < first_kib, f"resident grew by {rss_first - rss_before} KiB"
    assert rss_after - rss_first < again_kib, f"resident grew again by {rss_after - rss_first} KiB"
    assert files_after - files_before < 50, f"{files_after - files_before} descriptors are left over"
    assert 1 <= lines <= 60, f"{lines} lines in the log"
    stage.nothing_happened()


# ------------------------------------------------------------------- the valid one works

@case
def a_valid_switchover_passes_through_a_rogue_members_noise(stage):
    """An operator's switchover with two honest members, the third flooding commands and answering yes to everything."""
    stage.member.tell("mode yes", "mode")
    stage.member.tell("ack 2 west 1 1", "acks")
    stage.fleet.wait(lambda: stage.world.writable("east"), 10, "east serves")
    stage.fleet.drover("declare", "--to", "west", "--kind", "switchover", "--reason", "maintenance", "--yes")
    deadline = time.monotonic() + 40
    while not stage.world.writable("west") and time.monotonic() < deadline:
        stage.member.tell("burst west-db1 failover promote-postgresql 2 40", "sent")
        stage.member.tell("burst east-db1 switchover handoff-postgresql 1 40", "sent")
        # the very step that is wanted now, altered: its refusal must not pass for the step's outcome
        for step in range(5):
            stage.member.tell(f"command west-db1 failover promote-postgresql 2 1 {step} 1 exec", "sent")
        time.sleep(0.3)
    assert stage.world.writable("west"), "west does not take writes 40 s after the switchover was declared"
    status = stage.fleet.status()
    assert status["epoch"] == 2 and status["owner"] == "west", status
    assert not stage.world.writable("east"), "both regions take writes"
    stage.fleet.wait(lambda: stage.world.recovering("east-db1"), 20, "the old primary is a standby")
    done = stage.world.finished_steps("west-db1/agent")
    assert "promote-postgresql" in done, done
    epochs = {row[3] for row in ledger_rows(stage.world, "west-db1")}
    assert epochs <= {1, 2}, f"the ledger has epochs {epochs}"
    assert not [r for r in ledger_rows(stage.world, "west-db1") if r[0] >= 1000000], "a rogue command is in the ledger"


@case
def replayed_frames_change_nothing(stage):
    """Everything that the thief sent and heard during the switchover, once more: to agents, and to members by an agent."""
    rows = ledger_rows(stage.world, "west-db1"), ledger_rows(stage.world, "east-db1")
    stage.member.tell("ack off", "acks")
    stage.member.tell("mode silent", "mode")
    stage.member.tell(f"save {stage.recording}", "saved 1")
    with Watch(stage.world, "west") as west, Watch(stage.world, "east", want=False) as east:
        stage.member.tell("replay", "replayed", 30)
        with stage.instead_of("watch-eye") as rogue:
            line = rogue.tell(f"replay {stage.recording}", "replayed", 60)
            assert "carried=0" not in line, line
            time.sleep(stage.lease_s + 1)
            closed = [text for text in rogue.lines if text.startswith("answer") and "epoch=1 " in text]
            assert closed and not [text for text in closed if "yes=1" in text], "a yes to an old question of the closed epoch"
    west.check()
    east.check()
    after = ledger_rows(stage.world, "west-db1"), ledger_rows(stage.world, "east-db1")
    assert [set(r[:4] for r in x) for x in after] == [set(r[:4] for r in x) for x in rows], "a ledger has new entries"
    stage.nothing_happened(active="west", epoch=2)


@case
def every_decision_is_in_the_audit_and_no_rogue_one(stage):
    """The timeline has the operator's declaration, and nothing of the executions that the thief made up."""
    records = stage.fleet.drover("timeline", "--json").stdout
    assert "maintenance" in records or "sre-1" in records, "the declaration is not in the timeline"
    executions = stage.fleet.ask("executions")["executions"]
    assert len(executions) == 1, executions


@case
def a_removed_key_is_not_heard_any_more(stage):
    """An agent taken out of the topology: its live session gets nothing through, a new one is not let in."""
    with open(f"{stage.fleet.directory}/topology.conf", encoding="utf-8") as text:
        lines = [line for line in text.read().splitlines() if '{ name = "watch-eye"' not in line]
    without = re.sub(r",\s*\);", "\n);", "\n".join(lines) + "\n")
    path = f"{stage.fleet.directory}/without-eye.conf"
    with open(path, "w", encoding="utf-8") as out:
        out.write(without)
    with stage.instead_of("watch-eye") as rogue:
        rogue.tell("report watch-eye", "reported")
        rogue.expect("ack", 5)
        stage.fleet.drover("approve", "1", "dns-api", who="net-1")
        stage.fleet.wait(lambda: stage.fleet.ask("executions")["executions"][0].get("stage") == "done", 20,
                         "the switchover is complete: a topology does not change under it")
        stage.fleet.drover("config", "apply", path)
        before = rogue.stats()
        rogue.tell("report watch-eye", "reported")
        time.sleep(1.5)
        assert rogue.stats()["acks"] == before["acks"], "a removed key was answered"
        with Rogue(stage.world, stage.program, "watch-ns1", "stranger", "watch-eye") as again:
            line = again.tell("connect m1 own right", "connected", 10)
            assert line == "connected=0 frames=0", line
    assert "no longer allowed" in stage.log("m1"), "the member left no line"
    stage.nothing_happened(active="west", epoch=2)
