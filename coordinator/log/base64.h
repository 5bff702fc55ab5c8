/* base64: RFC 4648, section 4, with padding. Pure. */
#ifndef DROVER_BASE64_H
#define DROVER_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters of the text of `size` bytes, without a terminator. */
static inline size_t base64_size(size_t size) {
    return (size + 2) / 3 * 4;
}

/* Writes base64_size(size) characters, no terminator. */
void base64_encode(const uint8_t *bytes, size_t size, char *ret_text);

/* Strict: whole groups, padding at the end only, unused bits zero. False otherwise, or when the
 * bytes do not fit out_size; ret_bytes may hold anything then. */
bool base64_decode(const char *text, size_t text_size, uint8_t *ret_bytes, size_t out_size,
                   size_t *ret_size);

#endif
