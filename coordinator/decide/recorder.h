/* recorder: the format of a member's recording, the inputs its decisions came from.
 *
 * A file is one head, then records in the order in which the member took them in, the first of
 * them START or STATE:
 *   head    "drec"  u16 version  u64 boot id  text member  u32 crc of what stands before it
 *   record  u32 size of the payload  u8 kind  u64 boot ms  u64 raw ms  u64 index
 *           u32 crc of what of the record stands before it: a damaged size is no torn end
 *           payload  u32 crc of the whole record before it
 * Integers are as bytes.h writes them. Nothing here is secret: facts are what every member reads.
 * A file may end within a record, when the machine stopped there; anywhere else a damaged byte is
 * an error that names its offset. Pure: who calls it reads and writes the files. */
#ifndef DROVER_RECORDER_H
#define DROVER_RECORDER_H

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/stamp.h"
#include "common/base/text.h"
#include "common/topology/limits.h"
#include "coordinator/core/attest.h"

#define RECORDER_VERSION 1
#define RECORDER_FRAME_SIZE 37                 /* bytes of a record beside its payload */
#define RECORDER_CHECK_EVERY 64                /* inputs without a line between two digests */
#define RECORDER_PAYLOAD_MAX (2 * 1024 * 1024) /* bytes: a snapshot fits */

/* Values are in files: never reuse one. */
enum recorder_kind {
    RECORDER_FACT = 1,      /* payload: the log's bytes, index: the log's */
    RECORDER_START = 2,     /* payload: the notes as read at the start */
    RECORDER_SNAPSHOT = 3,  /* payload: the log's snapshot, index: the log's */
    RECORDER_CAUGHT_UP = 4, /* index: up to where */
    RECORDER_QUESTION = 5,  /* payload: what was asked and answered, stamps: when it was judged */
    RECORDER_FENCE = 6,     /* payload: a fence proof that verified */
    RECORDER_WAITED = 7,    /* index: the epoch whose wait is noted as over */
    RECORDER_STATE = 8,     /* payload: a whole state; the first record of a later file */
    RECORDER_DECISION = 9,  /* payload: digest of the state behind the input, then its lines */
    RECORDER_KINDS_N
};

struct recorder_head {
    uint64_t boot_id; /* of the member's run */
    char member[NAME_SIZE];
};

struct recorder_record {
    uint8_t kind; /* enum recorder_kind */
    struct stamp at;
    uint64_t index;
    const uint8_t *payload; /* borrowed from whoever made it, or from the reader's bytes */
    size_t payload_size;
};

struct recorder_reader {
    const uint8_t *bytes; /* borrowed until the last record was read */
    size_t size;
    size_t offset; /* of the record read next */
    bool torn;     /* the file ends within a record */
    struct recorder_head head;
};

/* A question of an agent as it was judged. */
struct recorder_question {
    uint8_t agent;  /* index in the topology */
    uint8_t answer; /* enum attest_no */
    struct attest_ask ask;
};
#define RECORDER_QUESTION_SIZE 17 /* bytes; `now` is the record's stamp */

size_t recorder_question_write(const struct recorder_question *question, uint8_t *out,
                               size_t out_size);
/* False: damaged. */
bool recorder_question_read(const struct recorder_record *record,
                            struct recorder_question *ret_question);

/* Bytes written; 0: does not fit, or a payload beyond the bound. */
size_t recorder_head_write(const struct recorder_head *head, uint8_t *out, size_t out_size);
size_t recorder_record_write(const struct recorder_record *record, uint8_t *out, size_t out_size);

/* FORMAT: no recording, one of another version, or a damaged head. */
enum err recorder_open(const uint8_t *bytes, size_t size, struct recorder_reader *ret_reader,
                       struct text256 *reterr) ERR_CHECKED;
/* NOT_FOUND behind the last whole record (`torn` says whether a part of one follows). FORMAT:
 * damaged, with the offset; the reader stays where it is. */
enum err recorder_next(struct recorder_reader *reader, struct recorder_record *ret_record,
                       struct text256 *reterr) ERR_CHECKED;

#endif
