/* The conversation with the guard: one AF_UNIX packet socket, one call at a time, answered in
 * order. A guard that is silent for GUARD_PATIENCE_MS is left and tried anew: the gate does not
 * depend on it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/agent.h"
#include "common/io/clock.h"
#include "common/io/log.h"

#define GUARD_CALLS_MAX 16
#define GUARD_PATIENCE_MS 1500
#define GUARD_RECONNECT_MS 200
#define GUARD_FRESH_MS 1000 /* guard_ask() */

struct guard_call_entry {
    uint8_t packet[GUARD_PACKET_MAX];
    size_t size;
    uint8_t call;
    void *owner;
    void (*done)(void *owner, const struct guard_answer *answer);
};

struct guard_link {
    struct agent_program *agent;
    int fd;
    bool polling, sent;
    uv_poll_t poll;
    uv_timer_t timer;
    uint64_t sent_ms, next_try_ms;
    unsigned first, n;
    unsigned open_handles_n;
    bool closing;
    struct guard_call_entry calls[GUARD_CALLS_MAX];
};

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_poll_closed(uv_handle_t *handle) {
    struct guard_link *link = handle->data;
    link->polling = false;
    (void)close(link->fd);
    link->fd = -1;
    link->open_handles_n--;
    if (link->closing && link->open_handles_n == 0) {
        free(link);
    }
}

/* Whoever waits is told that there is no answer. */
static void fail_all(struct guard_link *link) {
    while (link->n > 0) {
        struct guard_call_entry *entry = &link->calls[link->first];
        link->first = (link->first + 1) % GUARD_CALLS_MAX;
        link->n--;
        entry->done(entry->owner, NULL);
    }
    link->sent = false;
}

static void disconnect(struct guard_link *link) {
    if (link->polling && !uv_is_closing((uv_handle_t *)&link->poll)) {
        (void)uv_poll_stop(&link->poll);
        uv_close((uv_handle_t *)&link->poll, on_poll_closed);
    }
    link->next_try_ms = agent_now_ms() + GUARD_RECONNECT_MS;
    fail_all(link);
}

static void send_first(struct guard_link *link) {
    if (link->n == 0 || link->sent || link->fd < 0 || !link->polling ||
        uv_is_closing((uv_handle_t *)&link->poll)) {
        return;
    }
    struct guard_call_entry *entry = &link->calls[link->first];
    ssize_t n = send(link->fd, entry->packet, entry->size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return; /* the timer tries again */
    }
    if (n != (ssize_t)entry->size) {
        disconnect(link);
        return;
    }
    link->sent = true;
    link->sent_ms = agent_now_ms();
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    static uint8_t packet[GUARD_PACKET_MAX];
    static struct guard_answer answer;
    struct guard_link *link = poll->data;
    (void)events;
    ssize_t n = status < 0 ? -1 : recv(link->fd, packet, sizeof packet, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR) && status >= 0) {
        return;
    }
    if (n <= 0 || !link->sent || !guard_answer_read(packet, (size_t)n, &answer) ||
        answer.call != link->calls[link->first].call) {
        log_event(LOG_WARNING, "guard.lost", "the guard closed or answered out of turn");
        disconnect(link);
        return;
    }
    struct guard_call_entry *entry = &link->calls[link->first];
    void *owner = entry->owner;
    void (*done)(void *owner, const struct guard_answer *answer) = entry->done;
    link->first = (link->first + 1) % GUARD_CALLS_MAX;
    link->n--;
    link->sent = false;
    done(owner, &answer);
    send_first(link);
}

