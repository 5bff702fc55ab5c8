"""Requests: who may, what a rule refuses, what the audit keeps, and what a restart must not change."""
import hashlib
import json
import signal
import sqlite3
import time

from place import expect


def refused_by(result, code, rule):
    expect(result.returncode == code, result)
    lead = f"REFUSED rule {rule}: " if rule else "REFUSED: "
    expect(result.stdout.startswith(lead), result.stdout)


def roles_that_may_not_are_not_authorised(place):
    tries = {"dev-1": [["declare", "--to", "west", "--reason", "x", "--yes"], ["hold", "--reason", "x"],
                       ["approve", "1", "promote"], ["pause", "1"],
                       ["config", "apply", place.path("topology.conf")]],
             "net-1": [["declare", "--to", "west", "--reason", "x", "--yes"], ["release", "--reason", "x"]],
             "auto-1": [["declare", "--kind", "switchover", "--to", "west", "--reason", "x", "--yes"],
                        ["hold", "--reason", "x"]]}
    for who, lines in tries.items():
        for words in lines:
            result = place.drover(*words, who=who)
            expect(result.returncode == 4 and "may not" in result.stdout, f"{who} {words}: {result}")
    expect(place.ask("status")["epoch"] == 1, "nothing moved")


def declare_without_a_terminal_needs_yes(place):
    result = place.drover("declare", "--to", "west", "--reason", "x")
    expect(result.returncode == 2 and "--yes" in result.stderr, result)


def declare_says_what_is_missing_or_wrong(place):
    for words, said in ((["--reason", "x"], "regions: east west mon"), (["--to", "nowhere", "--reason", "x"], "nowhere"),
                        (["--to", "west"], "--reason"), (["--to", "west", "--reason", ""], "--reason"),
                        (["--to", "west", "--reason", "x", "--kind", "panic"], "--kind is failover")):
        result = place.drover("declare", *words, "--yes")
        expect(result.returncode == 2 and said in result.stderr, f"{words}: {result}")


def declare_to_the_owner_is_refused_by_its_rule(place):
    result = place.drover("declare", "--to", "east", "--reason", "x", "--yes")
    refused_by(result, 3, 399)
    expect("east owns epoch 1 already" in result.stdout, result.stdout)
    refused_by(place.drover("declare", "--to", "mon", "--reason", "x", "--yes"), 3, 399)
    refused_by(place.drover("declare", "--kind", "reprotect", "--to", "west", "--reason", "x", "--yes"), 3, 399)


def declare_for_an_epoch_that_is_over_is_stale(place):
    result = place.drover("declare", "--to", "west", "--reason", "x", "--epoch", "9", "--yes")
    refused_by(result, 7, 304)
    expect("made for epoch 9, it is 1 now" in result.stdout, result.stdout)


def names_that_nothing_has_are_usage_errors(place):
    for words in (["approve", "44", "promote"], ["pause", "44"], ["pause", "x"],
                  ["declare", "--to", "west", "--plan", "no-such-plan", "--reason", "x", "--yes"]):
        result = place.drover(*words)
        expect(result.returncode == 2, f"{words}: {result}")


def hold_and_release_are_seen(place):
    expect(place.drover("hold", "--for", "2h", "--reason", "network maintenance").returncode == 0, "hold")
    automation = place.ask("status")["automation"]
    expect(automation["held"] and 7000000 < automation["held_for_ms"] <= 7200000, automation)
    expect("HELD for" in place.drover("status").stdout, "status says it")
    gate = next(g for g in place.ask("explain")["gates"] if "not held" in g["gate"])
    expect(not gate["passes"] and "drover release" in gate["would_need"], gate)
    expect(place.drover("release", "--reason", "over").returncode == 0, "release")
    expect(not place.ask("status")["automation"]["held"], "released")


def config_apply_is_checked_signed_and_answered(place):
    with open(place.path("topology.conf"), encoding="utf-8") as file:
        text = file.read()
    unsafe = place.write("unsafe.conf", text.replace('renew = "1s"', 'renew = "5s"'))
    expect(place.drover("config", "apply", unsafe).returncode == 3, "errors are refused")
    moved = place.write("moved.conf", text.replace('name = "m1"', 'name = "m7"'))
    for _ in range(2):  # the same text once more is answered again, not lost
        result = place.drover("config", "apply", moved)
        expect(result.returncode == 3 and "members may not change" in result.stdout, result)
    better = place.write("better.conf", text.replace('timeout = "30s"', 'timeout = "40s"'))
    result = place.drover("config", "apply", better, "--reason", "more time")
    expect(result.returncode == 0 and "version 2" in result.stdout, result)
    expect(place.ask("config", "show")["version"] == 2, "in force")
    expect('timeout = "40s"' in place.drover("config", "show").stdout, "as it was applied")
    expect(any("topology version 2 applied by sre-1: more time" in r["text"]
               for r in place.ask("timeline")["records"]), "in the audit")


