#include "coordinator/recording.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"
#include "common/io/log.h"

#define CHUNK_SIZE (64 * 1024)
#define PENDING_MAX (8 * 1024 * 1024) /* bytes in memory: beyond, the disk is too slow */
#define FILES_OF_LIMIT 4              /* one file is this part of the limit */
#define FILES_MAX 256                 /* looked at when old ones are taken away */
#define PATH_MAX_BYTES 512

/* Bytes for one file. */
struct chunk {
    struct chunk *next;
    uint32_t file_n;
    size_t size, room;
    uint8_t bytes[];
};

struct recording {
    uv_loop_t *loop;
    uv_work_t work;
    uv_sem_t written; /* posted by the worker when it is done */
    bool busy, stopped, closing;
    char directory[PATH_MAX_BYTES];
    char prefix[128]; /* of this run's files */
    uint64_t limit_bytes;
    struct recorder_head head;
    struct chunk *first, *last; /* of the loop */
    size_t pending_bytes;
    uint32_t file_n;
    uint64_t file_bytes;  /* of the file that is written to */
    unsigned unchecked_n; /* inputs since the last digest */
    uint8_t *state;       /* buffer of a whole state */
    /* Of the worker: */
    struct chunk *writing;
    int fd;
    uint32_t fd_file_n;
    int failed_errno;
};

/* ------------------------------------------------------------ the worker thread */

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

