/* secrets: named secrets of one process, each from a file of mode 0600 (or a systemd
 * credential): secrets: { pg_password = "/etc/drover/secrets/pg_password"; } in the local file.
 * Read when needed, kept out of logs, argv, environment and core files (the process is not
 * dumpable). */
#ifndef DROVER_SECRETS_H
#define DROVER_SECRETS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/limits.h"

#define SECRETS_MAX 32
#define SECRET_PATH_SIZE 200
#define SECRET_SIZE 512

struct secret_place {
    char name[NAME_SIZE];
    char path[SECRET_PATH_SIZE];
};

struct secrets {
    uint8_t n;
    struct secret_place at[SECRETS_MAX];
};

/* Reads the secret called `name` into ret_secret (terminated, last newline removed). NOT_FOUND,
 * DENIED (others may read the file), TOO_BIG, IO. Thread-safe. Wipe with secret_wipe after use. */
enum err secret_get(const struct secrets *secrets, const char *name,
                    char ret_secret[SECRET_SIZE]) ERR_CHECKED;
void secret_wipe(char secret[SECRET_SIZE]);

/* prctl(PR_SET_DUMPABLE, 0) and RLIMIT_CORE 0: called first thing in every main. */
void secrets_protect_process(void);

#endif
