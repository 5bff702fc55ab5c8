/* What is at stake in a plan: of each figure whose word it is and how old, of what nobody tells
 * that nobody does. A member of an older version tells none of it. */
#include <string.h>

#include "common/topology/duration.h"
#include "coordinator/cli/show_parts.h"

#define LINE_SIZE 1200

struct line {
    char at[LINE_SIZE];
};

static void add(struct line *line, const char *text) {
    (void)text_append(line->at, sizeof line->at, text);
}

static void __attribute__((format(printf, 2, 3))) addf(struct line *line, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    (void)text_format_list(text, sizeof text, format, args);
    va_end(args);
    add(line, text);
}

static void add_word(struct line *line, const json_t *object) {
    if (has(object, "age_ms") && text_in(object, "says")[0] != '\0') {
        addf(line, " (%s says, at most %s old)", text_in(object, "says"),
             span_text(number_in(object, "age_ms")).at);
    }
}

static void say(const char *head, const struct line *line, const char *none) {
    say_within(2, head, 0, line->at[0] == '\0' ? none : line->at);
}

/* ------------------------------------------------------------------------- each of them */

static void say_services(const json_t *stakes) {
    struct line line = {""};
    long long tier = -1;
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(stakes, "services"), i, one) {
        long long mine = number_in(one, "tier");
        if (mine != tier) {
            add(&line, line.at[0] == '\0' ? "" : "; ");
            addf(&line, mine == 0 ? "no tier: " : "tier %lld: ", mine);
            tier = mine;
        } else {
            add(&line, ", ");
        }
        addf(&line, "%s%s", text_in(one, "name"), yes_in(one, "by_a_step") ? "" : "*");
    }
    say("services  ", &line, "none");
    if (strchr(line.at, '*') != NULL) {
        (void)printf("            * no step acts on it; it stands on one that moves\n");
    }
}

static void say_sessions(const json_t *stakes) {
    const json_t *sessions = json_object_get(stakes, "sessions");
    struct line line = {""};
    size_t i;
    json_t *one;
    if (yes_in(sessions, "known")) {
        addf(&line, "%lld drop: ", number_in(sessions, "sessions_n"));
    }
    json_array_foreach(json_object_get(sessions, "told"), i, one) {
        add(&line, i == 0 ? "" : ", ");
        if (yes_in(one, "known")) {
            addf(&line, "%s %lld", text_in(one, "component"), number_in(one, "sessions_n"));
            add_word(&line, one);
        } else {
            addf(&line, "%s not known", text_in(one, "component"));
        }
    }
    say("sessions  ", &line, "not known: no haproxy check looks at the region that is left");
}

static void say_names(const json_t *stakes) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(stakes, "names"), i, one) {
        struct line line = {""};
        addf(&line, "%s -> %s; clients follow within %s: ", text_in(one, "name"),
             text_in(one, "value"), duration_text((uint64_t)number_in(one, "tail_ms")).at);
        if (has(one, "served_ttl_ms")) {
            addf(&line, "TTL served now %s",
                 duration_text((uint64_t)number_in(one, "served_ttl_ms")).at);
            add_word(&line, one);
        } else {
            add(&line, "the TTL that is declared; no check asks what is served");
        }
        say("name      ", &line, "");
    }
}

static void say_capacity(const json_t *stakes) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(stakes, "capacity"), i, one) {
        struct line line = {""};
        bool good = text_equal(text_in(one, "state"), "good");
        addf(&line, "%s%s: ", good ? "" : "GAP ", text_in(one, "name"));
        add(&line, text_in(one, "text"));
        if (has(one, "age_ms")) {
            addf(&line, " (at most %s old)", span_text(number_in(one, "age_ms")).at);
        }
        say("capacity  ", &line, "");
    }
    if (i == 0) {
        (void)printf("  capacity  not known: no parity is declared for these regions\n");
    }
}

static void say_copies(const json_t *stakes) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(stakes, "copies"), i, one) {
        struct line line = {""};
        const char *step = text_in(one, "until_step"), *plan = text_in(one, "until_plan");
        addf(&line, "%s: ", text_in(one, "component"));
        if (yes_in(one, "known")) {
            addf(&line, "%lld beside the writer in %s", number_in(one, "beside_writer_n"),
                 text_in(one, "region"));
            add_word(&line, one);
        } else {
            addf(&line, "how many servers %s has is not known", text_in(one, "region"));
        }
        addf(&line, "; elsewhere NONE%s%s",
             step[0] != '\0'   ? " until step "
             : plan[0] != '\0' ? " until plan "
                               : ", and no step or plan brings one back",
             step[0] != '\0' ? step : plan);
        say("copies    ", &line, "");
    }
}

