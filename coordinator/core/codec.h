/* codec: facts and snapshots as bytes. Plain facts are written field by field; those that somebody
 * signed (reports, outcomes, requests, topologies) carry the frame as it travelled, so that every
 * member checks the signature itself when it applies the fact. */
#ifndef DROVER_CODEC_H
#define DROVER_CODEC_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "coordinator/core/core.h"

#define CODEC_VERSION 1

/* A fact as read from the log. For kinds with a frame, `event` holds only kind and index, and the
 * shell fills in the rest from the frame. */
struct fact {
    struct event event;
    const uint8_t *frame; /* borrowed from the log's bytes; NULL for plain facts */
    size_t frame_size;
    const uint8_t *text; /* CONFIG: the topology's text, borrowed */
    size_t text_size;
    uint64_t wall_ms; /* of the appending member, for people */
    uint8_t member;   /* who appended it */
};

/* 0 when it does not fit. frame and text are used for the kinds that carry them. */
size_t fact_write(const struct fact *fact, uint8_t *out, size_t out_size);
enum err fact_read(const uint8_t *bytes, size_t size, uint64_t index, struct fact *ret_fact,
                   struct text256 *reterr) ERR_CHECKED;

/* Snapshot: the core, the topology's text it stands on, the member's audit head. */
struct snapshot {
    struct core core;
    const uint8_t *text; /* borrowed */
    size_t text_size;
    uint64_t audit_height;
    uint8_t audit_head[DIGEST_SIZE];
};

size_t snapshot_write(const struct snapshot *snapshot, uint8_t *out, size_t out_size);
enum err snapshot_read(const uint8_t *bytes, size_t size, struct snapshot *ret_snapshot,
                       struct text256 *reterr) ERR_CHECKED;

#endif
