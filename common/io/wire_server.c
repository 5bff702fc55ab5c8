/* The accepting end: a ROUTER. Who a frame is from is the key of its session, looked up in the
 * allow-list again for every frame; a session is addressed by the routing id that libzmq gave
 * it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"
#include "common/io/wire_parts.h"

/* libzmq's own ids: a zero, then a number. A peer that chose one itself is not listened to: it
 * might have chosen another peer's. */
#define ROUTING_ID_SIZE 5
#define OLDER_MAX 4

struct routing_id {
    uint8_t at[ROUTING_ID_SIZE];
};

/* The sessions of one identity. Two at a time are normal for a moment after a network failure:
 * frames of the older, read late, must not win the answers back. */
struct session {
    uint8_t kind, index;
    uint8_t key[KEY_SIZE];
    bool live;
    struct routing_id newest;
    uint8_t older_n;
    struct routing_id older[OLDER_MAX];
    uint64_t heard_ms;
    struct budget budget;
};

struct wire_server {
    struct wire *wire;
    struct loop_socket router, monitor;
    unsigned handles_n;
    size_t frame_max;
    WIRE_ON_FRAME(on_frame);
    void *owner;
    char address[WIRE_ADDRESS_SIZE];
    size_t sessions_n;
    struct session sessions[WIRE_KEYS_MAX];
    struct wire_server *next;
};

static struct session *session_of(struct wire_server *server, uint8_t kind, uint8_t index) {
    for (size_t i = 0; i < server->sessions_n; i++) {
        if (server->sessions[i].kind == kind && server->sessions[i].index == index) {
            return &server->sessions[i];
        }
    }
    return NULL;
}

static bool id_equal(const struct routing_id *a, const struct routing_id *b) {
    return memcmp(a->at, b->at, ROUTING_ID_SIZE) == 0;
}

/* A routing id as a number: its first byte is zero, so nothing is lost. */
static uint64_t id_number(const struct routing_id *id) {
    uint64_t number = 0;
    for (size_t i = 0; i < ROUTING_ID_SIZE; i++) {
        number = number << 8 | id->at[i];
    }
    return number;
}

static struct routing_id id_of_number(uint64_t number) {
    struct routing_id id;
    for (size_t i = ROUTING_ID_SIZE; i > 0; i--) {
        id.at[i - 1] = (uint8_t)number;
        number >>= 8;
    }
    return id;
}

/* True when that session is the newest now. */
static bool session_note(struct session *session, const struct routing_id *id) {
    if (session->live && id_equal(&session->newest, id)) {
        return true;
    }
    for (size_t i = 0; session->live && i < session->older_n; i++) {
        if (id_equal(&session->older[i], id)) {
            return false;
        }
    }
    if (session->live) {
        memmove(&session->older[1], &session->older[0], (OLDER_MAX - 1) * sizeof session->older[0]);
        session->older[0] = session->newest;
        if (session->older_n < OLDER_MAX) {
            session->older_n++;
        }
    }
    session->newest = *id;
    session->live = true;
    return true;
}

/* Only ever called with the identity of an authenticated payload. */
static struct session *session_heard(struct wire_server *server,
                                     const struct wire_identity *identity,
                                     const struct routing_id *id) {
    struct session *session = session_of(server, identity->kind, identity->index);
    if (session == NULL) {
        ensure(server->sessions_n <
               WIRE_KEYS_MAX); /* pruned with the allow-list, which is as long */
        session = &server->sessions[server->sessions_n++];
        memset(session, 0, sizeof *session);
        session->kind = identity->kind;
        session->index = identity->index;
    }
    if (session_note(session, id)) {
        memcpy(session->key, identity->curve_key, KEY_SIZE); /* of the session that is answered */
    }
    session->heard_ms = clock_boot_ms();
    return session;
}

static void server_frame(struct wire_server *server, const struct routing_id *id,
                         zmq_msg_t *payload) {
    struct wire *wire = server->wire;
    uint8_t key[KEY_SIZE];
    if (!frame_key(payload, key)) {
        wire->counters.no_identity_n++;
        wire_tell(wire, NOTICE_IDENTITY, "frame without an authenticated identity dropped at %s",
                  server->address);
        return;
    }
    const struct wire_identity *identity = wire_identity_of(wire, key);
    if (identity == NULL || identity->revoked) {
        wire->counters.revoked_key_n++;
        wire_tell(wire, NOTICE_REVOKED_KEY, "frame by a key that is no longer allowed%s%s dropped",
                  identity != NULL ? ", of " : "", identity != NULL ? identity->name : "");
        return;
    }
    if (zmq_msg_size(payload) > server->frame_max) {
        wire->counters.oversize_n++;
        wire_tell(wire, NOTICE_OVERSIZE, "frame of %zu bytes from %s dropped, at most %zu",
                  zmq_msg_size(payload), identity->name, server->frame_max);
        return;
    }
    struct session *session = session_heard(server, identity, id);
    if (!budget_spend(&session->budget, session->heard_ms)) {
        wire->counters.flood_n++;
        wire_tell(wire, NOTICE_FLOOD, "more than %d frames a second from %s: dropped",
                  1000 * BUDGET_FRAMES_MS, identity->name);
        return;
    }
    wire->counters.received_n++;
    /* A copy: the callback may replace the allow-list. */
    struct wire_identity from = *identity;
    from.session = id_number(id);
    server->on_frame(server->owner, &from, zmq_msg_data(payload), zmq_msg_size(payload));
}

