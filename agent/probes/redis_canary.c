/* redis_canary: on the active region's primary the next number goes into one hash, with its time,
 * in one transaction; elsewhere what has arrived is read, on a primary that nobody may write to,
 * too. */
#include "agent/probes/canary.h"
#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/reading.h"
#include "agent/probes/redis_client.h"
#include "common/io/clock.h"

#define TARGET_LAG_MS 300000 /* "< 5 min", SEED-22 */

static const struct parameter parameters[] = {
    {.name = "address", .type = PARAMETER_ADDRESS, .needed = true},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
    {.name = "key", .type = PARAMETER_TEXT, .needed = true},
    {.name = "max_age_ms", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
};

enum err redis_canary_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments,
                             reterr);
}

/* MULTI, HINCRBY, HSET, EXEC; the number is in EXEC's list. False with the reading set. */
static bool write_next(const struct probe_input *input, struct redis_client *client,
                       struct canary *ret_canary, struct reading *ret_reading) {
    const char *key = arguments_get(input->arguments, "key");
    char at[24];
    struct redis_reply reply;
    struct text256 why = {""};
    ret_canary->wall_ms = canary_now_ms(input);
    (void)text_format(at, sizeof at, "%lld", (long long)ret_canary->wall_ms);
    const char *const words[4][4] = {{"MULTI", NULL, NULL, NULL},
                                     {"HINCRBY", key, "n", "1"},
                                     {"HSET", key, "at", at},
                                     {"EXEC", NULL, NULL, NULL}};
    for (size_t i = 0; i < 4; i++) {
        enum err err = redis_ask(client, words[i][1] == NULL ? 1 : 4, words[i], &reply, &why);
        if (err != ERR_OK) {
            *ret_reading = reading_failed(err, "%s", why.at);
            return false;
        }
        if (reply.kind == REDIS_ERROR) {
            *ret_reading = reading_judged(false, "write refused: %.60s", redis_reply_text(&reply));
            ret_reading->value = -1;
            return false;
        }
    }
    uint64_t number = 0;
    if (reply.kind != REDIS_LIST || reply.items_n < 1 ||
        !text_to_u64(&reply.text[reply.items[0]], INT64_MAX, &number)) {
        *ret_reading = reading_failed(ERR_FORMAT, "not what EXEC answers");
        return false;
    }
    ret_canary->number = (int64_t)number;
    return true;
}

static struct reading read_last(const struct probe_input *input, struct redis_client *client,
                                uint8_t role) {
    const char *words[4] = {"HMGET", arguments_get(input->arguments, "key"), "n", "at"};
    struct redis_reply reply;
    struct text256 why = {""};
    uint64_t number = 0, wall_ms = 0;
    enum err err = redis_ask(client, 4, words, &reply, &why);
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    if (reply.kind != REDIS_LIST || reply.items_n != 2) {
        return reading_failed(ERR_FORMAT, "not what HMGET answers");
    }
    if (reply.text[reply.items[0]] == '\0') {
        return canary_missing(role);
    }
    if (!text_to_u64(&reply.text[reply.items[0]], INT64_MAX, &number) ||
        !text_to_u64(&reply.text[reply.items[1]], INT64_MAX, &wall_ms)) {
        return reading_failed(ERR_FORMAT, "not a canary's hash");
    }
    struct canary canary = {(int64_t)number, (int64_t)wall_ms};
    return canary_found(input, &canary, role, TARGET_LAG_MS);
}

struct reading redis_canary_run(const struct probe_input *input) {
    struct redis_client client;
    struct redis_role role;
    struct canary canary;
    struct reading reading;
    struct text256 why = {""};
    uint64_t start_ms = clock_boot_ms();
    enum err err = redis_open_input(input, arguments_get(input->arguments, "address"),
                                    input->deadline_boot_ms, &client, &why);
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    err = redis_role_ask(&client, &role, &why);
    if (err != ERR_OK) {
        reading = reading_failed(err, "%s", why.at);
    } else if (role.role == STORE_PRIMARY && input->active) {
        if (write_next(input, &client, &canary, &reading)) {
            reading = canary_written(&canary, role.role);
        }
    } else {
        reading = read_last(input, &client, role.role);
    }
    redis_close(&client);
    if (err == ERR_OK) {
        reading.role = role.role;
    }
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
