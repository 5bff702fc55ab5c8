/* The stores beside PostgreSQL and Redis, by hand. */
#include <string.h>

#include "common/plan/manual_parts.h"

/* ---- s3_direction ---- */

/* Signed as S3 wants it. The Host header is said as it is signed: curl of Debian 12 leaves the port
 * out of what it signs. */
static void rules_curl(const struct manual *manual, const char *options, struct page *page) {
    char words[3 * VALUE_SIZE];
    const char *url = manual_value(manual, "url", NULL, ""), *host = strstr(url, "://");
    manual_curl_login(manual, page);
    page_say(page, " --aws-sigv4 ");
    (void)text_format(words, sizeof words, "aws:amz:%s:s3",
                      manual_value(manual, "region", NULL, "us-east-1"));
    page_word(page, words);
    page_say(page, " -H ");
    (void)text_format(words, sizeof words, "Host: %s", host != NULL ? host + 3 : url);
    page_word(page, words);
    page_say(page, " -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD'%s ", options);
    (void)text_format(words, sizeof words, "%s/%s/?replication=", url,
                      manual_value(manual, "bucket", NULL, ""));
    page_word(page, words);
}

static bool is_source(const struct manual *manual) {
    return text_equal(manual_value(manual, "role", NULL, ""), "source");
}

static void direction_command(const struct manual *manual, struct page *page) {
    const char *rule = manual_value(manual, "rule", NULL, NULL);
    page_say(page, "# the same as: mc replicate update ALIAS/BUCKET --id ID --state %s\nRULES=$(",
             is_source(manual) ? "enable" : "disable");
    rules_curl(manual, "", page);
    page_say(page, ")\nRULE=");
    page_word(page, rule != NULL ? rule : "[^<]*");
    page_say(page,
             "\nRULES=$(sed \"s#\\(<Rule><ID>$RULE</ID>\\)<Status>[A-Za-z]*<#\\1<Status>%s<#g\" "
             "<<<\"$RULES\")\n",
             is_source(manual) ? "Enabled" : "Disabled");
    rules_curl(manual, " -X PUT -d \"$RULES\"", page);
    page_say(page, "\n");
}

static void direction_check(const struct manual *manual, struct page *page) {
    page_say(page, "# each rule's ID and state: %s\n", is_source(manual) ? "Enabled" : "Disabled");
    rules_curl(manual, "", page);
    page_say(page, " | grep -o '<Rule><ID>[^<]*</ID><Status>[A-Za-z]*'\n");
}

const struct manual_kind manual_s3_direction = {
    .kind = ACTION_S3_DIRECTION,
    .does = "The bucket's rules of replication are on (a source) or off (a target).",
    .place = "any host that reaches the region's object store; MinIO takes rules only while the "
             "other region's store answers",
    .undo = "The same command with the other state.",
    .command = direction_command,
    .check = direction_check,
};

/* ---- clickhouse_recover ---- */

/* One query by HTTP, its words a value of the topology and ours. */
static void query_line(const struct manual *manual, const char *query, const char *end,
                       struct page *page) {
    manual_curl_login(manual, page);
    page_say(page, " --data-binary ");
    page_word(page, query);
    page_say(page, " ");
    page_word(page, manual_value(manual, "url", NULL, ""));
    page_say(page, "%s\n", end);
}

static void recover_command(const struct manual *manual, struct page *page) {
    const char *tables = manual_value(manual, "tables", NULL, "");
    char table[VALUE_SIZE], query[VALUE_SIZE + 64];
    page_say(page,
             "# Nothing behind the first line while no keeper answers: it would take the table "
             "away.\n# A table that stays read-only with a keeper: SYSTEM RESTORE REPLICA\n");
    query_line(manual, "SELECT name FROM system.zookeeper WHERE path = '/'", " &&", page);
    for (unsigned i = 0; manual_part_at(tables, i, table); i++) {
        (void)text_format(query, sizeof query, "SYSTEM RESTART REPLICA %s", table);
        query_line(manual, query, " &&", page);
        (void)text_format(query, sizeof query, "SYSTEM SYNC REPLICA %s", table);
        query_line(manual, query, " &&", page);
    }
    page_say(page, "echo done\n");
}

static void recover_check(const struct manual *manual, struct page *page) {
    page_say(page, "# table, read-only (0), expired (0), queued\n");
    query_line(manual,
               "SELECT concat(database, '.', table), is_readonly, is_session_expired, queue_size "
               "FROM system.replicas",
               "", page);
}

const struct manual_kind manual_clickhouse_recover = {
    .kind = ACTION_CLICKHOUSE_RECOVER,
    .does = "The replicated tables take writes here and have what can still be fetched.",
    .place = "any host that reaches the region's ClickHouse; its keeper must stand",
    .undo = "Nothing: replicas have no role.",
    .command = recover_command,
    .check = recover_check,
};
