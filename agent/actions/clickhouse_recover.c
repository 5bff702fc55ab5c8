/* clickhouse_recover: the replicated tables of this region take writes, and have what can still be
 * fetched. ClickHouse has no primary: what a lost region takes away is its keeper (then tables are
 * read-only until one stands in this region) and parts that nobody had fetched. So: tables that are
 * read-only are attached to the keeper anew, and where that one has lost what it knew of them, it
 * is told again from the data (ClickHouse of 21.8 or later). What is queued is waited for a bounded
 * time: entries that only the lost region could serve never end, and are told. At the end our
 * epoch is written, which is the proof. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/actions/act.h"
#include "agent/actions/actions.h"
#include "common/io/clock.h"
#include "common/io/service.h"

#define BODY_SIZE 8192
#define ASK_MS 5000
#define SYNC_MS 10000
#define LOOK_EVERY_MS 500

struct recovery {
    const struct action_input *input;
    struct parts tables;
    const char *epoch_table; /* or NULL */
    uint64_t epoch;          /* the mark there; 0: none */
    char *body;              /* BODY_SIZE */
    uint64_t left_n;         /* queued entries that were not done in time */
    struct text256 why;
};

struct table_view {
    uint64_t readonly, expired, queue_n;
};

static enum err recovery_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_CLICKHOUSE_RECOVER, arguments, reterr);
}

/* FAILED: the server refuses the query, in its words. */
static enum err server_ask(struct recovery *recovery, const char *query, uint64_t until_boot_ms) {
    char line[140];
    struct service_request request = {
        .method = "POST",
        .path = "/",
        .body = query,
        .body_size = strlen(query),
        .may_truncate = true,
        .deadline_boot_ms = until_boot_ms,
    };
    struct http_sync_answer answer = {0};
    enum err err = service_ask(recovery->input->arguments, recovery->input->secrets, &request,
                               recovery->body, BODY_SIZE, &answer, &recovery->why);
    if (err == ERR_OK && answer.status != 200) {
        act_line(line, sizeof line, recovery->body);
        text_say(&recovery->why, "HTTP %ld: %s", answer.status, line);
        return text_starts(recovery->body, "Code: 192") ||
                       text_starts(recovery->body, "Code: 193") ||
                       text_starts(recovery->body, "Code: 516")
                   ? ERR_AUTH
                   : ERR_FAILED;
    }
    return err;
}

static uint64_t soon(const struct recovery *recovery) {
    return act_within(ASK_MS, recovery->input->deadline_boot_ms);
}

/* `n` numbers with tabs between, and a line's end. */
static bool numbers_take(const char *text, uint64_t *ret_numbers, size_t n) {
    char number[24];
    for (size_t i = 0; i < n; i++) {
        size_t digits = strcspn(text, "\t\n");
        if (!text_format(number, sizeof number, "%.*s", (int)digits, text) ||
            !text_to_u64(number, INT64_MAX, &ret_numbers[i])) {
            return false;
        }
        text += digits + (text[digits] != '\0' ? 1 : 0);
    }
    return true;
}

static enum err table_look(struct recovery *recovery, const char *table,
                           struct table_view *ret_view) {
    char query[512];
    uint64_t numbers[3];
    const char *dot = strchr(table, '.');
    if (dot == NULL ||
        !text_format(query, sizeof query,
                     "SELECT is_readonly, is_session_expired, queue_size FROM system.replicas "
                     "WHERE database = '%.*s' AND table = '%s' FORMAT TabSeparated",
                     (int)(dot - table), table, dot + 1)) {
        text_say(&recovery->why, "a table's name is too long");
        return ERR_CONFIG;
    }
    enum err err = server_ask(recovery, query, soon(recovery));
    if (err != ERR_OK) {
        return err;
    }
    if (recovery->body[0] == '\0') {
        text_say(&recovery->why, "%.60s is not a replicated table here", table);
        return ERR_NOT_FOUND;
    }
    if (!numbers_take(recovery->body, numbers, 3)) {
        text_say(&recovery->why, "not a row of system.replicas");
        return ERR_FORMAT;
    }
    *ret_view =
        (struct table_view){.readonly = numbers[0], .expired = numbers[1], .queue_n = numbers[2]};
    return ERR_OK;
}

