/* secrets: named secrets of one process, each from a file of mode 0600 (or a systemd
 * credential): secrets: { pg_password = "/etc/drover/secrets/pg_password"; } in the local file.
 * Read when needed, kept out of logs, argv, environment and core files (the process is not
 * dumpable). */
#ifndef DROVER_SECRETS_H
#define DROVER_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/topology.h"

#define SECRETS_MAX 32
#define SECRET_PATH_SIZE 200
#define SECRET_SIZE 2048 /* a token of a service account of Kubernetes is a thousand characters */
#define SECRET_AGE_MAX_S (30 * 86400) /* what opens doors is exchanged every 30 days (SEED-58) */

struct secret_place {
    char name[NAME_SIZE];
    char path[SECRET_PATH_SIZE];
};

struct secrets {
    uint8_t n;
    bool previous; /* see secrets_previous */
    struct secret_place at[SECRETS_MAX];
};

/* Reads the secret called `name`, the first line of its file, into ret_secret (terminated). A
 * second line is the one before, while a service that knows only one is given another. NOT_FOUND,
 * DENIED (others may read the file), TOO_BIG, FORMAT (a zero byte, a third line), IO. Thread-safe.
 * Wipe with secret_wipe after use. */
enum err secret_get(const struct secrets *secrets, const char *name,
                    char ret_secret[SECRET_SIZE]) ERR_CHECKED;
void secret_wipe(char secret[SECRET_SIZE]);

/* True when the file of this secret has a second line. */
bool secret_is_exchanged(const struct secrets *secrets, const char *name);

/* True when a secret that these arguments refer to ("..._ref") is being exchanged. *ret_previous
 * is then what secret_get takes for their second lines, or the only one where there is no other. */
bool secrets_previous(const struct secrets *secrets, const struct arguments *arguments,
                      struct secrets *ret_previous);

/* Appends to a sentence about a refusal the files of the secrets that these arguments refer to, or
 * their names where a path does not fit, and for a name a long sentence is cut: "; used
 * /etc/drover/secrets/pg". */
void secrets_say_used(const struct secrets *secrets, const struct arguments *arguments, char *out,
                      size_t out_size);

/* prctl(PR_SET_DUMPABLE, 0) and RLIMIT_CORE 0: called first thing in every main. */
void secrets_protect_process(void);

#endif
