#include "common/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/ensure.h"

/* strnlen is not in C17. */
static size_t length_within(const char *text, size_t size) {
    const char *end = memchr(text, 0, size);
    return end == NULL ? size : (size_t)(end - text);
}

bool text_format_list(char *out, size_t out_size, const char *format, va_list args) {
    ensure(out != NULL);
    ensure(out_size >= 1);
    int n = vsnprintf(out, out_size, format, args);
    ensure(n >= 0);
    return (size_t)n < out_size;
}

bool text_format(char *out, size_t out_size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool fitted = text_format_list(out, out_size, format, args);
    va_end(args);
    return fitted;
}

void text_say(struct text256 *reterr, const char *format, ...) {
    if (reterr == NULL) {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)text_format_list(reterr->at, sizeof reterr->at, format, args);
    va_end(args);
}

bool text_copy(char *out, size_t out_size, const char *from) {
    ensure(out_size >= 1);
    size_t n = length_within(from, out_size);
    bool fitted = n < out_size;
    if (!fitted) {
        n = out_size - 1;
    }
    memmove(out, from, n);
    out[n] = '\0';
    return fitted;
}

bool text_append(char *out, size_t out_size, const char *from) {
    size_t used = length_within(out, out_size);
    ensure(used < out_size);
    return text_copy(out + used, out_size - used, from);
}

bool text_equal(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

bool text_starts(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_is_of(const char *text, const char *others) {
    for (const char *at = text; *at != '\0'; at++) {
        bool plain =
            (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (!plain && strchr(others, *at) == NULL) {
            return false;
        }
    }
    return text[0] != '\0';
}

bool text_to_u64(const char *text, uint64_t max, uint64_t *ret_value) {
    uint64_t value = 0;
    if (*text == '\0') {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > max / 10 || digit > max - value * 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

void text_from_bytes(const uint8_t *bytes, size_t bytes_n, char *out, size_t out_size) {
    static const char digits[] = "0123456789abcdef";
    ensure(out_size >= 2 * bytes_n + 1);
    for (size_t i = 0; i < bytes_n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * bytes_n] = '\0';
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool text_to_bytes(const char *text, uint8_t *ret_bytes, size_t bytes_n) {
    if (length_within(text, 2 * bytes_n + 1) != 2 * bytes_n) {
        return false;
    }
    for (size_t i = 0; i < 2 * bytes_n; i++) {
        if (hex_value(text[i]) < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < bytes_n; i++) {
        ret_bytes[i] = (uint8_t)(hex_value(text[2 * i]) * 16 + hex_value(text[2 * i + 1]));
    }
    return true;
}

bool text_is_name(const char *text, size_t size) {
    size_t n = length_within(text, size);
    if (n == 0 || n >= size) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool inner = c == '-' || c == '_' || c == '.';
        if (!alnum && (i == 0 || !inner)) {
            return false;
        }
    }
    return true;
}

void text_digest(const char *text, char ret_digest[TEXT_DIGEST_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    uint32_t hash = 2166136261u;
    for (const char *at = text; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    }
    hash = (hash >> 24) ^ (hash & 0xffffff);
    for (unsigned i = 0; i < TEXT_DIGEST_SIZE - 1; i++) {
        ret_digest[i] = digits[(hash >> (20 - 4 * i)) & 15];
    }
    ret_digest[TEXT_DIGEST_SIZE - 1] = '\0';
}
