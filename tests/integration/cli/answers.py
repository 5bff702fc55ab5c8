"""Questions: true answers, in text and as JSON; files, keys and checks that need no member."""
import json
import os
import stat
import subprocess
import time

from place import ROLES, expect


def status_tells_the_truth_about_a_place_without_agents(place):
    status = place.ask("status")
    expect(status["epoch"] == 1 and status["open"] and status["owner"] == "east", status)
    expect(status["writer"] == "", "nobody writes: no guard reports a lease")
    expect(all(region["heard_n"] == 0 for region in status["regions"]), status["regions"])
    expect(status["links"][0]["state"] == "unknown" and status["links"][0]["lag_ms"] is None, status["links"])
    text = place.drover("status").stdout
    expect("east owns it, nobody is seen to write" in text, text)
    expect(all(len(line) <= 80 for line in text.splitlines()), "80 columns")
    expect("\033" not in text, "no colour where there is no terminal")


def status_has_colour_on_a_terminal_only_and_never_with_no_color(place):
    code, shown = place.at_terminal("status")
    expect(code == 0 and "\033[" in shown, repr(shown[:80]))
    result = subprocess.run(["/usr/bin/script", "-qec",
                             f"NO_COLOR=1 {place.drover_program} --config {place.path('sre-1.conf')} status",
                             "/dev/null"], capture_output=True, text=True, check=False, timeout=20)
    expect("nobody is seen to write" in result.stdout and "\033" not in result.stdout, repr(result.stdout[:80]))


def every_question_answers_as_text_and_as_json(place):
    for words in (["status"], ["explain"], ["explain", "east"], ["explain", "pg"], ["explain", "pg-stream"],
                  ["regions"], ["components"], ["components", "pg"], ["links"], ["agents"], ["members"], ["rules"],
                  ["executions"], ["timeline"], ["whoami"], ["config", "show"]):
        plain, as_json = place.drover(*words), place.drover(*words, "--json")
        expect(plain.returncode == 0 and plain.stdout, f"{words}: {plain}")
        expect(isinstance(json.loads(as_json.stdout), dict), f"{words} --json")
        expect("(null)" not in plain.stdout, f"{words}: {plain.stdout}")


def plans_are_told_of_the_topology_in_force_and_of_a_file(place):
    file = place.path("topology.conf")
    live, offline = place.ask("plan", "list")["plans"], place.drover("plan", "list", file, "--json", who=None)
    expect(live and json.loads(offline.stdout)["plans"] == live, f"{live}: {offline}")
    name = live[0]["name"]
    steps = place.ask("plan", "show", name)["steps"]
    expect(len(steps) == live[0]["steps"] and all(step["wave"] >= 1 for step in steps), steps)
    for form in ("text", "markdown", "html", "svg", "commands"):
        one = place.drover("plan", "render", name, "--format", form)
        other = place.drover("plan", "render", name, file, "--format", form, who=None)
        expect(one.returncode == 0 and one.stdout == other.stdout, f"{form}: the same runbook: {one} {other}")
        expect(all(step["name"] in one.stdout for step in steps), f"{form}: {one.stdout}")
    lint = place.drover("plan", "lint", file, "--json", who=None)
    told = json.loads(lint.stdout)["findings"]
    expect(all(f.pop("file") == file and f.pop("line") > 0 for f in told), "each has its place in the file")
    expect(lint.returncode == 0 and place.ask("plan", "lint")["findings"] == told, lint)
    took = {"plan": name, "steps": [{"name": step["name"], "samples_n": 3, "p95_ms": 1} for step in steps]}
    quick = place.drover("plan", "lint", file, "--history", place.write("took.json", json.dumps(took)), who=None)
    expect(quick.returncode == 0 and "W314" not in quick.stdout, quick)
    tight = place.write("tight.conf", open(file, encoding="utf-8").read().replace('rto = "4h"', 'rto = "2s"'))
    late = place.drover("plan", "lint", tight, "--history", place.path("took.json"), who=None)
    expect(late.returncode == 0 and "at the p95 of what the steps" in late.stdout, late)
    other = place.drover("plan", "lint", file, "--history", place.write("other.json", '{"plan": "nothing"}'), who=None)
    expect(other.returncode == 2 and "has no plan of that name" in other.stderr, other)
    text = open(file, encoding="utf-8").read()
    unsafe = place.write("unsafe-plans.conf", text.replace('renew = "1s"', 'renew = "5s"'))
    expect(place.drover("plan", "lint", unsafe, who=None).returncode == 3, "an error refuses")
    for words in (["plan", "show", "nothing"], ["plan", "render", name, "--format", "pdf"],
                  ["plan", "render", name, "--to", "nowhere"]):
        expect(place.drover(*words).returncode == 2, words)


