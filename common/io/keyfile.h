/* keyfile: one identity's keys in a libconfig file of mode 0600, made by `drover keygen`.
 *
 *   kind = "agent";            // member, agent, guard, operator
 *   name = "east-db1";
 *   curve_public = "<64 hex>"; curve_secret = "<64 hex>";   // absent for guards
 *   sign_public = "<64 hex>";  sign_secret = "<64 hex>";
 *
 * The .pub file beside it holds the public halves in the form topology.conf wants. */
#ifndef DROVER_KEYFILE_H
#define DROVER_KEYFILE_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/limits.h"

enum key_kind { KEY_MEMBER = 0, KEY_AGENT = 1, KEY_GUARD = 2, KEY_OPERATOR = 3 };

struct keys {
    uint8_t kind; /* enum key_kind */
    char name[NAME_SIZE];
    bool has_curve;
    uint8_t curve_public[KEY_SIZE], curve_secret[KEY_SIZE];
    uint8_t sign_public[KEY_SIZE], sign_secret[KEY_SIZE];
};

const char *key_kind_text(enum key_kind kind);

/* Which of an identity's two pinned keys a process holds. */
enum key_place { KEY_NOT_PINNED = 0, KEY_PINNED = 1, KEY_PINNED_NEXT = 2 };

/* Both halves must be of one pair: `curve`, `sign`, or the two next ones. Guards have no curve key:
 * NULL then. */
enum key_place keys_place(const struct keys *keys, const uint8_t *curve, const uint8_t *sign,
                          const uint8_t *curve_next, const uint8_t *sign_next);

/* Refuses a file that others than its owner may read (DENIED), one that is not of the form above
 * (CONFIG, FORMAT), and one whose public and secret halves do not belong together (SIGNATURE). No
 * error text ever holds a key. */
enum err keys_read(const char *path, struct keys *ret_keys, struct text256 *reterr) ERR_CHECKED;

/* Makes new keys. FORMAT when name is not one. */
enum err keys_generate(enum key_kind kind, const char *name, struct keys *ret_keys) ERR_CHECKED;

/* SIGNATURE when a public half does not belong to its secret one; reterr names it. */
enum err keys_check(const struct keys *keys, struct text256 *reterr) ERR_CHECKED;

/* Writes DIR/NAME.key (0600) and DIR/NAME.pub (0644); EXISTS rather than overwriting. fsynced. */
enum err keys_write(const struct keys *keys, const char *directory,
                    struct text256 *reterr) ERR_CHECKED;

/* Overwrites the secrets in memory. */
void keys_wipe(struct keys *keys);

#endif
