#include "common/io/smtp_reply.h"

#include <stdbool.h>
#include <string.h>

/* The three digits at the beginning of a line; 0: they are none. */
static unsigned line_code(const char *line) {
    unsigned code = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (line[i] < '0' || line[i] > '9') {
            return 0;
        }
        code = code * 10 + (unsigned)(line[i] - '0');
    }
    return code >= 200 && code <= 599 ? code : 0;
}

/* One line without its end. Another code than the reply's first one is no reply. */
static bool line_fits(const char *line, size_t line_n, unsigned code, bool *ret_last) {
    bool bare = line_n == 3 || (line_n == 4 && line[3] == '\r');
    if (line_n < 3 || line_code(line) == 0 || (code != 0 && line_code(line) != code)) {
        return false;
    }
    *ret_last = bare || line[3] == ' ';
    return bare || line[3] == ' ' || line[3] == '-';
}

enum err smtp_reply_read(const char *text, size_t size, unsigned *ret_code, size_t *ret_size) {
    unsigned code = 0;
    *ret_code = 0;
    *ret_size = 0;
    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        bool last = false;
        if (end == NULL) {
            return ERR_OK;
        }
        size_t line_n = (size_t)(end - (text + at));
        if (!line_fits(text + at, line_n, code, &last)) {
            return ERR_FORMAT;
        }
        code = line_code(text + at);
        at += line_n + 1;
        if (last) {
            *ret_code = code;
            *ret_size = at;
            return ERR_OK;
        }
    }
    return ERR_OK;
}
