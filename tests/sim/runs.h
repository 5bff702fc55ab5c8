/* runs: what drover-sim can be asked for, each with one line of what came of it. All return the
 * exit code: 0 as it should be, 1 not. */
#ifndef DROVER_SIM_RUNS_H
#define DROVER_SIM_RUNS_H

#include "sim.h"

struct options {
    uint64_t seeds_n, from, seed, workers_n, last_n, cut;
    uint64_t cuts_n; /* UINT64_MAX: all of them */
    enum mutant mutant;
    bool one, trace, notes, twice, list, all_mutants, one_cut, cuts, help;
    const char *traces;      /* directory for the stories of failing seeds; "": none */
    const char *write_trace; /* or NULL */
    const char *totals;      /* a file of running totals, or NULL */
};

/* The world of this process. */
extern struct sim sim_world;

/* One run of the world. A failed ensure() ends the run, not the program: it is a broken rule. */
void run_world(uint64_t seed, enum mutant mutant, bool trace);
/* The same for work of another kind. */
void run_surviving(void (*work)(const void *owner), const void *owner);

/* runs.c */
int runs_one(const struct options *options);
int runs_many(const struct options *options);
int runs_replay(const struct options *options, char **paths, int paths_n);
int runs_write_trace(const struct options *options);

/* mutants.c */
int runs_mutants(const struct options *options);
int runs_list_mutants(void);

/* cuts.c */
int runs_cuts(const struct options *options);
int runs_one_cut(const struct options *options);

#endif
