/* The members and their log were lost, all of them: what is known of it outside, what the new log
 * holds, and what a person does next. It only asks; docs/recovery.md has the whole of it. */
#include <stdio.h>
#include <string.h>

#include "coordinator/cli/show_parts.h"

#define EPOCHS_APART                                                                               \
    1000 /* above every epoch that is heard of: some that knew more may be silent */

/* What all of them together say. */
struct recovery {
    unsigned members_n, up_n, stopped_n;
    long long wait_left_ms;   /* the longest of those that answer */
    long long epoch, version; /* of the new log */
    bool open, held;
    char owner[NAME_SIZE], writer[NAME_SIZE];
    char stopped_why[256];
    unsigned guards_n, guards_heard_n;
    long long known_epoch, known_number; /* the newest epoch; the highest number of any kind */
    char known_region[NAME_SIZE];        /* whose guards know that epoch */
    char leased_region[NAME_SIZE];       /* who holds a lease now; "" */
};

static long long most(long long a, long long b) {
    return a > b ? a : b;
}

static void take_members(const struct session *session, const struct client_reply *replies,
                         struct recovery *recovery) {
    recovery->members_n = session->pins->members_n;
    for (unsigned m = 0; m < recovery->members_n; m++) {
        const json_t *self = json_object_get(replies[m].json, "self");
        recovery->up_n += yes_in(self, "caught_up");
        recovery->wait_left_ms = most(recovery->wait_left_ms, number_in(self, "wait_left_ms"));
        if (yes_in(self, "stopped_for_human")) {
            recovery->stopped_n++;
            (void)text_copy(recovery->stopped_why, sizeof recovery->stopped_why,
                            text_in(self, "stopped_why"));
        }
    }
}

static void take_agents(const json_t *json, struct recovery *recovery) {
    size_t i;
    json_t *agent;
    json_array_foreach(json_object_get(json, "agents"), i, agent) {
        const json_t *guard = json_object_get(agent, "guard");
        long long epoch = number_in(guard, "epoch");
        if (!yes_in(agent, "guarded")) {
            continue;
        }
        recovery->guards_n++;
        recovery->guards_heard_n += has(agent, "guard") && yes_in(agent, "heard");
        if (epoch > recovery->known_epoch) {
            recovery->known_epoch = epoch;
            (void)text_copy(recovery->known_region, NAME_SIZE, text_in(agent, "region"));
        }
        if (number_in(guard, "lease_left_ms") > 0 && yes_in(agent, "heard")) {
            (void)text_copy(recovery->leased_region, NAME_SIZE, text_in(agent, "region"));
        }
        recovery->known_number =
            most(most(recovery->known_number, epoch),
                 most(most(number_in(guard, "fenced_epoch"), number_in(guard, "promised_epoch")),
                      number_in(agent, "config_version")));
    }
}

static void take_status(const json_t *json, struct recovery *recovery) {
    recovery->epoch = number_in(json, "epoch");
    recovery->version = number_in(json, "config_version");
    recovery->open = yes_in(json, "open");
    recovery->held = yes_in(json_object_get(json, "automation"), "held");
    (void)text_copy(recovery->owner, NAME_SIZE, text_in(json, "owner"));
    (void)text_copy(recovery->writer, NAME_SIZE, text_in(json, "writer"));
}

/* ----------------------------------------------------------------------- showing */