def json_of_a_request_is_the_member_s_own(place):
    result = place.drover("hold", "--reason", "x", "--json")
    answer = json.loads(result.stdout)
    expect(answer["result"] == "applied" and answer["rule"] == 321 and len(answer["request"]) == 32, answer)
    place.drover("release", "--reason", "x")


def a_terminal_is_asked_for_target_and_cost(place):
    code, shown = place.at_terminal("declare", "--to", "west", "--reason", "drill", typed="west")
    expect(code == 2 and "nothing was asked for" in shown, shown)
    expect('Type "lose unknown to west" to declare this' in shown, shown)
    expect("promote" in shown and "lost at most" in shown and "not known" in shown, "shows the world, then asks")
    expect(place.ask("executions")["executions"] == [], "nothing began")


def a_stopped_member_leaves_the_outcome_unknown(place):
    place.member.send_signal(signal.SIGSTOP)
    try:
        result = place.drover("hold", "--reason", "x", "--timeout", "2s")
        expect(result.returncode == 6 and "not known whether this was done" in result.stderr, result)
    finally:
        place.member.send_signal(signal.SIGCONT)
    place.wait(lambda: place.ask("status").get("epoch") == 1, 10, "the member answers again")
    place.drover("release", "--reason", "x")


def one_person_has_command(place):
    """Requirement N24: a second person's command is refused with the holder's name; handed over, it is theirs."""
    result = place.drover("pause", "1", who="cmd-1")
    refused_by(result, 3, 309)
    expect("sre-1 has command of execution 1" in result.stdout and "drover command take 1" in result.stdout, result)
    expect(place.drover("hold", "--reason", "x", who="cmd-1").returncode == 0, "holding is nobody's command")
    expect(place.drover("command", "take", "1", "--reason", "x", who="net-1").returncode == 4, "not this role")
    expect(place.drover("command", "handover", "1", "net-1").returncode == 2, "nor may it be given it")
    expect(place.drover("command", "handover", "1", "cmd-1").returncode == 0, "handed over")
    expect("COMMAND  cmd-1 (since" in place.drover("status").stdout, "the screen says it")
    refused_by(place.drover("pause", "1"), 3, 309)
    expect("asks" not in place.drover("command", "show").stdout, "nobody asks yet")
    asked = place.drover("command", "take", "1", "--reason", "cmd-1 is asleep")
    expect(asked.returncode == 0 and "is asked for it" in asked.stdout, asked)
    refused_by(place.drover("command", "take", "1", "--reason", "still"), 3, 334)
    command = place.ask("executions")["executions"][-1]["command"]
    expect(command["holder"] == "cmd-1" and command["asked_by"] == "sre-1" and command["takeable_in_ms"] > 0, command)
    expect("sre-1 asks for it" in place.drover("command", "show").stdout, "everybody sees who asks")
    expect(place.drover("command", "take", "1", "--reason", "here", who="cmd-1").returncode == 0, "an answer")
    expect(place.drover("command", "handover", "1", "sre-1", who="cmd-1").returncode == 0, "and back")
    place.drover("release", "--reason", "x")


def a_manual_step_is_done_by_its_role_with_evidence(place):
    """By net-1, who has no command; the file's digest is in the audit, the file is not."""
    proof = place.write("call.txt", "03:12 ticket 4711\n")
    status = place.drover("status").stdout
    expect("drover step done 1 call --comment" in status and "rack 4 switched off" in status, status)
    expect(place.drover("approve", "1", "call", who="net-1").returncode == 3, "an approval does not do it")
    done = ("step", "done", "1", "call", "--comment", "rack 4 is off")
    expect(place.drover(*done, who="dev-1").returncode == 4, "not this role")
    expect(place.drover("step", "done", "1", "handoff", "--comment", "x", who="net-1").returncode == 4, "nor this step")
    for wrong in (("--evidence", "x", "--evidence-file", proof), ("--evidence-file", proof + ".none"), ("--evidence", "")):
        expect(place.drover(*done, *wrong, who="net-1").returncode == 2, wrong)
    result = place.drover(*done, "--evidence-file", proof, who="net-1")
    expect(result.returncode == 0, result)
    step = next(s for s in place.ask("executions")["executions"][-1]["steps"] if s["name"] == "call")
    expect(step["state"] == "done" and step["approved_by"] == "net-1", step)
    digest = hashlib.sha256(b"03:12 ticket 4711\n").hexdigest()
    for shown in ("timeline", "report"):
        text = place.wait(lambda shown=shown: digest in (t := place.drover(shown, "1").stdout) and t, 5, shown)
        expect(f"evidence for step call: file call.txt, 18 bytes, sha256 {digest}" in text, text)
        expect("net-1 asked: step done call of execution 1: rack 4 is off" in text, text)