static int connected(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (!text_copy(address.sun_path, sizeof address.sun_path, path) ||
                    connect(fd, (struct sockaddr *)&address, sizeof address) != 0)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static void try_connect(struct guard_link *link) {
    link->next_try_ms = agent_now_ms() + GUARD_RECONNECT_MS;
    int fd = connected(link->agent->conf->guard_socket);
    if (fd < 0) {
        return;
    }
    if (uv_poll_init(link->agent->loop, &link->poll, fd) != 0) {
        (void)close(fd);
        return;
    }
    link->fd = fd;
    link->poll.data = link;
    link->polling = true;
    link->open_handles_n++;
    (void)uv_poll_start(&link->poll, UV_READABLE, on_readable);
    log_event(LOG_NOTICE, "guard.found", "socket=%s", link->agent->conf->guard_socket);
}

static void on_timer(uv_timer_t *timer) {
    struct guard_link *link = timer->data;
    uint64_t now_ms = agent_now_ms();
    if (link->sent && now_ms - link->sent_ms > GUARD_PATIENCE_MS) {
        log_event(LOG_ERR, "guard.silent", "no answer for %u ms", GUARD_PATIENCE_MS);
        disconnect(link);
    }
    if (!link->polling && now_ms >= link->next_try_ms) {
        try_connect(link);
    }
    send_first(link);
}

enum err guard_link_open(struct agent_program *agent, struct guard_link **ret_link,
                         struct text256 *reterr) {
    struct guard_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        text_say(reterr, "guard link: %s", err_text(ERR_NO_MEMORY));
        return ERR_NO_MEMORY;
    }
    link->agent = agent;
    link->fd = -1;
    link->timer.data = link;
    (void)uv_timer_init(agent->loop, &link->timer);
    link->open_handles_n = 1;
    (void)uv_timer_start(&link->timer, on_timer, 0, 25);
    *ret_link = link;
    return ERR_OK;
}

static void on_timer_closed(uv_handle_t *handle) {
    struct guard_link *link = handle->data;
    link->open_handles_n--;
    if (link->open_handles_n == 0) {
        free(link);
    }
}

void guard_link_close(struct guard_link *link) {
    if (link == NULL) {
        return;
    }
    link->closing = true;
    link->n = 0;
    disconnect(link);
    (void)uv_timer_stop(&link->timer);
    uv_close((uv_handle_t *)&link->timer, on_timer_closed);
}

bool guard_link_up(const struct guard_link *link) {
    return link->polling && !uv_is_closing((const uv_handle_t *)&link->poll);
}

enum err guard_link_call(struct guard_link *link, const struct guard_request *request, void *owner,
                         void (*done)(void *owner, const struct guard_answer *answer)) {
    if (!guard_link_up(link)) {
        return ERR_UNREACHABLE;
    }
    if (link->n == GUARD_CALLS_MAX) {
        return ERR_BUSY;
    }
    struct guard_call_entry *entry = &link->calls[(link->first + link->n) % GUARD_CALLS_MAX];
    entry->size = guard_request_write(request, entry->packet, sizeof entry->packet);
    ensure(entry->size > 0);
    entry->call = request->call;
    entry->owner = owner;
    entry->done = done;
    link->n++;
    send_first(link);
    return ERR_OK;
}

/* ------------------------------------------------------------- from a worker */

static enum err ask_once(int fd, uint64_t end_ms, struct guard_answer *ret_answer) {
    static const struct guard_request request = {.call = GUARD_STATUS};
    uint8_t packet[GUARD_PACKET_MAX];
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    size_t size = guard_request_write(&request, packet, sizeof packet);
    ensure(size > 0);
    if (send(fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)size) {
        return ERR_UNREACHABLE;
    }
    for (uint64_t now_ms = clock_boot_ms(); now_ms < end_ms; now_ms = clock_boot_ms()) {
        int n = poll(&readable, 1, (int)(end_ms - now_ms));
        if (n < 0 && errno != EINTR) {
            return ERR_UNREACHABLE;
        }
        if (n > 0) {
            ssize_t got = recv(fd, packet, sizeof packet, MSG_DONTWAIT);
            bool read = got > 0 && guard_answer_read(packet, (size_t)got, ret_answer) &&
                        ret_answer->call == GUARD_STATUS;
            return read ? ERR_OK : got > 0 ? ERR_FORMAT : ERR_UNREACHABLE;
        }
    }
    return ERR_TIMEOUT;
}

/* One worker at a time: a guard has few places. Whoever was stopped between question and answer
 * asks again: the answer is from before. */
enum err guard_ask(const char *socket_path, uint32_t within_ms, struct guard_answer *ret_answer) {
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    enum err err = ERR_TIMEOUT;
    (void)pthread_mutex_lock(&one_at_a_time);
    for (unsigned tries = 0; err == ERR_TIMEOUT && tries < 3; tries++) {
        uint64_t asked_ms = clock_boot_ms();
        int fd = connected(socket_path);
        err = fd < 0 ? ERR_UNREACHABLE : ask_once(fd, asked_ms + within_ms, ret_answer);
        if (fd >= 0) {
            (void)close(fd);
        }
        if (err == ERR_OK && clock_boot_ms() - asked_ms > GUARD_FRESH_MS) {
            err = ERR_TIMEOUT;
        }
    }
    (void)pthread_mutex_unlock(&one_at_a_time);
    return err;
}
