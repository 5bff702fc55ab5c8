/* replay: a recording's inputs through the very code that decided, and whether the same comes out;
 * and the same inputs under other numbers of the lease or the policy.
 *
 * Files may say anything: whatever is in them is bounded and checked, and wrong ones are an error
 * that names the offset. Large, on the heap; one at a time. Reads no clock and no file. */
#ifndef DROVER_REPLAY_H
#define DROVER_REPLAY_H

#include "common/topology/findings.h"
#include "coordinator/decide/decide.h"
#include "coordinator/decide/recorder.h"

#define REPLAY_CHANGES_MAX 8
#define REPLAY_EPOCHS_MAX 32
#define REPLAY_TEXT_SIZE (DECIDE_LINES_MAX * (DECIDE_LINE_SIZE + 64))
#define REPLAY_NEVER INT64_MIN

/* One number of the topology that is taken to be another: "lease.wait". */
struct replay_change {
    const char *name; /* static */
    uint64_t value;   /* ms; drift_ppm: as it is */
};

/* "lease.wait=21s". FORMAT with why: no such number, or no value for it. */
enum err replay_change_read(const char *text, struct replay_change *ret_change,
                            struct text256 *reterr) ERR_CHECKED;

/* How one epoch was left; ms since the first record, REPLAY_NEVER: it was not. */
struct replay_epoch {
    uint64_t epoch;
    int64_t suspect_ms, begun_ms, closed_ms, waited_ms, opened_ms; /* opened: the epoch behind it */
    uint64_t begun_input; /* number of the input that began the execution; 0 */
    bool automatic;       /* that execution */
    bool proved;          /* fence proofs ended this member's wait */
    bool beyond;          /* waited_ms is worked out: the recording ends before */
    bool gates_known;     /* read where the recorded execution began */
    uint8_t gates_target;
    struct gate_reading gates[GATES_N];
};

struct replay_difference {
    size_t offset;    /* in its file */
    uint64_t input;   /* number of the input, from 1 */
    uint64_t index;   /* of the log */
    const char *what; /* static: which kind of difference */
    char recorded[REPLAY_TEXT_SIZE], replayed[REPLAY_TEXT_SIZE];
};

/* What a member said of whom it hears, for another policy.silent (replay_silent.c). */
#define REPLAY_VIEWS_MAX 100000
struct replay_view {
    uint64_t input; /* its number */
    uint64_t at_ms; /* core time */
    uint64_t heard;
    uint32_t ago_ms[AGENTS_MAX];
    uint8_t member;
};

struct replay {
    struct decide decide;
    struct topology topologies[2];
    struct decision decision;
    struct decide_lines lines;
    struct findings findings; /* of the changed topology, when a change is refused */
    struct replay_change changes[REPLAY_CHANGES_MAX];
    unsigned changes_n;                             /* 0: is it identical? */
    const struct replay *recorded;                  /* with changes: the replay without */
    void (*on_line)(void *owner, const char *line); /* each line decided, with its newline; NULL */
    void *owner;

    char member[NAME_SIZE];
    uint64_t boot_id;
    bool begun;     /* a START or STATE was taken */
    bool unchecked; /* the last input's lines were not compared */
    size_t offset;  /* of the record at hand */
    struct stamp first, now;
    uint64_t inputs_n, facts_n, questions_n, checks_n, lines_n, differences_n;
    unsigned files_n, torn_n;
    struct replay_difference difference; /* the first */
    unsigned epochs_n;
    struct replay_epoch epochs[REPLAY_EPOCHS_MAX];
    uint64_t executions_seen;
    struct replay_view *views; /* of a replay without changes: all; heap */
    size_t views_n, views_room;
    bool views_lost;  /* there were more */
    size_t view_next; /* with changes: of the recorded ones, and by member */
    const struct replay_view *view_of[MEMBERS_MAX], *view_behind[MEMBERS_MAX];
    struct lease_numbers lease; /* of the topology in force, as recorded */
    struct policy_numbers policy;
    uint64_t recorded_epoch; /* the newest by the recorded OPENs, which changes leave out */
};

/* NULL: no memory. recorded: see above, or NULL. */
struct replay *replay_make(const struct replay_change *changes, unsigned changes_n,
                           const struct replay *recorded);
void replay_free(struct replay *replay);

/* Takes one file; several of one run in their order. FORMAT, CONFIG: it cannot be read, with the
 * offset. REFUSED: the changed topology is none, see findings. */
enum err replay_file(struct replay *replay, const uint8_t *bytes, size_t size,
                     struct text256 *reterr) ERR_CHECKED;

/* ---- among replay*.c ---- */
enum err replay_patch(struct replay *replay, struct text256 *reterr) ERR_CHECKED;
/* Behind each input: what the members would have appended by now, and when things happened. */
bool replay_view_keep(struct replay *replay, const struct event *event);
void replay_view_change(struct replay *replay, struct event *event);
bool replay_view_due(struct replay *replay, struct event *ret_event);
void replay_follow(struct replay *replay);
void replay_observe(struct replay *replay);
void replay_tell(struct replay *replay);

#endif
