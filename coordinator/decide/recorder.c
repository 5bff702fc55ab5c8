#include "coordinator/decide/recorder.h"

#include <string.h>

#define MAGIC 0x63657264u   /* "drec" */
#define RECORD_HEAD_SIZE 33 /* before the payload, with the head's own crc */
#define CRC_SIZE 4

size_t recorder_head_write(const struct recorder_head *head, uint8_t *out, size_t out_size) {
    struct bytes_out to = bytes_writer(out, out_size);
    bytes_put_u32(&to, MAGIC);
    bytes_put_u16(&to, RECORDER_VERSION);
    bytes_put_u64(&to, head->boot_id);
    bytes_put_text(&to, head->member);
    if (to.failed) {
        return 0;
    }
    bytes_put_u32(&to, crc32_of(out, to.used));
    return to.failed ? 0 : to.used;
}

size_t recorder_record_write(const struct recorder_record *record, uint8_t *out, size_t out_size) {
    struct bytes_out to = bytes_writer(out, out_size);
    if (record->payload_size > RECORDER_PAYLOAD_MAX || record->kind == 0 ||
        record->kind >= RECORDER_KINDS_N) {
        return 0;
    }
    bytes_put_u32(&to, (uint32_t)record->payload_size);
    bytes_put_u8(&to, record->kind);
    bytes_put_u64(&to, record->at.boot_ms);
    bytes_put_u64(&to, record->at.raw_ms);
    bytes_put_u64(&to, record->index);
    if (to.failed) {
        return 0;
    }
    bytes_put_u32(&to, crc32_of(out, to.used));
    if (record->payload_size > 0) {
        bytes_put_raw(&to, record->payload, record->payload_size);
    }
    if (to.failed) {
        return 0;
    }
    bytes_put_u32(&to, crc32_of(out, to.used));
    return to.failed ? 0 : to.used;
}

enum err recorder_open(const uint8_t *bytes, size_t size, struct recorder_reader *ret_reader,
                       struct text256 *reterr) {
    memset(ret_reader, 0, sizeof *ret_reader);
    struct bytes_in in = bytes_reader(bytes, size);
    uint32_t magic = bytes_get_u32(&in);
    uint16_t version = bytes_get_u16(&in);
    if (in.failed || magic != MAGIC) {
        text_say(reterr, "offset 0: expected a recording of a member, found something else");
        return ERR_FORMAT;
    }
    if (version != RECORDER_VERSION) {
        text_say(reterr, "offset 4: expected version %u, found %u", RECORDER_VERSION, version);
        return ERR_FORMAT;
    }
    ret_reader->head.boot_id = bytes_get_u64(&in);
    bytes_get_text(&in, ret_reader->head.member, sizeof ret_reader->head.member);
    uint32_t expected = in.failed ? 0 : crc32_of(bytes, in.used);
    uint32_t crc = bytes_get_u32(&in);
    if (in.failed || crc != expected) {
        text_say(reterr, "offset 0: the head of this recording is cut short or damaged");
        return ERR_FORMAT;
    }
    ret_reader->bytes = bytes;
    ret_reader->size = size;
    ret_reader->offset = in.used;
    return ERR_OK;
}

enum err recorder_next(struct recorder_reader *reader, struct recorder_record *ret_record,
                       struct text256 *reterr) {
    memset(ret_record, 0, sizeof *ret_record);
    const uint8_t *at = reader->bytes + reader->offset;
    size_t left = reader->size - reader->offset;
    struct bytes_in in = bytes_reader(at, left);
    if (left < RECORD_HEAD_SIZE) {
        reader->torn = left > 0;
        return ERR_NOT_FOUND;
    }
    uint32_t size = bytes_get_u32(&in);
    ret_record->kind = bytes_get_u8(&in);
    ret_record->at.boot_ms = bytes_get_u64(&in);
    ret_record->at.raw_ms = bytes_get_u64(&in);
    ret_record->index = bytes_get_u64(&in);
    uint32_t expected = crc32_of(at, in.used);
    if (bytes_get_u32(&in) != expected) {
        text_say(reterr, "offset %zu: this record is damaged", reader->offset);
        return ERR_FORMAT;
    }
    if (size > RECORDER_PAYLOAD_MAX) {
        text_say(reterr, "offset %zu: expected a record of at most %d bytes, found %u",
                 reader->offset, RECORDER_PAYLOAD_MAX, size);
        return ERR_FORMAT;
    }
    if (left - RECORD_HEAD_SIZE < (size_t)size + CRC_SIZE) {
        reader->torn = true;
        return ERR_NOT_FOUND;
    }
    ret_record->payload = at + RECORD_HEAD_SIZE;
    ret_record->payload_size = size;
    size_t before_crc = RECORD_HEAD_SIZE + (size_t)size;
    struct bytes_in tail = bytes_reader(at + before_crc, CRC_SIZE);
    if (bytes_get_u32(&tail) != crc32_of(at, before_crc)) {
        text_say(reterr, "offset %zu: this record is damaged", reader->offset);
        return ERR_FORMAT;
    }
    if (ret_record->kind == 0 || ret_record->kind >= RECORDER_KINDS_N) {
        text_say(reterr, "offset %zu: a record of unknown kind %u", reader->offset,
                 ret_record->kind);
        return ERR_FORMAT;
    }
    reader->offset += before_crc + CRC_SIZE;
    return ERR_OK;
}

size_t recorder_question_write(const struct recorder_question *question, uint8_t *out,
                               size_t out_size) {
    const struct attest_ask *ask = &question->ask;
    struct bytes_out to = bytes_writer(out, out_size);
    bytes_put_u8(&to, question->agent);
    bytes_put_u8(&to, question->answer);
    bytes_put_u8(&to, ask->purpose);
    bytes_put_u8(&to, ask->region);
    bytes_put_u8(&to, (uint8_t)((ask->numbers_agree ? 1u : 0u) | (ask->command_wanted ? 2u : 0u) |
                                (ask->needs_lease ? 4u : 0u)));
    bytes_put_u64(&to, ask->epoch);
    bytes_put_u32(&to, ask->wait_ms);
    return to.failed ? 0 : to.used;
}

bool recorder_question_read(const struct recorder_record *record,
                            struct recorder_question *ret_question) {
    struct bytes_in in = bytes_reader(record->payload, record->payload_size);
    memset(ret_question, 0, sizeof *ret_question);
    ret_question->agent = bytes_get_u8(&in);
    ret_question->answer = bytes_get_u8(&in);
    ret_question->ask.purpose = bytes_get_u8(&in);
    ret_question->ask.region = bytes_get_u8(&in);
    uint8_t flags = bytes_get_u8(&in);
    ret_question->ask.numbers_agree = (flags & 1u) != 0;
    ret_question->ask.command_wanted = (flags & 2u) != 0;
    ret_question->ask.needs_lease = (flags & 4u) != 0;
    ret_question->ask.epoch = bytes_get_u64(&in);
    ret_question->ask.wait_ms = bytes_get_u32(&in);
    ret_question->ask.now = record->at;
    return bytes_all_read(&in) && flags < 8 &&
           (ret_question->ask.purpose == ATTEST_LEASE ||
            ret_question->ask.purpose == ATTEST_COMMAND);
}
