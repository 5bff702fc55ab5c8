/* conf: libconfig text read by tables of fields into plain structs, for every file a person writes.
 *
 * A field that is in no table is an error with the nearest known name; so is a wrong type, a value
 * out of range, a name that does not resolve. Every message has one form:
 *
 *   FILE:LINE: path.of.field: expected WHAT, found WHAT
 *
 * @include is refused: one file is one text, and its digest says all of it. */
#ifndef DROVER_CONF_H
#define DROVER_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"

struct config_setting_t; /* libconfig's, opaque here */

struct conf {
    const char *file;       /* for messages */
    struct text256 *reterr; /* may be NULL */
    void *context;          /* what FIELD_REFERENCE offsets count from, and read() functions need */
};

enum field_kind {
    FIELD_NAME,      /* char[size]: a name as text_is_name has it */
    FIELD_TEXT,      /* char[size]: any printable text, min bytes at least */
    FIELD_PATH,      /* char[size]: an absolute path */
    FIELD_ADDRESS,   /* char[size]: tcp://IP:PORT, numeric */
    FIELD_HOST_PORT, /* char[size]: IP:PORT, numeric */
    FIELD_BOOL,      /* bool */
    FIELD_COUNT,     /* uint8_t, uint16_t or uint32_t by size; min..max */
    FIELD_DURATION,  /* uint32_t or uint64_t ms by size; min..max; an integer (ms) or "30s" */
    FIELD_KEY,       /* uint8_t[size]: 2 * size hex digits */
    FIELD_CHOICE,    /* uint8_t: position in choices */
    FIELD_REFERENCE, /* uint8_t: position of a name among names */
    FIELD_READ       /* by function; base as given to conf_group */
};

/* An array of structs that begin with a name, inside conf->context. */
struct conf_names {
    const char *what;                          /* "component" */
    size_t array_offset, entry_size, n_offset; /* n is a uint8_t */
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset, size; /* in the struct that the group fills */
    bool required;
    uint64_t min, max; /* COUNT, DURATION (max 0: no limit but the type's); TEXT: min bytes */
    const char *const *choices; /* ends with NULL */
    const struct conf_names *names;
    enum err (*read)(struct conf *conf, const struct config_setting_t *at, void *base);
};

/* The target of a field, for tables: {"name", FIELD_NAME, FIELD_OF(struct region, name)}. */
#define FIELD_OF(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define FIELDS_N(fields) (sizeof(fields) / sizeof((fields)[0]))

/* Parses `size` bytes of text (at most size_max) and calls root(conf, top-level group, base).
 * FORMAT for what libconfig does not understand, TOO_BIG, NO_MEMORY, or what root returns. */
enum err conf_parse(struct conf *conf, const char *text, size_t size, size_t size_max,
                    enum err (*root)(struct conf *conf, const struct config_setting_t *at,
                                     void *base),
                    void *base) ERR_CHECKED;

/* Reads a whole file of at most size_max bytes into memory that the caller frees. NOT_FOUND,
 * DENIED, TOO_BIG, IO, NO_MEMORY; *ret_text is NULL then. */
enum err conf_file(const char *path, size_t size_max, char **ret_text, size_t *ret_size,
                   struct text256 *reterr) ERR_CHECKED;

/* Reads a group by its table. Fields that are absent leave the struct as it is: put defaults there
 * first. CONFIG for everything that is wrong with it. */
enum err conf_group(struct conf *conf, const struct config_setting_t *at,
                    const struct field *fields, size_t fields_n, void *base) ERR_CHECKED;

/* Reads one field by its row. */
enum err conf_field(struct conf *conf, const struct config_setting_t *at, const struct field *field,
                    void *base) ERR_CHECKED;

/* The member of a group, or NULL. */
const struct config_setting_t *conf_child(const struct config_setting_t *at, const char *name);
/* The same, but `at` must be a group and must have it. */
enum err conf_demand(struct conf *conf, const struct config_setting_t *at, const char *name,
                     const struct config_setting_t **ret_child) ERR_CHECKED;

/* The number of elements of ( ... ) or [ ... ], at most n_max, each `what`. */
enum err conf_list(struct conf *conf, const struct config_setting_t *at, const char *what,
                   size_t n_max, size_t *ret_n) ERR_CHECKED;
const struct config_setting_t *conf_element(const struct config_setting_t *at, size_t index);

/* The members of a group of any names (arguments, secrets): their number and their names. */
enum err conf_members(struct conf *conf, const struct config_setting_t *at, const char *what,
                      size_t n_max, size_t *ret_n) ERR_CHECKED;
const char *conf_name(const struct config_setting_t *at);

/* The lines of what findings' paths mean ("plans.failover.steps.dns-api.args.ttl"), or of the
 * nearest around it that the text has; elements of lists go by their `name`, or `region`. 0: none,
 * or no such text. NO_MEMORY: not known. */
enum err conf_lines_of(const char *text, size_t size, size_t size_max, const char *const *paths,
                       size_t paths_n, unsigned *ret_lines) ERR_CHECKED;

/* A string, borrowed from the parsed text. */
enum err conf_text(struct conf *conf, const struct config_setting_t *at, const char *what,
                   const char **ret_text) ERR_CHECKED;

/* A string, number or boolean as text: how arguments are kept. */
enum err conf_scalar(struct conf *conf, const struct config_setting_t *at, char *ret_text,
                     size_t text_size) ERR_CHECKED;

/* A name among `names`; the nearest one is told when it is not there. */
enum err conf_reference(struct conf *conf, const struct config_setting_t *at,
                        const struct conf_names *names, uint8_t *ret_index) ERR_CHECKED;

enum err conf_choice(struct conf *conf, const struct config_setting_t *at,
                     const char *const *choices, uint8_t *ret_choice) ERR_CHECKED;

/* Says "FILE:LINE: path: expected EXPECTED, found FOUND" and returns CONFIG. */
enum err conf_expected(struct conf *conf, const struct config_setting_t *at, const char *format,
                       ...) __attribute__((format(printf, 3, 4))) ERR_CHECKED;

/* Says "FILE:LINE: path: MESSAGE" and returns CONFIG. */
enum err conf_wrong(struct conf *conf, const struct config_setting_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4))) ERR_CHECKED;

/* Is it tcp://IP:PORT (or IP:PORT without the scheme) with a numeric address and a port of
 * 1..65535? IPv6 in brackets. */
bool address_is_numeric(const char *address, bool with_scheme);

#endif
