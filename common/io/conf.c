/* The walk: parsing, groups, lists, and the one form of every message. Values: conf_value.c. */
#include "common/io/conf.h"

#include <errno.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/conf_parts.h"

#define PATH_DEPTH_MAX 12
#define PATH_SIZE 160
#define NAMES_MAX 64 /* fields of one table */

static void path_append_element(char *path, const config_setting_t *at) {
    char element[72];
    if (at->name != NULL) {
        (void)text_format(element, sizeof(element), "%s%.64s", path[0] == 0 ? "" : ".", at->name);
    } else {
        (void)text_format(element, sizeof(element), "[%d]", config_setting_index(at));
    }
    (void)text_append(path, PATH_SIZE, element);
}

static void path_of(const config_setting_t *at, char path[PATH_SIZE]) {
    const config_setting_t *line[PATH_DEPTH_MAX];
    size_t n = 0;
    for (; at != NULL && !config_setting_is_root(at) && n < PATH_DEPTH_MAX; at = at->parent) {
        line[n++] = at;
    }
    path[0] = 0;
    while (n > 0) {
        path_append_element(path, line[--n]);
    }
}

const char *file_tail(const char *file) {
    size_t length = strlen(file);
    return length > 60 ? file + length - 60 : file;
}

static void say_at(struct conf *conf, const config_setting_t *at, const char *message) {
    if (config_setting_is_root(at)) {
        text_say(conf->reterr, "%s: %s", file_tail(conf->file), message);
        return;
    }
    char path[PATH_SIZE];
    path_of(at, path);
    text_say(conf->reterr, "%s:%u: %s: %s", file_tail(conf->file), config_setting_source_line(at),
             path, message);
}

static void describe(const config_setting_t *at, char *out, size_t out_size) {
    switch (config_setting_type(at)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        (void)text_format(out, out_size, "%lld", config_setting_get_int64(at));
        return;
    case CONFIG_TYPE_FLOAT:
        (void)text_format(out, out_size, "%g", config_setting_get_float(at));
        return;
    case CONFIG_TYPE_BOOL:
        (void)text_copy(out, out_size, config_setting_get_bool(at) ? "true" : "false");
        return;
    case CONFIG_TYPE_STRING: {
        const char *text = config_setting_get_string(at);
        size_t length = strlen(text);
        (void)text_format(out, out_size, "\"%.40s%s\"", text, length > 40 ? "..." : "");
        return;
    }
    case CONFIG_TYPE_GROUP: (void)text_copy(out, out_size, "a group { }"); return;
    case CONFIG_TYPE_LIST:
        (void)text_format(out, out_size, "a list of %d", config_setting_length(at));
        return;
    default: (void)text_format(out, out_size, "an array of %d", config_setting_length(at)); return;
    }
}

enum err conf_expected(struct conf *conf, const struct config_setting_t *at, const char *format,
                       ...) {
    char expected[160], found[64], message[256];
    va_list list;
    va_start(list, format);
    (void)text_format_list(expected, sizeof(expected), format, list);
    va_end(list);
    describe(at, found, sizeof(found));
    (void)text_format(message, sizeof(message), "expected %s, found %s", expected, found);
    say_at(conf, at, message);
    return ERR_CONFIG;
}

enum err conf_wrong(struct conf *conf, const struct config_setting_t *at, const char *format, ...) {
    char message[256];
    va_list list;
    va_start(list, format);
    (void)text_format_list(message, sizeof(message), format, list);
    va_end(list);
    say_at(conf, at, message);
    return ERR_CONFIG;
}

/* What libconfig would do with the text must be knowable from the text: no zero bytes (it stops
 * there), no @include (it opens files). The word is refused wherever it stands; its lexer's idea of
 * where a line starts is not ours to guess. */
static enum err text_is_plain(struct conf *conf, const char *text, size_t size) {
    static const char include[] = "@include";
    unsigned line = 1;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n') {
            line++;
        } else if (text[i] == 0) {
            text_say(conf->reterr, "%s:%u: a zero byte: not a text file", file_tail(conf->file),
                     line);
            return ERR_FORMAT;
        } else if (text[i] == '@' && size - i >= sizeof(include) - 1 &&
                   memcmp(text + i, include, sizeof(include) - 1) == 0) {
            text_say(conf->reterr, "%s:%u: @include is not supported: one file says it all",
                     file_tail(conf->file), line);
            return ERR_FORMAT;
        }
    }
    return ERR_OK;
}

