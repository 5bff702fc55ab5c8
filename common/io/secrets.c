#include "common/io/secrets.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/base/ensure.h"
#include "common/io/file.h"

/* The two lines of the file, each terminated; previous is empty where there is only one. */
struct lines {
    char text[2 * SECRET_SIZE + 1]; /* room for the newlines that editors leave */
    const char *current, *previous;
};

static enum err lines_read(const char *path, struct lines *ret_lines) {
    size_t size = 0;
    enum err err = file_read_private(path, ret_lines->text, sizeof ret_lines->text, &size, NULL);
    if (err != ERR_OK) {
        return err;
    }
    if (memchr(ret_lines->text, '\0', size) != NULL) {
        return ERR_FORMAT;
    }
    char *end = strchr(ret_lines->text, '\n');
    ret_lines->current = ret_lines->text;
    ret_lines->previous = "";
    if (end != NULL) {
        *end = '\0';
        char *second = end + 1, *last = strchr(second, '\n');
        ret_lines->previous = second;
        if (last != NULL && last[1] != '\0') {
            return ERR_FORMAT;
        }
        if (last != NULL) {
            *last = '\0';
        }
    }
    bool fits =
        strlen(ret_lines->current) < SECRET_SIZE && strlen(ret_lines->previous) < SECRET_SIZE;
    return fits ? ERR_OK : ERR_TOO_BIG;
}

static const char *path_of(const struct secrets *secrets, const char *name) {
    ensure(secrets->n <= SECRETS_MAX);
    for (size_t i = 0; i < secrets->n; i++) {
        if (text_equal(secrets->at[i].name, name)) {
            return secrets->at[i].path;
        }
    }
    return NULL;
}

enum err secret_get(const struct secrets *secrets, const char *name, char ret_secret[SECRET_SIZE]) {
    struct lines lines;
    const char *path = path_of(secrets, name);
    if (path == NULL) {
        return ERR_NOT_FOUND;
    }
    enum err err = lines_read(path, &lines);
    if (err == ERR_OK) {
        bool previous = secrets->previous && lines.previous[0] != '\0';
        (void)text_copy(ret_secret, SECRET_SIZE, previous ? lines.previous : lines.current);
    }
    explicit_bzero(lines.text, sizeof lines.text);
    return err;
}

bool secret_is_exchanged(const struct secrets *secrets, const char *name) {
    struct lines lines;
    const char *path = path_of(secrets, name);
    if (path == NULL) {
        return false;
    }
    bool two = lines_read(path, &lines) == ERR_OK && lines.previous[0] != '\0';
    explicit_bzero(lines.text, sizeof lines.text);
    return two;
}

/* The secret that this argument names; NULL: it names none. */
static const char *reference_of(const struct argument *argument) {
    size_t n = strlen(argument->name);
    return n > 4 && text_equal(argument->name + n - 4, "_ref") ? argument->value : NULL;
}

bool secrets_previous(const struct secrets *secrets, const struct arguments *arguments,
                      struct secrets *ret_previous) {
    bool any = false;
    for (uint8_t i = 0; i < arguments->n && !any; i++) {
        const char *name = reference_of(&arguments->at[i]);
        any = name != NULL && secret_is_exchanged(secrets, name);
    }
    if (any) {
        *ret_previous = *secrets;
        ret_previous->previous = true;
    }
    return any;
}

void secrets_say_used(const struct secrets *secrets, const struct arguments *arguments, char *out,
                      size_t out_size) {
    for (uint8_t i = 0; i < arguments->n; i++) {
        const char *name = reference_of(&arguments->at[i]);
        const char *path = name == NULL ? NULL : path_of(secrets, name);
        char words[SECRET_PATH_SIZE + 32];
        if (path == NULL || !text_format(words, sizeof words, "; used %s", path)) {
            continue;
        }
        if (strlen(out) + strlen(words) >= out_size) {
            (void)text_format(words, sizeof words, "; used secret %s", name);
        }
        size_t n = strlen(words);
        if (strlen(out) + n >= out_size && n <= out_size / 2) {
            out[out_size - n - 1] = '\0'; /* a long reason begins with what counts */
        }
        if (strlen(out) + n < out_size) {
            (void)text_append(out, out_size, words);
        }
    }
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
