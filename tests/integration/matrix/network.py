"""Cuts, flaps, half-open connections, stopped and frozen holders: what happens to messages and to those who send them."""

import json
import os
import signal
import time

from e2e.world import World, expect, expect_pace
from fleet import Timing
from lab import Lab, net

from . import common
from .common import bound_s, nothing_moves, reasoned, reshape, selves, streaming, unfenced, world
from .table import refer, scenario

MEMBERS = ("watch-m1", "watch-m2", "watch-m3")
RELAY = ("east-db1", "west-db1")  # by which the standby's agents would carry questions to members out of reach


class FiveMembers(World):
    """Nothing moves by itself here."""

    def __init__(self, build):
        super().__init__(build, timing=Timing(automatic=False), members=5)
        self.lab = Lab(small=True, dns_ttl=self.dns_ttl, members=5)


world("five")(FiveMembers)


# -- the replication link


@scenario(4)
def a_cut_replication_link_moves_nothing_and_is_told(world_):
    """The regions cannot reach each other, the members reach both: no failover, no write held up, the lag grows and is told."""
    fences = _fences(world_)
    reshape(world_, ('target_lag = "1m"; alert_lag = "5m"; }', 'target_lag = "2s"; alert_lag = "4s"; }'))
    try:
        def seen():
            return next(link for link in world_.fleet.ask("links")["links"] if link["name"] == "postgresql")
        # Under the new version positions are remembered anew: before both ends told theirs, a lag is not known.
        world_.fleet.wait(lambda: seen()["state"] == "ok", 40, "the link's lag is known again")
        world_.lab.cut("east", "west")
        nothing_moves(world_, world_.timing.lease / 1000 * 2)
        lag = {}

        def alarmed():
            link = seen()
            lag.setdefault("first", link["lag_ms"])
            return link["state"] == "alert" and link["lag_ms"] > (lag["first"] or 0)
        world_.fleet.wait(alarmed, 40, "the link's lag is an alarm, and grows")
        reasoned(world_, "lag of postgresql is above its alert")
        nothing_moves(world_, 2)
        expect(common.moves(world_) == 0, "an epoch was closed")
    finally:
        world_.lab.heal()
        reshape(world_)
    streaming(world_, "east")
    reasoned(world_, "lag of postgresql is within its target", seconds=60)
    expect(_fences(world_) == fences, "the gate was shut in between")


# -- the messages of a renewal


def _fences(world_):
    """How often the guard of the active region shut its gate: told by its log, whatever a busy machine does to a client."""
    return world_.log("east-db1/guard").count("gate.shut")


def _fenced_in_time(world_, cut, what):
    """After the cut the gate shuts before the last certificate's lease ends, and the standby stays what it is."""
    before = _fences(world_)
    cut()
    world_.fleet.wait(lambda: _fences(world_) > before, bound_s(world_), f"east is fenced: {what}")
    line = [line for line in world_.log("east-db1/guard").splitlines() if "gate.shut" in line][-1]
    left_ms = int(line.rsplit("left_ms=", 1)[1].split()[0])
    print(f"    {what}: shut {left_ms} ms before the lease's end")
    # The guard alone may be late on a busy machine; the kernel's own element ends then, and is not late.
    expect(not world_.writable("east"), f"{what}: east takes writes behind a shut gate")
    expect(world_.recovering("west-db1"), f"{what}: the standby was promoted")


@scenario(8, world="declared")
def a_lease_ends_in_time_whichever_message_of_its_renewal_is_cut(world_):
    """The questions, the answers, and every member's at another message: no renewal comes of what is left."""
    def cut(*ways):
        world_.lab.cut(*RELAY)
        for a, b, oneway in ways:
            world_.lab.cut(a, b, oneway=oneway)
    for what, ways in (("the questions", [("east-db1", member, True) for member in MEMBERS]),
                       ("the answers", [(member, "east-db1", True) for member in MEMBERS]),
                       ("one member's question and another's answer", [("east-db1", MEMBERS[0], True), (MEMBERS[1], "east-db1", True)])):
        _fenced_in_time(world_, lambda ways=ways: cut(*ways), what)
        reasoned(world_, "attests the lease no longer")
        world_.lab.heal()
        unfenced(world_, "east")
    streaming(world_, "east")
    expect(common.moves(world_) == 0, "an epoch was closed")


