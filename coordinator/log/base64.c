#include "coordinator/log/base64.h"

static const char base64_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const uint8_t *bytes, size_t size, char *ret_text) {
    size_t at = 0;
    for (; at + 3 <= size; at += 3) {
        uint32_t three = (uint32_t)bytes[at] << 16 | (uint32_t)bytes[at + 1] << 8 | bytes[at + 2];
        *ret_text++ = base64_letters[three >> 18];
        *ret_text++ = base64_letters[three >> 12 & 63];
        *ret_text++ = base64_letters[three >> 6 & 63];
        *ret_text++ = base64_letters[three & 63];
    }
    if (at < size) {
        bool two = size - at == 2;
        uint32_t rest = (uint32_t)bytes[at] << 16 | (two ? (uint32_t)bytes[at + 1] << 8 : 0);
        *ret_text++ = base64_letters[rest >> 18];
        *ret_text++ = base64_letters[rest >> 12 & 63];
        *ret_text++ = two ? base64_letters[rest >> 6 & 63] : '=';
        *ret_text = '=';
    }
}

static int letter_value(char letter) {
    if (letter >= 'A' && letter <= 'Z') {
        return letter - 'A';
    }
    if (letter >= 'a' && letter <= 'z') {
        return letter - 'a' + 26;
    }
    if (letter >= '0' && letter <= '9') {
        return letter - '0' + 52;
    }
    return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

bool base64_decode(const char *text, size_t text_size, uint8_t *ret_bytes, size_t out_size,
                   size_t *ret_size) {
    if (text_size % 4 != 0) {
        return false;
    }
    size_t padding = 0;
    while (padding < 2 && padding < text_size && text[text_size - 1 - padding] == '=') {
        padding++;
    }
    size_t size = text_size / 4 * 3 - padding;
    if (size > out_size) {
        return false;
    }
    uint32_t bits = 0;
    size_t out = 0;
    for (size_t i = 0; i < text_size - padding; i++) {
        int value = letter_value(text[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0) {
            size_t shift = 6 - 2 * (i % 4);
            ret_bytes[out++] = (uint8_t)(bits >> shift);
            bits &= (UINT32_C(1) << shift) - 1;
        }
    }
    if (bits != 0 || out != size) {
        return false; /* two texts would mean the same bytes */
    }
    *ret_size = size;
    return true;
}
