/* trace: one run told in the operators' own log lines, with the names and fields of the callers of
 * common/io/log.h and simulated time. What the processes log is read off their state after each
 * event, so the mirrored shells need no second mouth; what the world does to them `world` tells.
 *
 *   trace.c        the lines               trace_file.c   a story as a file, kept and compared */
#ifndef DROVER_SIM_TRACE_H
#define DROVER_SIM_TRACE_H

#include <stdio.h>

#include "sim.h"

/* Where lines go from now on; stdout at first. notes: also what the simulator says to itself. */
void trace_to(FILE *out, bool notes);

/* One line: who, time, level, event, text. */
void trace_line(const struct sim *sim, const char *who, const char *level, const char *event,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* What sim_say() says: of the world it is a line, of a process a note. */
void trace_note(const struct sim *sim, uint8_t process, const char *who, const char *text);

/* Member m applied this. */
void trace_fact(const struct sim *sim, uint8_t m, const struct event *event,
                const struct verdict *verdict);

/* After each event: lines for what is no longer as it was. */
void trace_look(const struct sim *sim);

/* Before a run. */
void trace_begin(void);

/* What a trace file is made from; it says so itself in its first lines. */
struct trace_source {
    uint64_t seed;
    enum mutant mutant;
    uint32_t last_n; /* only the last lines; 0: all */
};

/* Runs one seed: whoever knows how to survive a failed ensure(). */
typedef void trace_run_fn(uint64_t seed, enum mutant mutant, bool trace);

/* Writes the story of this seed to a file. False, with errno, when that is impossible. */
bool trace_file_write(const char *path, const struct trace_source *source, const struct sim *sim,
                      trace_run_fn *run);

enum trace_replay { TRACE_SAME, TRACE_DIFFERS, TRACE_UNREADABLE };

/* Tells the story of a file again and compares it byte for byte; the first difference goes to
 * stdout. */
enum trace_replay trace_file_replay(const char *path, const struct sim *sim, trace_run_fn *run,
                                    struct trace_source *ret_source);

#endif
