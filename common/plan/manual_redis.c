/* Redis and its Sentinels by hand. */
#include "common/plan/manual_parts.h"

#define MEMBERS_LIST(manual) manual_value((manual), "redis_addresses", NULL, "")
#define SENTINELS_LIST(manual) manual_value((manual), "sentinels", NULL, "")

/* ref: of the password's file, or NULL; user: NULL is the default user. */
static void cli_say(const struct manual *manual, const struct manual_place *place, const char *ref,
                    const char *user, struct page *page) {
    if (ref != NULL) {
        page_say(page, "REDISCLI_AUTH=");
        manual_secret(manual, ref, page);
        page_say(page, " ");
    }
    page_say(page, "redis-cli -h ");
    page_word(page, place->host);
    page_say(page, " -p ");
    page_word(page, place->port);
    if (user != NULL && ref != NULL) {
        page_say(page, " --user ");
        page_word(page, user);
    }
}

static void redis_cli(const struct manual *manual, const struct manual_place *place,
                      struct page *page) {
    cli_say(manual, place, manual_value(manual, "redis_password_ref", "password_ref", NULL),
            manual_value(manual, "redis_user", NULL, NULL), page);
}

static void sentinel_cli(const struct manual *manual, const struct manual_place *place,
                         bool from_stdin, const char *words, struct page *page) {
    cli_say(manual, place, manual_value(manual, "sentinel_password_ref", NULL, NULL), NULL, page);
    page_say(page, "%s sentinel %s ", from_stdin ? " -x" : "", words);
    page_word(page, manual_value(manual, "sentinel_name", NULL, ""));
}

/* Which member leads, and that the commands below assume the first. */
static void heads_look(const struct manual *manual, const char *head_is, struct page *page) {
    struct manual_place place;
    page_say(page,
             "# The head is the member that %s: below the first is taken for it. See who "
             "is:\n",
             head_is);
    for (unsigned i = 0; manual_place_at(MEMBERS_LIST(manual), i, &place); i++) {
        redis_cli(manual, &place, page);
        page_say(page,
                 " info replication | grep -E '^(role|master_host|master_port|slave[0-9])'\n");
    }
}

static void member_say(const struct manual *manual, const struct manual_place *place,
                       const char *words, struct page *page) {
    redis_cli(manual, place, page);
    page_say(page, " %s\n", words);
}

static void member_follow(const struct manual *manual, const struct manual_place *place,
                          const char *host, const char *port, struct page *page) {
    redis_cli(manual, place, page);
    page_say(page, " replicaof ");
    page_word(page, host);
    page_say(page, " ");
    page_word(page, port);
    page_say(page, "\n");
}

static void sentinels_remove(const struct manual *manual, struct page *page) {
    struct manual_place place;
    for (unsigned i = 0; manual_place_at(SENTINELS_LIST(manual), i, &place); i++) {
        sentinel_cli(manual, &place, false, "remove", page);
        page_say(page, "\n");
    }
}

static void sentinels_watch(const struct manual *manual, const struct manual_place *head,
                            struct page *page) {
    const char *ref = manual_value(manual, "redis_password_ref", "password_ref", NULL);
    const char *user = manual_value(manual, "redis_user", NULL, NULL);
    struct manual_place place;
    for (unsigned i = 0; manual_place_at(SENTINELS_LIST(manual), i, &place); i++) {
        sentinel_cli(manual, &place, false, "monitor", page);
        page_say(page, " ");
        page_word(page, head->host);
        page_say(page, " ");
        page_word(page, head->port);
        page_say(page, " ");
        page_word(page, manual_value(manual, "quorum", NULL, "2"));
        page_say(page, "\n");
        sentinel_cli(manual, &place, false, "set", page);
        page_say(page, " down-after-milliseconds ");
        page_word(page, manual_value(manual, "down_after_ms", NULL, "3000"));
        page_say(page, " failover-timeout ");
        page_word(page, manual_value(manual, "failover_timeout_ms", NULL, "10000"));
        if (user != NULL) {
            page_say(page, " auth-user ");
            page_word(page, user);
        }
        page_say(page, "\n");
        if (ref != NULL) {
            char path[512];
            (void)text_format(path, sizeof path, "%s/%s", manual->secrets, ref);
            page_say(page, "tr -d '\\n' < ");
            page_word(page, path);
            page_say(page, " | ");
            sentinel_cli(manual, &place, true, "set", page);
            page_say(page, " auth-pass\n");
        }
    }
}

/* ---- the three kinds ---- */

static void demote_command(const struct manual *manual, struct page *page) {
    struct manual_place head, place;
    if (!manual_place_at(MEMBERS_LIST(manual), 0, &head)) {
        return;
    }
    heads_look(manual, "is a master, or follows the other region", page);
    page_say(page, "# 1. the Sentinels first: one that still watches promotes another member\n");
    sentinels_remove(manual, page);
    page_say(page, "# 2. the head follows the other region, the others follow the head\n");
    for (unsigned i = 0; manual_place_at(MEMBERS_LIST(manual), i, &place); i++) {
        member_follow(
            manual, &place, i == 0 ? manual_value(manual, "peer_front_host", NULL, "") : head.host,
            i == 0 ? manual_value(manual, "peer_front_port", NULL, "6379") : head.port, page);
        member_say(manual, &place,
                   "config set replica-read-only yes replica-priority 0 "
                   "min-replicas-to-write 0",
                   page);
        member_say(manual, &place, "config rewrite", page);
    }
}

