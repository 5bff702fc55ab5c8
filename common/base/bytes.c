#include "common/base/bytes.h"

#include <string.h>

#include "common/base/ensure.h"

struct bytes_out bytes_writer(uint8_t *buffer, size_t size) {
    ensure(buffer != NULL || size == 0);
    return (struct bytes_out){.at = buffer, .size = size};
}

struct bytes_in bytes_reader(const uint8_t *buffer, size_t size) {
    ensure(buffer != NULL || size == 0);
    return (struct bytes_in){.at = buffer, .size = size};
}

void bytes_put_raw(struct bytes_out *out, const void *data, size_t size) {
    ensure(out->used <= out->size);
    if (out->failed || size > out->size - out->used) {
        out->failed = true;
        return;
    }
    if (size > 0) {
        memcpy(out->at + out->used, data, size);
        out->used += size;
    }
}

static void put_little(struct bytes_out *out, uint64_t value, size_t size) {
    uint8_t raw[8];
    for (size_t i = 0; i < size; i++) {
        raw[i] = (uint8_t)(value >> (8 * i));
    }
    bytes_put_raw(out, raw, size);
}

void bytes_put_u8(struct bytes_out *out, uint8_t value) {
    put_little(out, value, 1);
}

void bytes_put_u16(struct bytes_out *out, uint16_t value) {
    put_little(out, value, 2);
}

void bytes_put_u32(struct bytes_out *out, uint32_t value) {
    put_little(out, value, 4);
}

void bytes_put_u64(struct bytes_out *out, uint64_t value) {
    put_little(out, value, 8);
}

void bytes_put_text(struct bytes_out *out, const char *text) {
    size_t n = strlen(text);
    if (n > UINT16_MAX) {
        out->failed = true;
        return;
    }
    bytes_put_u16(out, (uint16_t)n);
    bytes_put_raw(out, text, n);
}

void bytes_get_raw(struct bytes_in *in, void *ret_data, size_t size) {
    ensure(in->used <= in->size);
    if (in->failed || size > in->size - in->used) {
        in->failed = true;
        memset(ret_data, 0, size);
        return;
    }
    if (size > 0) {
        memcpy(ret_data, in->at + in->used, size);
        in->used += size;
    }
}

static uint64_t get_little(struct bytes_in *in, size_t size) {
    uint8_t raw[8];
    uint64_t value = 0;
    bytes_get_raw(in, raw, size);
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)raw[i] << (8 * i);
    }
    return value;
}

uint8_t bytes_get_u8(struct bytes_in *in) {
    return (uint8_t)get_little(in, 1);
}

uint16_t bytes_get_u16(struct bytes_in *in) {
    return (uint16_t)get_little(in, 2);
}

uint32_t bytes_get_u32(struct bytes_in *in) {
    return (uint32_t)get_little(in, 4);
}

uint64_t bytes_get_u64(struct bytes_in *in) {
    return get_little(in, 8);
}

void bytes_get_text(struct bytes_in *in, char *ret_text, size_t text_size) {
    ensure(text_size >= 1);
    size_t n = bytes_get_u16(in);
    if (n >= text_size) {
        in->failed = true;
        n = 0;
    }
    bytes_get_raw(in, ret_text, n);
    ret_text[n] = '\0';
    if (memchr(ret_text, 0, n) != NULL) {
        in->failed = true;
    }
}

bool bytes_all_read(const struct bytes_in *in) {
    return !in->failed && in->used == in->size;
}
