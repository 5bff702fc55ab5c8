/* The one table of verbs, and the questions. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/plan/manual.h"
#include "coordinator/cli/cli.h"

int say_nobody(const struct session *session) {
    const char *at = session->line->at;
    (void)fprintf(stderr,
                  "drover: %s%s did not answer. Is the network there, and is the key of %s in the "
                  "topology? A member answers unknown keys nothing at all.\n",
                  at == NULL ? "the members" : "member ", at == NULL ? "" : at, session->keys.name);
    return EXIT_NO_QUORUM;
}

static int ask_to_show(struct session *session, const char *what, const char *argument,
                       const char *shown) {
    struct query query = {.from = session->line->from};
    (void)text_copy(query.what, sizeof query.what, what);
    (void)text_copy(query.argument, sizeof query.argument, argument);
    struct client_reply reply = client_ask(session, &query);
    if (reply.json == NULL) {
        return say_nobody(session);
    }
    const char *error = json_string_value(json_object_get(reply.json, "error"));
    if (error != NULL && !session->line->json) {
        (void)fprintf(stderr, "drover: %s\n", error);
    } else {
        show_reply(session, shown, reply.json);
    }
    (void)fflush(stdout);
    json_decref(reply.json);
    return reply.exit_code;
}

static int ask(struct session *session, const char *what, const char *argument) {
    return ask_to_show(session, what, argument, what);
}

static int run_query(struct session *session) {
    const char *argument = session->line->words_n > 0 ? session->line->words[0] : "";
    return ask(session, session->line->verb->name, argument);
}

static int run_status(struct session *session) {
    if (session->line->watch && session->line->json) {
        (void)fprintf(stderr, "drover status: --watch is for people, --json for programs\n");
        return EXIT_USAGE;
    }
    return session->line->watch ? watch_run(session) : ask(session, "status", "");
}

static int run_config_show(struct session *session) {
    return ask(session, "config", "");
}

static int run_command_show(struct session *session) {
    return ask_to_show(session, "executions", "", "command");
}

static json_t *silent_member(const struct session *session, uint8_t member) {
    return json_pack("{s:s,s:s,s:b}", "member", session->pins->members[member].name, "address",
                     session->pins->members[member].operators_address, "answered", 0);
}

/* Each member speaks for itself. OK when a majority of them answered and none stopped. */
static int run_members(struct session *session) {
    struct client_reply replies[MEMBERS_MAX];
    struct query query = {.what = "members"};
    unsigned answered_n = 0, asked_n = 0;
    json_t *list = json_array();
    client_ask_all(session, &query, replies);
    for (uint8_t m = 0; m < session->pins->members_n; m++) {
        const char *at = session->line->at;
        if (at != NULL && !text_equal(at, session->pins->members[m].name)) {
            continue;
        }
        asked_n++;
        answered_n += replies[m].json != NULL;
        json_t *one = replies[m].json != NULL ? replies[m].json : silent_member(session, m);
        if (replies[m].json != NULL) {
            (void)json_object_set_new(one, "answered", json_true());
        }
        (void)json_array_append_new(list, one);
    }
    if (answered_n == 0 && !session->line->json) {
        json_decref(list);
        return say_nobody(session);
    }
    json_t *root = json_pack("{s:s,s:o}", "what", "members", "members", list);
    show_reply(session, "members", root);
    json_decref(root);
    return answered_n * 2 > asked_n ? EXIT_OK : EXIT_NO_QUORUM;
}

/* ----------------------------------------------------------------------- the table */

