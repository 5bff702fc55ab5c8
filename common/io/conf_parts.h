/* What conf's own files share. Not for others. */
#ifndef DROVER_CONF_PARTS_H
#define DROVER_CONF_PARTS_H

#include "common/io/conf.h"

/* What a text holds, whoever reads it: its values of every kind and depth, and the bytes of the
 * names and of the texts, escapes resolved. */
struct conf_sizes {
    size_t settings_n, name_bytes_n, text_bytes_n;
};

/* conf_syntax.c: FORMAT with what was expected, or OK when libconfig will understand it. */
enum err conf_syntax_check(struct conf *conf, const char *text, size_t size,
                           struct conf_sizes *ret_sizes) ERR_CHECKED;

/* The end of a long file name tells more than its beginning. */
const char *file_tail(const char *file);

#endif
