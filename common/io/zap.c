/* zap: who may come in (RFC 27). libzmq asks once a handshake; what is decided here is decided
 * again for every frame, in wire_server.c.
 *
 * 300 for a key that nobody has: it may be allowed a moment later, and a client that got 400
 * never tries again by itself. 400 for a revoked key. The user id given is the key itself, in
 * hex: the only thing that says who sent a frame. */
#include <string.h>

#include "common/io/wire_parts.h"

#define ZAP_PARTS 7 /* version, request id, domain, address, routing id, mechanism, key */

struct zap_part {
    uint8_t at[256];
    size_t size;
};

static bool part_is(const struct zap_part *part, const char *text) {
    return part->size == strlen(text) && memcmp(part->at, text, part->size) == 0;
}

/* One whole request; false when there is none. Longer parts are cut, which no field survives. */
static bool zap_receive(void *zap, struct zap_part parts[ZAP_PARTS], size_t *ret_n) {
    size_t n = 0;
    int more = 1;
    while (more) {
        struct zap_part spare;
        struct zap_part *part = n < ZAP_PARTS ? &parts[n] : &spare;
        int got = zmq_recv(zap, part->at, sizeof part->at, ZMQ_DONTWAIT);
        if (got < 0) {
            return false;
        }
        part->size = (size_t)got < sizeof part->at ? (size_t)got : sizeof part->at;
        n++;
        size_t size = sizeof more;
        if (zmq_getsockopt(zap, ZMQ_RCVMORE, &more, &size) != 0) {
            return false;
        }
    }
    *ret_n = n;
    return true;
}

static void zap_reply(void *zap, const struct zap_part *request_id, const char *code,
                      const char *text, const char *user_id) {
    /* libzmq takes the parts of one answer together, or none. */
    if (zmq_send(zap, "1.0", 3, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        return;
    }
    (void)zmq_send(zap, request_id->at, request_id->size, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(zap, code, strlen(code), ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(zap, text, strlen(text), ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(zap, user_id, strlen(user_id), ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(zap, "", 0, ZMQ_DONTWAIT);
}

/* The peer's address for people: numeric, from libzmq. */
static void address_of(const struct zap_part *part, char ret_address[64]) {
    size_t n = part->size < 63 ? part->size : 63;
    for (size_t i = 0; i < n; i++) {
        bool shown = part->at[i] > 0x20 && part->at[i] < 0x7f;
        ret_address[i] = shown ? (char)part->at[i] : '?';
    }
    ret_address[n] = '\0';
}

static void zap_decide(struct wire *wire, const struct zap_part parts[ZAP_PARTS], size_t parts_n) {
    const struct zap_part *id = &parts[1];
    void *zap = wire->zap.zmq;
    char address[64];
    char user_id[USER_ID_SIZE];
    if (parts_n != ZAP_PARTS || !part_is(&parts[0], "1.0") || !part_is(&parts[2], ZAP_DOMAIN) ||
        !part_is(&parts[5], "CURVE") || parts[6].size != KEY_SIZE) {
        wire->counters.wrong_mechanism_n++;
        wire_tell(wire, NOTICE_MECHANISM, "connection that is not CURVE refused");
        zap_reply(zap, id, "400", "CURVE expected", "");
        return;
    }
    address_of(&parts[3], address);
    const struct wire_identity *identity = wire_identity_of(wire, parts[6].at);
    if (identity == NULL) {
        wire->counters.unknown_key_n++;
        wire_tell(wire, NOTICE_UNKNOWN_KEY, "connection with an unknown key from %s", address);
        zap_reply(zap, id, "300", "unknown key", "");
        return;
    }
    if (identity->revoked) {
        wire->counters.revoked_key_n++;
        wire_tell(wire, NOTICE_REVOKED_KEY, "connection with the revoked key of %s from %s",
                  identity->name, address);
        zap_reply(zap, id, "400", "revoked key", "");
        return;
    }
    text_from_bytes(parts[6].at, KEY_SIZE, user_id, sizeof user_id);
    zap_reply(zap, id, "200", "OK", user_id);
}

bool zap_drain(void *owner) {
    struct wire *wire = owner;
    for (size_t i = 0; i < DRAIN_MAX; i++) {
        struct zap_part parts[ZAP_PARTS];
        size_t n = 0;
        memset(parts, 0, sizeof parts);
        if (!zap_receive(wire->zap.zmq, parts, &n)) {
            return false;
        }
        zap_decide(wire, parts, n);
    }
    return true;
}
