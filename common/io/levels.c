/* levels: see levels.h. A line "levels SECONDS", then a line "WORKLOAD REPLICAS" each. */
#include "common/io/levels.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/file.h"
#include "common/topology/limits.h"

#define PATH_SIZE 512
#define LINE_SIZE (LEVEL_NAME_SIZE + 32)
#define TEXT_SIZE ((LEVELS_MAX + 1) * LINE_SIZE)

static bool name_is_plain(const char *name) {
    return name[0] != '\0' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(name);
}

enum err levels_add(struct levels *levels, const char *kind, const char *name, uint32_t replicas) {
    struct level *level = &levels->at[levels->n];
    if (!name_is_plain(kind) || !name_is_plain(name)) {
        return ERR_FORMAT;
    }
    if (levels->n == LEVELS_MAX || replicas > LEVEL_REPLICAS_MAX ||
        !text_format(level->workload, sizeof level->workload, "%s/%s", kind, name)) {
        return ERR_TOO_BIG;
    }
    level->replicas = replicas;
    levels->n++;
    return ERR_OK;
}

static enum err path_make(const char *directory, const char *name, char path[PATH_SIZE],
                          struct text256 *reterr) {
    if (text_is_name(name, VALUE_SIZE) &&
        text_format(path, PATH_SIZE, "%s/levels-%s", directory, name)) {
        return ERR_OK;
    }
    text_say(reterr, "\"%.60s\" is no name for levels", name);
    return ERR_CONFIG;
}

enum err levels_write(const char *directory, const char *name, const struct levels *levels,
                      struct text256 *reterr) {
    char path[PATH_SIZE], line[LINE_SIZE];
    enum err err = path_make(directory, name, path, reterr);
    char *text = err == ERR_OK ? malloc(TEXT_SIZE) : NULL;
    if (text == NULL) {
        return err != ERR_OK ? err : ERR_NO_MEMORY;
    }
    bool fits = text_format(text, TEXT_SIZE, "levels %" PRIu64 "\n", levels->wall_s);
    for (uint16_t i = 0; i < levels->n; i++) {
        fits = fits &&
               text_format(line, sizeof line, "%s %" PRIu32 "\n", levels->at[i].workload,
                           levels->at[i].replicas) &&
               text_append(text, TEXT_SIZE, line);
    }
    ensure(fits);
    err = file_write_atomic(path, text, strlen(text), 0600, reterr);
    free(text);
    return err;
}

/* Takes one line apart at its only space. */
static bool line_split(char *line, const char **ret_word, uint64_t max, uint64_t *ret_number) {
    char *space = strchr(line, ' ');
    if (space == NULL) {
        return false;
    }
    *space = '\0';
    *ret_word = line;
    return text_to_u64(space + 1, max, ret_number);
}

static bool levels_parse(char *text, struct levels *levels) {
    const char *word = NULL;
    uint64_t number = 0;
    levels->n = 0;
    levels->wall_s = 0;
    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        if (end == NULL) {
            return false;
        }
        *end = '\0';
        bool first = line == text;
        if (!line_split(line, &word, first ? UINT64_MAX : LEVEL_REPLICAS_MAX, &number)) {
            return false;
        }
        if (first) {
            levels->wall_s = text_equal(word, "levels") ? number : 0;
        } else {
            char kind[LEVEL_NAME_SIZE];
            const char *slash = strchr(word, '/');
            if (slash == NULL ||
                !text_format(kind, sizeof kind, "%.*s", (int)(slash - word), word) ||
                levels_add(levels, kind, slash + 1, (uint32_t)number) != ERR_OK) {
                return false;
            }
        }
        line = end + 1;
    }
    return levels->wall_s != 0;
}

enum err levels_read(const char *directory, const char *name, struct levels *ret_levels,
                     struct text256 *reterr) {
    char path[PATH_SIZE];
    size_t size = 0;
    enum err err = path_make(directory, name, path, reterr);
    char *text = err == ERR_OK ? malloc(TEXT_SIZE) : NULL;
    if (text == NULL) {
        return err != ERR_OK ? err : ERR_NO_MEMORY;
    }
    err = file_read(path, text, TEXT_SIZE, &size, reterr);
    if (err == ERR_OK && (strlen(text) != size || !levels_parse(text, ret_levels))) {
        text_say(reterr, "%.150s holds no levels", path);
        err = ERR_FORMAT;
    }
    free(text);
    return err;
}
