/* canon: the exact bytes that get signed or digested. Pure; no protobuf, no crypto.
 *
 * Each statement begins with its own domain text ("drover/attest/v1"), so that no signature of one
 * kind can ever be read as another. Names are written with their length. */
#ifndef DROVER_CANON_H
#define DROVER_CANON_H

#include "proto/message.h"

#define CANON_MAX (6 * 1024) /* enough for every statement here except requests with a text */

/* Each writes into out and returns the number of bytes; ensure()s that they fit CANON_MAX. */

/* What the asking agent signs: all of the question but its signature. */
size_t canon_question(const struct question *question, uint8_t out[CANON_MAX]);

/* What a member (or promising guard) signs: the question's fields and the answer's. The answer's
 * epoch, nonce, digest, purpose and agent must equal the question's: ensured by the caller. */
size_t canon_answer(const struct question *question, const struct answer *answer,
                    uint8_t out[CANON_MAX]);

/* What a guard signs to prove its fence. */
size_t canon_fence(const char *cluster, const struct fence_proof *proof, uint8_t out[CANON_MAX]);

/* The command's identity; its SHA-256 is the digest that a certificate names. */
size_t canon_command(const struct command *command, uint8_t out[CANON_MAX]);

size_t canon_outcome(const char *cluster, const struct outcome *outcome, uint8_t out[CANON_MAX]);

/* The request with the SHA-256 of its text in place of the text. One that is bound to what its
 * operator saw is a statement of its own ("drover/request/v2"). */
size_t canon_request(const struct request *request, const uint8_t text_digest[DIGEST_SIZE],
                     uint8_t out[CANON_MAX]);

/* What a second operator signs of the topology that begins a lost log anew (docs/recovery.md). */
size_t canon_second(const char *cluster, const struct second *second,
                    const uint8_t text_digest[DIGEST_SIZE], uint8_t out[CANON_MAX]);

/* What an agent signs of a report: the domain and the SHA-256 of the encoded body. */
#define CANON_REPORT_DOMAIN "drover/report/v1"
size_t canon_report(const uint8_t body_digest[DIGEST_SIZE], uint8_t out[CANON_MAX]);

/* Certificates at rest and on the guard's socket: a fixed binary form (bytes.h). Write returns 0
 * when it does not fit; every certificate fits CERTIFICATE_BYTES_MAX. Read is as strict as the
 * converter: names, known purposes and refusals, nothing behind the end; it verifies no
 * signature and does not compare the answers with the question. */
#define CERTIFICATE_BYTES_MAX (6 * 1024)
size_t certificate_write(const struct certificate *certificate, uint8_t *out, size_t out_size);
bool certificate_read(const uint8_t *in, size_t in_size, struct certificate *ret_certificate)
    __attribute__((warn_unused_result));

#endif