refer(8, "e2e", "cuts_between_the_messages_of_a_renewal", "random moments of the exchange, then a failover")
refer(8, "e2e", "a_one_way_cut_is_a_cut", "answers lost, then a failover")
refer(8, "sim", "lease-from-receipt", "a lease counted from the answer's arrival is caught")
refer(8, "sim", "yes-not-noted", "a yes that its member forgets is caught")
refer(8, "unit", "a_lease_counts_from_the_send_and_not_from_the_receipt", "the holder's end")
refer(8, "unit", "the_wait_runs_from_the_last_yes_and_not_from_the_close", "the voter's end")


def _only(world_, reached, members=MEMBERS):
    """The active region reaches these members and no other, and nobody carries its questions. Cuts come before heals."""
    for member in members:
        if member not in reached:
            world_.lab.cut("east-db1", member)
    cuts = world_.lab.state.load()["cuts"]
    for member in reached:
        if ["east-db1", member, False] in cuts:
            world_.lab.heal("east-db1", member)


@scenario(9, world="declared")
def a_minority_of_the_members_renews_nothing(world_):
    """One member of three, the same one and then another every renewal: fenced at the lease's end, and until a majority is back."""
    before = selves(world_)["m1"]["attests_yes_n"]

    def one():
        world_.lab.cut(*RELAY)
        _only(world_, MEMBERS[:1])
    _fenced_in_time(world_, one, "one member of three")
    said = selves(world_)["m1"]["attests_yes_n"] - before
    expect_pace(said >= 2, f"the member in reach said yes {said} times: it was not asked")
    reasoned(world_, "view of m2:.* attests the lease no longer", "view of m3:.* attests the lease no longer")
    world_.lab.heal()
    unfenced(world_, "east")

    turn = 0

    def rotate():
        nonlocal turn
        turn += 1
        _only(world_, (MEMBERS[turn % 3],))
        time.sleep(world_.timing.renew / 1000)

    def rotating():
        world_.lab.cut(*RELAY)
        deadline = time.monotonic() + bound_s(world_)
        while world_.writable("east") and time.monotonic() < deadline:
            rotate()
    _fenced_in_time(world_, rotating, "another member every renewal")
    deadline = time.monotonic() + world_.timing.lease / 1000
    while time.monotonic() < deadline:
        rotate()
        # One question may reach two members within its lease's time, on both sides of a turn: then a majority has signed.
        expect_pace(not world_.writable("east"), "a rotating minority gave a lease, or the turns were so slow that two members answered one question")
    world_.lab.heal()
    unfenced(world_, "east")
    streaming(world_, "east")
    expect(common.moves(world_) == 0, "an epoch was closed")


@scenario(9, world="five")
def two_members_of_five_renew_nothing(world_):
    """Two members of five in reach: fenced at the lease's end; a third, and the region serves again in its epoch."""
    members = [host.name for host in world_.fleet.members.values()]

    def two():
        world_.lab.cut(*RELAY)
        _only(world_, members[:2], members)
    _fenced_in_time(world_, two, "two members of five")
    reasoned(world_, "view of m5:.* attests the lease no longer")
    _only(world_, members[:3], members)
    unfenced(world_, "east")
    world_.lab.heal()
    streaming(world_, "east")
    expect(common.moves(world_) == 0, "an epoch was closed")


# -- the members among themselves


def _log_leader(world_):
    """The host of the log's leader, as each etcd says of itself."""
    def found():
        for host in world_.fleet.members.values():
            told = world_.lab.etcdctl(host.name, "endpoint", "status", "-w", "json", check=False)
            for row in json.loads(told.stdout or "[]"):
                status = row["Status"]
                if status["leader"] == status["header"]["member_id"]:
                    return host.name
        return None
    return world_.fleet.wait(found, 20, "the log has a leader")


