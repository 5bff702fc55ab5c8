/* The context and what servers and clients share. */
#include "common/io/wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"
#include "common/io/sign.h"
#include "common/io/wire_parts.h"

#define NOTICE_EVERY_MS 1000

bool socket_set_int(void *zmq, int option, int value) {
    return zmq_setsockopt(zmq, option, &value, sizeof value) == 0;
}

bool socket_set_common(void *zmq, const char *address, size_t frame_max) {
    int64_t sealed_max = (int64_t)frame_max + CURVE_OVERHEAD;
    bool ipv6 = strchr(address, '[') != NULL;
    return socket_set_int(zmq, ZMQ_LINGER, 0) && socket_set_int(zmq, ZMQ_SNDHWM, 64) &&
           /* No limit on what was received: where libzmq 4.3.4 stops reading a peer for a full
            * queue and that peer leaves, its next heartbeat aborts the process. What one peer may
            * take of us is bounded by its budget instead: more is read and dropped. */
           socket_set_int(zmq, ZMQ_RCVHWM, 0) && socket_set_int(zmq, ZMQ_IMMEDIATE, 1) &&
           socket_set_int(zmq, ZMQ_HANDSHAKE_IVL, 1000) &&
           socket_set_int(zmq, ZMQ_HEARTBEAT_IVL, 1000) &&
           socket_set_int(zmq, ZMQ_HEARTBEAT_TIMEOUT, 3000) &&
           socket_set_int(zmq, ZMQ_HEARTBEAT_TTL, 5000) &&
           socket_set_int(zmq, ZMQ_TCP_MAXRT, 5000) &&
           socket_set_int(zmq, ZMQ_IPV6, ipv6 ? 1 : 0) &&
           zmq_setsockopt(zmq, ZMQ_MAXMSGSIZE, &sealed_max, sizeof sealed_max) == 0;
}

bool socket_set_server(void *zmq, const uint8_t secret[KEY_SIZE]) {
    return socket_set_int(zmq, ZMQ_CURVE_SERVER, 1) &&
           zmq_setsockopt(zmq, ZMQ_CURVE_SECRETKEY, secret, KEY_SIZE) == 0 &&
           zmq_setsockopt(zmq, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN)) == 0 &&
           socket_set_int(zmq, ZMQ_ZAP_ENFORCE_DOMAIN, 1) &&
           socket_set_int(zmq, ZMQ_ROUTER_HANDOVER, 0) &&
           socket_set_int(zmq, ZMQ_ROUTER_MANDATORY, 1) && socket_set_int(zmq, ZMQ_BACKLOG, 4096);
}

bool socket_set_client(void *zmq, const uint8_t server_key[KEY_SIZE],
                       const uint8_t secret[KEY_SIZE], const uint8_t public_key[KEY_SIZE]) {
    return zmq_setsockopt(zmq, ZMQ_CURVE_SERVERKEY, server_key, KEY_SIZE) == 0 &&
           zmq_setsockopt(zmq, ZMQ_CURVE_SECRETKEY, secret, KEY_SIZE) == 0 &&
           zmq_setsockopt(zmq, ZMQ_CURVE_PUBLICKEY, public_key, KEY_SIZE) == 0;
}

bool budget_spend(struct budget *budget, uint64_t now_ms) {
    uint64_t passed_ms = now_ms - budget->since_ms;
    if (budget->since_ms == 0 || passed_ms >= BUDGET_FRAMES_MAX) {
        budget->since_ms = now_ms;
        budget->frames_n = BUDGET_FRAMES_MAX;
    } else if (passed_ms > 0) {
        uint64_t frames_n = budget->frames_n + passed_ms * BUDGET_FRAMES_MS;
        budget->frames_n = frames_n < BUDGET_FRAMES_MAX ? (uint32_t)frames_n : BUDGET_FRAMES_MAX;
        budget->since_ms = now_ms;
    }
    if (budget->frames_n == 0) {
        return false;
    }
    budget->frames_n--;
    return true;
}

