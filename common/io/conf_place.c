/* conf_place: in which lines of a text stands what paths of names mean? */
#include <libconfig.h>
#include <string.h>

#include "common/io/conf_parts.h"

struct place_search {
    const char *const *paths;
    size_t n;
    unsigned *lines;
};

/* Does `path` begin with this name, and end or go on with a dot behind it? Names have dots of their
 * own ("api.bud.ai"). */
static size_t path_begins(const char *path, const char *name) {
    size_t n = name == NULL ? 0 : strlen(name);
    bool begins = n > 0 && strncmp(path, name, n) == 0 && (path[n] == '.' || path[n] == '\0');
    return begins ? n : 0;
}

/* By what the elements of a list are called: an endpoint by its region. */
static const char *element_name(const config_setting_t *at) {
    static const char *const fields[] = {"name", "region"};
    const char *name = NULL;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && name == NULL; i++) {
        if (!config_setting_is_group(at) ||
            config_setting_lookup_string(at, fields[i], &name) != CONFIG_TRUE) {
            name = NULL;
        }
    }
    return name;
}

static unsigned path_walk(const config_setting_t *at, const char *path) {
    unsigned line = 0;
    while (*path != '\0') {
        const config_setting_t *next = NULL;
        size_t next_n = 0;
        int n = config_setting_is_aggregate(at) ? config_setting_length(at) : 0;
        for (int i = 0; i < n; i++) {
            const config_setting_t *child = config_setting_get_elem(at, (unsigned)i);
            size_t name_n =
                path_begins(path, config_setting_is_group(at) ? child->name : element_name(child));
            if (name_n > next_n) {
                next = child;
                next_n = name_n;
            }
        }
        if (next == NULL) {
            break;
        }
        at = next;
        line = config_setting_source_line(at);
        path += next_n;
        path += *path == '.';
    }
    return line;
}

static enum err paths_walk(struct conf *conf, const struct config_setting_t *at, void *base) {
    const struct place_search *search = base;
    (void)conf;
    for (size_t i = 0; i < search->n; i++) {
        search->lines[i] = path_walk(at, search->paths[i]);
    }
    return ERR_OK;
}

enum err conf_lines_of(const char *text, size_t size, size_t size_max, const char *const *paths,
                       size_t paths_n, unsigned *ret_lines) {
    struct place_search search = {.paths = paths, .n = paths_n, .lines = ret_lines};
    struct conf conf = {.file = ""};
    memset(ret_lines, 0, paths_n * sizeof ret_lines[0]);
    enum err err = conf_parse(&conf, text, size, size_max, paths_walk, &search);
    return err == ERR_NO_MEMORY ? err : ERR_OK;
}
