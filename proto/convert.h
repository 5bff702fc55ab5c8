/* convert: inside of the converter; nobody else includes this. convert.c opens and closes the
 * envelope, convert_take.c checks single fields, convert_decode.c and convert_encode.c know the
 * messages, convert_report.c the report. The only includer of the generated header. */
#ifndef DROVER_CONVERT_H
#define DROVER_CONVERT_H

#include "drover.pb-c.h"
#include "proto/arena.h"
#include "proto/message.h"

#define RELAY_FRAME_MAX 4096
#define UNKNOWN_FIELDS_MAX 16 /* of one message: room for newer minor versions, not for ballast */

/* Takes checked fields out of an unpacked message. The first failure stays; check err at the
 * end. */
struct take {
    struct arena *arena;
    struct text256 *reterr;
    const char *where; /* "report.checks" */
    int index;         /* of a repeated field; -1: none */
    enum err err;
};

struct take take_from(struct arena *arena, const char *where, struct text256 *reterr);
void take_fail(struct take *take, enum err err, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The message itself: present, and without ballast. False when it must not be looked into. */
bool take_message(struct take *take, const ProtobufCMessage *message);

enum text_form { TEXT_NAME, TEXT_NAME_OR_EMPTY, TEXT_ARGUMENT_NAME, TEXT_SENTENCE, TEXT_LINES };
void take_text(struct take *take, const char *field, const char *from, enum text_form form,
               char *ret_text, size_t text_size);
/* A text that stays where it is, in the arena. */
void take_borrowed(struct take *take, const char *field, const char *from, size_t size_max,
                   const char **ret_text, uint32_t *ret_size);
void take_bytes(struct take *take, const char *field, const ProtobufCBinaryData *from,
                uint8_t *ret_bytes, size_t bytes_n);
/* low <= value <= high. */
uint32_t take_number(struct take *take, const char *field, uint32_t value, uint32_t low,
                     uint32_t high);
/* How many of a repeated field, at most max. 0 after a failure. */
size_t take_count(struct take *take, const char *field, size_t n, size_t max);

void decode_body(struct take *take, const Drover__V1__Envelope *envelope,
                 struct message *ret_message);
void decode_report(struct take *take, const Drover__V1__Report *from, struct report *ret_report);

/* Unpacks one message out of the arena, or says why not. */
ProtobufCMessage *convert_unpack(struct take *take, const ProtobufCMessageDescriptor *descriptor,
                                 const uint8_t *bytes, size_t bytes_n);
/* Packs, or TOO_BIG. */
enum err convert_pack(const ProtobufCMessage *message, uint8_t *out, size_t out_size,
                      size_t *ret_used) ERR_CHECKED;

#endif
