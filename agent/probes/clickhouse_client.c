#include "agent/probes/clickhouse_client.h"

#include "agent/probes/parse.h"
#include "agent/probes/reading.h"

bool clickhouse_ask(const struct probe_input *input, const char *method, const char *query,
                    char *ret_body, size_t body_size, struct http_sync_answer *ret_answer,
                    struct reading *ret_reading) {
    char path[WEB_URL_SIZE] = "/?query=";
    struct service_request request = {.method = method, .path = path};
    *ret_answer = (struct http_sync_answer){0};
    if (!service_append_encoded(path, sizeof path, query)) {
        *ret_reading = reading_failed(ERR_CONFIG, "argument table is too long");
    } else if (!web_ask(input, &request, ret_body, body_size, ret_answer, ret_reading)) {
        /* It says why. */
    } else if (ret_answer->status == 200) {
        return true;
    } else if (clickhouse_is_auth(ret_body)) {
        /* A wrong password is 401, or 500 with a code before that had a status of its own. */
        *ret_reading = reading_failed(ERR_AUTH, "status %ld", ret_answer->status);
    } else {
        *ret_reading = reading_judged(false, "status %ld: %.60s", ret_answer->status, ret_body);
    }
    ret_reading->latency_ms = ret_answer->took_ms;
    ret_reading->value = -1;
    return false;
}
