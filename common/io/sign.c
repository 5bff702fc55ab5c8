#include "common/io/sign.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/ensure.h"

static bool is_zero(const uint8_t *bytes, size_t bytes_n) {
    uint8_t all = 0;
    for (size_t i = 0; i < bytes_n; i++) {
        all |= bytes[i];
    }
    return all == 0;
}

enum err sign_bytes(const uint8_t seed[KEY_SIZE], const uint8_t *data, size_t data_size,
                    uint8_t ret_signature[SIGNATURE_SIZE]) {
    uint8_t signature[SIGNATURE_SIZE];
    size_t signature_size = sizeof signature;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, KEY_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = key != NULL && context != NULL &&
                EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestSign(context, signature, &signature_size, data, data_size) == 1 &&
                signature_size == SIGNATURE_SIZE;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    if (!good) {
        return ERR_NO_MEMORY; /* nothing else can fail with 32 bytes of seed */
    }
    memcpy(ret_signature, signature, sizeof signature);
    return ERR_OK;
}

enum err sign_verify(const uint8_t public_key[KEY_SIZE], const uint8_t *data, size_t data_size,
                     const uint8_t signature[SIGNATURE_SIZE]) {
    /* Zeros are "no key" in a topology, and a point of small order besides. */
    if (is_zero(public_key, KEY_SIZE)) {
        return ERR_SIGNATURE;
    }
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, KEY_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = key != NULL && context != NULL &&
                EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestVerify(context, signature, SIGNATURE_SIZE, data, data_size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return good ? ERR_OK : ERR_SIGNATURE;
}

/* The public half of a raw private key of either kind. */
static enum err public_half(int type, const uint8_t secret[KEY_SIZE],
                            uint8_t ret_public[KEY_SIZE]) {
    uint8_t public_key[KEY_SIZE];
    size_t size = sizeof public_key;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(type, NULL, secret, KEY_SIZE);
    bool good =
        key != NULL && EVP_PKEY_get_raw_public_key(key, public_key, &size) == 1 && size == KEY_SIZE;
    EVP_PKEY_free(key);
    if (!good) {
        return ERR_NO_MEMORY;
    }
    memcpy(ret_public, public_key, sizeof public_key);
    return ERR_OK;
}

enum err sign_verify_either(const uint8_t public_key[KEY_SIZE], const uint8_t next[KEY_SIZE],
                            const uint8_t *data, size_t data_size,
                            const uint8_t signature[SIGNATURE_SIZE]) {
    enum err err = sign_verify(public_key, data, data_size, signature);
    return err == ERR_SIGNATURE ? sign_verify(next, data, data_size, signature) : err;
}

enum err sign_public_of(const uint8_t seed[KEY_SIZE], uint8_t ret_public[KEY_SIZE]) {
    return public_half(EVP_PKEY_ED25519, seed, ret_public);
}

enum err curve_public_of(const uint8_t secret[KEY_SIZE], uint8_t ret_public[KEY_SIZE]) {
    return public_half(EVP_PKEY_X25519, secret, ret_public);
}

enum err sign_keypair(uint8_t ret_seed[KEY_SIZE], uint8_t ret_public[KEY_SIZE]) {
    random_bytes(ret_seed, KEY_SIZE);
    return sign_public_of(ret_seed, ret_public);
}

enum err curve_keypair(uint8_t ret_secret[KEY_SIZE], uint8_t ret_public[KEY_SIZE]) {
    random_bytes(ret_secret, KEY_SIZE);
    return curve_public_of(ret_secret, ret_public);
}

void digest_sha256(const uint8_t *data, size_t data_size, uint8_t ret_digest[DIGEST_SIZE]) {
    unsigned size = 0;
    int good = EVP_Digest(data, data_size, ret_digest, &size, EVP_sha256(), NULL);
    ensure(good == 1);
    ensure(size == DIGEST_SIZE);
}

void random_bytes(uint8_t *ret_bytes, size_t bytes_n) {
    size_t used = 0;
    while (used < bytes_n) {
        ssize_t n = getrandom(ret_bytes + used, bytes_n - used, 0);
        ensure(n > 0 || (n < 0 && errno == EINTR));
        used += n > 0 ? (size_t)n : 0;
    }
}
