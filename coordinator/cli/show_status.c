/* The one screen, and the parts that others show too: regions, links, an execution. */
#include <string.h>

#include "coordinator/cli/show_parts.h"

void show_regions(const json_t *regions) {
    static const char *const heads[] = {"REGION", "ROLE",         "CLASS",
                                        "AGENTS", "OUTSIDE VIEW", "SILENT FOR"};
    struct table *table = table_of(6, heads);
    size_t i;
    json_t *region;
    json_array_foreach(regions, i, region) {
        const char *class = text_in(region, "class");
        cell(table, "%s", text_in(region, "name"));
        cell(table, "%s", text_in(region, "role"));
        cell_marked(table, mark_of_class(class), class);
        cell(table, "%lld of %lld", number_in(region, "heard_n"), number_in(region, "agents_n"));
        if (number_in(region, "outside_n") == 0) {
            cell(table, "nobody looks");
        } else {
            cell(table, "%lld ok, %lld failed", number_in(region, "outside_ok_n"),
                 number_in(region, "outside_bad_n"));
        }
        if (yes_in(region, "heard_ever")) {
            cell(table, "%s", span_text(number_in(region, "last_heard_ago_ms")).at);
        } else {
            cell(table, "-");
        }
    }
    table_print(table, 0);
}

/* "budapp in east depends on keycloak, which is down"; red is what fails by itself. */
static void say_standing(unsigned indent, const char *lead, const json_t *one) {
    const char *standing = text_in(one, "standing"), *why = text_in(one, "why");
    bool own = text_equal(standing, "down") || text_equal(standing, "failing");
    bool depends = text_equal(standing, "depending");
    char text[600], since[40] = "";
    if (has(one, "for_ms")) {
        (void)text_format(since, sizeof since, " for %s", span_text(number_in(one, "for_ms")).at);
    }
    (void)text_format(text, sizeof text, "%s in %s%s%s%s%s %s", text_in(one, "name"),
                      text_in(one, "region"), depends ? "" : " is ", depends ? "" : standing,
                      depends ? "" : since, depends ? "" : ":", why);
    say_within(indent, lead, own ? BAD : PLAIN, text);
}

/* What hangs on another component stands below it, and is no trouble of its own. */
static void show_troubles(const json_t *troubles) {
    size_t i;
    json_t *one;
    json_array_foreach(troubles, i, one) {
        bool own = json_array_size(json_object_get(one, "roots")) == 0;
        say_standing(own ? 0 : 2, own ? "" : "- ", one);
    }
}

void show_standings(const json_t *components) {
    size_t i;
    json_t *one;
    json_array_foreach(components, i, one) {
        say_standing(0, "", one);
    }
}

static void links_ends(struct table *table, const json_t *link) {
    static const char *const ends[] = {"written", "received", "applied"};
    for (unsigned e = 0; e < 3; e++) {
        if (has(link, ends[e])) {
            cell(table, "%lld", number_in(link, ends[e]));
        } else {
            cell(table, "-");
        }
    }
    cell(table, "%s", clock_text(link, "sampled").at);
}

void show_links(const json_t *links, bool ends) {
    static const char *const heads[] = {"LINK",   "FROM",    "STATE",    "LAG",     "BEHIND",
                                        "TARGET", "WRITTEN", "RECEIVED", "APPLIED", "SAMPLED"};
    struct table *table = table_of(ends ? 10 : 6, heads);
    size_t i;
    json_t *link;
    json_array_foreach(links, i, link) {
        const char *state = text_in(link, "state");
        cell(table, "%s", text_in(link, "name"));
        cell(table, "%s", text_in(link, "from"));
        cell_marked(table, mark_of_status(state), state);
        cell(table, "%s", has(link, "lag_ms") ? span_text(number_in(link, "lag_ms")).at : "-");
        if (has(link, "lag_writes")) {
            cell(table, "%lld writes", (long long)number_in(link, "lag_writes"));
        } else {
            cell(table, "%s",
                 has(link, "lag_bytes") ? bytes_text(number_in(link, "lag_bytes")).at : "-");
        }
        cell(table, "%s", span_text(number_in(link, "target_lag_ms")).at);
        if (ends) {
            links_ends(table, link);
        }
    }
    table_print(table, 0);
}