static void show_known(const struct recovery *recovery, const json_t *agents) {
    static const char *const heads[] = {"AGENT", "REGION", "HEARD",  "EPOCH",
                                        "GATE",  "LEASE",  "FENCED", "PROMISED"};
    struct table *table = table_of(8, heads);
    size_t i;
    json_t *agent;
    json_array_foreach(json_object_get(agents, "agents"), i, agent) {
        const json_t *guard = json_object_get(agent, "guard");
        if (!yes_in(agent, "guarded")) {
            continue;
        }
        bool known = has(agent, "guard");
        long long left_ms = number_in(guard, "lease_left_ms");
        cell(table, "%s", text_in(agent, "name"));
        cell(table, "%s", text_in(agent, "region"));
        cell_marked(table, yes_in(agent, "heard") ? PLAIN : BAD,
                    yes_in(agent, "heard") ? "yes" : "no");
        cell(table, known ? "%lld" : "not known", number_in(guard, "epoch"));
        cell(table, "%s", known ? text_in(guard, "gate") : "-");
        cell(table, "%s%s", left_ms > 0 ? span_text(left_ms).at : "none",
             left_ms > 0 && yes_in(guard, "by_promise") ? ", by promises" : "");
        cell(table, "%lld", number_in(guard, "fenced_epoch"));
        cell(table, "%lld", number_in(guard, "promised_epoch"));
    }
    (void)printf("\n");
    table_print(table, 0);
    (void)printf("\n%u of %u guards are heard. The newest epoch that they know is %lld%s%s%s%s\n",
                 recovery->guards_heard_n, recovery->guards_n, recovery->known_epoch,
                 recovery->known_region[0] == '\0' ? "" : ", of ", recovery->known_region,
                 recovery->leased_region[0] == '\0' ? "; nobody holds a lease"
                                                    : "; a lease is held in ",
                 recovery->leased_region);
}

static void show_begin_anew(void) {
    (void)printf(
        "NEXT  begin the log anew, awaiting its first epoch (docs/recovery.md):\n"
        "  1. stop every drover-coordinator and every etcd of theirs; see that none is left\n"
        "  2. move their data away: the `state` directory of each member, and the log's file or\n"
        "     each etcd's data directory\n"
        "  3. in the file that `topology` of coordinator.conf names, on each member:\n"
        "       await_initial_epoch = true;\n"
        "  4. start etcd, then the members; then again: drover recover-coordinators\n");
}

/* Where the service is, or was going to. */
static const char *serving(const struct recovery *recovery) {
    return recovery->leased_region[0] != '\0' ? recovery->leased_region : recovery->known_region;
}

/* An epoch of another number ends the old lease, and the agents demote their stores; only
 * a plan's steps open them again. So the log begins for a region that shall not serve, and
 * the service is moved from there. */
static const char *first_owner(const struct session *session, const struct recovery *recovery) {
    for (uint8_t r = 0; r < session->pins->regions_n; r++) {
        const struct region *region = &session->pins->regions[r];
        if (region->kind == REGION_DATA && !text_equal(region->name, serving(recovery))) {
            return region->name;
        }
    }
    return "?";
}

static void show_first_epoch(const struct session *session, const struct recovery *recovery) {
    bool all = recovery->guards_heard_n == recovery->guards_n;
    const char *to = serving(recovery)[0] == '\0' ? "REGION" : serving(recovery);
    (void)printf("NEXT  choose the first epoch; nothing opens before you do\n");
    if (!all) {
        (void)printf("  Not every guard is heard. Wait for those that can be; of the others see\n"
                     "  with your own eyes that their region takes no writes.\n");
    }
    if (session->pins->lease.on_quorum_loss == QUORUM_LOSS_HOLD) {
        (void)printf("  on_quorum_loss is hold: no time ends a lease. A region that is not heard\n"
                     "  must be off.\n");
    }
    if (recovery->wait_left_ms > 0) {
        (void)printf(
            "  Better not before %s have passed: nobody is given a lease until then%s%s.\n",
            span_text(recovery->wait_left_ms).at,
            recovery->leased_region[0] == '\0' ? "" : ",\n  and the first epoch ends that of ",
            recovery->leased_region);
    }
    (void)printf("  1. in the topology's file, instead of await_initial_epoch:\n"
                 "       initial_epoch = %lld;\n       initial_region = \"%s\";\n"
                 "  2. a second person, with a key of their own:\n"
                 "       drover config countersign FILE > WORD\n"
                 "  3. drover config apply FILE --second WORD --reason TEXT\n"
                 "  4. drover declare --to %s --reason TEXT\n"
                 "     (the region that shall serve; the log begins for another one, because only\n"
                 "     a plan opens the stores)\n",
                 recovery->known_number + EPOCHS_APART, first_owner(session, recovery), to);
}