void *monitor_open(void *context, void *zmq, int events) {
    static unsigned made_n; /* one owner thread: the names of inproc endpoints must differ */
    char endpoint[64];
    (void)text_format(endpoint, sizeof endpoint, "inproc://drover.monitor.%u", ++made_n);
    if (zmq_socket_monitor(zmq, endpoint, events) != 0) {
        return NULL;
    }
    void *monitor = zmq_socket(context, ZMQ_PAIR);
    if (monitor == NULL) {
        return NULL;
    }
    /* No limit here: libzmq's own thread would wait for us at a full queue. A flood of events is
     * drained DRAIN_MAX a turn. */
    if (!socket_set_int(monitor, ZMQ_LINGER, 0) || !socket_set_int(monitor, ZMQ_RCVHWM, 0) ||
        zmq_connect(monitor, endpoint) != 0) {
        (void)zmq_close(monitor);
        return NULL;
    }
    return monitor;
}

bool monitor_next(void *monitor, uint16_t *ret_event, uint32_t *ret_value) {
    uint8_t head[6];
    char address[8];
    int got = zmq_recv(monitor, head, sizeof head, ZMQ_DONTWAIT);
    if (got < 0) {
        return false;
    }
    ensure(got == (int)sizeof head);
    memcpy(ret_event, head, sizeof *ret_event);
    memcpy(ret_value, head + sizeof *ret_event, sizeof *ret_value);
    (void)zmq_recv(monitor, address, sizeof address, ZMQ_DONTWAIT); /* the endpoint, cut */
    return true;
}

bool frame_key(zmq_msg_t *frame, uint8_t ret_key[KEY_SIZE]) {
    /* Of the payload: libzmq 4.3.4 loses the metadata of a ROUTER's first frame after a poll. */
    const char *user_id = zmq_msg_gets(frame, "User-Id");
    return user_id != NULL && text_to_bytes(user_id, ret_key, KEY_SIZE);
}

const struct wire_identity *wire_identity_of(const struct wire *wire, const uint8_t key[KEY_SIZE]) {
    for (size_t i = 0; i < wire->identities_n; i++) {
        if (memcmp(wire->identities[i].curve_key, key, KEY_SIZE) == 0) {
            return &wire->identities[i];
        }
    }
    return NULL;
}

enum err wire_allow(struct wire *wire, const struct wire_identity *identities,
                    size_t identities_n) {
    static const uint8_t zeros[KEY_SIZE];
    struct wire_identity kept[WIRE_KEYS_MAX];
    size_t kept_n = 0;
    if (identities_n > WIRE_KEYS_MAX) {
        return ERR_TOO_BIG;
    }
    for (size_t i = 0; i < identities_n; i++) {
        if (memcmp(identities[i].curve_key, zeros, KEY_SIZE) == 0) {
            continue;
        }
        for (size_t k = 0; k < kept_n; k++) {
            if (memcmp(kept[k].curve_key, identities[i].curve_key, KEY_SIZE) == 0) {
                return ERR_EXISTS;
            }
        }
        kept[kept_n++] = identities[i];
    }
    memcpy(wire->identities, kept, kept_n * sizeof kept[0]);
    wire->identities_n = kept_n;
    servers_prune(wire);
    return ERR_OK;
}

const struct wire_counters *wire_counters(const struct wire *wire) {
    return &wire->counters;
}

void wire_on_notice(struct wire *wire, void (*notice)(void *owner, const char *text), void *owner) {
    wire->notice = notice;
    wire->notice_owner = owner;
}

static void notice_give(struct wire *wire, struct notice *notice, uint64_t now_ms) {
    char text[256];
    if (notice->held_n > 1) {
        (void)text_format(text, sizeof text, "%s (%llu times since the last notice)", notice->text,
                          (unsigned long long)notice->held_n);
    } else {
        (void)text_copy(text, sizeof text, notice->text);
    }
    notice->held_n = 0;
    notice->told_ms = now_ms;
    if (wire->notice != NULL) {
        wire->notice(wire->notice_owner, text);
    }
}

void wire_tell(struct wire *wire, enum notice_reason reason, const char *format, ...) {
    struct notice *notice = &wire->notices[reason];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(notice->text, sizeof notice->text, format, args);
    va_end(args);
    notice->held_n++;
    uint64_t now_ms = clock_boot_ms();
    if (notice->told_ms == 0 || now_ms - notice->told_ms >= NOTICE_EVERY_MS) {
        notice_give(wire, notice, now_ms);
    }
}