/* ---------------------------------------------------------------------- execution */

static void show_steps(const json_t *steps) {
    static const char *const heads[] = {"STEP", "STATE", "NAME", "WHERE", "TIME", ""};
    struct table *table = table_of(6, heads);
    size_t i;
    json_t *step;
    json_array_foreach(steps, i, step) {
        const char *state = text_in(step, "state");
        if (text_equal(state, "not-needed") && number_in(step, "attempt") == 0) {
            continue;
        }
        cell(table, "%lld", number_in(step, "number"));
        cell_marked(table, mark_of_step(state), state);
        cell(table, "%s", text_in(step, "name"));
        cell(table, "%s",
             text_in(step, "agent")[0] != '\0' ? text_in(step, "agent") : text_in(step, "region"));
        bool running = text_equal(state, "running");
        long long ms = number_in(step, running ? "running_ms" : "took_ms");
        cell(table, "%s", ms > 0 || running ? span_text(ms).at : "-");
        if (text_equal(state, "needs-approval") || text_equal(state, "needs-a-person")) {
            cell(table, "by %s", text_in(step, "approval"));
        } else if (text_equal(state, "not-needed")) {
            cell(table, "begun, and left out by the mode");
        } else if (text_equal(state, "failed")) {
            cell(table, "%s", text_in(step, "error"));
        } else {
            cell(table, "%s", yes_in(step, "observed") ? "was so already" : "");
        }
    }
    table_print(table, 2);
}

void show_policy(const json_t *policy) {
    const json_t *document = json_object_get(policy, "document");
    long long version = number_in(policy, "config_version");
    if (version == 0) {
        return; /* a member of before it was kept */
    }
    if (json_is_object(document)) {
        bool status = text_in(document, "status")[0] != '\0';
        (void)printf("  under policy %s of %s%s%s%s, topology version %lld\n",
                     text_in(document, "version"), text_in(document, "date"), status ? " (" : "",
                     text_in(document, "status"), status ? ")" : "", version);
    } else {
        (void)printf("  under topology version %lld, not in force any more\n", version);
    }
}

/* From the outage's start, people's own time not counted. */
static void show_rto(const json_t *tiers) {
    size_t i;
    json_t *tier;
    json_array_foreach(tiers, i, tier) {
        const char *course = text_in(tier, "course");
        bool good = text_equal(course, "met") || text_equal(course, "on-course");
        bool ended = text_equal(course, "met") || text_equal(course, "missed");
        (void)printf("  RTO tier %lld  %s of %s", number_in(tier, "tier"),
                     span_text(number_in(tier, "used_ms")).at,
                     span_text(number_in(tier, "rto_ms")).at);
        if (!ended) {
            (void)printf(", at most %s more", span_text(number_in(tier, "ends_in_ms")).at);
            if (has(tier, "likely_in_ms")) {
                (void)printf(", likely %s", span_text(number_in(tier, "likely_in_ms")).at);
            }
        }
        (void)printf("  %s%s%s\n", colour(good ? GOOD : BAD), course, colour_off());
    }
}

/* The steps are over; what they brought may still be on its way. */
static void show_services(const json_t *services) {
    size_t i;
    json_t *one;
    const char *region = text_in(services, "region");
    if (yes_in(services, "green")) {
        (void)printf("  SERVICES  all %lld checks of %s are green, for %s\n",
                     number_in(services, "checks_n"), region,
                     span_text(number_in(services, "green_for_ms")).at);
        return;
    }
    (void)printf("  SERVICES  %sNOT GREEN YET%s: %lld of %lld checks of %s are green\n",
                 colour(BAD), colour_off(), number_in(services, "green_n"),
                 number_in(services, "checks_n"), region);
    json_array_foreach(json_object_get(services, "not_green"), i, one) {
        (void)printf("    %s (%s): %s\n", text_in(one, "check"), text_in(one, "component"),
                     text_in(one, "state"));
    }
}

