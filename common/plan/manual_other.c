/* Names, HTTP, programs, checks and people by hand. */
#include <string.h>

#include "common/plan/manual_parts.h"
#include "common/topology/roles.h"

/* ---- dns_update ---- */

/* With the final dot: a name without one is taken as below the zone. */
static void dns_name(const char *name, char *out, size_t out_size) {
    size_t n = strlen(name);
    (void)text_format(out, out_size, "%s%s", name, n > 0 && name[n - 1] == '.' ? "" : ".");
}

/* One argument of printf: a line for nsupdate that no shell reads. */
static void dns_line(struct page *page, const char *line) {
    page_say(page, " \\\n  ");
    page_word(page, line);
}

static void dns_command(const struct manual *manual, struct page *page) {
    char name[VALUE_SIZE + 1], zone[VALUE_SIZE + 1], value[VALUE_SIZE + 1], key[VALUE_SIZE + 1];
    char line[3 * VALUE_SIZE], path[512];
    struct manual_place server;
    const char *type = manual_value(manual, "type", NULL, "");
    if (!manual_place_at(manual_value(manual, "servers", NULL, ""), 0, &server)) {
        return;
    }
    dns_name(manual_value(manual, "name", NULL, ""), name, sizeof name);
    dns_name(manual_value(manual, "zone", NULL, ""), zone, sizeof zone);
    dns_name(manual_value(manual, "key_name", NULL, ""), key, sizeof key);
    (void)text_copy(value, sizeof value, manual_value(manual, "value", NULL, ""));
    if (text_equal(type, "CNAME")) {
        dns_name(manual_value(manual, "value", NULL, ""), value, sizeof value);
    }
    (void)text_format(path, sizeof path, "%s/%s", manual->secrets,
                      manual_value(manual, "key_secret_ref", NULL, ""));
    /* The key goes through the pipe, never into the arguments of a program that is started. */
    page_say(page, "printf '%%s\\n'");
    (void)text_format(line, sizeof line, "server %s %s", server.host, server.port);
    dns_line(page, line);
    (void)text_format(line, sizeof line, "key %s:%s",
                      manual_value(manual, "algorithm", NULL, "hmac-sha256"), key);
    dns_line(page, line);
    page_say(page, "\" $(head -n 1 ");
    page_word(page, path);
    page_say(page, ")\"");
    (void)text_format(line, sizeof line, "zone %s", zone);
    dns_line(page, line);
    (void)text_format(line, sizeof line, "update delete %s %s", name, type);
    dns_line(page, line);
    (void)text_format(line, sizeof line, "update add %s %s %s %s", name,
                      manual_value(manual, "ttl", NULL, "60"), type, value);
    dns_line(page, line);
    page_say(page, " send | nsupdate -v\n");
}

static void dns_check(const struct manual *manual, struct page *page) {
    struct manual_place server;
    const char *servers = manual_value(manual, "servers", NULL, "");
    page_say(page, "# every server: ");
    page_word(page, manual_value(manual, "value", NULL, ""));
    page_say(page, "\n");
    for (unsigned i = 0; manual_place_at(servers, i, &server); i++) {
        page_say(page, "dig +short -p ");
        page_word(page, server.port);
        char at[VALUE_SIZE + 1];
        (void)text_format(at, sizeof at, "@%s", server.host);
        page_say(page, " ");
        page_word(page, at);
        page_say(page, " ");
        page_word(page, manual_value(manual, "name", NULL, ""));
        page_say(page, " ");
        page_word(page, manual_value(manual, "type", NULL, ""));
        page_say(page, "\n");
    }
}

const struct manual_kind manual_dns_update = {
    .kind = ACTION_DNS_UPDATE,
    .does = "The record points to the region; clients follow within its TTL.",
    .place = "any host that reaches the name server; if the first of `servers` is lost, the next",
    .undo = "The same command with the other region's value.",
    .command = dns_command,
    .check = dns_check,
};

