/* PostgreSQL by hand: Patroni's REST, psql, pg_ctl. */
#include <string.h>

#include "common/plan/manual_parts.h"

/* ---- psql ---- */

static void psql_places(const char *list, bool ports, struct page *page) {
    struct manual_place place;
    char all[512] = "";
    for (unsigned i = 0; manual_place_at(list, i, &place); i++) {
        (void)text_append(all, sizeof all, i == 0 ? "" : ",");
        (void)text_append(all, sizeof all, ports ? place.port : place.host);
    }
    page_word(page, all);
}

/* Everything but what is asked. */
static void psql_head(const struct manual *manual, unsigned index, struct page *page) {
    const char *list = manual_value(manual, "pg_addresses", NULL, "");
    const char *ref = manual_value(manual, "pg_password_ref", "password_ref", NULL);
    const char *mode = manual_value(manual, "pg_sslmode", NULL, "prefer");
    struct manual_place place;
    if (ref != NULL) {
        page_say(page, "PGPASSWORD=");
        manual_secret(manual, ref, page);
        page_say(page, " ");
    }
    page_say(page, "PGCONNECT_TIMEOUT=5 PGSSLMODE=");
    page_word(page, mode);
    if (index == MANUAL_WRITABLE) {
        page_say(page, " PGTARGETSESSIONATTRS=read-write psql -h ");
        psql_places(list, false, page);
        page_say(page, " -p ");
        psql_places(list, true, page);
    } else if (manual_place_at(list, index, &place)) {
        page_say(page, " psql -h ");
        page_word(page, place.host);
        page_say(page, " -p ");
        page_word(page, place.port);
    }
    page_say(page, " -U ");
    page_word(page, manual_value(manual, "pg_user", "user", "postgres"));
    page_say(page, " -d ");
    page_word(page, manual_value(manual, "pg_database", "database", "postgres"));
}

void manual_psql(const struct manual *manual, unsigned index, const char *sql, struct page *page) {
    psql_head(manual, index, page);
    page_say(page, " -wAtc ");
    page_word(page, sql);
    page_say(page, "\n");
}

static void psql_each(const struct manual *manual, const char *sql, struct page *page) {
    struct manual_place place;
    const char *list = manual_value(manual, "pg_addresses", NULL, "");
    for (unsigned i = 0; manual_place_at(list, i, &place); i++) {
        manual_psql(manual, i, sql, page);
    }
}

/* ---- Patroni's REST ---- */

/* Any member's answer will do: they are asked until one takes it. The password reaches curl by a
 * pipe, as a line of its configuration. */
static void patroni_head(const struct manual *manual, unsigned max_s, struct page *page) {
    const char *ref = manual_value(manual, "patroni_password_ref", "password_ref", NULL);
    const char *user = manual_value(manual, "patroni_user", "user", NULL);
    page_say(page, "for url in");
    page_words(page, manual_value(manual, "patroni_urls", NULL, ""));
    page_say(page, "; do curl -fsS --max-time %u", max_s);
    if (user != NULL && ref != NULL) {
        char file[512];
        (void)text_format(file, sizeof file, "%s/%s", manual->secrets, ref);
        page_say(page, " -K <(printf 'user = \"%%s:%%s\"\\n' ");
        page_word(page, user);
        page_say(page, " \"$(sed 's/[\"\\\\]/\\\\&/g' ");
        page_word(page, file);
        page_say(page, ")\")");
    }
}

static void patroni_call(const struct manual *manual, const char *method, const char *path,
                         const char *body, bool every, struct page *page) {
    patroni_head(manual, 10, page);
    if (method != NULL) {
        page_say(page, " -X %s -H 'Content-Type: application/json' -d ", method);
        page_word(page, body);
    }
    page_say(page, " \"$url\"%s%s; done\n", path, every ? "; echo" : " && break");
}