void show_command(const json_t *execution) {
    const json_t *command = json_object_get(execution, "command");
    const char *holder = text_in(command, "holder");
    if (!yes_in(execution, "running") && holder[0] == '\0') {
        return;
    }
    (void)printf("  COMMAND  %s", holder[0] == '\0' ? "nobody; drover command take" : holder);
    if (holder[0] == '\0') {
        (void)printf(" %lld --reason TEXT", number_in(execution, "id"));
    } else {
        (void)printf(" (since %s)", clock_text(command, "since").at);
    }
    if (has(command, "asked_by") && yes_in(execution, "running")) {
        long long left_ms = number_in(command, "takeable_in_ms");
        (void)printf("; %s asks for it, and may take it %s%s", text_in(command, "asked_by"),
                     left_ms > 0 ? "in " : "now", left_ms > 0 ? span_text(left_ms).at : "");
    }
    (void)printf("\n");
}

void show_execution(const json_t *execution) {
    const char *paused = text_in(execution, "paused");
    const char *by = text_in(execution, "declared_by");
    bool turned = text_equal(text_in(execution, "kind"), "switchover") &&
                  text_equal(text_in(execution, "mode"), "ungraceful");
    (void)printf("EXECUTION %lld  %s%s %s  plan %s  %s%s\n", number_in(execution, "id"),
                 execution_kind(execution), turned ? ", now ungraceful," : "",
                 way_text(execution).at, text_in(execution, "plan"),
                 yes_in(execution, "automatic") ? "automatic" : "declared by ",
                 yes_in(execution, "automatic") ? "" : by);
    bool wait = paused[0] != '\0' || text_equal(text_in(execution, "stage"), "aborted");
    long long by_id = number_in(execution, "superseded_by");
    char superseded[32] = "";
    if (by_id > 0) {
        (void)text_format(superseded, sizeof superseded, " by %lld", by_id);
    }
    const json_t *services = json_object_get(execution, "services");
    bool grey = json_is_object(services) && !yes_in(services, "green");
    (void)printf("  %s%s%s%s%s%s%s  outage since %s, %s %s%s\n", colour(wait ? BAD : PLAIN),
                 text_in(execution, "stage"), superseded,
                 grey ? ", monitoring application health" : "", paused[0] == '\0' ? "" : ", ",
                 paused, wait ? colour_off() : "", clock_text(execution, "outage").at,
                 yes_in(execution, "running") ? "for" : "took",
                 span_text(number_in(execution, "elapsed_ms")).at,
                 number_in(execution, "exceptions_n") > 0 ? ", with exceptions" : "");
    show_command(execution);
    show_policy(json_object_get(execution, "policy"));
    show_rto(json_object_get(execution, "rto"));
    show_steps(json_object_get(execution, "steps"));
    if (json_is_object(services)) {
        show_services(services);
    }
}

void show_executions(const json_t *json) {
    const json_t *list = json_object_get(json, "executions");
    size_t i;
    json_t *execution;
    if (json_array_size(list) == 0) {
        (void)printf("no execution yet\n");
    }
    json_array_foreach(list, i, execution) {
        (void)printf("%s", i > 0 ? "\n" : "");
        show_execution(execution);
    }
}

void show_commands(const json_t *json) {
    const json_t *list = json_object_get(json, "executions");
    size_t i;
    json_t *execution;
    json_array_foreach(list, i, execution) {
        (void)printf("EXECUTION %lld  %s\n", number_in(execution, "id"),
                     text_in(execution, "stage"));
        show_command(execution);
    }
    if (json_array_size(list) == 0) {
        (void)printf("no execution yet\n");
    }
}

