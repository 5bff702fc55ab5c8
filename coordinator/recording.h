/* recording: a member's inputs and decisions, written to files as they happen, for
 * `drover replay`. What is in a file: decide/recorder.h.
 *
 * The loop only copies into memory; a worker thread writes. Nothing waits for it: when the disk
 * is full or slower than the inputs, the recording stops, says so once, and the member goes on.
 * Files are DIRECTORY/MEMBER-STARTED-NUMBER.drec; each begins with a whole state, so that it can be
 * replayed alone, and the oldest of this member go when all of them pass the limit. */
#ifndef DROVER_RECORDING_H
#define DROVER_RECORDING_H

#include <uv.h>

#include "coordinator/decide/decide.h"
#include "coordinator/decide/recorder.h"

struct recording;

/* directory "": NULL, nothing is recorded; every call below takes NULL. limit_bytes: of all files
 * of this member together, at least RECORDING_LIMIT_MIN. */
#define RECORDING_LIMIT_MIN (4 * 1024 * 1024)
struct recording *recording_open(uv_loop_t *loop, const char *directory, uint64_t limit_bytes,
                                 const char *member, uint64_t boot_id);
/* Writes what is left, and ends. The loop must run once more. */
void recording_close(struct recording *recording);

/* The first input: the notes as read. */
void recording_start(struct recording *recording, const struct decide *decide,
                     const struct attest_durable *durable, struct stamp now,
                     const struct decide_lines *lines);
/* One input, and what was decided because of it; decide is the state behind it. */
void recording_put(struct recording *recording, const struct decide *decide,
                   const struct recorder_record *record, const struct decide_lines *lines);
void recording_question(struct recording *recording, const struct decide *decide, uint8_t agent,
                        const struct attest_ask *ask, enum attest_no answer,
                        const struct decide_lines *lines);
void recording_fence(struct recording *recording, const struct decide *decide, uint8_t agent,
                     const struct fence_proof *proof, const struct decide_lines *lines);
/* Hands what has gathered to the worker thread. */
void recording_flush(struct recording *recording);
bool recording_stopped(const struct recording *recording);

/* The same lines to the operators' log. */
void recording_log(const struct decide_lines *lines);

#endif