static bool takes_writes(const struct table_view *view) {
    return view->readonly == 0 && view->expired == 0;
}

static enum err epoch_read(struct recovery *recovery) {
    char query[512];
    recovery->epoch = 0;
    if (recovery->epoch_table == NULL) {
        return ERR_OK;
    }
    (void)text_format(query, sizeof query,
                      "SELECT max(n) FROM %s WHERE name = 'drover-epoch' FORMAT TabSeparated",
                      recovery->epoch_table);
    enum err err = server_ask(recovery, query, soon(recovery));
    if (err == ERR_OK && !numbers_take(recovery->body, &recovery->epoch, 1)) {
        text_say(&recovery->why, "%.60s: no number where the epoch is", recovery->epoch_table);
        return ERR_FORMAT;
    }
    if (err == ERR_OK && recovery->epoch > recovery->input->epoch) {
        text_say(&recovery->why, "%.60s has epoch %" PRIu64 ", newer than %" PRIu64,
                 recovery->epoch_table, recovery->epoch, recovery->input->epoch);
        return ERR_STALE;
    }
    return err;
}

/* Our epoch is written last, so where it is read the queues were waited for; in use they are never
 * empty for long. */
static enum err look(struct recovery *recovery, bool *ret_there) {
    bool there = true, proved;
    enum err err = epoch_read(recovery);
    proved = recovery->epoch_table != NULL && recovery->epoch == recovery->input->epoch;
    for (uint8_t i = 0; i < recovery->tables.n && err == ERR_OK; i++) {
        struct table_view view = {0};
        err = table_look(recovery, recovery->tables.at[i], &view);
        there = there && takes_writes(&view) && (proved || view.queue_n == 0);
    }
    *ret_there = there && (recovery->epoch_table == NULL || proved);
    return err;
}

/* One try. FAILED: it did not help, and why is why. Without a keeper nothing is tried: the server
 * drops what it attaches anew and then cannot make it again, and the table is gone until a restart
 * of the server. */
static enum err table_attach(struct recovery *recovery, const char *table) {
    char query[160];
    struct table_view view = {0};
    enum err err = server_ask(recovery, "SELECT count() FROM system.zookeeper WHERE path = '/'",
                              soon(recovery));
    if (err == ERR_FAILED || err == ERR_TIMEOUT) {
        text_say(&recovery->why, "no keeper answers it");
        return ERR_FAILED;
    }
    (void)text_format(query, sizeof query, "SYSTEM RESTART REPLICA %s", table);
    err = err == ERR_OK ? server_ask(recovery, query, soon(recovery)) : err;
    if (err != ERR_OK) {
        return err;
    }
    err = table_look(recovery, table, &view);
    if (err == ERR_OK && view.readonly != 0 &&
        arg_yes(recovery->input->arguments, "restore", true)) {
        (void)text_format(query, sizeof query, "SYSTEM RESTORE REPLICA %s", table);
        err = server_ask(recovery, query, recovery->input->deadline_boot_ms);
        if (err == ERR_FAILED) {
            struct text256 said = recovery->why;
            text_say(&recovery->why, "RESTORE REPLICA: %.120s", said.at);
        }
    }
    return err;
}

static enum err table_open(struct recovery *recovery, const char *table) {
    struct table_view view = {0};
    struct text256 refused = {""};
    for (;;) {
        enum err err = table_look(recovery, table, &view);
        if ((err != ERR_OK && (err != ERR_TIMEOUT || refused.at[0] == '\0')) ||
            (err == ERR_OK && takes_writes(&view))) {
            return err;
        }
        err = err == ERR_OK ? table_attach(recovery, table) : err;
        if (err == ERR_FAILED || (err == ERR_TIMEOUT && refused.at[0] == '\0')) {
            refused = recovery->why;
        } else if (err != ERR_OK && err != ERR_TIMEOUT) {
            return err;
        }
        if (!act_pause(LOOK_EVERY_MS, recovery->input->deadline_boot_ms)) {
            text_say(&recovery->why, "%.60s is read-only: %.120s", table, refused.at);
            return ERR_TIMEOUT;
        }
    }
}