/* Takes the oldest files of this member away until all together are within the limit. */
static void files_prune(const struct recording *recording, const char *current) {
    static char names[FILES_MAX][NAME_MAX + 1]; /* one worker at a time */
    unsigned names_n = 0;
    uint64_t total = 0;
    struct stat info;
    DIR *directory = opendir(recording->directory);
    if (directory == NULL) {
        return;
    }
    char mine[NAME_SIZE + 2];
    bool fits = text_format(mine, sizeof mine, "%s-", recording->head.member);
    ensure(fits);
    const struct dirent *entry;
    while (names_n < FILES_MAX && (entry = readdir(directory)) != NULL) {
        size_t size = strlen(entry->d_name);
        bool ours = text_starts(entry->d_name, mine) && size > 5 &&
                    text_equal(entry->d_name + size - 5, ".drec");
        if (ours && fstatat(dirfd(directory), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(info.st_mode)) {
            total += (uint64_t)info.st_size;
            (void)text_copy(names[names_n++], sizeof names[0], entry->d_name);
        }
    }
    qsort(names, names_n, sizeof names[0], by_name);
    /* Room for the file that begins now is taken into account before it is filled. */
    uint64_t kept = recording->limit_bytes - recording->limit_bytes / FILES_OF_LIMIT;
    for (unsigned i = 0; i < names_n && total > kept; i++) {
        if (!text_equal(names[i], current) &&
            fstatat(dirfd(directory), names[i], &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            unlinkat(dirfd(directory), names[i], 0) == 0) {
            total -= (uint64_t)info.st_size;
        }
    }
    (void)closedir(directory);
}

static bool file_switch(struct recording *recording, uint32_t file_n) {
    char name[256], path[PATH_MAX_BYTES + 256];
    if (recording->fd >= 0) {
        (void)fdatasync(recording->fd);
        (void)close(recording->fd);
        recording->fd = -1;
    }
    bool fits = text_format(name, sizeof name, "%s-%06u.drec", recording->prefix, file_n) &&
                text_format(path, sizeof path, "%s/%s", recording->directory, name);
    ensure(fits);
    if (mkdir(recording->directory, 0700) != 0 && errno != EEXIST) {
        return false;
    }
    files_prune(recording, name);
    recording->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    recording->fd_file_n = file_n;
    return recording->fd >= 0;
}

static bool chunk_write(int fd, const struct chunk *chunk) {
    size_t done = 0;
    while (done < chunk->size) {
        ssize_t n = write(fd, chunk->bytes + done, chunk->size - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

static void chunks_write(struct recording *recording) {
    for (const struct chunk *chunk = recording->writing; chunk != NULL; chunk = chunk->next) {
        bool same = recording->fd >= 0 && recording->fd_file_n == chunk->file_n;
        if ((!same && !file_switch(recording, chunk->file_n)) ||
            !chunk_write(recording->fd, chunk)) {
            recording->failed_errno = errno;
            return;
        }
    }
}

static void work_run(uv_work_t *work) {
    struct recording *recording = work->data;
    chunks_write(recording);
    uv_sem_post(&recording->written);
}

/* -------------------------------------------------------------------- the loop */

static void chunks_free(struct chunk *chunk) {
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

static void stop(struct recording *recording, const char *why) {
    if (recording->stopped) {
        return;
    }
    recording->stopped = true;
    log_event(LOG_WARNING, "recording.stopped",
              "directory=%s \"%s\"; the member goes on without a recording", recording->directory,
              why);
    chunks_free(recording->first);
    recording->first = recording->last = NULL;
    recording->pending_bytes = 0;
}

static void recording_free(struct recording *recording) {
    if (recording->fd >= 0) {
        (void)fdatasync(recording->fd);
        (void)close(recording->fd);
    }
    uv_sem_destroy(&recording->written);
    chunks_free(recording->first);
    chunks_free(recording->writing);
    free(recording->state);
    free(recording);
}

static void writing_done(struct recording *recording) {
    chunks_free(recording->writing);
    recording->writing = NULL;
    if (recording->failed_errno != 0) {
        stop(recording, strerror(recording->failed_errno));
    }
}

static void work_done(uv_work_t *work, int status) {
    struct recording *recording = work->data;
    (void)status;
    recording->busy = false;
    if (recording->closing) {
        recording_free(recording);
        return;
    }
    uv_sem_wait(&recording->written); /* posted already: keeps the count at zero */
    writing_done(recording);
}

static void hand_over(struct recording *recording) {
    recording->writing = recording->first;
    recording->first = recording->last = NULL;
    recording->pending_bytes = 0;
}

void recording_flush(struct recording *recording) {
    if (recording == NULL || recording->busy || recording->stopped || recording->first == NULL) {
        return;
    }
    hand_over(recording);
    recording->busy = true;
    recording->work.data = recording;
    int rc = uv_queue_work(recording->loop, &recording->work, work_run, work_done);
    ensure(rc == 0);
}

struct recording *recording_open(uv_loop_t *loop, const char *directory, uint64_t limit_bytes,
                                 const char *member, uint64_t boot_id) {
    if (directory[0] == '\0') {
        return NULL;
    }
    struct recording *recording = calloc(1, sizeof *recording);
    ensure(recording != NULL);
    recording->loop = loop;
    recording->fd = -1;
    recording->limit_bytes = limit_bytes < RECORDING_LIMIT_MIN ? RECORDING_LIMIT_MIN : limit_bytes;
    recording->head.boot_id = boot_id;
    recording->state = malloc(DECIDE_STATE_MAX);
    bool fits = text_copy(recording->head.member, NAME_SIZE, member) &&
                text_copy(recording->directory, sizeof recording->directory, directory) &&
                /* By the wall clock and 13 figures: names in order are files in order. */
                text_format(recording->prefix, sizeof recording->prefix, "%s-%013" PRIu64, member,
                            clock_wall_ms());
    ensure(recording->state != NULL && fits && uv_sem_init(&recording->written, 0) == 0);
    return recording;
}

void recording_close(struct recording *recording) {
    if (recording == NULL) {
        return;
    }
    if (recording->busy) {
        uv_sem_wait(&recording->written);
        writing_done(recording);
    }
    if (!recording->stopped && recording->first != NULL) {
        hand_over(recording);
        chunks_write(recording);
        writing_done(recording);
    }
    recording->closing = true;
    if (!recording->busy) {
        recording_free(recording);
    }
}

bool recording_stopped(const struct recording *recording) {
    return recording == NULL || recording->stopped;
}

/* --------------------------------------------------------------------- records */

/* Room for that many bytes of the current file. */
static uint8_t *room_for(struct recording *recording, size_t size) {
    struct chunk *last = recording->last;
    if (last == NULL || last->file_n != recording->file_n || last->room - last->size < size) {
        size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        struct chunk *chunk = malloc(sizeof *chunk + room);
        ensure(chunk != NULL);
        *chunk = (struct chunk){.file_n = recording->file_n, .room = room};
        if (last == NULL) {
            recording->first = chunk;
        } else {
            last->next = chunk;
        }
        recording->last = last = chunk;
    }
    return last->bytes + last->size;
}

static void took(struct recording *recording, size_t size) {
    recording->last->size += size;
    recording->pending_bytes += size;
    recording->file_bytes += size;
}

static void record_add(struct recording *recording, const struct recorder_record *record) {
    size_t room = record->payload_size + RECORDER_FRAME_SIZE;
    uint8_t *out = room_for(recording, room);
    size_t size = recorder_record_write(record, out, room);
    ensure(size > 0);
    took(recording, size);
}

static void head_add(struct recording *recording) {
    uint8_t *out = room_for(recording, 256);
    size_t size = recorder_head_write(&recording->head, out, 256);
    ensure(size > 0);
    recording->file_bytes = 0;
    took(recording, size);
}

/* The digest of the state, then the lines, as `drover replay` must find them again. */
static void decision_add(struct recording *recording, const struct decide *decide,
                         const struct recorder_record *input, const struct decide_lines *lines) {
    uint8_t payload[DIGEST_SIZE + DECIDE_LINES_MAX * (DECIDE_LINE_SIZE + 64)];
    size_t used = DIGEST_SIZE;
    decide_digest(decide, payload);
    for (unsigned i = 0; i < lines->n; i++) {
        size_t n = decide_line_text(&lines->at[i], (char *)payload + used, sizeof payload - used);
        ensure(n > 0);
        used += n;
    }
    struct recorder_record record = {.kind = RECORDER_DECISION,
                                     .at = input->at,
                                     .index = input->index,
                                     .payload = payload,
                                     .payload_size = used};
    record_add(recording, &record);
    recording->unchecked_n = 0;
}

static void file_begin_if_due(struct recording *recording, const struct decide *decide,
                              struct stamp now) {
    if (recording->file_bytes < recording->limit_bytes / FILES_OF_LIMIT) {
        return;
    }
    size_t size = decide_state_write(decide, recording->state, DECIDE_STATE_MAX);
    ensure(size > 0);
    struct recorder_record base = {.kind = RECORDER_STATE,
                                   .at = now,
                                   .index = decide->core.applied_index,
                                   .payload = recording->state,
                                   .payload_size = size};
    recording->file_n++;
    head_add(recording);
    record_add(recording, &base);
}

void recording_put(struct recording *recording, const struct decide *decide,
                   const struct recorder_record *record, const struct decide_lines *lines) {
    if (recording == NULL || recording->stopped || recording->closing) {
        return;
    }
    if (recording->pending_bytes + record->payload_size > PENDING_MAX) {
        stop(recording, "the disk is slower than what happens");
        return;
    }
    record_add(recording, record);
    if (lines->n > 0 || ++recording->unchecked_n >= RECORDER_CHECK_EVERY) {
        decision_add(recording, decide, record, lines);
    }
    /* Behind the input, not before it: `decide` is the state behind it too. */
    file_begin_if_due(recording, decide, record->at);
    if (recording->pending_bytes >= CHUNK_SIZE) {
        recording_flush(recording);
    }
}

void recording_start(struct recording *recording, const struct decide *decide,
                     const struct attest_durable *durable, struct stamp now,
                     const struct decide_lines *lines) {
    uint8_t payload[17];
    struct bytes_out out = bytes_writer(payload, sizeof payload);
    bytes_put_u64(&out, durable->closed_epoch);
    bytes_put_u64(&out, durable->waited_epoch);
    bytes_put_u8(&out, durable->first_wait);
    struct recorder_record record = {
        .kind = RECORDER_START, .at = now, .payload = payload, .payload_size = out.used};
    if (recording != NULL) {
        head_add(recording);
        recording_put(recording, decide, &record, lines);
    }
}

void recording_question(struct recording *recording, const struct decide *decide, uint8_t agent,
                        const struct attest_ask *ask, enum attest_no answer,
                        const struct decide_lines *lines) {
    struct recorder_question question = {.agent = agent, .answer = (uint8_t)answer, .ask = *ask};
    uint8_t payload[RECORDER_QUESTION_SIZE];
    struct recorder_record record = {
        .kind = RECORDER_QUESTION,
        .at = ask->now,
        .index = decide->core.applied_index,
        .payload = payload,
        .payload_size = recorder_question_write(&question, payload, sizeof payload)};
    recording_put(recording, decide, &record, lines);
}

void recording_fence(struct recording *recording, const struct decide *decide, uint8_t agent,
                     const struct fence_proof *proof, const struct decide_lines *lines) {
    uint8_t payload[1 + 8 + SIGNATURE_SIZE];
    struct bytes_out out = bytes_writer(payload, sizeof payload);
    bytes_put_u8(&out, agent);
    bytes_put_u64(&out, proof->epoch);
    bytes_put_raw(&out, proof->signature, SIGNATURE_SIZE);
    struct recorder_record record = {.kind = RECORDER_FENCE,
                                     .at = clock_stamp(),
                                     .index = decide->core.applied_index,
                                     .payload = payload,
                                     .payload_size = out.used};
    recording_put(recording, decide, &record, lines);
}

void recording_log(const struct decide_lines *lines) {
    for (unsigned i = 0; i < lines->n; i++) {
        log_event(lines->at[i].level, lines->at[i].event, "%s", lines->at[i].text);
    }
}