/* patroni_slot_of_region() of the agent, in letters that both sides can read. */
static void slot_of_region(const struct manual *manual, char *out, size_t out_size) {
    const char *given = manual_value(manual, "slot_name", NULL, NULL);
    if (given != NULL) {
        (void)text_copy(out, out_size, given);
        return;
    }
    (void)text_format(out, out_size, "region_%s", manual->topology->regions[manual->region].name);
    for (char *c = out; *c != '\0'; c++) {
        *c = *c == '-' || *c == '.' ? '_' : *c;
    }
}

static void demote_body(const struct manual *manual, bool lift_pause, char *out, size_t out_size) {
    char slot[64];
    const char *peer_slot = manual_value(manual, "peer_slot_name", NULL, NULL);
    struct page body = page_open(out, out_size);
    slot_of_region(manual, slot, sizeof slot);
    page_say(&body, "{\"standby_cluster\":{\"host\":\"");
    page_json(&body, manual_value(manual, "peer_front_host", NULL, ""));
    page_say(&body, "\",\"port\":%s,\"primary_slot_name\":\"",
             manual_value(manual, "peer_front_port", NULL, "5432"));
    page_json(&body, slot);
    page_say(&body, "\",\"create_replica_methods\":[\"basebackup\"]}");
    if (peer_slot != NULL) {
        page_say(&body, ",\"slots\":{\"");
        page_json(&body, peer_slot);
        page_say(&body, "\":null}");
    }
    page_say(&body, "%s}", lift_pause ? ",\"pause\":null,\"drover_handoff\":null" : "");
}

static void demote_command(const struct manual *manual, struct page *page) {
    char body[1024];
    demote_body(manual, true, body, sizeof body);
    patroni_call(manual, "PATCH", "/config", body, false, page);
}

static void standby_check(const struct manual *manual, struct page *page) {
    page_say(page, "# every member: t, or it refuses the connection. One that says nothing may "
                   "still write.\n");
    psql_each(manual, "select pg_is_in_recovery()", page);
}

const struct manual_kind manual_patroni_demote = {
    .kind = ACTION_PATRONI_DEMOTE,
    .does = "The region's PostgreSQL is a standby cluster of the other region.",
    .place = "any host that reaches the region's Patroni and PostgreSQL",
    .undo = "By a later promotion of this region, under its own lease only.",
    .command = demote_command,
    .check = standby_check,
};

static void promote_command(const struct manual *manual, struct page *page) {
    char text[512];
    const char *peer_slot = manual_value(manual, "peer_slot_name", NULL, NULL);
    struct page body = page_open(text, sizeof text);
    page_say(&body, "{\"standby_cluster\":null");
    if (peer_slot != NULL) {
        page_say(&body, ",\"slots\":{\"");
        page_json(&body, peer_slot);
        page_say(&body, "\":{\"type\":\"physical\"}}");
    }
    page_say(&body, "}");
    patroni_call(manual, "PATCH", "/config", text, false, page);
}

static void writable_check(const struct manual *manual, struct page *page) {
    page_say(page, "# one member answers, and says f\n");
    manual_psql(manual, MANUAL_WRITABLE, "select pg_is_in_recovery()", page);
}

const struct manual_kind manual_patroni_promote = {
    .kind = ACTION_PATRONI_PROMOTE,
    .does = "One member of the region takes writes; a slot waits for the way back.",
    .place = "any host that reaches the region's Patroni and PostgreSQL",
    .undo = "Not by itself: what was written here is lost if this region is demoted again.",
    .command = promote_command,
    .check = writable_check,
};

static void postgres_program(const struct manual *manual, const char *program, struct page *page) {
    char path[VALUE_SIZE + 32];
    const char *pg_ctl = manual_value(manual, "pg_ctl", NULL, "pg_ctl");
    const char *slash = strrchr(pg_ctl, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - pg_ctl) + 1;
    (void)text_format(path, sizeof path, "%.*s%s", (int)n, pg_ctl, program);
    page_say(page, "runuser -u ");
    page_word(page, manual_value(manual, "run_as", NULL, "postgres"));
    page_say(page, " -- ");
    page_word(page, path);
    page_say(page, " -D ");
    page_word(page, manual_value(manual, "data_directory", NULL, "DATA"));
}

