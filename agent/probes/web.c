#include "agent/probes/web.h"

#include "agent/probes/reading.h"

bool web_ask(const struct probe_input *input, const struct service_request *request, char *ret_body,
             size_t body_size, struct http_sync_answer *ret_answer, struct reading *ret_reading) {
    struct service_request timed = *request;
    struct text256 why = {""};
    if (timed.deadline_boot_ms == 0) {
        timed.deadline_boot_ms = input->deadline_boot_ms;
    }
    enum err err = service_ask(input->arguments, input->secrets, &timed, ret_body, body_size,
                               ret_answer, &why);
    if (err != ERR_OK) {
        *ret_reading = reading_failed(err, "%s", why.at);
    }
    return err == ERR_OK;
}