/* One whole message of the ROUTER: the routing id, then exactly one frame. */
static bool server_receive(struct wire_server *server) {
    zmq_msg_t part;
    struct routing_id id;
    bool id_is_ours = false;
    size_t parts_n = 0;
    int more = 1;
    while (more) {
        int rc = zmq_msg_init(&part);
        ensure(rc == 0);
        if (zmq_msg_recv(&part, server->router.zmq, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&part);
            return false;
        }
        more = zmq_msg_more(&part);
        if (parts_n == 0 && zmq_msg_size(&part) == ROUTING_ID_SIZE) {
            memcpy(id.at, zmq_msg_data(&part), ROUTING_ID_SIZE);
            id_is_ours = id.at[0] == 0;
        }
        if (parts_n == 1 && !more && id_is_ours) {
            server_frame(server, &id, &part);
        } else if (parts_n == 1) {
            server->wire->counters.no_identity_n++;
            wire_tell(server->wire, NOTICE_IDENTITY, "%s dropped at %s",
                      more ? "message of several frames" : "frame under a self-chosen routing id",
                      server->address);
        }
        parts_n++;
        (void)zmq_msg_close(&part);
        if (server->router.zmq == NULL) {
            return false; /* closed by the callback */
        }
    }
    return true;
}

static bool server_drain(void *owner) {
    struct wire_server *server = owner;
    for (size_t i = 0; i < DRAIN_MAX; i++) {
        if (!server_receive(server)) {
            return false;
        }
    }
    return true;
}

static void server_event(struct wire_server *server, uint16_t event, uint32_t value) {
    struct wire *wire = server->wire;
    switch (event) {
    case ZMQ_EVENT_DISCONNECTED: wire->counters.disconnected_n++; break;
    case ZMQ_EVENT_ACCEPT_FAILED:
        wire->counters.accept_failed_n++;
        wire_tell(wire, NOTICE_ACCEPT, "cannot accept a connection at %s: %s", server->address,
                  zmq_strerror((int)value));
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) {
            wire->counters.wrong_mechanism_n++;
            wire_tell(wire, NOTICE_MECHANISM, "connection without CURVE refused at %s",
                      server->address);
            break;
        }
        wire->counters.handshake_failed_n++;
        wire_tell(wire, NOTICE_HANDSHAKE, "handshake failed at %s: %s", server->address,
                  value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC
                      ? "the peer expects another server key"
                      : "the peer does not keep to the protocol");
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        wire->counters.handshake_failed_n++;
        wire_tell(wire, NOTICE_HANDSHAKE, "handshake not finished at %s: %s", server->address,
                  value == EAGAIN ? "the peer said nothing for 1 s"
                                  : "the peer left, or wants no CURVE");
        break;
    default: /* a refusal by ZAP was counted where it was decided */ break;
    }
}

static bool server_monitor_drain(void *owner) {
    struct wire_server *server = owner;
    for (size_t i = 0; i < DRAIN_MAX; i++) {
        uint16_t event = 0;
        uint32_t value = 0;
        if (!monitor_next(server->monitor.zmq, &event, &value)) {
            return false;
        }
        server_event(server, event, value);
        if (server->monitor.zmq == NULL) {
            return false;
        }
    }
    return true;
}

static void server_gone(void *owner) {
    struct wire_server *server = owner;
    if (--server->handles_n == 0) {
        free(server);
    }
}

/* Puts a prepared, bound ROUTER and its monitor on the loop. */
static enum err server_start(struct wire_server *server, void *router, void *monitor) {
    enum err err =
        loop_socket_open(server->wire, &server->router, router, server, server_drain, server_gone);
    if (err != ERR_OK) {
        (void)zmq_close(monitor);
        (void)zmq_close(router);
        free(server);
        return err;
    }
    server->handles_n = 1;
    err = loop_socket_open(server->wire, &server->monitor, monitor, server, server_monitor_drain,
                           server_gone);
    if (err != ERR_OK) {
        (void)zmq_close(monitor);
        loop_socket_close(&server->router);
        return err;
    }
    server->handles_n = 2;
    server->next = server->wire->servers;
    server->wire->servers = server;
    return ERR_OK;
}