/* The tree's own sizes. libconfig keeps a NULL where it had no memory for a name or a text. */
static struct conf_sizes sizes_of(const config_setting_t *at) {
    struct conf_sizes sizes = {0};
    const char *text =
        config_setting_type(at) == CONFIG_TYPE_STRING ? config_setting_get_string(at) : NULL;
    sizes.text_bytes_n = text == NULL ? 0 : strlen(text);
    int n = config_setting_is_aggregate(at) ? config_setting_length(at) : 0;
    for (int i = 0; i < n; i++) { /* as deep as conf_syntax_check allows */
        const config_setting_t *child = config_setting_get_elem(at, (unsigned)i);
        if (child != NULL) {
            struct conf_sizes below = sizes_of(child);
            sizes.settings_n += 1 + below.settings_n;
            sizes.name_bytes_n +=
                below.name_bytes_n + (child->name == NULL ? 0 : strlen(child->name));
            sizes.text_bytes_n += below.text_bytes_n;
        }
    }
    return sizes;
}

static enum err no_memory(struct conf *conf) {
    text_say(conf->reterr, "%s: cannot be read whole: %s", file_tail(conf->file),
             err_text(ERR_NO_MEMORY));
    return ERR_NO_MEMORY;
}

/* libconfig checks no malloc: an element for which there was no memory is left out without a word,
 * and a topology without one member, check or step is another topology. */
static bool is_whole(const config_setting_t *root, const struct conf_sizes *expected) {
    struct conf_sizes found = sizes_of(root);
    return found.settings_n == expected->settings_n &&
           found.name_bytes_n == expected->name_bytes_n &&
           found.text_bytes_n == expected->text_bytes_n;
}

enum err conf_parse(struct conf *conf, const char *text, size_t size, size_t size_max,
                    enum err (*root)(struct conf *conf, const struct config_setting_t *at,
                                     void *base),
                    void *base) {
    ensure(conf->file != NULL);
    if (size > size_max) {
        text_say(conf->reterr, "%s: %zu bytes, the limit is %zu", file_tail(conf->file), size,
                 size_max);
        return ERR_TOO_BIG;
    }
    struct conf_sizes sizes;
    enum err err = text_is_plain(conf, text, size);
    if (err == ERR_OK) {
        err = conf_syntax_check(conf, text, size, &sizes);
    }
    if (err != ERR_OK) {
        return err;
    }
    char *terminated = malloc(size + 1);
    if (terminated == NULL) {
        return no_memory(conf);
    }
    memcpy(terminated, text, size);
    terminated[size] = 0;
    config_t config;
    config_init(&config);
    if (config_read_string(&config, terminated) == CONFIG_TRUE) {
        err = is_whole(config_root_setting(&config), &sizes)
                  ? root(conf, config_root_setting(&config), base)
                  : no_memory(conf);
    } else {
        text_say(conf->reterr, "%s:%d: %s", file_tail(conf->file), config_error_line(&config),
                 config_error_text(&config));
        err = ERR_FORMAT;
    }
    config_destroy(&config);
    free(terminated);
    return err;
}

static enum err file_read(FILE *file, const char *path, size_t size_max, char **ret_text,
                          size_t *ret_size, struct text256 *reterr) {
    char *text = malloc(size_max + 1);
    if (text == NULL) {
        text_say(reterr, "%s: %s", file_tail(path), err_text(ERR_NO_MEMORY));
        return ERR_NO_MEMORY;
    }
    size_t size = fread(text, 1, size_max + 1, file);
    enum err err = ferror(file) != 0 ? ERR_IO : size > size_max ? ERR_TOO_BIG : ERR_OK;
    if (err == ERR_OK) {
        *ret_text = text;
        *ret_size = size;
        return ERR_OK;
    }
    free(text);
    if (err == ERR_TOO_BIG) {
        text_say(reterr, "%s: larger than the limit of %zu bytes", file_tail(path), size_max);
    } else {
        text_say(reterr, "%s: %s", file_tail(path), strerror(errno));
    }
    return err;
}

enum err conf_file(const char *path, size_t size_max, char **ret_text, size_t *ret_size,
                   struct text256 *reterr) {
    *ret_text = NULL;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        text_say(reterr, "%s: %s", file_tail(path), strerror(errno));
        return errno == ENOENT   ? ERR_NOT_FOUND
               : errno == EACCES ? ERR_DENIED
               : errno == ENOMEM ? ERR_NO_MEMORY
                                 : ERR_IO;
    }
    enum err err = file_read(file, path, size_max, ret_text, ret_size, reterr);
    (void)fclose(file);
    return err;
}

