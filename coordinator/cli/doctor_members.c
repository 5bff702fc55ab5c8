/* The members: does each answer an operator, which only the holder of its pinned key can; do they
 * work by one topology; is the time of day here like theirs. Without an operator's key only whether
 * somebody listens there. */
#include <stdio.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/keyfile.h"
#include "common/io/topology_read.h"
#include "coordinator/cli/doctor_parts.h"
#include "coordinator/cli/show_parts.h"

#define APART_WARNING_MS 2000
#define APART_WRONG_MS 30000
#define SILENT_FIX "systemctl restart drover-coordinator there; drover doctor there"

static bool session_ready(struct doctor *doctor) {
    static struct topology pins;
    struct session *session = doctor->session;
    struct text256 why = {{0}};
    if (doctor->cli_path[0] == '\0') {
        return false;
    }
    session->pins = &pins;
    enum err err = cli_conf_read(doctor->cli_path, &session->conf, &why);
    if (err != ERR_OK) {
        doctor_say(doctor, DOCTOR_WRONG, "drover.conf", "compare it with deploy/examples", "%s",
                   why.at);
        return false;
    }
    /* What of these is wrong is told with the file itself, by doctor_files. */
    doctor->has_cli = true;
    return keys_read(session->conf.key, &session->keys, &why) == ERR_OK &&
           session->keys.kind == KEY_OPERATOR &&
           topology_read_file(session->conf.pins, true, &pins, &why) == ERR_OK;
}

/* ------------------------------------------------------------ asked as an operator */

static void say_apart(struct doctor *doctor, long long apart_ms, const char *fix, const char *who,
                      const char *whose) {
    long long size_ms = apart_ms < 0 ? -apart_ms : apart_ms;
    if (size_ms > APART_WARNING_MS) {
        doctor_say(doctor, size_ms > APART_WRONG_MS ? DOCTOR_WRONG : DOCTOR_WARNING, "time of day",
                   fix, "%s is %s %s %s", who, span_text(size_ms).at,
                   apart_ms > 0 ? "ahead of" : "behind", whose);
    }
}

static void look_time(struct doctor *doctor, const char *member, const json_t *json) {
    say_apart(doctor, number_in(json, "now_ms") - (long long)clock_wall_ms(),
              "timedatectl set-ntp true; chronyc makestep", member, "this machine");
}

/* The members' word of the agents' clocks: each one's reports beside its own. */
static void look_agents(struct doctor *doctor) {
    struct client_reply replies[MEMBERS_MAX];
    struct query query = {.what = "agents"};
    char who[NAME_SIZE + 16], whose[NAME_SIZE + 16];
    size_t i;
    json_t *agent;
    client_ask_all(doctor->session, &query, replies);
    for (unsigned m = 0; m < doctor->session->pins->members_n; m++) {
        (void)text_format(whose, sizeof whose, "that of %s",
                          doctor->session->pins->members[m].name);
        json_array_foreach(json_object_get(replies[m].json, "agents"), i, agent) {
            (void)text_format(who, sizeof who, "%s's clock", text_in(agent, "name"));
            say_apart(doctor, number_in(agent, "clock_off_ms"),
                      "there: timedatectl set-ntp true; chronyc makestep", who, whose);
        }
        json_decref(replies[m].json);
    }
}

/* D12: whose word it is does not matter, every member compares the same reports. */
static void look_names(struct doctor *doctor) {
    struct client_reply replies[MEMBERS_MAX];
    struct query query = {.what = "readiness"};
    bool told = false;
    size_t i;
    json_t *line;
    client_ask_all(doctor->session, &query, replies);
    for (unsigned m = 0; m < doctor->session->pins->members_n; m++) {
        json_array_foreach(json_object_get(replies[m].json, "lines"), i, line) {
            const char *name = text_in(line, "name"), *state = text_in(line, "state");
            if (!told && text_starts(name, "names ")) {
                doctor_say(doctor, text_equal(state, "good") ? DOCTOR_GOOD : DOCTOR_WARNING,
                           "Patroni's member names", text_in(line, "fix"), "%s: %s",
                           name + sizeof "names " - 1, text_in(line, "text"));
            }
        }
        told = told || has(replies[m].json, "lines");
        json_decref(replies[m].json);
    }
}