/* Waited for once, all tables together within sync_ms; what is left is counted. */
static enum err table_sync(struct recovery *recovery, const char *table, uint64_t until_boot_ms) {
    char query[160];
    struct table_view view = {0};
    enum err err = table_look(recovery, table, &view);
    if (err != ERR_OK || view.queue_n == 0) {
        return err;
    }
    (void)text_format(query, sizeof query, "SYSTEM SYNC REPLICA %s", table);
    err = server_ask(recovery, query, until_boot_ms);
    if (err != ERR_OK && err != ERR_TIMEOUT && err != ERR_FAILED) {
        return err;
    }
    err = table_look(recovery, table, &view);
    recovery->left_n += view.queue_n;
    return err;
}

static enum err epoch_write(struct recovery *recovery) {
    char query[512];
    if (recovery->epoch_table == NULL || recovery->epoch == recovery->input->epoch) {
        return ERR_OK;
    }
    (void)text_format(query, sizeof query,
                      "INSERT INTO %s (name, n, at) VALUES ('drover-epoch', %" PRIu64 ", %" PRIu64
                      ")",
                      recovery->epoch_table, recovery->input->epoch, clock_wall_ms());
    enum err err = server_ask(recovery, query, soon(recovery));
    err = err == ERR_OK ? epoch_read(recovery) : err;
    if (err == ERR_OK && recovery->epoch != recovery->input->epoch) {
        text_say(&recovery->why, "the epoch that was written to %.60s is not read there",
                 recovery->epoch_table);
        return ERR_FAILED;
    }
    return err;
}

static struct action_result recover(struct recovery *recovery) {
    uint32_t sync_ms = (uint32_t)arg_number(recovery->input->arguments, "sync_ms", SYNC_MS);
    enum err err = ERR_OK;
    for (uint8_t i = 0; i < recovery->tables.n && err == ERR_OK; i++) {
        err = table_open(recovery, recovery->tables.at[i]);
    }
    uint64_t until_boot_ms = act_within(sync_ms, recovery->input->deadline_boot_ms);
    for (uint8_t i = 0; i < recovery->tables.n && err == ERR_OK; i++) {
        err = table_sync(recovery, recovery->tables.at[i], until_boot_ms);
    }
    if (err == ERR_OK) {
        err = epoch_write(recovery);
    }
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", recovery->why.at);
    }
    const char *proof = recovery->epoch_table != NULL ? ", the epoch is written" : "";
    return recovery->left_n == 0
               ? act_done(false, "%u tables take writes%s", (unsigned)recovery->tables.n, proof)
               : act_done(false,
                          "%u tables take writes%s; %" PRIu64
                          " entries of their queues wait for what only another replica has",
                          (unsigned)recovery->tables.n, proof, recovery->left_n);
}

static struct action_result recovery_run(const struct action_input *input) {
    struct recovery recovery = {.input = input};
    struct action_result result;
    bool there = false;
    enum err err = recovery_accepts(input->arguments, &recovery.why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", recovery.why.at);
    }
    (void)arg_parts(input->arguments, "tables", &recovery.tables);
    recovery.epoch_table = arg_text(input->arguments, "epoch_table", NULL);
    recovery.body = malloc(BODY_SIZE);
    if (recovery.body == NULL) {
        return act_failed(ERR_NO_MEMORY, "no memory for an answer");
    }
    err = look(&recovery, &there);
    if (err != ERR_OK) {
        result = act_failed(err, "%.150s", recovery.why.at);
    } else if (there) {
        result = act_done(true, "%u tables take writes, %s", (unsigned)recovery.tables.n,
                          recovery.epoch_table != NULL ? "our epoch is there" : "nothing queued");
    } else if (input->observe_only) {
        result = act_failed(ERR_FAILED, "a table is read-only, behind, or without our epoch");
    } else {
        result = recover(&recovery);
    }
    free(recovery.body);
    return result;
}

const struct action_kind_row row_clickhouse_recover = {
    .kind = ACTION_CLICKHOUSE_RECOVER,
    .run = recovery_run,
    .accepts = recovery_accepts,
    .needs_lease = false,
    .arguments_help = ARG_SERVICE_HELP ", tables=db.table,..., epoch_table=db.table, restore=yes, "
                                       "sync_ms=10000",
    .by_hand = "clickhouse-client at {url}, for each of {tables}: SYSTEM RESTART REPLICA; when it "
               "stays read-only SYSTEM RESTORE REPLICA; SYSTEM SYNC REPLICA",
};