static void handoff_command(const struct manual *manual, struct page *page) {
    char body[1024];
    demote_body(manual, false, body, sizeof body);
    page_say(page, "# 0. every replica of this region that runs must say streaming (but one tagged "
                   "nofailover): taken back, it may lead\n");
    manual_psql(manual, MANUAL_WRITABLE, "select application_name, state from pg_stat_replication",
                page);
    page_say(page, "# 1. Patroni must not start what is stopped here, nor promote another\n");
    patroni_call(manual, "PATCH", "/config", "{\"pause\":true,\"drover_handoff\":true}", false,
                 page);
    page_say(page, "# 2. go on only when every member says true here\n");
    patroni_call(manual, NULL, "/patroni | grep -o '\"pause\": *true'", NULL, true, page);
    page_say(page,
             "# 3. a clean stop: the standbys get everything first. The checkpoint only makes it "
             "shorter: go on when it is refused\n");
    manual_psql(manual, MANUAL_WRITABLE, "checkpoint", page);
    postgres_program(manual, "pg_ctl", page);
    page_say(page, " stop -m fast -w -t %u\n",
             manual->step->timeout_ms >= 2000 ? manual->step->timeout_ms / 1000 : 1);
    page_say(page, "# 4. \"shut down\", and note the location: it must arrive in the other "
                   "region\n");
    postgres_program(manual, "pg_controldata", page);
    page_say(page, " | grep -E 'cluster state|Latest checkpoint location'\n"
                   "# 5. the region follows the other one, when it is stopped for certain; still "
                   "paused. Never resume before this.\n");
    postgres_program(manual, "pg_controldata", page);
    page_say(page, " | grep -qE 'cluster state: +shut down$' && ");
    patroni_call(manual, "PATCH", "/config", body, false, page);
}

const struct manual_kind manual_patroni_handoff = {
    .kind = ACTION_PATRONI_HANDOFF,
    .does = "PostgreSQL is stopped cleanly, its last position is known, Patroni is paused and the "
            "region is a standby cluster.",
    .place = "the host of the region's leader (patronictl list)",
    .undo = "Before the fence drover undoes it by itself: patroni_promote here, the one that led "
            "started first, the pause lifted. By hand: PATCH /config {\"standby_cluster\":null}; "
            "POST /restart at the member that was stopped; when it leads PATCH /config "
            "{\"pause\":null,\"drover_handoff\":null,\"drover_handoff_leader\":null}.",
    .command = handoff_command,
    .check = standby_check,
};

static void pg_promote_command(const struct manual *manual, struct page *page) {
    manual_psql(manual, 0, "select pg_promote(true, 60)", page);
}

static void pg_promote_check(const struct manual *manual, struct page *page) {
    page_say(page, "# f\n");
    manual_psql(manual, 0, "select pg_is_in_recovery()", page);
}

const struct manual_kind manual_pg_promote = {
    .kind = ACTION_PG_PROMOTE,
    .does = "The first server of pg_addresses takes writes. Never under Patroni.",
    .place = "any host that reaches the server",
    .undo = "Not by itself: the server must be rewound or cloned to follow again.",
    .command = pg_promote_command,
    .check = pg_promote_check,
};

static void await_command(const struct manual *manual, struct page *page) {
    static const char sql[] = "select pg_last_wal_replay_lsn() > :'position'::pg_lsn";
    struct manual_place place;
    const char *list = manual_value(manual, "pg_addresses", NULL, "");
    const char *position = manual_value(manual, "position", NULL, NULL);
    page_say(page, "# again until a member says t");
    if (position == NULL) {
        page_say(page, "; POSITION is what the hand-off noted (0/3000028)\n"
                       "read -rp 'POSITION: ' POSITION\n");
    } else {
        page_say(page, "\nPOSITION=");
        page_word(page, position);
        page_say(page, "\n");
    }
    for (unsigned i = 0; manual_place_at(list, i, &place); i++) {
        /* A variable of psql is known in what it reads, not behind -c. */
        page_say(page, "echo ");
        page_word(page, sql);
        page_say(page, " | ");
        psql_head(manual, i, page);
        page_say(page, " -wAt -v position=\"$POSITION\"\n");
    }
}

