/* pg_epoch: the epoch row, which is both the proof of a real write and the fencing token that a
 * later region's epoch leaves behind; and files of the server by SQL. Part of pg_group.h. */
#include <inttypes.h>
#include <string.h>

#include "agent/actions/pg_link.h"
#include "common/base/ensure.h"

enum err pg_epoch_read(struct pg_group *group, uint8_t index, uint64_t deadline_boot_ms,
                       uint64_t *ret_epoch, struct text256 *reterr) {
    char sql[160];
    struct pg_answer answer;
    (void)text_format(sql, sizeof sql, "SELECT coalesce(max(epoch), 0) FROM %s", group->table);
    enum err err = pg_seat_ask(group, index, sql, NULL, 0, deadline_boot_ms, &answer, reterr);
    if (err == ERR_FAILED &&
        (text_equal(answer.state, "42P01") || text_equal(answer.state, "3F000"))) {
        *ret_epoch = 0;
        return ERR_OK;
    }
    if (err != ERR_OK) {
        return err;
    }
    if (!text_to_u64(answer.value[0], INT64_MAX, ret_epoch)) {
        text_say(reterr, "%s holds \"%.20s\" where an epoch was expected", group->table,
                 answer.value[0]);
        return ERR_FORMAT;
    }
    return ERR_OK;
}

enum err pg_epoch_write(struct pg_group *group, uint8_t index, uint64_t epoch,
                        uint64_t deadline_boot_ms, struct text256 *reterr) {
    char insert[512];
    char create[256];
    char number[24];
    struct pg_answer answer;
    (void)text_format(number, sizeof number, "%" PRIu64, epoch);
    const char *const parameters[] = {number};
    bool fits = text_format(insert, sizeof insert,
                            "INSERT INTO %s AS mine (epoch, at) SELECT $1::bigint, now() WHERE NOT "
                            "EXISTS (SELECT FROM %s WHERE epoch > $1::bigint) ON CONFLICT (epoch) "
                            "DO UPDATE SET at = excluded.at",
                            group->table, group->table) &&
                text_format(create, sizeof create,
                            "CREATE TABLE IF NOT EXISTS %s (epoch bigint PRIMARY KEY, "
                            "at timestamptz NOT NULL)",
                            group->table);
    ensure(fits);
    for (unsigned i = 0; i < 5; i++) {
        enum err err =
            pg_seat_ask(group, index, insert, parameters, 1, deadline_boot_ms, &answer, reterr);
        if (err == ERR_OK && answer.rows_n == 0) {
            text_say(reterr, "%s of %s holds an epoch larger than %" PRIu64, group->table,
                     group->at[index].place.text, epoch);
            return ERR_STALE;
        }
        if (err != ERR_FAILED || !text_equal(answer.state, "42P01")) {
            return err;
        }
        err = pg_seat_ask(group, index, create, NULL, 0, deadline_boot_ms, &answer, reterr);
        /* Somebody else may have made it in the same instant: 23505, 42P07, then insert again. */
        if (err != ERR_OK && !text_equal(answer.state, "23505") &&
            !text_equal(answer.state, "42P07")) {
            return err;
        }
    }
    return ERR_FAILED;
}

enum err pg_file_read(struct pg_group *group, uint8_t index, const char *path,
                      uint64_t deadline_boot_ms, char *out, size_t out_size,
                      struct text256 *reterr) {
    /* In pieces: an answer's value is small, and a history file has a line a timeline. */
    static const char sql[] = "SELECT coalesce(pg_read_file($1, $2::bigint, 100, true), '')";
    size_t used = 0;
    ensure(out_size > 0);
    for (;;) {
        char offset[24];
        struct pg_answer answer;
        (void)text_format(offset, sizeof offset, "%zu", used);
        const char *const parameters[] = {path, offset};
        enum err err =
            pg_seat_ask(group, index, sql, parameters, 2, deadline_boot_ms, &answer, reterr);
        if (err != ERR_OK) {
            return err;
        }
        size_t n = strlen(answer.value[0]);
        if (used + n >= out_size) {
            text_say(reterr, "%s is larger than %zu bytes", path, out_size);
            return ERR_TOO_BIG;
        }
        memcpy(out + used, answer.value[0], n);
        used += n;
        if (n < 100) {
            break;
        }
    }
    out[used] = '\0';
    return ERR_OK;
}