const struct config_setting_t *conf_child(const struct config_setting_t *at, const char *name) {
    int n = config_setting_length(at);
    for (int i = 0; i < n; i++) {
        const config_setting_t *child = config_setting_get_elem(at, (unsigned)i);
        if (child->name != NULL && text_equal(child->name, name)) {
            return child;
        }
    }
    return NULL;
}

enum err conf_demand(struct conf *conf, const struct config_setting_t *at, const char *name,
                     const struct config_setting_t **ret_child) {
    if (config_setting_type(at) != CONFIG_TYPE_GROUP) {
        return conf_expected(conf, at, "a group { }");
    }
    const struct config_setting_t *child = conf_child(at, name);
    if (child == NULL) {
        return conf_wrong(conf, at, "the field \"%s\" is missing", name);
    }
    *ret_child = child;
    return ERR_OK;
}

const struct config_setting_t *conf_element(const struct config_setting_t *at, size_t index) {
    return config_setting_get_elem(at, (unsigned)index);
}

const char *conf_name(const struct config_setting_t *at) {
    return config_setting_name(at);
}

static const struct field *field_called(const struct field *fields, size_t fields_n,
                                        const char *name) {
    for (size_t i = 0; i < fields_n; i++) {
        if (text_equal(fields[i].name, name)) {
            return &fields[i];
        }
    }
    return NULL;
}

static enum err group_unknown(struct conf *conf, const config_setting_t *child,
                              const struct field *fields, size_t fields_n) {
    const char *names[NAMES_MAX] = {NULL};
    ensure(fields_n <= NAMES_MAX);
    for (size_t i = 0; i < fields_n; i++) {
        names[i] = fields[i].name;
    }
    const char *nearest = text_nearest(child->name, names, fields_n);
    if (nearest != NULL) {
        return conf_wrong(conf, child, "unknown field; did you mean \"%s\"?", nearest);
    }
    char known[120] = "";
    for (size_t i = 0; i < fields_n; i++) {
        (void)text_append(known, sizeof(known), i == 0 ? "" : ", ");
        (void)text_append(known, sizeof(known), names[i]);
    }
    return conf_wrong(conf, child, "unknown field; known here: %s", known);
}

enum err conf_group(struct conf *conf, const struct config_setting_t *at,
                    const struct field *fields, size_t fields_n, void *base) {
    if (config_setting_type(at) != CONFIG_TYPE_GROUP) {
        return conf_expected(conf, at, "a group { }");
    }
    int n = config_setting_length(at);
    for (int i = 0; i < n; i++) {
        const config_setting_t *child = config_setting_get_elem(at, (unsigned)i);
        const struct field *field = field_called(fields, fields_n, child->name);
        enum err err = field == NULL ? group_unknown(conf, child, fields, fields_n)
                                     : conf_field(conf, child, field, base);
        if (err != ERR_OK) {
            return err;
        }
    }
    enum err err = ERR_OK;
    for (size_t i = 0; i < fields_n && err == ERR_OK; i++) {
        const struct config_setting_t *child;
        err = fields[i].required ? conf_demand(conf, at, fields[i].name, &child) : ERR_OK;
    }
    return err;
}

enum err conf_list(struct conf *conf, const struct config_setting_t *at, const char *what,
                   size_t n_max, size_t *ret_n) {
    int type = config_setting_type(at);
    if (type != CONFIG_TYPE_LIST && type != CONFIG_TYPE_ARRAY) {
        return conf_expected(conf, at, "a list of %s", what);
    }
    size_t n = (size_t)config_setting_length(at);
    if (n > n_max) {
        return conf_expected(conf, at, "at most %zu %s", n_max, what);
    }
    *ret_n = n;
    return ERR_OK;
}

enum err conf_members(struct conf *conf, const struct config_setting_t *at, const char *what,
                      size_t n_max, size_t *ret_n) {
    if (config_setting_type(at) != CONFIG_TYPE_GROUP) {
        return conf_expected(conf, at, "a group of %s { name = value; }", what);
    }
    size_t n = (size_t)config_setting_length(at);
    if (n > n_max) {
        return conf_wrong(conf, at, "expected at most %zu %s, found %zu", n_max, what, n);
    }
    *ret_n = n;
    return ERR_OK;
}