void wire_sweep(struct wire *wire) {
    uint64_t now_ms = clock_boot_ms();
    for (size_t i = 0; i < NOTICES_N; i++) {
        struct notice *notice = &wire->notices[i];
        if (notice->held_n > 0 && now_ms - notice->told_ms >= NOTICE_EVERY_MS) {
            notice_give(wire, notice, now_ms);
        }
    }
    for (struct wire_client *client = wire->clients; client != NULL;) {
        struct wire_client *next = client_next(client);
        client_sweep(client, now_ms);
        client = next;
    }
}

/* The library must be one that was looked at: CURVE in it, and the fixes of 4.3.4. */
static enum err check_library(struct text256 *reterr) {
    int major = 0;
    int minor = 0;
    int patch = 0;
    zmq_version(&major, &minor, &patch);
    if (major != 4 || minor * 100 + patch < 304 || zmq_has("curve") != 1) {
        text_say(reterr, "libzmq %d.%d.%d%s; 4.3.4 or newer with CURVE is needed", major, minor,
                 patch, zmq_has("curve") == 1 ? "" : " without CURVE");
        return ERR_UNSUPPORTED;
    }
    return ERR_OK;
}

/* RFC 27: the handler stands before any server does. */
static enum err zap_open(struct wire *wire, struct text256 *reterr) {
    void *zap = zmq_socket(wire->context, ZMQ_REP);
    if (zap == NULL || !socket_set_int(zap, ZMQ_LINGER, 0) || zmq_bind(zap, ZAP_ENDPOINT) != 0 ||
        loop_socket_open(wire, &wire->zap, zap, wire, zap_drain, NULL) != ERR_OK) {
        text_say(reterr, "cannot start the ZAP handler: %s", zmq_strerror(zmq_errno()));
        if (zap != NULL) {
            (void)zmq_close(zap);
        }
        return ERR_FAILED;
    }
    return ERR_OK;
}

enum err wire_open(uv_loop_t *loop, struct wire **ret_wire, struct text256 *reterr) {
    enum err err = check_library(reterr);
    if (err != ERR_OK) {
        return err;
    }
    struct wire *wire = calloc(1, sizeof *wire);
    if (wire == NULL) {
        return ERR_NO_MEMORY;
    }
    uint64_t seed = 0;
    random_bytes((uint8_t *)&seed, sizeof seed);
    rng_seed(&wire->rng, seed);
    wire->loop = loop;
    wire->context = zmq_ctx_new();
    if (wire->context == NULL) {
        free(wire);
        return ERR_NO_MEMORY;
    }
    (void)zmq_ctx_set(wire->context, ZMQ_BLOCKY, 0);
    (void)zmq_ctx_set(wire->context, ZMQ_MAX_SOCKETS, 8192);
    err = loop_start(wire);
    ensure(err == ERR_OK); /* of a live loop these never fail */
    err = zap_open(wire, reterr);
    if (err == ERR_OK) {
        err = wire_prove(wire, reterr);
    }
    if (err != ERR_OK) {
        wire_close(wire);
        return err;
    }
    *ret_wire = wire;
    return ERR_OK;
}

void wire_handle_gone(struct wire *wire) {
    ensure(wire->handles_n > 0);
    wire->handles_n--;
    if (wire->closing && wire->handles_n == 0) {
        free(wire);
    }
}

void wire_close(struct wire *wire) {
    if (wire == NULL) {
        return;
    }
    ensure(!wire->closing);
    while (wire->servers != NULL) {
        wire_server_close(wire->servers);
    }
    while (wire->clients != NULL) {
        wire_client_close(wire->clients);
    }
    loop_socket_close(&wire->zap);
    loop_stop(wire);
    wire->closing = true;
    /* Every socket is closed and lingers on nothing: this only waits for libzmq's own threads. */
    while (zmq_ctx_term(wire->context) != 0 && zmq_errno() == EINTR) {
    }
}