def _split(world_, minority):
    """The members of the minority and the others do not reach each other; everybody else reaches all."""
    hosts = [host.name for host in world_.fleet.members.values()]
    for one in minority:
        for other in hosts:
            if other not in minority:
                world_.lab.cut(one, other)


def _minority_with_leader(world_):
    hosts = {host.name: name for name, host in world_.fleet.members.items()}
    leader = _log_leader(world_)
    minority = [leader] + [host for host in hosts if host != leader][:len(hosts) // 2 - 1]
    print(f"    the log's leader is on {leader}; alone: {', '.join(minority)}")
    return minority, [hosts[host] for host in minority], [name for host, name in hosts.items() if host not in minority]


def _majority_goes_on(world_, few, many):
    """The majority's log grows, the minority's does not, and says why."""
    before = {}

    def parted():
        now = selves(world_)
        if not set(few + many) <= set(now):
            return False
        for name in many:
            before.setdefault(name, now[name]["applied_index"])
        return (all(now[name]["applied_index"] > before[name] for name in many)
                and all(not now[name]["log_reachable"] for name in few))
    world_.fleet.wait(parted, 60, "the majority's log goes on, the minority says that it has none")
    for name in few:
        print(f"    {name} says of its log: {selves(world_)[name]['engine'][:140]}")
    held = {name: said["applied_index"] for name, said in selves(world_).items() if name in few}
    time.sleep(3)
    for name, index in held.items():
        expect(selves(world_)[name]["applied_index"] == index, f"{name}, of the minority, applied a fact")


def _whole_again(world_, few, many):
    world_.lab.heal()

    def level():
        now = selves(world_)
        return set(few + many) <= set(now) and all(now[n]["log_reachable"] and now[n]["caught_up"] for n in few + many) and \
            max(now[n]["applied_index"] for n in many) - min(now[n]["applied_index"] for n in few) <= 3
    world_.fleet.wait(level, 60, "the minority has caught up")


@scenario(10)
def the_logs_leader_alone_decides_nothing(world_):
    """Members split two to one, the log's leader alone: the lease lives on, the majority's log goes on, the minority's stands."""
    fences = _fences(world_)
    minority, few, many = _minority_with_leader(world_)
    _split(world_, minority)
    nothing_moves(world_, world_.timing.lease / 1000 * 2)
    _majority_goes_on(world_, few, many)
    expect(any(world_.writable("east") for _ in range(4)), "east was disturbed")
    _whole_again(world_, few, many)
    nothing_moves(world_, 3)
    expect(common.moves(world_) == 0, "an epoch was closed")
    expect(_fences(world_) == fences, "the gate was shut in between")


@scenario(10, world="five", spoils=True)
def three_members_of_five_move_what_the_logs_leader_cannot(world_):
    """Members split three to two, the log's leader among the two: the three carry out a declared failover, the two attest nothing of it."""
    minority, few, many = _minority_with_leader(world_)
    _split(world_, minority)
    nothing_moves(world_, world_.timing.lease / 1000)
    _majority_goes_on(world_, few, many)
    world_.lab.isolate("east")
    time.sleep(world_.timing.silent / 1000)
    common.ordered(world_, "declare", "--to", "west", "--reason", "east is gone", "--yes", "--at", many[0])
    execution = 1
    world_.fleet.wait(lambda: world_.writable("west"), bound_s(world_), "west takes writes")
    asked = selves(world_)
    for name in few:
        expect(asked[name]["closed_epoch"] == 0, f"{name}, of the minority, closed an epoch without the log")
    _whole_again_without_healing_east(world_, few, many)
    world_.approve(execution, "dns-api")
    world_.failed_over(60)
    reasoned(world_, "CLOSE epoch 1", "OPEN epoch 2 for west")
    expect(common.moves(world_) == 1, "more than one epoch was closed")


def _whole_again_without_healing_east(world_, few, many):
    """heal() alone would bring east back too: it keeps what isolate() made."""
    world_.lab.heal()
    world_.lab.isolate("east")
    world_.fleet.wait(lambda: all(selves(world_)[name]["caught_up"] and selves(world_)[name]["log_reachable"] for name in few + many),
                      60, "the minority has caught up")


refer(10, "engine", "etcd_goes_on_when_the_leader_hangs", "a leader that neither leads nor dies")
refer(10, "engine", "etcd_is_exactly_once_when_the_leader_is_killed", "facts under way when the leader goes")


# -- a holder that stops and goes on


@scenario(13, spoils=True)
def an_agent_stopped_beyond_its_lease_finds_its_messages_stale(world_):
    """The holder's agent is stopped, nothing is cut: fenced without it, moved once; going on, it opens nothing with what was queued."""
    agent = world_.fleet.process("east-db1/agent")
    agent.sigstop()
    world_.wait_writable("west", bound_s(world_))
    expect(not world_.writable("east"), "east still takes its neighbours' writes")
    opened = world_.log("east-db1/guard").count("gate.open")
    agent.sigcont()
    world_.never_writable("east", 5)
    world_.failed_over(60)
    expect(world_.log("east-db1/guard").count("gate.open") == opened, "the gate of the old region was opened again")
    reasoned(world_, "rule 201", "rule 203", "CLOSE epoch 1", "OPEN epoch 2 for west")
    expect(common.moves(world_) == 1, "more than one epoch was closed")


refer(13, "e2e", "a_stopped_agent_does_not_keep_the_region_open", "stopped and cut off")
refer(13, "e2e", "the_kernel_gate_alone_holds", "agent and guard stopped")
refer(13, "guard", "a_certificate_counts_once_and_from_its_question", "answers that were queued beyond the lease")
refer(13, "guard", "a_stopped_agent_and_guard_do_not_keep_it_open", "a write just before the deadline, none behind it")


@scenario(17, spoils=True)
def a_frozen_region_wakes_fenced(world_):
    """Every process of the active region stands still beyond its lease, as under a suspended machine, and wakes after the move."""
    frozen = [(pid, host.name) for host in world_.lab.region_hosts("east") if host.role != "near" for pid in net.pids(host.namespace)]
    expect_pace(len(frozen) >= 8, f"only {len(frozen)} processes")
    for pid, _ in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        world_.wait_writable("west", bound_s(world_))
        opened = world_.log("east-db1/guard").count("gate.open")
    finally:
        for pid, _ in frozen:
            os.kill(pid, signal.SIGCONT)
    world_.never_writable("east", 6)
    expect(world_.log("east-db1/guard").count("gate.open") == opened, "the gate was opened on waking")
    world_.failed_over(60)
    reasoned(world_, "region east: .* -> region-dark", "rule 203", "CLOSE epoch 1", "OPEN epoch 2 for west")
    expect(common.moves(world_) == 1, "more than one epoch was closed")


refer(17, "unit", "a_suspended_machine_is_shut_when_it_wakes", "BOOTTIME runs on while RAW stands: no test room can suspend its kernel")
refer(17, "unit", "a_clock_that_goes_back_ends_the_lease", "a snapshot taken back")
refer(17, "sim", "fence-by-one-clock", "one clock alone is caught: machines sleep in the simulator")


# -- a link that comes and goes


@scenario(34, spoils=True)
def a_flapping_region_moves_once_and_never_back_by_itself(world_):
    """Flaps in lease lengths (20 s of a lease of 30 s: 3.3 s of one of 5 s), then a loss, then flaps again, at last of the new region."""
    # The latch that the fleet of the tests is without: after one automatic failover the next one is a human's.
    reshape(world_, ("rearm_needed = false", "rearm_needed = true"))
    time.sleep(world_.timing.settle / 1000 + 1)
    flap_s = world_.timing.lease / 1000 * 20 / 30

    def flap(region, times):
        for _ in range(times):
            world_.lab.isolate(region)
            time.sleep(flap_s)
            world_.lab.rejoin(region)
            time.sleep(flap_s)
    flap("east", 3)
    expect(common.moves(world_) <= 1, "more than one failover for a flapping link")
    world_.lab.isolate("east")
    world_.wait_writable("west", bound_s(world_))
    world_.failed_over(60)
    world_.lab.rejoin("east")
    flap("east", 1)
    expect(common.epoch(world_) == 2 and not world_.writable("east"), "it failed back by itself")
    # The region that serves now is lost for longer than any lease, wait and hold-down: the latch holds, and says so.
    world_.lab.isolate("west")
    world_.never_writable("east", (world_.timing.lease + world_.timing.wait + world_.timing.hold_down) / 1000)
    reasoned(world_, "rule 203", "STOP .*no earlier automatic failover waits for its release")
    world_.lab.rejoin("west")
    world_.wait_writable("west", 60)
    expect(common.epoch(world_) == 2 and common.moves(world_) == 1, "more than one epoch was closed")


refer(34, "unit", "an_automatic_failover_latches_and_blocks_until_released", "the latch and the block")
refer(34, "sim", "gate-block-off", "a second failover within the anti-flap block is caught, in stories of hours")
refer(34, "sim", "gate-latch-off", "a second failover without a release is caught")


# -- members without history


@scenario(42, world="settling", spoils=True)
def new_leaders_and_new_members_decide_nothing_before_they_have_settled(world_):
    """Log leader and timekeeper are killed while all is well: nothing moves. All members are away while the region is lost:
    on their return the decision comes after the settle time, not on the first sample."""
    keeper = next(m["name"] for m in world_.fleet.status()["members"] if m["timekeeper"])
    leader = _log_leader(world_)
    print(f"    timekeeper {keeper}, log leader {leader}")
    world_.fleet.process(keeper).kill()
    world_.lab.service_stop(leader, "etcd", sig=signal.SIGKILL)
    nothing_moves(world_, world_.timing.lease / 1000 + 2)
    reasoned(world_, "keeps the time, term [2-9]")
    world_.lab.service_start(leader, "etcd")
    for name in world_.fleet.members:
        if world_.fleet.process(name).alive():
            world_.fleet.process(name).kill()
    world_.lab.isolate("east")
    # What the log remembers is believed over a short restart (core.h, TICK_ELAPSED_MAX_MS; twice that for a new timekeeper).
    time.sleep(11)
    started = time.monotonic()
    for name in world_.fleet.members:
        world_.fleet.start_member(name)
    reasoned(world_, r"STOP .*the members have settled", seconds=world_.timing.settle / 1000 + 20)
    world_.wait_writable("west", bound_s(world_) + world_.timing.settle / 1000)
    took_s = time.monotonic() - started
    print(f"    {took_s:.1f} s after the members' start; they settle for {world_.timing.settle / 1000:.1f} s")
    expect(took_s >= world_.timing.settle / 1000, "the decision came before the settle time was over")
    world_.failed_over(60)
    reasoned(world_, "rule 203", "CLOSE epoch 1", "OPEN epoch 2 for west")


world("settling")(lambda build: World(build, timing=Timing(settle=8000)))
refer(42, "sim", "gate-settled-off", "an automatic failover before the members have settled is caught")
refer(42, "unit", "the_first_tick_after_a_start_tells_the_pause_before_it", "how a member that was away knows for how long")
refer(42, "unit", "a_pause_of_the_log_drops_the_suspicion_and_settles_again", "a log that was away")
refer(42, "e2e", "all_members_gone_promotes_nothing_and_serves_on", "members back with the region well")


# -- peers that are not, or are no more


refer(43, "adversary", "a_stranger_is_not_spoken_to", "an unknown key, a wrong server key, no CURVE, noise; it is in the log")
refer(43, "adversary", "unknown_keys_by_the_hundred_cost_nothing", "the flood: memory, descriptors, log lines and renewals bounded")
refer(43, "adversary", "a_flood_of_one_agent_harms_only_itself", "a flood under a valid key")
refer(43, "adversary", "a_removed_key_is_not_heard_any_more", "a revoked key, in a live session and a new one")
refer(43, "adversary", "every_decision_is_in_the_audit_and_no_rogue_one", "what the audit says of it")
refer(43, "cli", "an_unknown_key_gets_nothing", "it is counted")
refer(43, "unit", "a_key_revoked_during_a_session_is_cut_from_the_next_frame", "the moment of the revocation")


def _connections(world_, host, peer, port):
    """Established TCP connections of the host with the peer's port, or of its own port with the peer."""
    told = world_.lab.run(host, ["ss", "-Htn", "state", "established"]).stdout
    address = world_.lab.hosts[peer].address
    found = 0
    for line in told.splitlines():
        words = line.split()
        own, other = words[-2], words[-1]
        found += other.startswith(f"{address}:") and (other.endswith(f":{port}") or own.endswith(f":{port}"))
    return found


@scenario(44)
def a_half_open_connection_is_noticed_by_both_ends(world_):
    """All packets between an agent and a member vanish, no FIN, no RST: both ends let the connection go within the heartbeat's
    time, which TCP alone would keep for a quarter of an hour; nothing moves, and the connection comes back by itself."""
    fences = _fences(world_)
    ends = (("east-db1", "watch-m1"), ("watch-m1", "east-db1"))
    for host, peer in ends:
        expect(_connections(world_, host, peer, 7401) >= 1, f"{host} has no connection with {peer}")
    # One in which nothing is ever written, to a listener that closes nothing: it shows that the cut itself closes nothing.
    address = world_.lab.hosts["watch-m2"].address
    listener = world_.lab.spawn("watch-m2", ["/usr/bin/python3", "-c", (
        f"import socket, time; s = socket.create_server(('{address}', 7999)); c = s.accept(); time.sleep(600)")], name="listener")
    idle = world_.lab.spawn("east-db1", ["/usr/bin/python3", "-c", (
        f"import socket, time\nfor _ in range(300):\n try:\n  s = socket.create_connection(('{address}', 7999)); break\n"
        " except OSError: time.sleep(0.1)\ntime.sleep(600)")], name="idle")
    try:
        world_.fleet.wait(lambda: _connections(world_, "east-db1", "watch-m2", 7999) == 1, 30, "the idle connection stands")
        begun = time.monotonic()
        for member in MEMBERS[:2]:
            world_.lab.cut("east-db1", member)
        gone = {}

        def let_go():
            for host, peer in ends:
                if host not in gone and _connections(world_, host, peer, 7401) == 0:
                    gone[host] = time.monotonic() - begun
            expect(any(world_.writable("east") for _ in range(4)), "east was disturbed: a relay and the third member are left")
            return len(gone) == 2
        # heartbeat every 1 s, given up after 3 s without an answer; a busy machine may take longer to look
        world_.fleet.wait(let_go, 4 + 15, "both ends have let the connection go")
        print("    " + ", ".join(f"{host} after {s:.1f} s" for host, s in gone.items()))
        expect(_connections(world_, "east-db1", "watch-m2", 7999) == 1, "the idle connection was closed by the cut itself")
    finally:
        idle.kill()
        listener.kill()
        world_.lab.heal()
    for host, peer in ends:
        world_.fleet.wait(lambda host=host, peer=peer: _connections(world_, host, peer, 7401) >= 1, 30, f"{host} and {peer} speak again")
    reasoned(world_, r"view of m1:.* no longer hears east-db1", r"view of m1: hears east-db1")
    expect(common.moves(world_) == 0, "an epoch was closed")
    expect(_fences(world_) == fences, "the gate was shut in between")


refer(44, "engine", "etcd_silent_watch_is_replaced", "a member's watch of the log that has fallen silent")