static void roles_check(const struct manual *manual, const char *expected, struct page *page) {
    struct manual_place place;
    page_say(page, "# %s\n", expected);
    for (unsigned i = 0; manual_place_at(MEMBERS_LIST(manual), i, &place); i++) {
        member_say(manual, &place, "role | head -3", page);
    }
}

static void demote_check(const struct manual *manual, struct page *page) {
    roles_check(manual, "every member: slave; the head's master is the other region's front", page);
}

const struct manual_kind manual_redis_demote = {
    .kind = ACTION_REDIS_DEMOTE,
    .does = "Every member is a replica, the head of the other region's front; no Sentinel watches.",
    .place = "any host that reaches the region's Redis and Sentinels",
    .undo = "By a later promotion of this region, under its own lease only.",
    .command = demote_command,
    .check = demote_check,
};

static void promote_command(const struct manual *manual, struct page *page) {
    struct manual_place head, place;
    if (!manual_place_at(MEMBERS_LIST(manual), 0, &head)) {
        return;
    }
    heads_look(manual, "follows the other region", page);
    page_say(page, "# 1. the head takes writes\n");
    member_say(manual, &head, "replicaof no one", page);
    page_say(page, "# 2. the others follow it; numbers of an active region; into the files\n");
    for (unsigned i = 0; manual_place_at(MEMBERS_LIST(manual), i, &place); i++) {
        if (i > 0) {
            member_follow(manual, &place, head.host, head.port, page);
        }
        redis_cli(manual, &place, page);
        page_say(page, " config set min-replicas-to-write ");
        page_word(page, manual_value(manual, "min_replicas_to_write", NULL, "0"));
        page_say(page, " replica-priority ");
        page_word(page, manual_value(manual, "replica_priority", NULL, "100"));
        page_say(page, "\n");
        member_say(manual, &place, "config rewrite", page);
    }
    page_say(page, "# 3. the Sentinels watch it (\"No such master\" for remove is well)\n");
    sentinels_remove(manual, page);
    sentinels_watch(manual, &head, page);
}

static void promote_check(const struct manual *manual, struct page *page) {
    struct manual_place place;
    roles_check(manual, "the head: master; the others: slave of the head", page);
    if (manual_place_at(SENTINELS_LIST(manual), 0, &place)) {
        page_say(page, "# every Sentinel names the head\n");
    }
    for (unsigned i = 0; manual_place_at(SENTINELS_LIST(manual), i, &place); i++) {
        sentinel_cli(manual, &place, false, "get-master-addr-by-name", page);
        page_say(page, "\n");
    }
}

const struct manual_kind manual_redis_promote = {
    .kind = ACTION_REDIS_PROMOTE,
    .does = "The head takes writes, the others follow it, the region's Sentinels watch it.",
    .place = "any host that reaches the region's Redis and Sentinels",
    .undo = "Not by itself: what was written here is lost if this region is demoted again.",
    .command = promote_command,
    .check = promote_check,
};

static void handoff_command(const struct manual *manual, struct page *page) {
    struct manual_place head;
    if (!manual_place_at(MEMBERS_LIST(manual), 0, &head)) {
        return;
    }
    heads_look(manual, "is a master", page);
    page_say(page, "# 1. writes are refused (with min-replicas-max-lag 0 they would not be)\n");
    member_say(manual, &head, "config set min-replicas-max-lag 10 min-replicas-to-write 1000",
               page);
    page_say(page, "# 2. every byte is over there: again until the offset of the other region's "
                   "replica is master_repl_offset\n");
    redis_cli(manual, &head, page);
    page_say(page, " wait 1000 1000 && ");
    redis_cli(manual, &head, page);
    page_say(page, " info replication | grep -E '^(slave[0-9]|master_repl_offset)'\n");
}

static void handoff_check(const struct manual *manual, struct page *page) {
    struct manual_place head;
    if (manual_place_at(MEMBERS_LIST(manual), 0, &head)) {
        page_say(page, "# NOREPLICAS\n");
        member_say(manual, &head, "del drover:fence-probe", page);
    }
}

const struct manual_kind manual_redis_handoff = {
    .kind = ACTION_REDIS_HANDOFF,
    .does = "Writes are refused, and the other region has every byte.",
    .place = "any host that reaches the region's Redis",
    .undo = "Before the fence drover undoes it by itself: redis_promote here. By hand: config set "
            "min-replicas-to-write 0.",
    .command = handoff_command,
    .check = handoff_check,
};

static void failover_command(const struct manual *manual, struct page *page) {
    struct manual_place place;
    if (!manual_place_at(SENTINELS_LIST(manual), 0, &place)) {
        return;
    }
    page_say(page, "# at one Sentinel that answers, never at two. NOGOODSLAVE: no replica is good "
                   "enough\n");
    sentinel_cli(manual, &place, false, "failover", page);
    page_say(page, "\n");
}

static void failover_check(const struct manual *manual, struct page *page) {
    struct manual_place place;
    page_say(page, "# every Sentinel names the same other member\n");
    for (unsigned i = 0; manual_place_at(SENTINELS_LIST(manual), i, &place); i++) {
        sentinel_cli(manual, &place, false, "get-master-addr-by-name", page);
        page_say(page, "\n");
    }
    roles_check(manual, "that one: master; the others: slave of it", page);
}

const struct manual_kind manual_sentinel_failover = {
    .kind = ACTION_SENTINEL_FAILOVER,
    .does = "Another member of the region is the master, and the others follow it.",
    .place = "any host that reaches the region's Sentinels and Redis",
    .undo = "The same once more; what the old master took while it was moved is lost.",
    .command = failover_command,
    .check = failover_check,
};
