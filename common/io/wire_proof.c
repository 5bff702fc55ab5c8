/* The test at start: with real sockets of this very library, before anything is bound for
 * others, a key that nobody knows gets nothing in, and a known one does, under its own name.
 *
 * Not a formality: libzmq's CURVE alone admits every key. A library, a build or a change here
 * that brings that back must stop the program at its start, not be found later. */
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"
#include "common/io/sign.h"
#include "common/io/wire_parts.h"

/* Usually some 10 ms are enough; a starved machine must not keep a program from starting. */
#define PROOF_MS 10000
#define GRACE_MS 20 /* for the stranger's frame, after the known one's came */

struct proof {
    struct wire *wire;
    uint8_t secret[KEY_SIZE], public_key[KEY_SIZE];
    uint8_t known_public[KEY_SIZE];
    char address[64];
    void *router, *known, *stranger;
    bool known_heard, stranger_heard;
    bool known_sent;
};

static void *proof_client(struct proof *proof, bool known, struct text256 *reterr) {
    uint8_t secret[KEY_SIZE];
    uint8_t public_key[KEY_SIZE];
    enum err err = curve_keypair(secret, public_key);
    void *dealer = err == ERR_OK ? zmq_socket(proof->wire->context, ZMQ_DEALER) : NULL;
    if (dealer == NULL || !socket_set_common(dealer, proof->address, 256) ||
        !socket_set_client(dealer, proof->public_key, secret, public_key) ||
        zmq_connect(dealer, proof->address) != 0) {
        text_say(reterr, "wire test: client: %s", zmq_strerror(zmq_errno()));
        if (dealer != NULL) {
            (void)zmq_close(dealer);
        }
        return NULL;
    }
    if (known) {
        memcpy(proof->known_public, public_key, KEY_SIZE);
    }
    return dealer;
}

/* An abstract local socket: no network, nobody else's namespace, nothing left behind. */
static enum err proof_open(struct proof *proof, struct text256 *reterr) {
    uint8_t salt[16];
    char name[2 * sizeof salt + 1];
    random_bytes(salt, sizeof salt);
    text_from_bytes(salt, sizeof salt, name, sizeof name);
    (void)text_format(proof->address, sizeof proof->address, "ipc://@drover-%s", name);
    if (curve_keypair(proof->secret, proof->public_key) != ERR_OK) {
        return ERR_NO_MEMORY;
    }
    proof->router = zmq_socket(proof->wire->context, ZMQ_ROUTER);
    if (proof->router == NULL || !socket_set_common(proof->router, proof->address, 256) ||
        !socket_set_server(proof->router, proof->secret) ||
        zmq_bind(proof->router, proof->address) != 0) {
        text_say(reterr, "wire test: server: %s", zmq_strerror(zmq_errno()));
        return ERR_FAILED;
    }
    proof->stranger = proof_client(proof, false, reterr);
    proof->known = proof_client(proof, true, reterr);
    return proof->stranger != NULL && proof->known != NULL ? ERR_OK : ERR_FAILED;
}

static void proof_receive(struct proof *proof) {
    for (size_t i = 0; i < DRAIN_MAX; i++) {
        zmq_msg_t part;
        uint8_t key[KEY_SIZE];
        int rc = zmq_msg_init(&part);
        ensure(rc == 0);
        if (zmq_msg_recv(&part, proof->router, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&part);
            return;
        }
        if (zmq_msg_more(&part) == 0) {
            bool known = frame_key(&part, key) && memcmp(key, proof->known_public, KEY_SIZE) == 0;
            bool said = zmq_msg_size(&part) == 5 && memcmp(zmq_msg_data(&part), "known", 5) == 0;
            proof->known_heard = proof->known_heard || (known && said);
            proof->stranger_heard = proof->stranger_heard || !known || !said;
        }
        (void)zmq_msg_close(&part);
    }
}

/* The loop does not run yet: this turns the wheel by hand, for a bounded time. */
static void proof_run(struct proof *proof) {
    uint64_t start_ms = clock_boot_ms();
    uint64_t end_ms = start_ms + PROOF_MS;
    bool good = false;
    while (clock_boot_ms() < end_ms && !proof->stranger_heard) {
        zmq_pollitem_t items[] = {
            {.socket = proof->wire->zap.zmq, .events = ZMQ_POLLIN},
            {.socket = proof->router, .events = ZMQ_POLLIN},
        };
        (void)zmq_poll(items, 2, 2);
        (void)zap_drain(proof->wire);
        (void)zmq_send(proof->stranger, "stranger", 8, ZMQ_DONTWAIT);
        if (!proof->known_sent) {
            proof->known_sent = zmq_send(proof->known, "known", 5, ZMQ_DONTWAIT) == 5;
        }
        proof_receive(proof);
        if (!good && proof->known_heard && proof->wire->counters.unknown_key_n > 0) {
            good = true;
            end_ms = clock_boot_ms() + GRACE_MS;
        }
    }
}

static enum err proof_verdict(const struct proof *proof, struct text256 *reterr) {
    if (proof->stranger_heard) {
        text_say(reterr, "wire test: a stranger's frame came through: CURVE does not refuse here");
        return ERR_FAILED;
    }
    if (proof->wire->counters.unknown_key_n == 0) {
        text_say(reterr, "wire test: the stranger's key was not asked about");
        return ERR_FAILED;
    }
    if (!proof->known_heard) {
        text_say(reterr, "wire test: a known key's frame did not come through in %d ms", PROOF_MS);
        return ERR_FAILED;
    }
    return ERR_OK;
}

enum err wire_prove(struct wire *wire, struct text256 *reterr) {
    struct proof proof = {.wire = wire};
    enum err err = proof_open(&proof, reterr);
    if (err == ERR_OK) {
        wire->identities[0] =
            (struct wire_identity){.kind = WIRE_MEMBER, .index = NONE, .name = "proof"};
        memcpy(wire->identities[0].curve_key, proof.known_public, KEY_SIZE);
        wire->identities_n = 1;
        proof_run(&proof);
        err = proof_verdict(&proof, reterr);
    }
    void *const sockets[] = {proof.stranger, proof.known, proof.router};
    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++) {
        if (sockets[i] != NULL) {
            (void)zmq_close(sockets[i]);
        }
    }
    memset(wire->identities, 0, sizeof wire->identities);
    wire->identities_n = 0;
    memset(&wire->counters, 0, sizeof wire->counters);
    memset(wire->notices, 0, sizeof wire->notices);
    loop_socket_touch(&wire->zap);
    return err;
}
