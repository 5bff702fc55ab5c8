/* redis_replication: one end of Redis's replication; which one is read off the server's role unless
 * the check insists. A dead primary's link still says "up" for repl-timeout (60 s by default): the
 * silence in seconds is the earlier sign. */
#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/parse.h"
#include "agent/probes/reading.h"
#include "agent/probes/redis_client.h"
#include "common/io/clock.h"

#define REPLICAS_MAX 32

static const struct parameter parameters[] = {
    {.name = "address", .type = PARAMETER_ADDRESS, .needed = true},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
    {.name = "end", .type = PARAMETER_CHOICE, .choices = "|auto|primary|standby|"},
    {.name = "replicas", .type = PARAMETER_NUMBER, .min = 0, .max = REPLICAS_MAX},
    {.name = "max_lag_ms", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
    {.name = "max_lag_bytes", .type = PARAMETER_NUMBER, .min = 1, .max = INT64_MAX},
    {.name = "tls", .type = PARAMETER_CHOICE, .choices = "|any|1.2|1.3|"},
};

enum err redis_replication_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments,
                             reterr);
}

static struct reading sender_judge(const struct arguments *arguments, const char *info) {
    uint64_t written = 0;
    uint64_t lag_s = 0;
    uint64_t lag_bytes = 0;
    unsigned online_n = 0;
    uint64_t wanted_n = parameter_number(arguments, "replicas", 1);
    if (!info_get_number(info, "master_repl_offset", &written)) {
        return reading_failed(ERR_FORMAT, "INFO without master_repl_offset");
    }
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        struct info_replica replica;
        if (!info_replica(info, i, &replica)) {
            break;
        }
        if (!replica.online) {
            continue;
        }
        uint64_t behind = written > replica.offset ? written - replica.offset : 0;
        uint64_t silent_s = replica.lag_s < 1000000 ? replica.lag_s : 1000000;
        online_n++;
        lag_s = silent_s > lag_s ? silent_s : lag_s;
        lag_bytes = behind > lag_bytes ? behind : lag_bytes;
    }
    struct reading reading = reading_judged(
        online_n >= wanted_n, "%u/%llu replicas online, %llu bytes, %llu s behind", online_n,
        (unsigned long long)wanted_n, (unsigned long long)lag_bytes, (unsigned long long)lag_s);
    reading.value = (int64_t)lag_s * 1000;
    if (lag_s * 1000 > parameter_number(arguments, "max_lag_ms", 300000) ||
        lag_bytes > parameter_number(arguments, "max_lag_bytes", INT64_MAX)) {
        reading_warn(&reading);
    }
    return reading;
}

static struct reading receiver_judge(const struct arguments *arguments, const char *info) {
    char link[8] = "";
    uint64_t silent_s = 0;
    uint64_t down_s = 0;
    uint64_t syncing = 0;
    if (!info_get(info, "master_link_status", link, sizeof link)) {
        return reading_failed(ERR_FORMAT, "INFO without master_link_status");
    }
    bool up = text_equal(link, "up");
    /* -1, "never", is no number: then the time since the link went down counts. */
    bool heard = info_get_number(info, "master_last_io_seconds_ago", &silent_s);
    (void)info_get_number(info, "master_link_down_since_seconds", &down_s);
    (void)info_get_number(info, "master_sync_in_progress", &syncing);
    uint64_t lag_s = up && heard ? silent_s : down_s;
    lag_s = lag_s < 100000000 ? lag_s : 100000000;
    struct reading reading =
        up ? reading_judged(true, "link up, last heard %llu s ago", (unsigned long long)lag_s)
           : reading_judged(false, "link down for %llu s%s", (unsigned long long)lag_s,
                            syncing != 0 ? ", copying everything" : "");
    reading.value = (int64_t)lag_s * 1000;
    if (lag_s * 1000 > parameter_number(arguments, "max_lag_ms", 300000)) {
        reading_warn(&reading);
    }
    return reading;
}

static struct reading with_tls(const struct reading *seen, const struct redis_tls *tls) {
    struct reading reading =
        reading_judged(seen->good && tls->fits, "%s, %s", seen->detail, tls->text);
    reading.value = seen->value;
    if (seen->warn || !tls->proved) {
        reading_warn(&reading);
    }
    return reading;
}

struct reading redis_replication_run(const struct probe_input *input) {
    const char *end = parameter_text(input->arguments, "end", "auto");
    struct redis_client client;
    struct redis_role role;
    struct text256 why = {""};
    uint64_t start_ms = clock_boot_ms();
    enum err err = redis_open_input(input, arguments_get(input->arguments, "address"),
                                    input->deadline_boot_ms, &client, &why);
    struct redis_tls tls = {.fits = true, .proved = true};
    if (err == ERR_OK) {
        err = redis_role_ask(&client, &role, &why);
        if (err == ERR_OK) {
            err = redis_tls_ask(&client, input->arguments, role.role, &tls, &why);
        }
        redis_close(&client);
    }
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    const char *info = redis_reply_text(&role.info);
    struct reading reading;
    if (!text_equal(end, "auto") && !text_equal(end, probe_role_text(role.role))) {
        reading =
            reading_judged(false, "%s, expected the %.8s end", probe_role_text(role.role), end);
    } else {
        reading = role.role == STORE_PRIMARY ? sender_judge(input->arguments, info)
                                             : receiver_judge(input->arguments, info);
    }
    if (reading.err == ERR_OK && tls.text[0] != '\0') {
        reading = with_tls(&reading, &tls);
    }
    reading.role = role.role;
    if (reading.err == ERR_OK) {
        redis_positions(&role, &reading);
    }
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
