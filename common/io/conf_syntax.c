/* The grammar, before libconfig sees the text. Three reasons: libconfig says "syntax error" where a
 * person needs to know what was expected, its parser leaks the strings it holds when it stops
 * half-way, and without memory it leaves out what it could not keep and says nothing: what is
 * counted here must be found in its tree. What passes here is a subset of libconfig's language: no
 * floats, no line breaks inside strings, no settings named *, a bounded depth. */
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/conf_parts.h"

#define DEPTH_MAX 12

struct scan {
    struct conf *conf;
    const char *at, *end;
    unsigned line;
    unsigned depth;
    struct conf_sizes sizes;
};

static enum err scan_wrong(const struct scan *scan, const char *expected) {
    char found[48];
    if (scan->at == scan->end) {
        (void)text_copy(found, sizeof(found), "the end of the file");
    } else if (*scan->at == '\n') {
        (void)text_copy(found, sizeof(found), "the end of the line");
    } else {
        size_t n = 0;
        while (n < 24 && scan->at + n < scan->end && scan->at[n] > 0x20 && scan->at[n] < 0x7f) {
            n++;
        }
        if (n == 0) {
            (void)text_format(found, sizeof(found), "byte 0x%02x", (unsigned char)*scan->at);
        } else {
            (void)text_format(found, sizeof(found), "\"%.*s\"", (int)n, scan->at);
        }
    }
    text_say(scan->conf->reterr, "%s:%u: expected %s, found %s", file_tail(scan->conf->file),
             scan->line, expected, found);
    return ERR_FORMAT;
}

static char scan_peek(const struct scan *scan) {
    return scan->at < scan->end ? *scan->at : 0;
}

static bool scan_sees(const struct scan *scan, const char *text) {
    size_t length = strlen(text);
    return (size_t)(scan->end - scan->at) >= length && memcmp(scan->at, text, length) == 0;
}

static void scan_step(struct scan *scan) {
    ensure(scan->at < scan->end);
    scan->line += *scan->at == '\n';
    scan->at++;
}

static void scan_line(struct scan *scan) {
    while (scan->at < scan->end && *scan->at != '\n') {
        scan->at++;
    }
}

static enum err scan_comment(struct scan *scan) {
    struct scan start = *scan;
    scan->at += 2;
    while (!scan_sees(scan, "*/")) {
        if (scan->at == scan->end) {
            return scan_wrong(&start, "a closing */ for this comment");
        }
        scan_step(scan);
    }
    scan->at += 2;
    return ERR_OK;
}

/* Spaces and comments. */
static enum err scan_space(struct scan *scan) {
    enum err err = ERR_OK;
    while (scan->at < scan->end && err == ERR_OK) {
        char c = *scan->at;
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
            scan_step(scan);
        } else if (c == '#' || scan_sees(scan, "//")) {
            scan_line(scan);
        } else if (scan_sees(scan, "/*")) {
            err = scan_comment(scan);
        } else {
            break;
        }
    }
    return err;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_word(char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '-';
}

static enum err scan_escape(struct scan *scan) {
    scan->at++;
    char c = scan_peek(scan);
    if (c == 'x') {
        if (scan->end - scan->at < 3 || !is_hex(scan->at[1]) || !is_hex(scan->at[2]) ||
            (scan->at[1] == '0' && scan->at[2] == '0')) {
            return scan_wrong(scan, "two hex digits after \\x, not 00");
        }
        scan->at += 3;
        return ERR_OK;
    }
    if (c == 0 || strchr("nrtf\\\"", c) == NULL) {
        return scan_wrong(scan, "one of \\n \\r \\t \\f \\x \\\\ \\\" after a backslash");
    }
    scan->at++;
    return ERR_OK;
}

static enum err scan_string(struct scan *scan) {
    ensure(scan_peek(scan) == '"');
    scan->at++;
    while (scan_peek(scan) != '"') {
        if (scan->at == scan->end || *scan->at == '\n') {
            return scan_wrong(scan, "a closing \" for the text on this line");
        }
        if (*scan->at == '\\') {
            enum err err = scan_escape(scan);
            if (err != ERR_OK) {
                return err;
            }
        } else {
            scan->at++;
        }
        scan->sizes.text_bytes_n++;
    }
    scan->at++;
    return ERR_OK;
}

static enum err scan_number(struct scan *scan) {
    struct scan start = *scan;
    if (*scan->at == '-' || *scan->at == '+') {
        scan->at++;
    }
    bool hex = scan->at == start.at && (scan_sees(scan, "0x") || scan_sees(scan, "0X"));
    scan->at += hex ? 2 : 0;
    const char *digits = scan->at;
    while (hex ? is_hex(scan_peek(scan)) : is_digit(scan_peek(scan))) {
        scan->at++;
    }
    size_t n = (size_t)(scan->at - digits);
    /* 18 digits stay clear of the limits of libconfig's integers, 7 hex digits of its int. */
    size_t n_max = hex ? 7 : 18;
    if (n == 0 || n > n_max || is_word(scan_peek(scan)) || scan_peek(scan) == '.') {
        return scan_wrong(&start, "a whole number of at most 18 digits");
    }
    return ERR_OK;
}