def a_preview_tells_who_would_run_and_keeps_its_digest(place):
    name = place.ask("plan", "list")["plans"][0]["name"]
    for _ in range(20):  # a region's class may change between two looks, not between all of them
        one, other = (place.drover("plan", "preview", name, "--json") for _ in range(2))
        first, second = json.loads(one.stdout), json.loads(other.stdout)
        stakes, _ = first.pop("stakes"), second.pop("stakes")  # figures with their ages
        if first == second:
            break
    expect(one.returncode == 9 and first["steps_without_agent"] > 0, f"no agent is alive: {one}")
    expect(first["source"] == "east" and first["epoch"] == 1 and first["links_not_met"] == 1, first)
    expect(len(first["digest"]) == 64 and first == second, f"nothing moved: {first} {second}")
    expect(not stakes["sessions"]["known"] and stakes["services"] and stakes["no_return"], stakes)
    text = place.drover("plan", "preview", name)
    expect("sessions  not known" in text.stdout and "for good  " in text.stdout, text)
    expect("NOBODY" in text.stdout and "digest " in text.stdout and "NOT KNOWN" in text.stdout, text)
    back = json.loads(place.drover("plan", "preview", name, "--to", "east", "--json").stdout)
    expect(back["target"] == "east" and back["digest"] != first["digest"], back)
    unbound = place.drover("declare", "--to", "west", "--reason", "none", "--yes", "--digest", "0" * 64)
    expect(unbound.returncode == 2 and "not all of them 0" in unbound.stderr, unbound)
    expect(place.drover("plan", "preview", "nothing").returncode == 2, "no such plan")


def explain_names_each_gate_and_what_it_needs(place):
    gates = place.ask("explain")["gates"]
    expect(len(gates) == 13, len(gates))
    for gate in gates:
        expect(gate["passes"] or gate["would_need"], gate)
    voice = next(g for g in gates if "own voice" in g["gate"])
    expect(voice["passes"] and voice["value"] == 0, voice)
    standby = next(g for g in gates if "standby" in g["gate"])
    expect(not standby["passes"] and standby["value"] == 0 and standby["limit"] == 1, standby)


def unknown_names_are_usage_errors(place):
    for words in (["explain", "nowhere"], ["components", "nothing"], ["report", "77"], ["timeline", "x"]):
        result = place.drover(*words)
        expect(result.returncode == 2 and "drover: " in result.stderr, f"{words}: {result}")


def members_asks_each_and_tells_its_engine(place):
    members = place.ask("members")["members"]
    expect(len(members) == 1 and members[0]["answered"] and members[0]["member"] == "m1", members)
    own = members[0]["self"]
    expect(own["caught_up"] and "embedded" in own["engine"] and own["history_height"] >= 3, own)
    expect(own["wire"]["received_n"] > 0, own["wire"])


def whoami_knows_each_role(place):
    for who, role in ROLES.items():
        answer = place.ask("whoami", who=who)
        expect(answer["operator"] == who and answer["role"] == role, answer)
    expect(place.ask("whoami", who="dev-1")["may"] == ["read"], "a developer reads")


def an_unknown_key_gets_nothing(place):
    before = place.ask("members")["members"][0]["self"]["wire"]["unknown_key_n"]
    result = place.drover("status", "--timeout", "2s", who="stranger")
    expect(result.returncode == 6 and result.stdout == "", result)
    expect("did not answer" in result.stderr, result.stderr)
    after = place.ask("members")["members"][0]["self"]["wire"]["unknown_key_n"]
    expect(after > before, "the member counts it")
    expect("unknown key" in place.log_text(), "the member says so in its log")


def another_member_s_name_is_refused(place):
    expect(place.drover("status", "--at", "m9").returncode == 2, "there is no m9")
    expect(place.drover("status", "--at", "m1").returncode == 0, "m1 answers")


def two_command_lines_of_one_operator_do_not_take_each_other_s_answers(place):
    words = [place.drover_program, "--config", place.path("sre-1.conf"), "status", "--watch"]
    watching = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for _ in range(3):
            expect(place.ask("whoami")["operator"] == "sre-1", "an answer of its own")
            time.sleep(1.3)
    finally:
        for one in watching:
            one.terminate()
    for one in watching:
        out, errors = one.communicate(timeout=10)
        expect(out.count("NEXT HUMAN ACT") >= 3 and errors == "", f"each goes on being drawn: {errors}")