/* ------------------------------------------------------------------------- status */

static void head_line(const json_t *json) {
    const char *owner = text_in(json, "owner");
    const char *phase = text_in(json, "phase");
    (void)printf("%s  epoch %lld  ", text_in(json, "cluster"), number_in(json, "epoch"));
    if (text_equal(phase, "new")) {
        (void)printf("no epoch was opened yet");
    } else if (!yes_in(json, "open")) {
        (void)printf("%sclosed%s (%s); %s takes over", colour(BAD), colour_off(),
                     text_in(json, "close_why"), text_in(json, "next_owner"));
    } else if (text_in(json, "writer")[0] != '\0') {
        (void)printf("%s%s writes%s (%lld of %lld guards hold the lease)", colour(GOOD), owner,
                     colour_off(), number_in(json, "writer_leased_n"),
                     number_in(json, "writer_guards_n"));
    } else {
        (void)printf("%s%s owns it, nobody is seen to write%s", colour(BAD), owner, colour_off());
    }
    (void)printf("%s\n", text_equal(phase, "suspect") ? "; SUSPECTED LOST" : "");
}

static void data_line(const json_t *json) {
    const json_t *document = json_object_get(json, "document");
    long long age_ms = number_in(json, "now_ms") - number_in(json, "data_as_of_ms");
    (void)printf("%s %s (%s, %s), topology version %lld\n", text_in(document, "name"),
                 text_in(document, "version"), text_in(document, "date"),
                 text_in(document, "status"), number_in(json, "config_version"));
    (void)printf("member %s at %s, data as of %s (%s old)%s\n", text_in(json, "member"),
                 clock_text(json, "now").at, clock_text(json, "data_as_of").at,
                 has(json, "data_as_of") ? span_text(age_ms < 0 ? 0 : age_ms).at : "-",
                 yes_in(json, "caught_up") ? "" : "  NOT CAUGHT UP");
}

static void act_lines(const json_t *json) {
    const char *human = text_in(json, "next_human_act");
    const json_t *next = json_object_get(json, "next_automatic_act");
    const json_t *waits = json_object_get(json, "waits_for");
    size_t i;
    json_t *wait;
    (void)printf("\nNEXT HUMAN ACT  %s%s%s\n", colour(human[0] == '\0' ? PLAIN : BAD),
                 human[0] == '\0' ? "none" : human, human[0] == '\0' ? "" : colour_off());
    (void)printf("NEXT AUTOMATIC  %s", text_in(next, "text"));
    if (number_in(next, "in_ms") > 0) {
        (void)printf(", in %s", span_text(number_in(next, "in_ms")).at);
    }
    (void)printf("\n");
    json_array_foreach(waits, i, wait) {
        (void)printf("%s%s\n", i == 0 ? "WAITS FOR       " : "                ", word_of(wait));
    }
}

static void member_table(const json_t *members) {
    static const char *const heads[] = {"MEMBER", "STATE", "HEARS"};
    struct table *table = table_of(3, heads);
    size_t i;
    json_t *member;
    json_array_foreach(members, i, member) {
        bool attesting = yes_in(member, "attesting");
        cell(table, "%s", text_in(member, "name"));
        cell(table, "%s%s", attesting ? "attests" : "does not attest",
             yes_in(member, "timekeeper") ? ", keeps the time" : "");
        cell(table, "%lld agents", number_in(member, "hears_agents_n"));
    }
    table_print(table, 0);
}

static void automation_line(const json_t *json) {
    const json_t *automation = json_object_get(json, "automation");
    bool held = yes_in(automation, "held");
    (void)printf("AUTOMATION  %s", yes_in(automation, "automatic") ? "on" : "off by policy");
    if (held && has(automation, "held_for_ms")) {
        (void)printf(", HELD for %s", span_text(number_in(automation, "held_for_ms")).at);
    } else if (held) {
        (void)printf(", HELD until released");
    }
    if (yes_in(automation, "latched")) {
        (void)printf(", LATCHED until released");
    }
    if (number_in(automation, "blocked_for_ms") > 0) {
        (void)printf(", blocked for %s (anti-flap)",
                     span_text(number_in(automation, "blocked_for_ms")).at);
    }
    (void)printf("\n");
}