/* ---- http_call and verify ---- */

static void curl_options(const struct manual *manual, struct page *page) {
    const char *ca = manual_value(manual, "ca", NULL, NULL);
    const char *connect_to = manual_value(manual, "connect_to", NULL, NULL);
    page_say(page, "curl -sS --max-time %u",
             manual->step->timeout_ms >= 2000 ? manual->step->timeout_ms / 1000 : 1);
    if (ca != NULL) {
        page_say(page, " --cacert ");
        page_word(page, ca);
    }
    if (connect_to != NULL) {
        char at[VALUE_SIZE + 3];
        (void)text_format(at, sizeof at, "::%s", connect_to);
        page_say(page, " --connect-to ");
        page_word(page, at);
    }
}

static void http_headers(const struct manual *manual, struct page *page) {
    static const char *const names[] = {"header1", "header2", "header3", "header4"};
    const char *ref = manual_value(manual, "token_ref", NULL, NULL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *header = manual_value(manual, names[i], NULL, NULL);
        if (header != NULL) {
            page_say(page, " -H ");
            manual_filled(manual, header, page);
        }
    }
    if (ref != NULL) {
        page_say(page, " -H @<(printf 'Authorization: Bearer %%s\\n' ");
        manual_secret(manual, ref, page);
        page_say(page, ")");
    }
}

static void http_command(const struct manual *manual, struct page *page) {
    char key[160];
    (void)text_format(key, sizeof key, "Idempotency-Key: by-hand-%s-%s", manual->plan->name,
                      manual->step->name);
    page_say(page, "# expected: %s\n", manual_value(manual, "expect_status", NULL, "200-299"));
    curl_options(manual, page);
    page_say(page, " -X ");
    page_word(page, manual_value(manual, "method", NULL, "POST"));
    http_headers(manual, page);
    page_say(page, " -H ");
    page_word(page, key);
    page_say(page, " --data-raw "); /* a body that begins with @ names no file */
    manual_filled(manual, manual_value(manual, "body", NULL, ""), page);
    page_say(page, " -w '\\n%%{http_code}\\n' ");
    page_word(page, manual_value(manual, "url", NULL, ""));
    page_say(page, "\n");
}

static void answer_check(const struct manual *manual, const char *url, const char *status,
                         const char *body, struct page *page) {
    page_say(page, "# expected: %s", status);
    if (body != NULL) {
        page_say(page, ", and in the answer: ");
        page_word(page, body);
    }
    page_say(page, "\n");
    curl_options(manual, page);
    http_headers(manual, page);
    page_say(page, " -w '\\n%%{http_code}\\n' ");
    page_word(page, url);
    page_say(page, "\n");
}

static void http_check(const struct manual *manual, struct page *page) {
    const char *url = manual_value(manual, "observe_url", NULL, NULL);
    if (url == NULL) {
        page_say(page, "# nothing else: no observe_url is declared\n");
        return;
    }
    answer_check(manual, url, "200", manual_value(manual, "expect_body", NULL, NULL), page);
}

const struct manual_kind manual_http_call = {
    .kind = ACTION_HTTP_CALL,
    .does = "The service was called once, and shows the wished state where observe_url says so.",
    .place = "any host that reaches the service",
    .undo = "Whatever the service offers; drover knows no way back.",
    .command = http_command,
    .check = http_check,
};

static void verify_command(const struct manual *manual, struct page *page) {
    const char *url = manual_value(manual, "url", NULL, NULL);
    const char *pg = manual_value(manual, "pg_addresses", NULL, NULL);
    if (url != NULL) {
        answer_check(manual, url, manual_value(manual, "expect_status", NULL, "200-299"),
                     manual_value(manual, "expect_body", NULL, NULL), page);
    }
    if (pg != NULL && !text_equal(manual_value(manual, "check_pg", NULL, "yes"), "no")) {
        page_say(page, "# one member answers, and says f\n");
        manual_psql(manual, MANUAL_WRITABLE, "select pg_is_in_recovery()", page);
    }
}