static enum err router_open(struct wire_server *server, const char *address,
                            const uint8_t secret[KEY_SIZE], void **ret_router, void **ret_monitor,
                            struct text256 *reterr) {
    int events = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_ACCEPT_FAILED |
                 ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
    void *context = server->wire->context;
    void *router = zmq_socket(context, ZMQ_ROUTER);
    void *monitor = NULL;
    size_t size = sizeof server->address;
    if (router != NULL && socket_set_common(router, address, server->frame_max) &&
        socket_set_server(router, secret)) {
        monitor = monitor_open(context, router, events);
    }
    if (monitor == NULL || zmq_bind(router, address) != 0 ||
        zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, server->address, &size) != 0) {
        text_say(reterr, "cannot serve at %.128s: %s", address, zmq_strerror(zmq_errno()));
        if (monitor != NULL) {
            (void)zmq_close(monitor);
        }
        if (router != NULL) {
            (void)zmq_close(router);
        }
        return ERR_IO;
    }
    *ret_router = router;
    *ret_monitor = monitor;
    return ERR_OK;
}

enum err wire_serve(struct wire *wire, const char *address, const uint8_t secret[KEY_SIZE],
                    const uint8_t public_key[KEY_SIZE], size_t frame_max, WIRE_ON_FRAME(on_frame),
                    void *owner, struct wire_server **ret_server, struct text256 *reterr) {
    ensure(on_frame != NULL);
    ensure(wire->zap.zmq != NULL);
    (void)public_key; /* a CURVE server needs its secret only; the public half is for its clients */
    struct wire_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return ERR_NO_MEMORY;
    }
    void *router = NULL;
    void *monitor = NULL;
    server->wire = wire;
    server->frame_max = frame_max;
    server->on_frame = on_frame;
    server->owner = owner;
    enum err err = router_open(server, address, secret, &router, &monitor, reterr);
    if (err != ERR_OK) {
        free(server);
        return err;
    }
    err = server_start(server, router, monitor);
    if (err == ERR_OK) {
        *ret_server = server;
    } else {
        text_say(reterr, "cannot serve at %.128s: out of descriptors", address);
    }
    return err;
}

static enum err router_send(struct wire_server *server, struct session *session,
                            const uint8_t *frame, size_t frame_size) {
    void *router = server->router.zmq;
    int rc = zmq_send(router, session->newest.at, ROUTING_ID_SIZE, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    if (rc < 0 && zmq_errno() == EAGAIN) {
        return ERR_BUSY;
    }
    if (rc < 0) {
        /* That session is gone. An older one, if it lives, takes over with its next frame. */
        session->live = false;
        session->older_n = 0;
        return ERR_UNREACHABLE;
    }
    /* The queue was seen to have room: the second half cannot fail. */
    rc = zmq_send(router, frame, frame_size, ZMQ_DONTWAIT);
    ensure(rc >= 0);
    return ERR_OK;
}

enum err wire_server_send(struct wire_server *server, enum wire_identity_kind kind, uint8_t index,
                          const uint8_t *frame, size_t frame_size) {
    struct session *session = session_of(server, (uint8_t)kind, index);
    enum err err = ERR_UNREACHABLE;
    if (session != NULL && session->live) {
        err = router_send(server, session, frame, frame_size);
        loop_socket_touch(&server->router);
    }
    server->wire->counters.sent_n += err == ERR_OK ? 1 : 0;
    server->wire->counters.dropped_send_n += err == ERR_OK ? 0 : 1;
    return err;
}

enum err wire_server_answer(struct wire_server *server, uint64_t session, const uint8_t *frame,
                            size_t frame_size) {
    struct session to = {.newest = id_of_number(session)};
    enum err err = router_send(server, &to, frame, frame_size);
    loop_socket_touch(&server->router);
    server->wire->counters.sent_n += err == ERR_OK ? 1 : 0;
    server->wire->counters.dropped_send_n += err == ERR_OK ? 0 : 1;
    return err;
}

bool wire_server_heard(const struct wire_server *server, enum wire_identity_kind kind,
                       uint8_t index, uint64_t within_ms) {
    for (size_t i = 0; i < server->sessions_n; i++) {
        const struct session *session = &server->sessions[i];
        if (session->kind == (uint8_t)kind && session->index == index) {
            return clock_boot_ms() - session->heard_ms <= within_ms;
        }
    }
    return false;
}

const char *wire_server_address(const struct wire_server *server) {
    return server->address;
}

/* Forgets sessions whose key no longer stands for that identity. */
void servers_prune(struct wire *wire) {
    for (struct wire_server *server = wire->servers; server != NULL; server = server->next) {
        size_t kept_n = 0;
        for (size_t i = 0; i < server->sessions_n; i++) {
            const struct session *session = &server->sessions[i];
            const struct wire_identity *now = wire_identity_of(wire, session->key);
            if (now != NULL && !now->revoked && now->kind == session->kind &&
                now->index == session->index) {
                server->sessions[kept_n++] = *session;
            }
        }
        server->sessions_n = kept_n;
    }
}

void wire_server_close(struct wire_server *server) {
    if (server == NULL) {
        return;
    }
    struct wire_server **at = &server->wire->servers;
    while (*at != server) {
        ensure(*at != NULL);
        at = &(*at)->next;
    }
    *at = server->next;
    loop_socket_close(&server->monitor);
    loop_socket_close(&server->router);
}
