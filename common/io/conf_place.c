/* conf_place: in which line of a text stands what a path of names means? */
#include <libconfig.h>
#include <string.h>

#include "common/io/conf_parts.h"

struct place_search {
    const char *path;
    unsigned line;
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

static enum err path_walk(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct place_search *search = base;
    const char *path = search->path;
    (void)conf;
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
        search->line = config_setting_source_line(at);
        path += next_n;
        path += *path == '.';
    }
    return ERR_OK;
}

unsigned conf_line_of(const char *text, size_t size, size_t size_max, const char *path) {
    struct place_search search = {.path = path};
    struct conf conf = {.file = ""};
    enum err err = conf_parse(&conf, text, size, size_max, path_walk, &search);
    return err == ERR_OK ? search.line : 0;
}
