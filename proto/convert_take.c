/* Single fields: nothing gets from the wire into a plain message but through here. */
#include <stdarg.h>
#include <string.h>

#include "common/base/ensure.h"
#include "proto/convert.h"
#include "proto/printable.h"

struct take take_from(struct arena *arena, const char *where, struct text256 *reterr) {
    return (struct take){.arena = arena, .reterr = reterr, .where = where, .index = -1};
}

void take_fail(struct take *take, enum err err, const char *field, const char *format, ...) {
    ensure(err != ERR_OK);
    if (take->err != ERR_OK) {
        return;
    }
    take->err = err;
    char why[160];
    va_list args;
    va_start(args, format);
    (void)text_format_list(why, sizeof why, format, args);
    va_end(args);
    const char *dot = field[0] == '\0' ? "" : ".";
    if (take->index >= 0) {
        text_say(take->reterr, "%s[%d]%s%s: %s", take->where, take->index, dot, field, why);
    } else {
        text_say(take->reterr, "%s%s%s: %s", take->where, dot, field, why);
    }
}

bool take_message(struct take *take, const ProtobufCMessage *message) {
    if (take->err != ERR_OK) {
        return false;
    }
    if (message == NULL) {
        take_fail(take, ERR_FORMAT, "", "missing");
        return false;
    }
    if (message->n_unknown_fields > UNKNOWN_FIELDS_MAX) {
        take_fail(take, ERR_TOO_BIG, "", "%u unknown fields, at most %d", message->n_unknown_fields,
                  UNKNOWN_FIELDS_MAX);
        return false;
    }
    return true;
}

/* protobuf-c copies a text with a terminator behind it and forgets its length; the arena has kept
 * it, so a zero byte inside is found. */
static bool text_size_of(struct take *take, const char *field, const char *from, size_t *ret_n) {
    size_t n = strlen(from);
    size_t block = arena_block_size(take->arena, from);
    if (block != n + 1 && (block != 0 || n != 0)) {
        take_fail(take, ERR_FORMAT, field, "holds a zero byte");
        return false;
    }
    *ret_n = n;
    return true;
}

static bool is_argument_name(const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        bool digit = *at >= '0' && *at <= '9';
        bool inner = *at == '-' || *at == '_' || *at == '.';
        if (!letter && !digit && !inner) {
            return false;
        }
    }
    return text[0] != '\0';
}

static bool text_has_form(const char *text, size_t n, enum text_form form) {
    switch (form) {
    case TEXT_NAME: return text_is_name(text, NAME_SIZE);
    case TEXT_NAME_OR_EMPTY: return n == 0 || text_is_name(text, NAME_SIZE);
    case TEXT_ARGUMENT_NAME: return is_argument_name(text);
    case TEXT_SENTENCE: return printable_is(text, n, false);
    case TEXT_LINES: return printable_is(text, n, true);
    }
    return false;
}

void take_text(struct take *take, const char *field, const char *from, enum text_form form,
               char *ret_text, size_t text_size) {
    static const char *const expected[] = {
        [TEXT_NAME] = "a name of [a-z0-9-_.] expected",
        [TEXT_NAME_OR_EMPTY] = "a name of [a-z0-9-_.] or nothing expected",
        [TEXT_ARGUMENT_NAME] = "a name of letters, digits, -, _ and . expected",
        [TEXT_SENTENCE] = "printable UTF-8 of one line expected",
        [TEXT_LINES] = "printable UTF-8 expected",
    };
    size_t n = 0;
    ret_text[0] = '\0';
    if (take->err != ERR_OK || !text_size_of(take, field, from, &n)) {
        return;
    }
    if (n >= text_size) {
        take_fail(take, ERR_TOO_BIG, field, "%zu bytes, at most %zu", n, text_size - 1);
        return;
    }
    if (!text_has_form(from, n, form)) {
        take_fail(take, ERR_FORMAT, field, "%s", expected[form]);
        return;
    }
    memcpy(ret_text, from, n + 1);
}

void take_borrowed(struct take *take, const char *field, const char *from, size_t size_max,
                   const char **ret_text, uint32_t *ret_size) {
    size_t n = 0;
    if (take->err != ERR_OK || !text_size_of(take, field, from, &n)) {
        return;
    }
    if (n > size_max) {
        take_fail(take, ERR_TOO_BIG, field, "%zu bytes, at most %zu", n, size_max);
        return;
    }
    if (!printable_is(from, n, true)) {
        take_fail(take, ERR_FORMAT, field, "printable UTF-8 expected");
        return;
    }
    *ret_text = from;
    *ret_size = (uint32_t)n;
}

void take_bytes(struct take *take, const char *field, const ProtobufCBinaryData *from,
                uint8_t *ret_bytes, size_t bytes_n) {
    if (take->err != ERR_OK) {
        return;
    }
    if (from->len != bytes_n) {
        take_fail(take, ERR_FORMAT, field, "%zu bytes, exactly %zu expected", from->len, bytes_n);
        return;
    }
    memcpy(ret_bytes, from->data, bytes_n);
}

uint32_t take_number(struct take *take, const char *field, uint32_t value, uint32_t low,
                     uint32_t high) {
    if (value < low || value > high) {
        take_fail(take, ERR_RANGE, field, "%u, expected %u to %u", value, low, high);
        return low;
    }
    return value;
}

size_t take_count(struct take *take, const char *field, size_t n, size_t max) {
    if (n > max) {
        take_fail(take, ERR_TOO_BIG, field, "%zu of them, at most %zu", n, max);
    }
    return take->err == ERR_OK ? n : 0;
}
