/* haproxy: a backend of HAProxy has enough servers up, by its runtime socket or its CSV page; and
 * whether that socket takes a failover's command. */
#include <string.h>
#include <unistd.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/parse.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"
#include "common/io/net.h"
#include "common/io/service.h"

#define CSV_SIZE (128 * 1024) /* some 300 servers */
#define NO_SERVER "drover-no-such-server"

static const struct parameter parameters[] = {
    {.name = "socket", .type = PARAMETER_PATH},
    {.name = "url", .type = PARAMETER_URL},
    {.name = "backend", .type = PARAMETER_TEXT, .needed = true},
    {.name = "min_up", .type = PARAMETER_NUMBER, .min = 1, .max = 1000},
    {.name = "ca", .type = PARAMETER_PATH},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
    {.name = "credential", .type = PARAMETER_FLAG},
};

enum err haproxy_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    if (err == ERR_OK && arguments_get(arguments, "socket") == NULL &&
        arguments_get(arguments, "url") == NULL) {
        text_say(reterr, "argument socket or url is missing");
        return ERR_CONFIG;
    }
    if (err == ERR_OK && parameter_flag(arguments, "credential", false) &&
        arguments_get(arguments, "socket") == NULL) {
        text_say(reterr, "argument credential: expected a socket with it");
        return ERR_CONFIG;
    }
    return err;
}

/* One command and its whole answer, terminated. */
static enum err socket_fetch(const char *path, const char *command, uint64_t deadline_boot_ms,
                             char *ret_answer, size_t answer_size, struct text256 *reterr) {
    int fd = -1;
    size_t n = 0;
    enum err err = net_connect_path(path, deadline_boot_ms, &fd, reterr);
    if (err != ERR_OK) {
        return err;
    }
    err = net_send(fd, command, strlen(command), deadline_boot_ms);
    if (err == ERR_OK) {
        err = net_receive_all(fd, ret_answer, answer_size - 1, deadline_boot_ms, &n);
    }
    (void)close(fd);
    if (err != ERR_OK) {
        text_say(reterr, "%s", err_text(err));
        return err;
    }
    ret_answer[n] = '\0';
    return ERR_OK;
}

static enum err page_fetch(const struct probe_input *input, char csv[CSV_SIZE],
                           struct text256 *reterr) {
    struct service_request request = {.deadline_boot_ms = input->deadline_boot_ms};
    struct http_sync_answer answer;
    enum err err =
        service_ask(input->arguments, input->secrets, &request, csv, CSV_SIZE, &answer, reterr);
    if (err == ERR_OK && answer.status != 200) {
        text_say(reterr, "status %ld", answer.status);
        return ERR_FAILED;
    }
    return err;
}

static struct reading judge(const struct arguments *arguments, const struct haproxy_view *view) {
    const char *backend = arguments_get(arguments, "backend");
    uint64_t wanted_n = parameter_number(arguments, "min_up", 1);
    if (!view->found) {
        return reading_judged(false, "no backend %.60s", backend);
    }
    char sessions[40] = "";
    if (view->sessions_told) {
        (void)text_format(sessions, sizeof sessions, ", %llu" HAPROXY_SESSIONS,
                          (unsigned long long)view->sessions_n);
    }
    struct reading reading =
        reading_judged(view->up_n >= wanted_n, "%u/%u servers up%s%.24s%s%.12s%s", view->up_n,
                       view->servers_n, view->up_n > 0 ? ": " : "", view->up_names,
                       view->backend_status[0] != '\0' ? ", " : "", view->backend_status, sessions);
    reading.value = view->up_n;
    return reading;
}

/* The failover's own command for a server that is not there: HAProxy looks at the socket's level
 * first, then for the server, and changes nothing. */
static struct reading credential_judge(const struct probe_input *input, struct reading reading) {
    const struct arguments *arguments = input->arguments;
    char command[VALUE_SIZE + 64], answer[512];
    struct text256 why = {""};
    if (!text_format(command, sizeof command, "set server %s/" NO_SERVER " state ready\n",
                     arguments_get(arguments, "backend"))) {
        return reading_failed(ERR_CONFIG, "the backend's name is too long");
    }
    enum err err = socket_fetch(arguments_get(arguments, "socket"), command,
                                input->deadline_boot_ms, answer, sizeof answer, &why);
    if (err != ERR_OK) {
        return reading_failed(err, "set server: %s", why.at);
    }
    if (text_starts(answer, "Permission denied")) {
        return reading_failed(ERR_DENIED, "set server: permission denied on the runtime socket");
    }
    if (!text_starts(answer, "No such server")) {
        return reading_judged(false, "set server: %.60s", answer);
    }
    (void)text_append(reading.detail, sizeof reading.detail, ", credential accepted");
    return reading;
}

struct reading haproxy_run(const struct probe_input *input) {
    const struct arguments *arguments = input->arguments;
    const char *path = arguments_get(arguments, "socket");
    char csv[CSV_SIZE];
    struct haproxy_view view;
    struct text256 why = {""};
    uint64_t start_ms = clock_boot_ms();
    enum err err = path != NULL ? socket_fetch(path, "show stat\n", input->deadline_boot_ms, csv,
                                               sizeof csv, &why)
                                : page_fetch(input, csv, &why);
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    if (text_starts(csv, "Permission denied")) {
        return reading_failed(ERR_DENIED, "permission denied on the runtime socket");
    }
    if (haproxy_parse(csv, arguments_get(arguments, "backend"), &view) != ERR_OK) {
        return reading_failed(ERR_FORMAT, "not HAProxy's statistics");
    }
    struct reading reading = judge(arguments, &view);
    if (reading.good && parameter_flag(arguments, "credential", false)) {
        reading = credential_judge(input, reading);
    }
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