enum value_kind { VALUE_NUMBER, VALUE_STRING, VALUE_BOOL, VALUE_NESTED };

static enum err scan_word_value(struct scan *scan) {
    static const char *const words[] = {"true", "false", "True", "False", "TRUE", "FALSE"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t length = strlen(words[i]);
        if (scan_sees(scan, words[i]) &&
            (scan->at + length == scan->end || !is_word(scan->at[length]))) {
            scan->at += length;
            return ERR_OK;
        }
    }
    return scan_wrong(scan, "a value: a text in quotes, a number, true or false, { }, ( ) or [ ]");
}

static enum err scan_settings(struct scan *scan, char closing);
static enum err scan_elements(struct scan *scan, char closing);

static enum err scan_nested(struct scan *scan) {
    char opening = scan_peek(scan);
    if (scan->depth == DEPTH_MAX) {
        return scan_wrong(scan, "no more than 12 levels of { ( [");
    }
    scan->at++;
    scan->depth++;
    enum err err = opening == '{'   ? scan_settings(scan, '}')
                   : opening == '(' ? scan_elements(scan, ')')
                                    : scan_elements(scan, ']');
    scan->depth--;
    return err;
}

static enum err scan_value(struct scan *scan, enum value_kind *ret_kind) {
    char c = scan_peek(scan);
    scan->sizes.settings_n++;
    if (c == '"') {
        *ret_kind = VALUE_STRING;
        enum err err = ERR_OK;
        /* Texts side by side are one text. */
        while (err == ERR_OK && scan_peek(scan) == '"') {
            err = scan_string(scan);
            err = err == ERR_OK ? scan_space(scan) : err;
        }
        return err;
    }
    if (c == '{' || c == '(' || c == '[') {
        *ret_kind = VALUE_NESTED;
        return scan_nested(scan);
    }
    if (is_digit(c) || c == '-' || c == '+') {
        *ret_kind = VALUE_NUMBER;
        return scan_number(scan);
    }
    *ret_kind = VALUE_BOOL;
    return scan_word_value(scan);
}

/* The elements of ( ... ), of any kinds, or of [ ... ], of one simple kind; then the closing. */
static enum err scan_elements(struct scan *scan, char closing) {
    enum err err = scan_space(scan);
    if (err == ERR_OK && scan_peek(scan) == closing) {
        scan->at++;
        return ERR_OK;
    }
    enum value_kind first = VALUE_NESTED;
    for (size_t i = 0; err == ERR_OK; i++) {
        struct scan start = *scan;
        enum value_kind kind = VALUE_NESTED;
        err = scan_value(scan, &kind);
        first = i == 0 ? kind : first;
        if (err == ERR_OK && closing == ']' && (kind == VALUE_NESTED || kind != first)) {
            return scan_wrong(&start, "[ ] to hold texts only or numbers only; use ( ) for others");
        }
        err = err == ERR_OK ? scan_space(scan) : err;
        if (err != ERR_OK) {
            return err;
        }
        if (scan_peek(scan) == closing) {
            scan->at++;
            return ERR_OK;
        }
        if (scan_peek(scan) != ',') {
            return scan_wrong(scan, closing == ')' ? "\",\" or \")\"" : "\",\" or \"]\"");
        }
        scan->at++;
        err = scan_space(scan);
    }
    return err;
}

static enum err scan_setting(struct scan *scan) {
    if (!is_letter(scan_peek(scan))) {
        return scan_wrong(scan, scan->depth == 0 ? "the name of a field"
                                                 : "the name of a field or \"}\"");
    }
    while (is_word(scan_peek(scan))) {
        scan->at++;
        scan->sizes.name_bytes_n++;
    }
    enum err err = scan_space(scan);
    if (err == ERR_OK && scan_peek(scan) != '=' && scan_peek(scan) != ':') {
        return scan_wrong(scan, "\"=\" or \":\" after the name of a field");
    }
    if (err == ERR_OK) {
        scan->at++;
        err = scan_space(scan);
    }
    enum value_kind kind;
    if (err == ERR_OK) {
        err = scan_value(scan, &kind);
    }
    if (err == ERR_OK) {
        err = scan_space(scan);
    }
    if (err == ERR_OK && (scan_peek(scan) == ';' || scan_peek(scan) == ',')) {
        scan->at++;
        err = scan_space(scan);
    }
    return err;
}

/* name = value; ... up to the closing, or to the end of the file when closing is 0. */
static enum err scan_settings(struct scan *scan, char closing) {
    enum err err = scan_space(scan);
    while (err == ERR_OK) {
        if (closing == 0 && scan->at == scan->end) {
            return ERR_OK;
        }
        if (closing != 0 && scan_peek(scan) == closing) {
            scan->at++;
            return ERR_OK;
        }
        err = scan_setting(scan);
    }
    return err;
}

enum err conf_syntax_check(struct conf *conf, const char *text, size_t size,
                           struct conf_sizes *ret_sizes) {
    struct scan scan = {.conf = conf, .at = text, .end = text + size, .line = 1};
    enum err err = scan_settings(&scan, 0);
    if (err == ERR_OK) {
        *ret_sizes = scan.sizes;
    }
    return err;
}
