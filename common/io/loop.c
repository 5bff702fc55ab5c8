/* libzmq's sockets on the libuv loop.
 *
 * A socket's descriptor only says "something happened since you last looked", and every call on
 * the socket is a look. So its callback does not read: it marks the socket, and marked sockets
 * are drained before and after libuv polls, a bounded number of frames each. While one has more,
 * an idle handle keeps the loop from sleeping. A socket is marked again after each send. */
#include <stdlib.h>

#include "common/base/ensure.h"
#include "common/io/wire_parts.h"

static void mark(struct loop_socket *socket, bool pending) {
    if (socket->pending == pending) {
        return;
    }
    socket->pending = pending;
    socket->wire->pending_n += pending ? 1 : 0;
    socket->wire->pending_n -= pending ? 0 : 1;
}

static void idle_run(uv_idle_t *idle) {
    (void)idle; /* its being there keeps the poll from blocking */
}

static void drain_marked(struct wire *wire) {
    for (struct loop_socket *socket = wire->sockets; socket != NULL && wire->pending_n > 0;
         socket = socket->next) {
        /* A callback below may close any socket, this one too: it stays in the list until libuv has
         * let go of it, which is never inside this walk. */
        if (!socket->pending || socket->zmq == NULL) {
            continue;
        }
        mark(socket, false);
        if (socket->drain(socket->owner) && socket->zmq != NULL) {
            mark(socket, true);
        }
    }
    if (wire->closing) {
        return;
    }
    if (wire->pending_n > 0) {
        (void)uv_idle_start(&wire->idle, idle_run);
    } else {
        (void)uv_idle_stop(&wire->idle);
    }
}

static void prepare_run(uv_prepare_t *prepare) {
    drain_marked(prepare->data);
}

static void check_run(uv_check_t *check) {
    drain_marked(check->data);
}

static void sweep_run(uv_timer_t *timer) {
    struct wire *wire = timer->data;
    /* Nothing should ever be missed; if libzmq's edge were, the delay ends here. */
    for (struct loop_socket *socket = wire->sockets; socket != NULL; socket = socket->next) {
        loop_socket_touch(socket);
    }
    wire_sweep(wire);
}

static void poll_run(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    loop_socket_touch(poll->data);
}

void loop_socket_touch(struct loop_socket *socket) {
    if (socket->zmq != NULL) {
        mark(socket, true);
    }
}

enum err loop_socket_open(struct wire *wire, struct loop_socket *socket, void *zmq, void *owner,
                          bool (*drain)(void *owner), void (*gone)(void *owner)) {
    int file = -1;
    size_t size = sizeof file;
    if (zmq_getsockopt(zmq, ZMQ_FD, &file, &size) != 0 ||
        uv_poll_init(wire->loop, &socket->poll, file) != 0) {
        return ERR_IO;
    }
    int rc = uv_poll_start(&socket->poll, UV_READABLE, poll_run);
    ensure(rc == 0);
    socket->wire = wire;
    socket->zmq = zmq;
    socket->owner = owner;
    socket->drain = drain;
    socket->gone = gone;
    socket->pending = false;
    socket->poll.data = socket;
    socket->next = wire->sockets;
    wire->sockets = socket;
    wire->handles_n++;
    mark(socket, true);
    return ERR_OK;
}

static void poll_closed(uv_handle_t *handle) {
    struct loop_socket *socket = handle->data;
    struct wire *wire = socket->wire;
    struct loop_socket **at = &wire->sockets;
    while (*at != socket) {
        ensure(*at != NULL);
        at = &(*at)->next;
    }
    *at = socket->next;
    if (socket->gone != NULL) {
        socket->gone(socket->owner);
    }
    wire_handle_gone(wire);
}

void loop_socket_close(struct loop_socket *socket) {
    if (socket->zmq == NULL) {
        return;
    }
    mark(socket, false);
    /* Off the loop before libzmq's reaper closes the descriptor. */
    (void)uv_poll_stop(&socket->poll);
    int rc = zmq_close(socket->zmq);
    ensure(rc == 0);
    socket->zmq = NULL;
    uv_close((uv_handle_t *)&socket->poll, poll_closed);
}

static void own_closed(uv_handle_t *handle) {
    wire_handle_gone(handle->data);
}

enum err loop_start(struct wire *wire) {
    if (uv_prepare_init(wire->loop, &wire->prepare) != 0 ||
        uv_check_init(wire->loop, &wire->check) != 0 ||
        uv_idle_init(wire->loop, &wire->idle) != 0 ||
        uv_timer_init(wire->loop, &wire->sweep) != 0) {
        return ERR_IO;
    }
    wire->prepare.data = wire;
    wire->check.data = wire;
    wire->idle.data = wire;
    wire->sweep.data = wire;
    wire->handles_n += 4;
    (void)uv_prepare_start(&wire->prepare, prepare_run);
    (void)uv_check_start(&wire->check, check_run);
    (void)uv_timer_start(&wire->sweep, sweep_run, SWEEP_MS, SWEEP_MS);
    return ERR_OK;
}

void loop_stop(struct wire *wire) {
    uv_close((uv_handle_t *)&wire->prepare, own_closed);
    uv_close((uv_handle_t *)&wire->check, own_closed);
    uv_close((uv_handle_t *)&wire->idle, own_closed);
    uv_close((uv_handle_t *)&wire->sweep, own_closed);
}