def a_switchover_waits_for_its_approval(place):
    """At the terminal; no agent is alive, so nothing but people and rules can move it."""
    code, shown = place.at_terminal("declare", "--to", "west", "--kind", "switchover", "--reason", "drill",
                                    typed="switch to west with zero loss")
    expect(code == 0 and "execution 1" in shown, shown)
    status = place.wait(lambda: (s := place.ask("status")).get("next_human_act") and s, 10, "it waits for people")
    expect("network-admin: drover approve 1 sign-off" in status["next_human_act"], status["next_human_act"])
    refused_by(place.drover("declare", "--to", "west", "--reason", "x", "--yes"), 3, 303)
    same = place.drover("declare", "--to", "west", "--kind", "switchover", "--reason", "x", "--yes", "--json")
    expect(same.returncode == 0 and json.loads(same.stdout)["rule"] == 302, "the same move is told apart")
    expect(place.drover("approve", "1", "sign-off", who="dev-1").returncode == 4, "a developer approves nothing")
    wrong = place.drover("config", "apply", place.path("topology.conf"))
    expect(wrong.returncode == 3 and "while an execution runs" in wrong.stdout, wrong)
    expect(place.drover("pause", "1").returncode == 0, "pause")
    expect("paused-by-operator" in place.drover("executions").stdout, "the state says why")
    expect(place.drover("report", "1").returncode == 8, "it waits for people")
    expect(place.drover("resume", "1").returncode == 0, "resume")
    one_person_has_command(place)
    for own in (("approve", "1", "sign-off"), ("step", "skip", "1", "sign-off", "--comment", "nobody answers"),
                ("step", "done", "1", "sign-off", "--comment", "on the phone")):
        refused = place.drover(*own)
        refused_by(refused, 3, 325)
        expect("sre-1 declared execution 1; who may approve sign-off: cmd-1, net-1" in refused.stdout, refused)
    result = place.drover("approve", "1", "sign-off", who="net-1")
    expect(result.returncode == 0, result)
    refused_by(place.drover("approve", "1", "sign-off", who="net-1"), 3, 399)
    a_manual_step_is_done_by_its_role_with_evidence(place)
    expect(place.drover("step", "skip", "1", "handoff").returncode == 2, "a comment is needed")
    expect(place.drover("step", "retry", "1", "nothing").returncode == 2, "no such step")
    expect(place.drover("abort", "1", "--reason", "drill is over").returncode == 0, "abort")
    place.wait(lambda: place.ask("executions")["executions"][-1]["stage"] == "aborted", 10, "it is abandoned")
    refused_by(place.drover("resume", "1"), 3, 399)
    expect(place.ask("status")["owner"] == "east", "the lease did not move")


def the_timeline_tells_all_of_it(place):
    place.wait(lambda: any("aborted" in r["text"] for r in place.ask("timeline", "1")["records"]), 5, "written")
    texts = [record["text"] for record in place.ask("timeline", "1")["records"]]
    for words in ("sre-1 declared switchover to west: drill", "needs approval of network-admin",
                  "net-1 asked: approve sign-off of execution 1", "sre-1 has command of execution 1",
                  "cmd-1 has command of execution 1, no longer sre-1", "asked: command take execution 1: cmd-1 is asleep",
                  "cmd-1 was heard, and keeps command of execution 1", "paused-by-operator", "aborted"):
        expect(any(words in text for text in texts), f"{words}: {texts}")
    whole = place.ask("timeline")["records"]
    heights = [record["height"] for record in whole]
    expect(heights == list(range(1, len(heights) + 1)), "no gap, nothing twice")
    expect(any(record["result"] == "refused" for record in whole), "refusals are kept")


def a_restart_changes_nothing_and_doubles_nothing(place):
    before = place.ask("members")["members"][0]["self"]
    version = place.ask("status")["config_version"]
    place.stop(kill=True)
    place.start()
    after = place.wait(lambda: (m := place.ask("members")["members"][0]["self"])["history_height"] >=
                       before["history_height"] and m, 10, "the log is applied again")
    expect(after["history_trouble"] == "", after["history_trouble"])
    time.sleep(0.5)
    records = place.ask("timeline")["records"]
    expect([r["height"] for r in records] == list(range(1, len(records) + 1)), "nothing doubled")
    expect(place.ask("status")["config_version"] == version, "the topology of the log, not of the file")


def an_altered_audit_is_told_at_the_next_start(place):
    place.stop()
    database = sqlite3.connect(place.path("state", "history.db"))
    with database:
        changed = database.execute("UPDATE records SET text = 'nothing happened' WHERE height = 4").rowcount
    database.close()
    expect(changed == 1, "altered")
    place.start()
    expect("does not fit the chain" in place.drover("status").stdout, "status shows the trouble")


TESTS = [roles_that_may_not_are_not_authorised,
         declare_without_a_terminal_needs_yes,
         declare_says_what_is_missing_or_wrong,
         declare_to_the_owner_is_refused_by_its_rule,
         declare_for_an_epoch_that_is_over_is_stale,
         names_that_nothing_has_are_usage_errors,
         hold_and_release_are_seen,
         config_apply_is_checked_signed_and_answered,
         json_of_a_request_is_the_member_s_own,
         a_terminal_is_asked_for_target_and_cost,
         a_stopped_member_leaves_the_outcome_unknown,
         a_switchover_waits_for_its_approval,
         the_timeline_tells_all_of_it,
         a_restart_changes_nothing_and_doubles_nothing,
         an_altered_audit_is_told_at_the_next_start]
