#include "proto/printable.h"

#include <stdint.h>
#include <string.h>

#include "common/base/ensure.h"

/* Length of the well-formed UTF-8 character at `at` (Unicode table 3-7), or 0. */
static size_t character_size(const uint8_t *at, size_t left, uint32_t *ret_code) {
    static const struct {
        uint8_t first_low, first_high, second_low, second_high, size;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    ensure(left >= 1);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (at[0] < forms[i].first_low || at[0] > forms[i].first_high) {
            continue;
        }
        size_t size = forms[i].size;
        if (size > left) {
            return 0;
        }
        uint32_t code = size == 1 ? at[0] : at[0] & (0xffu >> (size + 1));
        for (size_t k = 1; k < size; k++) {
            uint8_t low = k == 1 ? forms[i].second_low : 0x80;
            uint8_t high = k == 1 ? forms[i].second_high : 0xbf;
            if (at[k] < low || at[k] > high) {
                return 0;
            }
            code = code << 6 | (at[k] & 0x3fu);
        }
        *ret_code = code;
        return size;
    }
    return 0;
}

static bool code_is_printable(uint32_t code, bool lines) {
    if (code < 0x20) {
        return lines && (code == '\n' || code == '\r' || code == '\t');
    }
    bool control = code >= 0x7f && code <= 0x9f;
    bool separator = code == 0x2028 || code == 0x2029;
    bool turns = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
                 code == 0x200e || code == 0x200f || code == 0x061c;
    return !control && !separator && !turns;
}

bool printable_is(const char *text, size_t text_size, bool lines) {
    const uint8_t *at = (const uint8_t *)text;
    size_t used = 0;
    while (used < text_size) {
        uint32_t code = 0;
        size_t size = character_size(at + used, text_size - used, &code);
        if (size == 0 || !code_is_printable(code, lines)) {
            return false;
        }
        used += size;
    }
    return true;
}

void printable_clean(const char *text, char *out, size_t out_size) {
    ensure(out_size >= 1);
    size_t left = strlen(text);
    const uint8_t *at = (const uint8_t *)text;
    size_t used = 0;
    while (left > 0) {
        uint32_t code = 0;
        size_t size = character_size(at, left, &code);
        bool good = size > 0 && code_is_printable(code, false);
        size_t eaten = size > 0 ? size : 1;
        size_t put = good ? size : 1;
        if (used + put >= out_size) {
            break;
        }
        if (good) {
            memcpy(out + used, at, size);
        } else {
            out[used] = '?';
        }
        used += put;
        at += eaten;
        left -= eaten;
    }
    out[used] = '\0';
}