static void verify_check(const struct manual *manual, struct page *page) {
    (void)manual;
    page_say(page, "# nothing else: this step is a check\n");
}

const struct manual_kind manual_verify = {
    .kind = ACTION_VERIFY,
    .does = "The service answers as expected, and takes writes.",
    .place = "any host that reaches the service",
    .undo = "It changes nothing.",
    .command = verify_command,
    .check = verify_check,
};

/* ---- exec ---- */

static void exec_words(const struct manual *manual, bool observe, struct page *page) {
    static const char *const names[] = {"arg1", "arg2", "arg3", "arg4",
                                        "arg5", "arg6", "arg7", "arg8"};
    char path[512];
    (void)text_format(path, sizeof path, "%s/%s", manual->programs,
                      manual_value(manual, "program", NULL, ""));
    page_say(page, "env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C "
                   "DROVER_EPOCH=\"${DROVER_EPOCH:-0}\" DROVER_EXECUTION=0 DROVER_STEP=0-0 "
                   "DROVER_REGION=");
    page_word(page, manual->topology->regions[manual->region].name);
    page_say(page, " ");
    page_word(page, path);
    page_say(page, "%s", observe ? " observe" : "");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = manual_value(manual, names[i], NULL, NULL);
        if (value == NULL) {
            break; /* as the action does: a gap ends the list */
        }
        page_say(page, " ");
        page_word(page, value);
    }
    page_say(page, "\n");
}

static void exec_command(const struct manual *manual, struct page *page) {
    page_say(page, "# exit code 0. Which epoch: export DROVER_EPOCH=N first, if the program "
                   "wants it\n");
    exec_words(manual, false, page);
}

static void exec_check(const struct manual *manual, struct page *page) {
    const char *observe = manual_value(manual, "observe", NULL, "no");
    if (text_equal(observe, "yes")) {
        page_say(page, "# exit code 0\n");
        exec_words(manual, true, page);
        return;
    }
    page_say(page, "# nothing else: the program has no observe\n");
}

const struct manual_kind manual_exec = {
    .kind = ACTION_EXEC,
    .does = "The program has ended with exit code 0.",
    .place = "the host of the step's agent, as the agent's user",
    .undo = "Whatever the program offers; drover knows no way back.",
    .command = exec_command,
    .check = exec_check,
};

/* ---- approval ---- */

static void approval_command(const struct manual *manual, struct page *page) {
    const struct topology *topology = manual->topology;
    uint8_t role = manual->step->approval;
    page_say(page, "# ask, and write down who said yes, and when:");
    for (uint8_t i = 0; i < topology->operators_n; i++) {
        const struct operator_entry *entry = &topology->operators[i];
        if (role != NONE && entry->role == role) {
            page_say(page, " %s,", entry->person);
        }
    }
    page_say(page, " as %s\n", role == NONE ? "nobody" : role_text((enum role)role));
}

static void approval_check(const struct manual *manual, struct page *page) {
    (void)manual;
    page_say(page, "# nothing else\n");
}

const struct manual_kind manual_approval = {
    .kind = ACTION_APPROVAL,
    .does = "A person has said yes.",
    .place = "with drover: drover approve EXECUTION STEP; without it, by voice",
    .undo = "drover reject pauses the execution; it cancels nothing.",
    .command = approval_command,
    .check = approval_check,
};

/* ---- manual ---- */

static void manual_command(const struct manual *manual, struct page *page) {
    page_say(page, "# %s\n", manual_value(manual, "instructions", NULL, "no instructions"));
}

const struct manual_kind manual_manual = {
    .kind = ACTION_MANUAL,
    .does = "A person has done it.",
    .place = "with drover: drover step done EXECUTION STEP --comment TEXT --evidence TEXT",
    .undo = "By hand, as it was done.",
    .command = manual_command,
    .check = approval_check,
};
