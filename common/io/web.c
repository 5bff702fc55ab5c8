#include "common/io/web.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"
#include "common/topology/limits.h"

struct web {
    struct web_config config;
    struct MHD_Daemon *daemon;
    uv_async_t async; /* somebody asks */
    char *text;       /* the loop's own */

    /* Shared by the loop and the daemon's thread. */
    uv_mutex_t mutex;
    uv_cond_t written;
    struct MHD_Response *newest; /* counted by libmicrohttpd: kept while anybody still reads it */
    uint64_t newest_ms;          /* boot clock; 0: none yet */
    uint64_t asked_ms;           /* the loop owes a text since then; 0: it owes none */
    bool closing;
};

static const char text_type[] = "text/plain; version=0.0.4; charset=utf-8";

/* --------------------------------------------------------------------- the loop */

static void on_asked(uv_async_t *async) {
    struct web *web = async->data;
    size_t used = web->config.write(web->config.owner, web->text, web->config.text_size);
    ensure(used <= web->config.text_size);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(used, web->text, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return; /* whoever asked is told 503 */
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, text_type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    uv_mutex_lock(&web->mutex);
    struct MHD_Response *old = web->newest;
    web->newest = response;
    web->newest_ms = clock_boot_ms();
    web->asked_ms = 0;
    uv_cond_broadcast(&web->written);
    uv_mutex_unlock(&web->mutex);
    if (old != NULL) {
        MHD_destroy_response(old);
    }
}

/* ----------------------------------------------------------- the daemon's thread */

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *text) {
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static bool fresh(const struct web *web, uint64_t now_ms) {
    return web->newest_ms != 0 && now_ms - web->newest_ms < WEB_FRESH_MS;
}

/* With the mutex held. Waits for the loop, but for one debt at most WEB_PATIENCE_MS in all: a loop
 * that hangs costs its askers no more than that. */
static bool await_text(struct web *web) {
    uint64_t now_ms = clock_boot_ms();
    if (fresh(web, now_ms)) {
        return true;
    }
    if (web->asked_ms == 0) {
        web->asked_ms = now_ms;
    }
    /* Sent again by everybody who asks: once would do, but a lost one would be for ever. */
    if (!web->closing) {
        (void)uv_async_send(&web->async);
    }
    uint64_t deadline_ms = web->asked_ms + WEB_PATIENCE_MS;
    while (!web->closing && web->asked_ms != 0 && now_ms < deadline_ms) {
        (void)uv_cond_timedwait(&web->written, &web->mutex, (deadline_ms - now_ms) * 1000000u);
        now_ms = clock_boot_ms();
    }
    return !web->closing && fresh(web, now_ms);
}

static enum MHD_Result answer(struct web *web, struct MHD_Connection *connection) {
    enum MHD_Result result = MHD_NO;
    uv_mutex_lock(&web->mutex);
    bool there = await_text(web);
    if (there) {
        result = MHD_queue_response(connection, MHD_HTTP_OK, web->newest);
    }
    uv_mutex_unlock(&web->mutex);
    return there ? result
                 : say(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "the loop does not answer\n");
}

static enum MHD_Result on_request(void *owner, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **state) {
    (void)version;
    (void)data;
    (void)data_size;
    (void)state;
    /* Answered before any body is read: libmicrohttpd then ends the connection. */
    if (!text_equal(method, "GET") && !text_equal(method, "HEAD")) {
        return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD\n");
    }
    if (!text_equal(url, "/metrics")) {
        return say(connection, MHD_HTTP_NOT_FOUND, "there is /metrics\n");
    }
    return answer(owner, connection);
}

/* ------------------------------------------------------------------ open, close */

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static bool address_read(const char *text, union address *ret_address) {
    char host[ADDRESS_SIZE];
    uint64_t port = 0;
    memset(ret_address, 0, sizeof *ret_address);
    char *colon = text_copy(host, sizeof host, text) ? strrchr(host, ':') : NULL;
    if (colon == NULL || !text_to_u64(colon + 1, 65535, &port)) {
        return false;
    }
    *colon = '\0';
    if (host[0] == '[' && colon > host + 1 && colon[-1] == ']') {
        colon[-1] = '\0';
        ret_address->six.sin6_family = AF_INET6;
        ret_address->six.sin6_port = htons((uint16_t)port);
        return inet_pton(AF_INET6, host + 1, &ret_address->six.sin6_addr) == 1;
    }
    ret_address->four.sin_family = AF_INET;
    ret_address->four.sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &ret_address->four.sin_addr) == 1;
}

static struct MHD_Daemon *listen_on(struct web *web, union address *address) {
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL;
    flags |= address->any.sa_family == AF_INET6 ? MHD_USE_IPv6 : 0;
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, web, MHD_OPTION_SOCK_ADDR,
                            &address->any, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)WEB_CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                            (unsigned)WEB_CONNECTIONS_PER_IP_MAX,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)WEB_REQUEST_BYTES_MAX,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)WEB_IDLE_S, MHD_OPTION_END);
}

static void web_free(struct web *web) {
    if (web->newest != NULL) {
        MHD_destroy_response(web->newest);
    }
    uv_cond_destroy(&web->written);
    uv_mutex_destroy(&web->mutex);
    free(web->text);
    free(web);
}

static void on_closed(uv_handle_t *handle) {
    web_free(handle->data);
}

enum err web_open(uv_loop_t *loop, const struct web_config *config, struct web **ret_web,
                  struct text256 *reterr) {
    union address address;
    if (!address_read(config->listen, &address)) {
        text_say(reterr, "http_listen: %s is not IP:PORT", config->listen);
        return ERR_CONFIG;
    }
    struct web *web = calloc(1, sizeof *web);
    char *text = malloc(config->text_size);
    if (web == NULL || text == NULL) {
        free(web);
        free(text);
        return ERR_NO_MEMORY;
    }
    web->config = *config;
    web->text = text;
    ensure(uv_mutex_init(&web->mutex) == 0 && uv_cond_init(&web->written) == 0);
    ensure(uv_async_init(loop, &web->async, on_asked) == 0);
    web->async.data = web;
    web->daemon = listen_on(web, &address);
    if (web->daemon == NULL) {
        text_say(reterr, "http_listen: cannot listen on %s", config->listen);
        web->closing = true;
        uv_close((uv_handle_t *)&web->async, on_closed);
        return ERR_IO;
    }
    *ret_web = web;
    return ERR_OK;
}

uint16_t web_port(const struct web *web) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info == NULL ? 0 : info->port;
}

void web_close(struct web *web) {
    if (web == NULL) {
        return;
    }
    uv_mutex_lock(&web->mutex);
    web->closing = true;
    uv_cond_broadcast(&web->written);
    uv_mutex_unlock(&web->mutex);
    MHD_stop_daemon(web->daemon); /* its thread has ended when this returns */
    uv_close((uv_handle_t *)&web->async, on_closed);
}
