/* Keys in memory: making, checking and forgetting them. Files: keyfile.c. */
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/keyfile.h"
#include "common/io/sign.h"

const char *key_kind_text(enum key_kind kind) {
    switch (kind) {
    case KEY_MEMBER: return "member";
    case KEY_AGENT: return "agent";
    case KEY_GUARD: return "guard";
    case KEY_OPERATOR: return "operator";
    }
    return "unknown";
}

enum err keys_generate(enum key_kind kind, const char *name, struct keys *ret_keys) {
    struct keys keys;
    memset(&keys, 0, sizeof keys);
    if (!text_is_name(name, NAME_SIZE)) {
        return ERR_FORMAT;
    }
    keys.kind = (uint8_t)kind;
    (void)text_copy(keys.name, sizeof keys.name, name);
    enum err err = sign_keypair(keys.sign_secret, keys.sign_public);
    if (err == ERR_OK && kind != KEY_GUARD) {
        keys.has_curve = true;
        err = curve_keypair(keys.curve_secret, keys.curve_public);
    }
    if (err == ERR_OK) {
        *ret_keys = keys;
    }
    keys_wipe(&keys);
    return err;
}

enum key_place keys_place(const struct keys *keys, const uint8_t *curve, const uint8_t *sign,
                          const uint8_t *curve_next, const uint8_t *sign_next) {
    bool first = (curve == NULL || memcmp(curve, keys->curve_public, KEY_SIZE) == 0) &&
                 memcmp(sign, keys->sign_public, KEY_SIZE) == 0;
    bool next = (curve == NULL || memcmp(curve_next, keys->curve_public, KEY_SIZE) == 0) &&
                memcmp(sign_next, keys->sign_public, KEY_SIZE) == 0;
    return first ? KEY_PINNED : next ? KEY_PINNED_NEXT : KEY_NOT_PINNED;
}

enum err keys_check(const struct keys *keys, struct text256 *reterr) {
    uint8_t public_key[KEY_SIZE];
    enum err err = sign_public_of(keys->sign_secret, public_key);
    if (err != ERR_OK) {
        return err;
    }
    if (memcmp(public_key, keys->sign_public, KEY_SIZE) != 0) {
        text_say(reterr, "sign_public is not the public half of sign_secret");
        return ERR_SIGNATURE;
    }
    if (!keys->has_curve) {
        return ERR_OK;
    }
    err = curve_public_of(keys->curve_secret, public_key);
    if (err != ERR_OK) {
        return err;
    }
    if (memcmp(public_key, keys->curve_public, KEY_SIZE) != 0) {
        text_say(reterr, "curve_public is not the public half of curve_secret");
        return ERR_SIGNATURE;
    }
    return ERR_OK;
}

void keys_wipe(struct keys *keys) {
    explicit_bzero(keys, sizeof *keys);
}