static void clock_lines(const json_t *json) {
    size_t i;
    json_t *clock;
    json_array_foreach(json_object_get(json, "clocks_off"), i, clock) {
        long long off_ms = number_in(clock, "off_ms");
        (void)printf("%sCLOCK%s  the wall clock of %s is %s %s that of the member that answers\n",
                     colour(BAD), colour_off(), text_in(clock, "agent"),
                     span_text(off_ms < 0 ? -off_ms : off_ms).at,
                     off_ms < 0 ? "behind" : "ahead of");
    }
}

static void trouble_lines(const json_t *json) {
    const json_t *gates = json_object_get(json, "unexpected_open_gates");
    size_t i;
    json_t *agent;
    if (has(json, "unanswered_ms")) {
        (void)printf("%sTROUBLE%s  no member has answered for %s: all of this is as old\n",
                     colour(BAD), colour_off(), span_text(number_in(json, "unanswered_ms")).at);
    }
    json_array_foreach(gates, i, agent) {
        (void)printf("%sTROUBLE%s  the gate of %s is open, and its region does not own the lease\n",
                     colour(BAD), colour_off(), word_of(agent));
    }
    if (yes_in(json, "stopped_for_human")) {
        (void)printf("%sTROUBLE%s  this member stopped for a human: %s\n", colour(BAD),
                     colour_off(), text_in(json, "stopped_why"));
    }
    if (!yes_in(json, "log_reachable")) {
        (void)printf("%sTROUBLE%s  the log engine does not answer: nothing can be decided\n",
                     colour(BAD), colour_off());
    }
    if (text_in(json, "history_trouble")[0] != '\0') {
        (void)printf("%sTROUBLE%s  history: %s\n", colour(BAD), colour_off(),
                     text_in(json, "history_trouble"));
    }
}

/* Before a move would lose more than is bearable, and after. */
static void alarm_lines(const json_t *alarms) {
    size_t i;
    json_t *alarm;
    json_array_foreach(alarms, i, alarm) {
        const char *link = text_in(alarm, "link");
        (void)printf("%sALARM%s  ", colour(BAD), colour_off());
        if (has(alarm, "used_percent")) {
            (void)printf("%s is at %lld %% of its RPO", link, number_in(alarm, "used_percent"));
        } else {
            (void)printf("what %s would lose is not known, its RPO is", link);
        }
        (void)printf("%s%s%s, for %s\n", has(alarm, "used_percent") ? " of " : " ",
                     span_text(number_in(alarm, "rpo_ms")).at,
                     text_equal(text_in(alarm, "level"), "breached") ? ": BREACHED" : "",
                     span_text(number_in(alarm, "for_ms")).at);
    }
}

void show_status(const json_t *json) {
    const json_t *executions = json_object_get(json, "executions");
    head_line(json);
    data_line(json);
    trouble_lines(json);
    clock_lines(json);
    alarm_lines(json_object_get(json, "rpo_alarms"));
    show_election_alarms(json_object_get(json, "election_alarms"));
    act_lines(json);
    (void)printf("\n");
    show_regions(json_object_get(json, "regions"));
    (void)printf("\n");
    if (json_array_size(json_object_get(json, "troubles")) > 0) {
        show_troubles(json_object_get(json, "troubles"));
        (void)printf("\n");
    }
    member_table(json_object_get(json, "members"));
    if (json_array_size(json_object_get(json, "links")) > 0) {
        (void)printf("\n");
        show_links(json_object_get(json, "links"), false);
    }
    (void)printf("\n");
    automation_line(json);
    if (json_array_size(executions) > 0) {
        (void)printf("\n");
        show_execution(json_array_get(executions, 0));
    }
}