static int show_next(const struct session *session, const struct recovery *recovery) {
    if (recovery->stopped_n > 0) {
        (void)printf("\n%u members stopped: %s\n", recovery->stopped_n, recovery->stopped_why);
        show_begin_anew();
        return EXIT_STEP_FAILED;
    }
    if (recovery->epoch == 0) {
        show_first_epoch(session, recovery);
        return EXIT_STEP_FAILED;
    }
    if (recovery->wait_left_ms > 0) {
        (void)printf("NEXT  wait: nobody is given a lease for %s more\n",
                     span_text(recovery->wait_left_ms).at);
        return EXIT_STEP_FAILED;
    }
    if (recovery->held) {
        (void)printf("NEXT  automation is held. See who serves (drover status), move the service "
                     "where it\n  shall be (drover declare --to REGION --reason TEXT), then: "
                     "drover release --reason TEXT\n");
        return EXIT_STEP_FAILED;
    }
    (void)printf("NEXT  nothing: the members decide\n");
    return EXIT_OK;
}

static json_t *recovery_json(const struct session *session, const struct recovery *recovery,
                             const json_t *agents) {
    bool asked = recovery->epoch == 0 && recovery->stopped_n == 0;
    return json_pack(
        "{s:s,s:i,s:i,s:i,s:s,s:I,s:I,s:s,s:b,s:b,s:i,s:i,s:I,s:s,s:s,s:I,s:s,s:s,s:O?}", "what",
        "recover-coordinators", "members_n", (int)recovery->members_n, "members_up_n",
        (int)recovery->up_n, "members_stopped_n", (int)recovery->stopped_n, "stopped_why",
        recovery->stopped_why, "wait_left_ms", (json_int_t)recovery->wait_left_ms, "epoch",
        (json_int_t)recovery->epoch, "owner", recovery->owner, "open", recovery->open, "held",
        recovery->held, "guards_n", (int)recovery->guards_n, "guards_heard_n",
        (int)recovery->guards_heard_n, "known_epoch", (json_int_t)recovery->known_epoch,
        "known_region", recovery->known_region, "leased_region", recovery->leased_region,
        "initial_epoch", (json_int_t)(asked ? recovery->known_number + EPOCHS_APART : 0),
        "initial_region", asked ? first_owner(session, recovery) : "", "declare_to",
        asked ? serving(recovery) : "", "agents", json_object_get(agents, "agents"));
}

static int show(const struct session *session, const struct recovery *recovery,
                const json_t *agents) {
    if (session->line->json) {
        json_t *json = recovery_json(session, recovery, agents);
        show_json(json);
        json_decref(json);
        bool over = recovery->epoch != 0 && recovery->stopped_n == 0 && !recovery->held &&
                    recovery->wait_left_ms <= 0;
        return over ? EXIT_OK : EXIT_STEP_FAILED;
    }
    (void)printf("THE NEW LOG  %u of %u members have read it; ", recovery->up_n,
                 recovery->members_n);
    if (recovery->epoch == 0) {
        (void)printf("it has no epoch yet, topology version %lld\n", recovery->version);
    } else {
        (void)printf("epoch %lld%s%s%s, topology version %lld, %s%s\n", recovery->epoch,
                     recovery->open ? ", open for " : ", closed",
                     recovery->open ? recovery->owner : "", recovery->held ? ", HELD" : "",
                     recovery->version, recovery->writer[0] == '\0' ? "nobody" : recovery->writer,
                     " writes");
    }
    show_known(recovery, agents);
    return show_next(session, recovery);
}

int recover_run(struct session *session) {
    struct client_reply replies[MEMBERS_MAX];
    struct recovery recovery = {0};
    struct query members = {.what = "members"}, agents = {.what = "agents"},
                 status = {.what = "status"};
    client_ask_all(session, &members, replies);
    take_members(session, replies, &recovery);
    for (unsigned m = 0; m < session->pins->members_n; m++) {
        json_decref(replies[m].json);
    }
    struct client_reply known = client_ask(session, &agents);
    struct client_reply now = client_ask(session, &status);
    int code = EXIT_NO_QUORUM;
    if (known.json == NULL || now.json == NULL) {
        (void)say_nobody(session);
        show_begin_anew();
    } else {
        take_agents(known.json, &recovery);
        take_status(now.json, &recovery);
        code = show(session, &recovery, known.json);
    }
    json_decref(known.json);
    json_decref(now.json);
    return code;
}
