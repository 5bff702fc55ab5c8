/* redis: role, positions, a write that is accepted; and what it has saved on its disk. */
#include <string.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/parse.h"
#include "agent/probes/reading.h"
#include "agent/probes/redis_client.h"
#include "common/io/clock.h"

#define WRITE_EXPIRES_MS "60000" /* a probe's key does not outlive its probes */

static const struct parameter parameters[] = {
    {.name = "address", .type = PARAMETER_ADDRESS, .needed = true},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
    {.name = "expect_role", .type = PARAMETER_CHOICE, .choices = "|primary|standby|any|"},
    {.name = "write_key", .type = PARAMETER_TEXT},
    {.name = "rdb_max_age", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
    {.name = "aof", .type = PARAMETER_FLAG},
    {.name = "backup", .type = PARAMETER_NAME},
    {.name = "rights", .type = PARAMETER_FLAG},
    {.name = "epoch_key", .type = PARAMETER_TEXT},
};

enum err redis_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments,
                             reterr);
}

/* ret_refusal: Redis's words when the write was refused, "" when it was accepted. */
static enum err write_try(struct redis_client *client, const char *key, char *ret_refusal,
                          size_t refusal_size, struct text256 *reterr) {
    struct redis_reply reply;
    const char *words[5] = {"SET", key, "drover", "PX", WRITE_EXPIRES_MS};
    enum err err = redis_ask(client, 5, words, &reply, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (reply.kind == REDIS_TEXT && text_equal(redis_reply_text(&reply), "OK")) {
        ret_refusal[0] = '\0';
        return ERR_OK;
    }
    (void)text_copy(ret_refusal, refusal_size,
                    reply.kind == REDIS_ERROR ? redis_reply_text(&reply) : "no OK");
    return ERR_OK;
}

static struct reading judge(const struct arguments *arguments, const struct redis_role *role,
                            bool asked, const char *refusal) {
    const char *info = redis_reply_text(&role->info);
    enum store_role expected = probe_expect_role(arguments);
    bool fits = expected == STORE_UNKNOWN || expected == role->role;
    bool writable = asked && refusal[0] == '\0';
    char link[8] = "";
    uint64_t replicas_n = 0;
    struct reading reading;
    if (!fits) {
        reading = reading_judged(false, "%s, expected %s", probe_role_text(role->role),
                                 probe_role_text((uint8_t)expected));
    } else if (role->role == STORE_PRIMARY) {
        (void)info_get_number(info, "connected_slaves", &replicas_n);
        reading = reading_judged(!asked || writable, "primary%s%.48s, %llu replicas",
                                 !asked     ? ""
                                 : writable ? ", writable"
                                            : ", write refused: ",
                                 asked ? refusal : "", (unsigned long long)replicas_n);
        reading.value = (int64_t)(replicas_n & INT32_MAX);
    } else {
        bool up = info_get(info, "master_link_status", link, sizeof link) && text_equal(link, "up");
        reading = reading_judged(true, "standby, link %s", up ? "up" : "down");
        reading.value = up ? 1 : 0;
        if (!up) {
            reading_warn(&reading);
        }
    }
    reading.role = role->role;
    reading.writable = writable;
    redis_positions(role, &reading);
    return reading;
}

static bool is_saved_asked(const struct arguments *arguments) {
    return arguments_get(arguments, "rdb_max_age") != NULL ||
           parameter_flag(arguments, "aof", false);
}

static bool info_is(const char *info, const char *key, const char *wanted) {
    char value[16];
    return info_get(info, key, value, sizeof value) && text_equal(value, wanted);
}

/* What Redis has on its disk; value: the age of the snapshot in s. A server that never saved tells
 * the time of its own start, from which it counts the changes that are not saved. */
static struct reading judge_saved(const struct arguments *arguments, const char *info) {
    uint64_t saved_s = 0, changes_n = 0, now_s = clock_wall_ms() / 1000;
    uint64_t limit_s = parameter_number(arguments, "rdb_max_age", UINT64_MAX);
    struct reading reading;
    if (!info_get_number(info, "rdb_last_save_time", &saved_s) ||
        !info_get_number(info, "rdb_changes_since_last_save", &changes_n)) {
        return reading_failed(ERR_FORMAT, "INFO without persistence");
    }
    uint64_t age_s = now_s > saved_s ? now_s - saved_s : 0;
    if (parameter_flag(arguments, "aof", false) && !info_is(info, "aof_enabled", "1")) {
        reading = reading_judged(false, "no append-only file is written");
    } else if (parameter_flag(arguments, "aof", false) &&
               (!info_is(info, "aof_last_write_status", "ok") ||
                !info_is(info, "aof_last_bgrewrite_status", "ok"))) {
        reading = reading_judged(false, "the append-only file: its last write or rewrite failed");
    } else if (limit_s != UINT64_MAX && !info_is(info, "rdb_last_bgsave_status", "ok")) {
        reading = reading_judged(false, "the last snapshot failed");
    } else {
        reading = reading_judged(age_s <= limit_s, "snapshot %llu s old, %llu changes since",
                                 (unsigned long long)age_s, (unsigned long long)changes_n);
    }
    reading.value = (int64_t)age_s;
    return reading;
}

/* Only what is well by itself is asked for what it has saved. */
static enum err saved_ask(struct redis_client *client, const struct arguments *arguments,
                          struct reading *reading, struct text256 *reterr) {
    struct redis_reply reply;
    const char *words[2] = {"INFO", "persistence"};
    enum err err = redis_ask(client, 2, words, &reply, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (reply.kind != REDIS_TEXT) {
        text_say(reterr, "%.80s", redis_reply_text(&reply));
        return ERR_FAILED;
    }
    struct reading saved = judge_saved(arguments, redis_reply_text(&reply));
    saved.role = reading->role;
    saved.writable = reading->writable;
    saved.positions_n = reading->positions_n;
    memcpy(saved.positions, reading->positions, sizeof saved.positions);
    *reading = saved;
    return ERR_OK;
}

/* Only what is well by itself is asked for its rights. */
static enum err rights_ask(struct redis_client *client, const struct arguments *arguments,
                           struct reading *reading, struct text256 *reterr) {
    struct text256 missing;
    enum err err = redis_rights_ask(client, arguments, &missing, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (missing.at[0] != '\0') {
        struct reading told = reading_judged(false, "no right to %.80s", missing.at);
        reading->good = told.good;
        reading->warn = told.warn;
        memcpy(reading->detail, told.detail, sizeof reading->detail);
        return ERR_OK;
    }
    (void)text_append(reading->detail, sizeof reading->detail, ", all rights");
    return ERR_OK;
}

struct reading redis_run(const struct probe_input *input) {
    const char *key = arguments_get(input->arguments, "write_key");
    struct redis_client client;
    struct redis_role role;
    struct text256 why = {""};
    char refusal[64] = "";
    uint64_t start_ms = clock_boot_ms();
    enum err err = redis_open_input(input, arguments_get(input->arguments, "address"),
                                    input->deadline_boot_ms, &client, &why);
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    err = redis_role_ask(&client, &role, &why);
    /* A replica that takes writes would keep the key for itself: only a primary is asked. */
    bool asked = err == ERR_OK && key != NULL && role.role == STORE_PRIMARY;
    if (asked) {
        err = write_try(&client, key, refusal, sizeof refusal, &why);
    }
    struct reading reading;
    if (err == ERR_OK) {
        reading = judge(input->arguments, &role, asked, refusal);
    }
    if (err == ERR_OK && reading.good && parameter_flag(input->arguments, "rights", false)) {
        err = rights_ask(&client, input->arguments, &reading, &why);
    }
    if (err == ERR_OK && reading.good && is_saved_asked(input->arguments)) {
        err = saved_ask(&client, input->arguments, &reading, &why);
    }
    redis_close(&client);
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
