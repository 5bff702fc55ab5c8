/* The few things a member must remember outside the log: which epoch it durably closed, whose
 * wait is over, and how far the log had come. One small file, replaced atomically, with a
 * checksum. A member that finds none waits before its first YES; that the wait is not over is noted
 * as well, by another first word, or a restart would end it. */
#include <string.h>

#include "common/base/bytes.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "coordinator/member.h"

#define NOTES_MAGIC 0x65746F6Eu       /* "note" */
#define NOTES_MAGIC_FIRST 0x31746F6Eu /* "not1": the first wait is not over */
#define NOTES_SIZE 64
#define AGAIN_MS 500 /* after a failure: a full disk is neither hammered nor does it fill the log */

static void notes_path(const char *directory, char *out, size_t out_size) {
    bool fits = text_format(out, out_size, "%s/notes", directory);
    ensure(fits);
}

enum err notes_read(const char *directory, struct notes *ret_notes, struct text256 *reterr) {
    char path[512], bytes[NOTES_SIZE + 1];
    size_t size = 0;
    memset(ret_notes, 0, sizeof *ret_notes);
    notes_path(directory, path, sizeof path);
    enum err err = file_read(path, bytes, sizeof bytes, &size, reterr);
    if (err == ERR_NOT_FOUND) {
        ret_notes->attest.first_wait = true; /* a new member, or one that lost them */
        return ERR_OK;
    }
    if (err != ERR_OK) {
        return err;
    }
    struct bytes_in in = bytes_reader((const uint8_t *)bytes, size);
    uint32_t magic = bytes_get_u32(&in);
    ret_notes->attest.first_wait = magic == NOTES_MAGIC_FIRST;
    ret_notes->attest.closed_epoch = bytes_get_u64(&in);
    ret_notes->attest.waited_epoch = bytes_get_u64(&in);
    ret_notes->log.cluster_id = bytes_get_u64(&in);
    ret_notes->log.highest_index = bytes_get_u64(&in);
    ret_notes->log.highest_key = bytes_get_u64(&in);
    uint32_t expected = crc32_of(bytes, in.used);
    uint32_t crc = bytes_get_u32(&in);
    if (!bytes_all_read(&in) || (magic != NOTES_MAGIC && magic != NOTES_MAGIC_FIRST) ||
        crc != expected || ret_notes->attest.waited_epoch > ret_notes->attest.closed_epoch) {
        text_say(reterr,
                 "%s is damaged: this member does not know what it closed. Remove it from the "
                 "group and add it anew",
                 path);
        return ERR_FORMAT;
    }
    return ERR_OK;
}

struct notes_work {
    uv_work_t work;
    struct coordinator *member;
    struct notes notes;
    enum err err;
    struct text256 why;
    void (*done)(struct coordinator *member, enum err err);
};

static struct notes_work work; /* one at a time */
static bool work_busy;

static void notes_work_run(uv_work_t *handle) {
    struct notes_work *self = (struct notes_work *)handle->data;
    uint8_t bytes[NOTES_SIZE];
    char path[512];
    struct bytes_out out = bytes_writer(bytes, sizeof bytes);
    bytes_put_u32(&out, self->notes.attest.first_wait ? NOTES_MAGIC_FIRST : NOTES_MAGIC);
    bytes_put_u64(&out, self->notes.attest.closed_epoch);
    bytes_put_u64(&out, self->notes.attest.waited_epoch);
    bytes_put_u64(&out, self->notes.log.cluster_id);
    bytes_put_u64(&out, self->notes.log.highest_index);
    bytes_put_u64(&out, self->notes.log.highest_key);
    bytes_put_u32(&out, crc32_of(bytes, out.used));
    ensure(!out.failed);
    notes_path(self->member->conf->state, path, sizeof path);
    self->err = file_write_atomic(path, bytes, out.used, 0600, &self->why);
}

static void notes_work_done(uv_work_t *handle, int status) {
    struct notes_work *self = (struct notes_work *)handle->data;
    work_busy = false;
    if (status == 0 && self->err == ERR_OK) {
        self->member->notes = self->notes;
    } else {
        self->member->notes_again_ms = member_now_ms() + AGAIN_MS;
        log_event(LOG_ERR, "notes.write", "%s; no close is applied until it is written",
                  self->why.at);
    }
    self->done(self->member, status == 0 ? self->err : ERR_IO);
}

enum err notes_write(struct coordinator *member, const struct notes *notes,
                     void (*done)(struct coordinator *member, enum err err)) {
    if (work_busy || member_now_ms() < member->notes_again_ms) {
        return ERR_BUSY;
    }
    work_busy = true;
    work = (struct notes_work){.member = member, .notes = *notes, .done = done};
    work.work.data = &work;
    int rc = uv_queue_work(member->loop, &work.work, notes_work_run, notes_work_done);
    ensure(rc == 0);
    return ERR_OK;
}

static void stop_noted(struct coordinator *member, enum err err) {
    (void)member; /* who could not write says so, and is asked again */
    (void)err;
}

void notes_stopped(struct coordinator *member, const struct log_memory *log) {
    struct notes notes = member->notes;
    if (notes.log.cluster_id == log->cluster_id && notes.log.highest_index == log->highest_index) {
        return;
    }
    notes.log = *log;
    enum err err = notes_write(member, &notes, stop_noted);
    ensure(err == ERR_OK || err == ERR_BUSY); /* busy: at the next turn */
}
