/* bytes: the one way drover writes and reads fixed binary layouts (signed statements, log entries,
 * snapshots, the guard's socket and files). Little-endian, no alignment, bounded both ways. A
 * writer or reader that ran out stays failed; check once at the end. */
#ifndef DROVER_BYTES_H
#define DROVER_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes_out {
    uint8_t *at; /* caller's buffer, borrowed */
    size_t size; /* its size */
    size_t used;
    bool failed; /* something did not fit; used is meaningless then */
};

struct bytes_in {
    const uint8_t *at; /* caller's buffer, borrowed */
    size_t size;
    size_t used;
    bool failed; /* something was missing; later reads give zeros */
};

struct bytes_out bytes_writer(uint8_t *buffer, size_t size);
struct bytes_in bytes_reader(const uint8_t *buffer, size_t size);

void bytes_put_u8(struct bytes_out *out, uint8_t value);
void bytes_put_u16(struct bytes_out *out, uint16_t value);
void bytes_put_u32(struct bytes_out *out, uint32_t value);
void bytes_put_u64(struct bytes_out *out, uint64_t value);
void bytes_put_raw(struct bytes_out *out, const void *data, size_t size);
/* u16 length, then the bytes. */
void bytes_put_text(struct bytes_out *out, const char *text);

uint8_t bytes_get_u8(struct bytes_in *in);
uint16_t bytes_get_u16(struct bytes_in *in);
uint32_t bytes_get_u32(struct bytes_in *in);
uint64_t bytes_get_u64(struct bytes_in *in);
void bytes_get_raw(struct bytes_in *in, void *ret_data, size_t size);
/* Fails when the text does not fit ret_text (with its terminator) or holds a zero byte. */
void bytes_get_text(struct bytes_in *in, char *ret_text, size_t text_size);

/* True when nothing was missing and everything was read. */
bool bytes_all_read(const struct bytes_in *in);

/* CRC-32 (IEEE 802.3, reflected, as in zlib) of a record at rest. Not a defence against people. */
uint32_t crc32_of(const void *data, size_t size);

#endif