static void take_topology(struct doctor *doctor, const json_t *json, const char *member) {
    const char *text = text_in(json, "text");
    struct text256 why = {{0}};
    if (doctor->in_force->members_n > 0 || text[0] == '\0') {
        return;
    }
    if (topology_read(text, strlen(text), "topology in force", doctor->in_force, &why) != ERR_OK) {
        memset(doctor->in_force, 0, sizeof *doctor->in_force);
        doctor_say(doctor, DOCTOR_WRONG, "version", "install one version of drover everywhere",
                   "what %s works by cannot be read here: %s", member, why.at);
        return;
    }
    doctor->in_force->version = (uint32_t)number_in(json, "config_version");
}

static void look_member(struct doctor *doctor, const struct member *member,
                        const struct client_reply *reply, long long newest) {
    char subject[64];
    long long version = number_in(reply->json, "config_version");
    (void)text_format(subject, sizeof subject, "member %s", member->name);
    if (reply->json == NULL) {
        bool there = doctor_connects(member->operators_address);
        doctor_say(doctor, DOCTOR_WRONG, subject,
                   there ? "drover keygen; compare the pins and the topology's operators"
                         : SILENT_FIX,
                   there ? "%s accepts connections and does not answer: it has not the key of the "
                           "pins, or does not know this operator's"
                         : "%s does not answer",
                   member->operators_address);
    } else if (!text_equal(reply->member, member->name)) {
        doctor_say(doctor, DOCTOR_WRONG, subject, "mend its address in the pins",
                   "%s is answered by %s", member->operators_address, reply->member);
    } else if (!yes_in(reply->json, "caught_up") || version < newest) {
        doctor_say(doctor, DOCTOR_WARNING, subject, "drover members; then journalctl there",
                   "has not caught up: topology version %lld of %lld", version, newest);
    } else {
        doctor_say(doctor, DOCTOR_GOOD, subject, NULL,
                   "answers with the key of the pins, topology version %lld", version);
    }
}

static void ask_members(struct doctor *doctor) {
    struct session *session = doctor->session;
    struct client_reply replies[MEMBERS_MAX];
    struct query query = {.what = "config"};
    long long newest = 0;
    client_ask_all(session, &query, replies);
    for (unsigned m = 0; m < session->pins->members_n; m++) {
        long long version = number_in(replies[m].json, "config_version");
        newest = version > newest ? version : newest;
    }
    bool answered = false;
    for (unsigned m = 0; m < session->pins->members_n; m++) {
        answered = answered || replies[m].json != NULL;
        look_member(doctor, &session->pins->members[m], &replies[m], newest);
        if (replies[m].json != NULL) {
            look_time(doctor, session->pins->members[m].name, replies[m].json);
            if (number_in(replies[m].json, "config_version") == newest) {
                take_topology(doctor, replies[m].json, session->pins->members[m].name);
            }
        }
        json_decref(replies[m].json);
    }
    if (answered) {
        look_agents(doctor);
        look_names(doctor);
    }
}

/* ------------------------------------------------------------------- only knocked at */

static bool pins_of_agent(const struct doctor *doctor, struct topology *ret_pins) {
    static struct agent_conf conf;
    struct text256 why = {{0}};
    return doctor->agent_path[0] != '\0' &&
           agent_conf_read(doctor->agent_path, &conf, &why) == ERR_OK &&
           topology_read_file(conf.pins, true, ret_pins, &why) == ERR_OK;
}

static void knock_members(struct doctor *doctor) {
    static struct topology pins;
    char subject[64];
    if (!pins_of_agent(doctor, &pins)) {
        return;
    }
    for (unsigned m = 0; m < pins.members_n; m++) {
        (void)text_format(subject, sizeof subject, "member %s", pins.members[m].name);
        if (doctor_connects(pins.members[m].agents_address)) {
            doctor_say(doctor, DOCTOR_GOOD, subject, NULL, "somebody listens at %s",
                       pins.members[m].agents_address);
        } else {
            doctor_say(doctor, DOCTOR_WRONG, subject, SILENT_FIX, "nobody listens at %s",
                       pins.members[m].agents_address);
        }
    }
    doctor_say(doctor, DOCTOR_SKIPPED, "identity of the members",
               "give an operator's file: --config FILE",
               "only an operator's key can ask them who they are");
}

void doctor_members(struct doctor *doctor) {
    if (session_ready(doctor)) {
        ask_members(doctor);
    } else {
        knock_members(doctor);
    }
}