def config_check_names_file_line_and_field(place):
    good = place.drover("config", "check", place.path("topology.conf"), who=None)
    expect(good.returncode == 0 and "0 errors" in good.stdout, good)
    text = open(place.path("topology.conf"), encoding="utf-8").read()
    broken = place.write("broken.conf", text.replace('lease = "6s"', 'laese = "6s"'))
    result = place.drover("config", "check", broken, who=None)
    line = next(i for i, l in enumerate(text.splitlines(), 1) if 'lease = "6s"' in l)
    expect(result.returncode == 2 and f"{broken}:{line}: lease" in result.stderr and "laese" in result.stderr, result)
    unsafe = place.write("unsafe.conf", text.replace('renew = "1s"', 'renew = "5s"'))
    result = place.drover("config", "check", unsafe, who=None)
    expect(result.returncode == 3 and "error E121" in result.stdout, result)
    answer = json.loads(place.drover("config", "check", unsafe, "--json", who=None).stdout)
    expect(not answer["ok"] and any(f["code"] == 121 for f in answer["findings"]), answer)
    step = 'action = "patroni_promote"; component = "pg"; timeout = "30s";'
    line = next(i for i, l in enumerate(text.splitlines(), 1) if step in l)
    unsafe = place.write("unsafe-step.conf", text.replace(step, step + ' args: { epoch_table = "a b"; };'))
    result = place.drover("config", "check", unsafe, who=None)
    expect(result.returncode == 3 and f"{unsafe}:{line}: error E193 plans.failover.steps.promote.args.epoch_table: "
           'expected a name of a-z 0-9 _, found "a b"' in result.stdout, result)
    expect(place.drover("config", "check", place.path("none.conf"), who=None).returncode == 2, "no such file")


def config_diff_shows_lines_only_where_they_differ(place):
    same = place.drover("config", "diff", place.path("topology.conf"))
    expect(same.returncode == 0 and "line by line, version 1" in same.stdout, same)
    text = open(place.path("topology.conf"), encoding="utf-8").read()
    other = place.write("other.conf", text.replace('timeout = "30s"', 'timeout = "40s"'))
    lines = place.drover("config", "diff", other).stdout.splitlines()
    expect(len(lines) == 3 and lines[0].startswith("-") and '"30s"' in lines[0], lines)
    expect(lines[1].startswith("+") and '"40s"' in lines[1], lines)


def keygen_makes_secrets_that_are_secret(place):
    directory = place.path("fresh")
    os.mkdir(directory)
    for kind in ("member", "agent", "guard", "operator"):
        made = place.drover("keygen", "--kind", kind, f"a-{kind}", "--out", directory, who=None)
        expect(made.returncode == 0, made)
        secret, public = (os.path.join(directory, f"a-{kind}.{end}") for end in ("key", "pub"))
        expect(stat.S_IMODE(os.stat(secret).st_mode) == 0o600, "secret: 0600")
        expect(stat.S_IMODE(os.stat(public).st_mode) == 0o644, "public: 0644")
        with open(public, encoding="utf-8") as file:
            expect("secret" not in file.read(), "no secret in .pub")
        with open(secret, encoding="utf-8") as file:
            kept = file.read()
        again = place.drover("keygen", "--kind", kind, f"a-{kind}", "--out", directory, who=None)
        expect(again.returncode == 1 and "exist" in again.stderr, again)
        with open(secret, encoding="utf-8") as file:
            expect(file.read() == kept, "never overwritten")
    for words in (["--kind", "robot", "x"], ["x"], ["--kind", "agent", "Bad Name"]):
        expect(place.drover("keygen", *words, "--out", directory, who=None).returncode == 2, words)


def a_key_that_others_can_read_is_refused(place):
    key = place.path("keys", "net-1.key")
    os.chmod(key, 0o644)
    result = place.drover("whoami", who="net-1")
    os.chmod(key, 0o600)
    expect(result.returncode == 2 and "net-1.key" in result.stderr, result)


def drover_config_comes_from_the_environment_too(place):
    result = place.drover("whoami", who=None, env={"DROVER_CONFIG": place.path("cmd-1.conf")})
    expect(result.returncode == 0 and "dr-commander" in result.stdout, result)
    missing = place.drover("whoami", who=None, env={"DROVER_CONFIG": place.path("nothing.conf")})
    expect(missing.returncode == 2 and "nothing.conf" in missing.stderr, missing)


def help_teaches_without_a_member(place):
    text = place.drover("help", who=None).stdout
    expect("exit codes" in text and "declare" in text, text)
    expect(all(len(line) <= 80 for line in text.splitlines()), "80 columns")
    expect("for example" in place.drover("declare", "--help", who=None).stdout, "help of a verb")
    expect("step retry" in place.drover("help", "step", who=None).stdout, "help of a group")
    expect(place.drover("--version", who=None).stdout.startswith("drover "), "version")


TESTS = [status_tells_the_truth_about_a_place_without_agents,
         status_has_colour_on_a_terminal_only_and_never_with_no_color,
         every_question_answers_as_text_and_as_json,
         plans_are_told_of_the_topology_in_force_and_of_a_file,
         a_preview_tells_who_would_run_and_keeps_its_digest,
         explain_names_each_gate_and_what_it_needs,
         unknown_names_are_usage_errors,
         members_asks_each_and_tells_its_engine,
         whoami_knows_each_role,
         an_unknown_key_gets_nothing,
         another_member_s_name_is_refused,
         two_command_lines_of_one_operator_do_not_take_each_other_s_answers,
         config_check_names_file_line_and_field,
         config_diff_shows_lines_only_where_they_differ,
         keygen_makes_secrets_that_are_secret,
         a_key_that_others_can_read_is_refused,
         drover_config_comes_from_the_environment_too,
         help_teaches_without_a_member]