static void await_check(const struct manual *manual, struct page *page) {
    (void)manual;
    page_say(page, "# nothing else: a member said t\n");
}

const struct manual_kind manual_pg_await_position = {
    .kind = ACTION_PG_AWAIT_POSITION,
    .does = "A member of the region has replayed past the position that was handed over.",
    .place = "any host that reaches the region's PostgreSQL",
    .undo = "It changes nothing.",
    .command = await_command,
    .check = await_check,
};

static void rejoin_command(const struct manual *manual, struct page *page) {
    demote_command(manual, page);
    page_say(page,
             "# When no Patroni answers, it comes first into etcd, before Patroni starts: "
             "docs/actions.md, pg_rejoin.\n"
             "# A member that never streams again (a timeline that went its own way) is "
             "cloned anew; what only it held is lost:\n"
             "#   curl -X POST -d '{\"force\":true}' ITS_PATRONI_URL/reinitialize, with user "
             "and password as above; where the leader is one: drover-pg-rebuild on each host\n");
}

static void rejoin_check(const struct manual *manual, struct page *page) {
    page_say(page, "# every member: t|streaming\n");
    psql_each(manual, "select pg_is_in_recovery(), (select status from pg_stat_wal_receiver)",
              page);
}

const struct manual_kind manual_pg_rejoin = {
    .kind = ACTION_PG_REJOIN,
    .does = "The region follows the active one; what it had written past the fork is counted and "
            "kept as a report first.",
    .place = "any host that reaches the region's Patroni; for the inventory the host of the old "
             "primary, before anything rewinds it",
    .undo = "By a promotion of this region. What was rewound is in the divergence report only.",
    .command = rejoin_command,
    .check = rejoin_check,
};

static void switchover_command(const struct manual *manual, struct page *page) {
    const char *candidate = manual_value(manual, "candidate", NULL, NULL);
    char rest[VALUE_SIZE + 32] = "\"}";
    page_say(page, "# 1. who leads\nLEADER=$(");
    patroni_head(manual, 10, page);
    page_say(page,
             " \"$url\"/cluster && break; done | grep -oE '\"name\": *\"[^\"]*\", *\"role\": "
             "*\"(standby_)?leader\"' | cut -d'\"' -f4)\necho \"$LEADER\"\n"
             "# 2. it leads no more: the answer says who does. patronictl switchover --leader "
             "\"$LEADER\" --force does the same\n");
    patroni_head(manual, 60, page);
    page_say(page, " -X POST -H 'Content-Type: application/json' -d '{\"leader\":\"'\"$LEADER\"");
    if (candidate != NULL) {
        struct page text = page_open(rest, sizeof rest);
        page_say(&text, "\",\"candidate\":\"");
        page_json(&text, candidate);
        page_say(&text, "\"}");
    }
    page_word(page, rest);
    page_say(page, " \"$url\"/switchover; echo; break; done\n");
}

static void switchover_check(const struct manual *manual, struct page *page) {
    page_say(page, "# another leader, the others streaming (Patroni 3: running)\n");
    patroni_call(manual, NULL, "/cluster", NULL, false, page);
}

const struct manual_kind manual_patroni_switchover = {
    .kind = ACTION_PATRONI_SWITCHOVER,
    .does = "Another member of the region's Patroni cluster leads, and the others follow it.",
    .place = "any host that reaches the region's Patroni",
    .undo = "The same once more, with the old leader as candidate.",
    .command = switchover_command,
    .check = switchover_check,
};