static const struct verb verbs[] = {
    {"status", "[--watch]", "What is going on, and whose turn it is.",
     "One screen: who holds the lease, what each region looks like, the running execution, the "
     "next "
     "human act and the next automatic one. --watch draws it again each second.",
     "drover status --watch", TAKES_WATCH, 0, 0, false, run_status},
    {"explain", "[REGION|COMPONENT|LINK|EXECUTION]",
     "Why there is, or is no, automatic failover now.",
     "Every gate with its figure, its limit and what would have to change; for a region also each "
     "check and from where it was seen; for an execution how much of each recovery time is used, "
     "when what is left ends at the latest, and the policy it runs under.",
     "drover explain east", 0, 0, 1, false, run_query},
    {"regions", "", "The regions: role, class, voices.", "", "drover regions", 0, 0, 0, false,
     run_query},
    {"components", "[COMPONENT|REGION]", "The components and what their checks see.", "",
     "drover components postgresql", 0, 0, 1, false, run_query},
    {"links", "", "The replication links: lag and positions; PostgreSQL's tree.",
     "The lag is from the positions remembered at the members: it is still known when the active "
     "region is gone. The tree is as the servers themselves tell it: who follows whom, cascades "
     "too, and how each connection does; what is stale says so.",
     "drover links", 0, 0, 0, false, run_query},
    {"backups", "", "The declared backups, and what is really there.",
     "Each with its checks in both regions, the newest one's age, and what is missing. Exit code 9 "
     "when one is not met, not known or not checked.",
     "drover backups", 0, 0, 0, false, run_query},
    {"readiness", "[REGION] [--fail-on warning]",
     "Could a region take over now, and what stands in its way.",
     "Every line that is not good says what is wrong, how old the observation is, and which "
     "command "
     "mends it; what is not known is not good. Without a region the one that does not own the "
     "lease. "
     "Exit code 9 with a blocker, with --fail-on warning also with a warning, 6 without a "
     "majority.",
     "drover readiness west", TAKES_FAIL_ON, 0, 1, false, readiness_run},
    {"agents", "", "The agents and their guards.", "", "drover agents", 0, 0, 0, false, run_query},
    {"members", "", "The members, each asked itself.",
     "Exit code 6 when fewer than a majority answered.", "drover members", 0, 0, 0, false,
     run_members},
    {"keys", "", "Who exchanges keys, which is in use, and what comes next.",
     "Every member is asked: each tells its own key and those of the sessions that reach it. Exit "
     "code 8 while an exchange waits for people, 6 when no member answers.",
     "drover keys", 0, 0, 0, false, keys_run},
    {"rules", "", "The table of rules that decides.",
     "Refusals, the timeline and the log name rules by these numbers.", "drover rules", 0, 0, 0,
     false, run_query},
    {"executions", "", "The latest executions and their steps.", "", "drover executions", 0, 0, 0,
     false, run_query},
    {"timeline", "[EXECUTION] [--from N]", "The audit's records, each chained to the one before.",
     "Without an execution the newest records; --from starts at a record's number.",
     "drover timeline 1", TAKES_FROM, 0, 1, false, run_query},
    {"report", "[EXECUTION]", "What an execution took and what it cost.",
     "Exit code 9 when an objective was missed, 8 while the execution waits for people.",
     "drover report 1", 0, 0, 1, false, run_query},
    {"whoami", "", "Who this key is, and what its role may do.", "", "drover whoami", 0, 0, 0,
     false, run_query},
    {"declare",
     "--to REGION --reason TEXT [--kind failover|switchover|reprotect|component|drill] "
     "[--plan PLAN] [--epoch N] [--digest DIGEST] [--yes]",
     "Begins a failover (the default), another move, or a drill.",
     "Shows what it would do and asks for the target's name. --yes skips the question, for "
     "scripts. "
     "--epoch refuses when the lease has moved since you looked, --digest when anything has moved "
     "that drover plan preview showed; what you answer the question on is bound to what it showed. "
     "For a reprotect, --to names the "
     "region that becomes the standby. A component's failover and a drill stay inside the region "
     "that --to names; any move interrupts them.",
     "drover declare --to west --reason \"east is dark\"",
     TAKES_TO | TAKES_REASON | TAKES_KIND | TAKES_PLAN | TAKES_EPOCH | TAKES_DIGEST | TAKES_YES, 0,
     0, false, request_declare},
    {"approve", "EXECUTION STEP [--digest DIGEST] [--reason TEXT]",
     "Approves a step that waits for your role.",
     "It counts for what is so when the members take it, with --digest only if that is what "
     "drover "
     "status showed (exit code 7). When it moves before the step begins, the approval is void and "
     "is asked for again.",
     "drover approve 1 dns-api --digest 9f2c01ab", TAKES_DIGEST | TAKES_REASON, 2, 2, false,
     request_approve},
    {"reject", "EXECUTION STEP [--reason TEXT]", "Declines an approval: the execution pauses.",
     "Nothing is cancelled: approve it later, or abort.",
     "drover reject 1 dns-api --reason \"not yet\"", TAKES_REASON, 2, 2, false, request_reject},
    {"pause", "EXECUTION [--reason TEXT]", "No new step starts; what runs goes on.", "",
     "drover pause 1", TAKES_REASON, 1, 1, false, request_pause},
    {"resume", "EXECUTION [--reason TEXT]", "The execution goes on.",
     "Not behind a failed step: that one needs step retry, skip or done (exit code 8).",
     "drover resume 1", TAKES_REASON, 1, 1, false, request_resume},
    {"abort", "EXECUTION [--reason TEXT]", "Gives up, before the lease has moved.", "",
     "drover abort 1 --reason \"east is back\"", TAKES_REASON, 1, 1, false, request_abort},
    {"mode", "EXECUTION graceful|ungraceful --reason TEXT [--digest DIGEST] [--yes]",
     "Gives up handing over in a planned move, or takes that back.",
     "For a source that dies while it hands over: what was not handed over is left out, the move "
     "goes on to the fence, and what the target does not have is lost. Asks like declare, and is "
     "bound like it: the digest is the plan's, by drover plan preview. Until the lease has moved; "
     "back to graceful while nothing was undone.",
     "drover mode 1 ungraceful --reason \"east died in the hand-off\"",
     TAKES_REASON | TAKES_DIGEST | TAKES_YES, 2, 2, false, request_mode},
    {"step retry", "EXECUTION STEP [--reason TEXT]", "Tries a failed step again.", "",
     "drover step retry 1 dns-api", TAKES_REASON, 2, 2, false, request_step_retry},
    {"step skip", "EXECUTION STEP --comment TEXT", "Leaves a step out; the report says so.", "",
     "drover step skip 1 dns-api --comment \"the record was moved by hand\"", TAKES_COMMENT, 2, 2,
     false, request_step_skip},
    {"step done", "EXECUTION STEP --comment TEXT [--evidence TEXT | --evidence-file FILE]",
     "Says that a step was done by hand.",
     "A manual step waits for this, from the role that it asks for; any other step passes as done "
     "by "
     "hand. The evidence is kept in the audit: a text, or of a file its name, size and SHA-256; "
     "the "
     "file itself is yours to keep.",
     "drover step done 1 call-provider --comment \"rack 4 is off\" --evidence-file call.txt",
     TAKES_COMMENT | TAKES_EVIDENCE, 2, 2, false, request_step_done},
    {"command show", "", "Who has command of each execution, and who asks for it.",
     "One person at a time pauses, resumes, retries, skips or aborts: whoever declared it, or was "
     "handed command, or took it. Approvals stay with the roles that they ask for.",
     "drover command show", 0, 0, 0, false, run_command_show},
    {"command take", "EXECUTION --reason TEXT", "Takes command of an execution.",
     "At once when nobody has it. Else its holder is asked, and is given a minute to answer by any "
     "request of their own; after that the same again takes it. The holder answers, and keeps it, "
     "with the same.",
     "drover command take 1 --reason \"sre-1 is on the train\"", TAKES_REASON, 1, 1, false,
     request_command_take},
    {"command handover", "EXECUTION OPERATOR [--reason TEXT]", "Hands command over to somebody.",
     "Only whoever has it can, to somebody whose role may have it.",
     "drover command handover 1 sre-2", TAKES_REASON, 2, 2, false, request_command_handover},
    {"hold", "[--for 2h] --reason TEXT", "Holds automation; nothing else changes.",
     "Without --for until it is released.", "drover hold --for 2h --reason \"network maintenance\"",
     TAKES_FOR | TAKES_REASON, 0, 0, false, request_hold},
    {"release", "--reason TEXT", "Ends a hold, the latch and the anti-flap block.", "",
     "drover release --reason \"maintenance over\"", TAKES_REASON, 0, 0, false, request_release},
    {"recover-coordinators", "", "The members and their log were lost: what to do next.",
     "Asks, and changes nothing: what each guard holds, what the new log has, what is waited for, "
     "and the lines and commands that come next; docs/recovery.md. Exit code 8 while people or "
     "time are waited for, 6 when no member answers.",
     "drover recover-coordinators", 0, 0, 0, false, recover_run},
    {"config show", "", "The topology in force, as it was applied.", "", "drover config show", 0, 0,
     0, false, run_config_show},
    {"config check", "FILE", "Checks a topology file; asks no member.",
     "Exit code 2 when it cannot be read, 3 when it has errors. What each finding means: "
     "docs/findings.md.",
     "drover config check topology.conf", 0, 1, 1, true, local_config_check},
    {"config diff", "FILE", "What a file would change.", "", "drover config diff topology.conf", 0,
     1, 1, false, local_config_diff},
    {"config apply", "FILE [--reason TEXT] [--second WORD]", "Makes a file the topology in force.",
     "It is checked here, at the member, and by every member again when it is applied. The one "
     "that begins a lost log anew needs a second person's word: config countersign.",
     "drover config apply topology.conf --reason \"a second agent in west\"",
     TAKES_REASON | TAKES_SECOND, 1, 1, false, request_config_apply},
    {"config countersign", "FILE", "Signs, as the second person, what begins a lost log anew.",
     "Asks no member. The line it prints is good for one hour and for this very file: "
     "docs/recovery.md.",
     "drover config countersign topology.conf > word", 0, 1, 1, false, countersign_run},
    {"plan list", "[FILE]", "The declared plans; the first of a kind is its default.",
     "Of a topology file, asking no member; else of the topology in force.", "drover plan list", 0,
     0, 1, LOCAL_WITH_FILE, plan_list_run},
    {"plan show", "PLAN [FILE]", "A plan's steps in the order in which they run.",
     "Steps of one wave may run side by side. AT MOST: every attempt used up. BEHIND: the numbers "
     "of the steps it waits for.",
     "drover plan show failover topology.conf", 0, 1, 2, LOCAL_WITH_FILE, plan_show_run},
    {"plan render",
     "PLAN [FILE] [--to REGION] [--format text|markdown|html|svg|commands] [--secrets DIR]",
     "The plan as a runbook, with the command by hand of every step.",
     "For the day on which drover is not there: print it, keep it off the machines. Commands are "
     "bash; secrets are read from files in --secrets, " MANUAL_SECRETS " without it. svg is the "
     "order of recovery as a picture, commands a script.",
     "drover plan render failover topology.conf --format markdown",
     TAKES_TO | TAKES_FORMAT | TAKES_SECRETS, 1, 2, LOCAL_WITH_FILE, plan_render_run},
    {"plan lint", "[FILE] [--history FILE]", "What is wrong or weak in the plans.",
     "All that config check finds, and what it does not look at: objectives that cannot be met, "
     "steps that depend on the region being left, placeholders. Exit code 3 with an error; what "
     "each finding means: docs/findings.md and docs/plans.md. --history is what plan history "
     "--json "
     "printed of a failover: its RTOs are held against the p95 of its steps, too.",
     "drover plan lint topology.conf", TAKES_HISTORY, 0, 1, LOCAL_WITH_FILE, plan_lint_run},
    {"plan preview", "PLAN [--to REGION]", "What a plan would do now, and what it would cost.",
     "Asks, and changes nothing: who would be asked for each step, what would be lost, which names "
     "move, and a digest of all of it. Exit code 9 when a step has nobody who can run it, or a "
     "link is above its RPO or not known.",
     "drover plan preview failover", TAKES_TO, 1, 1, LOCAL_NO, plan_preview_run},
    {"plan graph", "PLAN [FILE] [--to REGION] [--format text|svg]",
     "The order of recovery, tier by tier.",
     "When each step begins and ends at the latest, what it waits for, and the longest way. svg is "
     "the picture that plan render draws.",
     "drover plan graph failover topology.conf", TAKES_TO | TAKES_FORMAT, 1, 2, LOCAL_WITH_FILE,
     plan_graph_run},
    {"plan diff", "PLAN FILE [FILE]", "What became of a plan.",
     "Steps added, removed and changed, and what that does to the order and to the longest time: "
     "from the topology in force to FILE, or from the first FILE to the second.",
     "drover plan diff failover old.conf new.conf", 0, 2, 3, LOCAL_WITH_FILE, plan_diff_run},
    {"plan history", "PLAN [--to REGION]", "What each step of a plan has shown so far.",
     "When it was run last, by itself or declared, when it failed last, and how long it took, out "
     "of the members' audit. A step counts as it is now: changed, it was never run.",
     "drover plan history failover", TAKES_TO, 1, 1, false, plan_history_run},
    {"plan simulate",
     "PLAN [FILE] [--to REGION] [--fault WHAT=FAULT]... [--people 5m] [--seed N] [--history FILE]",
     "A plan in virtual time, run by the members' own code.",
     "Touches nothing: from FILE asking nobody, else from the fleet as it looks now. A failover "
     "loses its source. WHAT=FAULT is STEP=fail, fail:N, slow:30s, takes:30s, hang, agent-lost, "
     "declined or unanswered; AGENT=lost; REGION=lost or well; LINK=lag:2h or unknown; "
     "CHECK=failed. --people is how long a person takes to answer; --history is what plan history "
     "--json printed, for how long steps take. Exit code 8 when it ends "
     "waiting for people or would not be automatic as promised, 9 when an objective is missed.",
     "drover plan simulate failover topology.conf --fault promote=slow:30s",
     TAKES_TO | TAKES_FAULT | TAKES_PEOPLE | TAKES_SEED | TAKES_HISTORY, 1, 2, LOCAL_WITH_FILE,
     plan_simulate_run},
    {"doctor", "[FILE|DIRECTORY]...", "What is wrong with the installation on this machine.",
     "Looks at files, keys, members, ports, the gate, clocks, systemd's order and HAProxy, and "
     "says "
     "in plain words what is wrong and what mends it. Changes nothing, prints no secret. Without a "
     "word /etc/drover; as root it sees more; with an operator's --config it asks the members. "
     "Exit code 10 when something is wrong.",
     "drover doctor /etc/drover", 0, 0, 8, true, doctor_run},
    {"keygen", "--kind member|agent|guard|operator NAME [--out DIR]", "Makes one identity's keys.",
     "NAME.key is secret (mode 0600) and stays where it is made; NAME.pub holds the lines for the "
     "topology and the pins.",
     "drover keygen --kind agent east-db1 --out /etc/drover", TAKES_KIND | TAKES_OUT, 1, 1, true,
     local_keygen},
    {"replay", "FILE... [--print] [--set NUMBER=VALUE]...",
     "Decides a member's recordings again and compares.",
     "Says identical, or shows the first difference (exit code 10). --print shows the decisions. "
     "--set lease.wait=20s asks what other numbers would have done to the same inputs; it may be "
     "given several times. Files of one run in their order. Asks no member: docs/replay.md.",
     "drover replay m1-1795242000000-000000.drec --set policy.hold_down=30s",
     TAKES_PRINT | TAKES_SET, 1, WORDS_MAX, true, replay_run},
    {"completion", "bash", "Prints the shell's completion.", "",
     "drover completion bash > /etc/bash_completion.d/drover", 0, 1, 1, true, help_completion},
    {"help", "[VERB]", "This, or a verb's words and an example.", "", "drover help declare", 0, 0,
     2, true, help_run},
};

#define VERBS_N (sizeof verbs / sizeof verbs[0])

const struct verb *verb_at(unsigned index) {
    return index < VERBS_N ? &verbs[index] : NULL;
}

const struct verb *verb_find(int words_n, char *const *words, int *ret_used) {
    char name[64];
    for (int used = words_n < 2 ? words_n : 2; used >= 1; used--) {
        bool fits = text_format(name, sizeof name, "%s%s%s", words[0], used == 2 ? " " : "",
                                used == 2 ? words[1] : "");
        for (unsigned i = 0; fits && i < VERBS_N; i++) {
            if (text_equal(verbs[i].name, name)) {
                *ret_used = used;
                return &verbs[i];
            }
        }
    }
    return NULL;
}
