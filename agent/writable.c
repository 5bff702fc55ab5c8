/* GET /writable for HAProxy: 200 while the guard holds the lease and the gate is not about to
 * shut, 503 otherwise. HAProxy takes silence for 503, so a dead or stopped agent fails closed. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"

#define CONNECTIONS_MAX 64
#define GUARD_FRESH_MS 1500

struct writable {
    struct agent_program *agent;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned open_handles_n;
};

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status,
                               const char *text) {
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *owner, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **state) {
    const struct writable *writable = owner;
    const struct agent_program *agent = writable->agent;
    (void)version;
    (void)data;
    (void)state;
    *data_size = 0;
    bool reads =
        text_equal(method, "GET") || text_equal(method, "HEAD") || text_equal(method, "OPTIONS");
    if (!reads || !text_equal(url, "/writable")) {
        return respond(connection, MHD_HTTP_NOT_FOUND, "not found\n");
    }
    bool fresh =
        agent->guard_heard_ms != 0 && agent_now_ms() - agent->guard_heard_ms < GUARD_FRESH_MS;
    uint32_t left_ms = agent_lease_left_ms(agent);
    if (fresh && left_ms > agent->pins->lease.gate_early_ms) {
        return respond(connection, MHD_HTTP_OK, "writable\n");
    }
    return respond(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "fenced\n");
}

static void serve(struct writable *writable) {
    (void)MHD_run(writable->daemon);
    MHD_UNSIGNED_LONG_LONG timeout_ms = 1000;
    if (MHD_get_timeout(writable->daemon, &timeout_ms) != MHD_YES || timeout_ms > 1000) {
        timeout_ms = 1000;
    }
    (void)uv_timer_again(&writable->timer);
    uv_timer_set_repeat(&writable->timer, timeout_ms == 0 ? 1 : timeout_ms);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    serve(poll->data);
}

static void on_timer(uv_timer_t *timer) {
    serve(timer->data);
}

static bool parse_listen(const char *text, struct sockaddr_in *ret_address) {
    char host[ADDRESS_SIZE];
    uint64_t port = 0;
    if (!text_copy(host, sizeof host, text)) {
        return false;
    }
    char *colon = strrchr(host, ':');
    if (colon == NULL || !text_to_u64(colon + 1, 65535, &port)) {
        return false;
    }
    *colon = '\0';
    memset(ret_address, 0, sizeof *ret_address);
    ret_address->sin_family = AF_INET;
    ret_address->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &ret_address->sin_addr) == 1;
}

enum err writable_open(struct agent_program *agent, struct writable **ret_writable,
                       struct text256 *reterr) {
    struct sockaddr_in address;
    struct writable *writable = calloc(1, sizeof *writable);
    const union MHD_DaemonInfo *info = NULL;
    if (writable == NULL || !parse_listen(agent->conf->writable_listen, &address)) {
        text_say(reterr, "writable_listen: %s is not IPv4:PORT", agent->conf->writable_listen);
        free(writable);
        return ERR_CONFIG;
    }
    writable->agent = agent;
    writable->daemon =
        MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, writable, MHD_OPTION_SOCK_ADDR,
                         (struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
                         MHD_OPTION_CONNECTION_TIMEOUT, 5u, MHD_OPTION_END);
    if (writable->daemon != NULL) {
        info = MHD_get_daemon_info(writable->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    }
    if (info == NULL) {
        text_say(reterr, "writable_listen: cannot listen on %s", agent->conf->writable_listen);
        free(writable);
        return ERR_IO;
    }
    writable->poll.data = writable;
    writable->timer.data = writable;
    (void)uv_poll_init(agent->loop, &writable->poll, info->epoll_fd);
    (void)uv_timer_init(agent->loop, &writable->timer);
    writable->open_handles_n = 2;
    (void)uv_poll_start(&writable->poll, UV_READABLE, on_readable);
    (void)uv_timer_start(&writable->timer, on_timer, 100, 100);
    *ret_writable = writable;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle) {
    struct writable *writable = handle->data;
    if (--writable->open_handles_n == 0) {
        MHD_stop_daemon(writable->daemon);
        free(writable);
    }
}

void writable_close(struct writable *writable) {
    if (writable == NULL) {
        return;
    }
    (void)uv_poll_stop(&writable->poll);
    (void)uv_timer_stop(&writable->timer);
    uv_close((uv_handle_t *)&writable->poll, on_closed);
    uv_close((uv_handle_t *)&writable->timer, on_closed);
}
