#include "common/io/secrets.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/base/ensure.h"
#include "common/io/file.h"

static enum err read_secret(const char *path, char ret_secret[SECRET_SIZE]) {
    /* Room for the newline at the end that an editor leaves. */
    char text[SECRET_SIZE + 1];
    size_t size = 0;
    enum err err = file_read_private(path, text, sizeof text, &size, NULL);
    if (err != ERR_OK) {
        return err;
    }
    if (size > 0 && text[size - 1] == '\n') {
        text[--size] = '\0';
    }
    if (size >= SECRET_SIZE) {
        err = ERR_TOO_BIG;
    } else if (memchr(text, '\0', size) != NULL) {
        err = ERR_FORMAT;
    } else {
        memcpy(ret_secret, text, size + 1);
    }
    explicit_bzero(text, sizeof text);
    return err;
}

enum err secret_get(const struct secrets *secrets, const char *name, char ret_secret[SECRET_SIZE]) {
    ensure(secrets->n <= SECRETS_MAX);
    for (size_t i = 0; i < secrets->n; i++) {
        if (text_equal(secrets->at[i].name, name)) {
            return read_secret(secrets->at[i].path, ret_secret);
        }
    }
    return ERR_NOT_FOUND;
}

void secret_wipe(char secret[SECRET_SIZE]) {
    explicit_bzero(secret, SECRET_SIZE);
}

void secrets_protect_process(void) {
    const struct rlimit none = {0, 0};
    int not_dumpable = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    int no_core = setrlimit(RLIMIT_CORE, &none);
    ensure(not_dumpable == 0);
    ensure(no_core == 0);
}
