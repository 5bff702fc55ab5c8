/* guard_wire: what agent and guard say to each other over one AF_UNIX SOCK_SEQPACKET
 * connection, one packet a request and one packet an answer, in turn. Fixed binary forms
 * (bytes.h). Pure.
 *
 * The guard trusts nothing in a request but its shape: it checks certificates, promises,
 * denials and questions against its own pinned keys. */
#ifndef DROVER_GUARD_WIRE_H
#define DROVER_GUARD_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/topology/limits.h"

#define GUARD_WIRE_VERSION 1
#define GUARD_PACKET_MAX 8192
#define GUARD_BODY_MAX 6144 /* a certificate as proto/canon.h writes it */

enum guard_call {
    GUARD_STATUS = 1,      /* no body; flag: tell key_place, too */
    GUARD_BEGIN = 2,       /* purpose u8 (enum purpose: LEASE or PROMISE), epoch u64 -> nonce */
    GUARD_CERTIFICATE = 3, /* body: certificate of YES answers to a LEASE nonce */
    GUARD_PROMISES = 4,    /* body: certificate of the gate guards' promises */
    GUARD_DENIAL = 5,      /* body: certificate holding NO answers: that epoch is closed */
    GUARD_FENCE = 6,       /* epoch u64: end the lease, shut the gate, refuse that epoch for ever */
    GUARD_PROMISE = 7,     /* body: a question of purpose PROMISE of the active region's agent */
    GUARD_FENCE_DONE = 8   /* the agent's own soft fence stands (bool): the guard need not kill */
};

struct guard_request {
    uint8_t call;
    uint8_t purpose;
    uint64_t epoch;
    bool flag;
    uint16_t body_size;
    uint8_t body[GUARD_BODY_MAX];
};

struct guard_answer {
    uint8_t call;
    uint8_t verdict; /* enum holder_verdict */
    uint8_t err;     /* enum err: OK, SIGNATURE, FORMAT, IO, ... */
    uint8_t gate;    /* enum gate_state of the wire, read back from the kernel */
    bool by_promise;
    bool soft_fence_due;
    bool fence_proved;         /* gate seen shut, knock refused, epoch durably refused */
    uint8_t nonce[NONCE_SIZE]; /* BEGIN */
    uint64_t accepted_epoch, fenced_epoch, promised_epoch, lease_epoch;
    uint32_t lease_left_ms, promise_left_ms;
    uint8_t
        fence_signature[SIGNATURE_SIZE]; /* over canon_fence of fenced_epoch, when fence_proved */
    /* PROMISE: the answer's signature, to be sent on with refusal 0; verdict tells why not */
    uint8_t signature[SIGNATURE_SIZE];
    uint8_t refusal; /* enum refusal */
    /* STATUS with its flag: 1 the guard holds its pinned key, 2 the next one. 0: not told. It
     * travels in spare bits, so that a guard and an agent of before it understand each other. */
    uint8_t key_place;
};

size_t guard_request_write(const struct guard_request *request, uint8_t *out, size_t out_size);
bool guard_request_read(const uint8_t *in, size_t in_size, struct guard_request *ret_request);
size_t guard_answer_write(const struct guard_answer *answer, uint8_t *out, size_t out_size);
bool guard_answer_read(const uint8_t *in, size_t in_size, struct guard_answer *ret_answer);

#endif
