/* fill: the holes in what a step sends to others, "{plan}" and its like, and what stands in them.
 * Nothing else can be named: no secret, no argument. In a text "{" with a small letter behind it
 * begins a hole, "{{" is one brace, and every other brace is itself, so that JSON is written as it
 * is. Pure. */
#ifndef DROVER_TOPOLOGY_FILL_H
#define DROVER_TOPOLOGY_FILL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/topology/topology.h"

#define FILL_LIST(X)                                                                               \
    X(CLUSTER, "cluster")                                                                          \
    X(EXECUTION, "execution")                                                                      \
    X(EPOCH, "epoch")                                                                              \
    X(PLAN, "plan")                                                                                \
    X(KIND, "kind") /* of the plan */                                                              \
    X(FROM, "from") /* the region being left; of a reprotect the standby to be */                  \
    X(TO, "to")                                                                                    \
    X(STEP, "step")                                                                                \
    X(TIME, "time") /* of the act, UTC */

enum fill {
#define FILL_ENUM(name, text) FILL_##name,
    FILL_LIST(FILL_ENUM)
#undef FILL_ENUM
        FILLS_N
};

#define FILL_EXPECTED                                                                              \
    "of {...}: cluster, execution, epoch, plan, kind, from, to, step, time; a brace is {{"

/* What stands in each hole, terminated. */
struct fill_facts {
    char at[FILLS_N][NAME_SIZE];
};

/* Room for every text of an argument, filled, also as JSON. */
#define FILLED_SIZE 2048

/* A part of a text: `n` bytes at `words` as they stand, or, when words is NULL, the fact `fill`. */
struct fill_piece {
    const char *words;
    size_t n;
    enum fill fill;
};

/* The piece at *text, which moves on behind it. False at the end, where **text is 0, and at a hole
 * that is none of the list, where it is not. */
bool fill_next(const char **text, struct fill_piece *ret_piece);

/* Is every hole of the list? */
bool fill_fits(const char *text);

/* The text with its facts, for JSON escaped (only they: the text is JSON already). False when a
 * hole is unknown or it does not fit; `out` is "" then. */
bool fill_text(const char *text, const struct fill_facts *facts, bool json, char *out,
               size_t out_size);

/* ---- which way an execution goes ----
 * An agent is told it by one more argument of the command, "move" = "KIND FROM TO", and only where
 * a text names one of the three. */
bool fill_names_move(enum action_kind kind, const struct arguments *arguments);
enum err fill_move_set(struct arguments *arguments, enum plan_kind kind, const char *from,
                       const char *to) ERR_CHECKED;
/* Into the facts KIND, FROM and TO; "none" where nothing is told. */
void fill_move_get(const struct arguments *arguments, struct fill_facts *facts);

/* The argument of an action, by its name, that is a text with holes: the `index`-th, or NULL. */
const char *fill_argument(enum action_kind kind, unsigned index);

#endif
