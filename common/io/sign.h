/* sign: Ed25519 (RFC 8032) and SHA-256 by OpenSSL, random bytes from the kernel. The only
 * includer of OpenSSL's EVP headers besides certificate checks. */
#ifndef DROVER_SIGN_H
#define DROVER_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/topology/limits.h"

/* seed: the 32 secret bytes of an Ed25519 key. */
enum err sign_bytes(const uint8_t seed[KEY_SIZE], const uint8_t *data, size_t data_size,
                    uint8_t ret_signature[SIGNATURE_SIZE]) ERR_CHECKED;

/* OK, or SIGNATURE. A key of zeros never verifies anything. */
enum err sign_verify(const uint8_t public_key[KEY_SIZE], const uint8_t *data, size_t data_size,
                     const uint8_t signature[SIGNATURE_SIZE]) ERR_CHECKED;

/* By either of one identity's two keys, while it exchanges them; `next` of zeros: it has one. Who
 * counts signatures counts the identity once, whichever key it used and if it used both. */
enum err sign_verify_either(const uint8_t public_key[KEY_SIZE], const uint8_t next[KEY_SIZE],
                            const uint8_t *data, size_t data_size,
                            const uint8_t signature[SIGNATURE_SIZE]) ERR_CHECKED;

enum err sign_keypair(uint8_t ret_seed[KEY_SIZE], uint8_t ret_public[KEY_SIZE]) ERR_CHECKED;
enum err sign_public_of(const uint8_t seed[KEY_SIZE], uint8_t ret_public[KEY_SIZE]) ERR_CHECKED;

/* Curve25519 keys for CURVE, the same as libzmq's own; made here so that programs that only read
 * keys (the guard) need no libzmq. */
enum err curve_keypair(uint8_t ret_secret[KEY_SIZE], uint8_t ret_public[KEY_SIZE]) ERR_CHECKED;
enum err curve_public_of(const uint8_t secret[KEY_SIZE], uint8_t ret_public[KEY_SIZE]) ERR_CHECKED;

void digest_sha256(const uint8_t *data, size_t data_size, uint8_t ret_digest[DIGEST_SIZE]);

/* Kernel randomness; aborts when the kernel has none (it always has after boot). */
void random_bytes(uint8_t *ret_bytes, size_t bytes_n);

#endif