static void say_no_return(const json_t *stakes) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(stakes, "no_return"), i, one) {
        struct line line = {""};
        addf(&line, "%s%s%s%s: ", text_in(one, "step"),
             text_in(one, "component")[0] == '\0' ? "" : " (", text_in(one, "component"),
             text_in(one, "component")[0] == '\0' ? "" : ")");
        add(&line, text_in(one, "why"));
        say(yes_in(one, "known") ? "for good  " : "perhaps   ", &line, "");
    }
}

static void say_people(const json_t *stakes) {
    size_t i, k;
    json_t *one, *each;
    json_array_foreach(json_object_get(stakes, "people"), i, one) {
        struct line line = {""};
        addf(&line, "%s (", text_in(one, "role"));
        json_array_foreach(json_object_get(one, "persons"), k, each) {
            addf(&line, "%s%s", k == 0 ? "" : ", ", word_of(each));
        }
        add(&line, k == 0 ? "NOBODY has this role):" : "):");
        json_array_foreach(json_object_get(one, "acts"), k, each) {
            addf(&line, "%s %s %s%s", k == 0 ? "" : ",", text_in(each, "act"),
                 text_in(each, "step"),
                 yes_in(each, "mandated") ? " (mandated: an automatic one passes it)" : "");
        }
        say("people    ", &line, "");
    }
    if (i == 0) {
        (void)printf("  people    the plan asks nobody\n");
    }
}

void show_stakes(const json_t *json) {
    const json_t *stakes = json_object_get(json, "stakes");
    if (!json_is_object(stakes)) {
        (void)printf("\nBESIDES THE LOSS not known: %s is of an older version\n",
                     text_in(json, "member"));
        return;
    }
    (void)printf("\nBESIDES THE LOSS, as of now\n");
    if (json_is_array(json_object_get(stakes, "services"))) {
        say_services(stakes);
        say_sessions(stakes);
        say_names(stakes);
        say_capacity(stakes);
        say_copies(stakes);
    }
    say_no_return(stakes);
    say_people(stakes);
}

/* ------------------------------------------------------------------ in one sentence */

static void add_redundancy(struct line *line, const json_t *json) {
    const json_t *copies = json_object_get(json_object_get(json, "stakes"), "copies");
    const char *until = "";
    size_t i;
    json_t *one;
    bool any = false, by_step = false;
    json_array_foreach(copies, i, one) {
        any = any || number_in(one, "beside_writer_n") > 0;
        by_step = by_step || text_in(one, "until_step")[0] != '\0';
        until = until[0] != '\0'                        ? until
                : text_in(one, "until_step")[0] != '\0' ? text_in(one, "until_step")
                                                        : text_in(one, "until_plan");
    }
    add(line, "; redundancy afterwards: ");
    json_array_foreach(copies, i, one) {
        if (any) {
            bool none = number_in(one, "beside_writer_n") == 0;
            addf(line, none ? "%s%s NONE" : "%s%s %lld", i == 0 ? "" : ", ",
                 text_in(one, "component"), number_in(one, "beside_writer_n"));
        }
    }
    addf(line, "%suntil %s%s", any ? ", no other region " : "NONE ",
         until[0] == '\0' ? text_in(json, "source")
         : by_step        ? "step "
                          : "",
         until[0] == '\0' ? " follows" : until);
}

void show_stake(const json_t *json) {
    const json_t *sessions = json_object_get(json_object_get(json, "stakes"), "sessions");
    struct line line = {""};
    unsigned n = 0;
    size_t i;
    json_t *link;
    if (text_equal(text_in(json, "kind"), "reprotect") || execution_stays_inside(json)) {
        return;
    }
    addf(&line, "%s -> %s, lost at most:", text_in(json, "source"), text_in(json, "target"));
    json_array_foreach(json_object_get(json, "links"), i, link) {
        if (has(link, "moved") && !yes_in(link, "moved")) {
            continue;
        }
        addf(&line, "%s %s %s", n++ == 0 ? "" : ",", text_in(link, "name"),
             yes_in(link, "known") ? span_text(number_in(link, "lag_ms")).at : "not known");
    }
    add(&line, n == 0 ? " not known" : "");
    if (yes_in(sessions, "known")) {
        addf(&line, "; %lld sessions drop", number_in(sessions, "sessions_n"));
    } else {
        add(&line, "; how many sessions drop is not known");
    }
    add_redundancy(&line, json);
    (void)printf("AT STAKE  %s\n", line.at);
}
