/* manual: for every kind of action what a person types who does the step by hand, because drover
 * is not there or is not believed. Pure: values in, text out; one row a kind.
 *
 * The commands are bash, complete, and end in the state in which the action ends; everything that
 * comes from the topology is one quoted word. Secrets are read from files when the command runs,
 * and are in no argument of a program. What drover does besides (the epoch beside the data, the
 * proof of a write) is not done by hand: the next execution finds the state and takes it over. */
#ifndef DROVER_PLAN_MANUAL_H
#define DROVER_PLAN_MANUAL_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/plan/page.h"
#include "common/topology/topology.h"

/* Where the files of agent.conf's `secrets`, the programs of its `exec_directory` and its `state`
 * are, when nobody says otherwise: as in deploy/examples/agent.conf. */
#define MANUAL_SECRETS "/etc/drover/secrets"
#define MANUAL_PROGRAMS "/usr/lib/drover/exec"
#define MANUAL_STATE "/var/lib/drover/agent"

struct manual {
    const struct topology *topology;
    const struct plan *plan;
    const struct step *step;
    uint8_t region;             /* in which the step acts */
    uint8_t peer;               /* the other one */
    struct arguments arguments; /* complete */
    const char *secrets;        /* directory */
    const char *programs;       /* directory */
};

struct manual_kind {
    enum action_kind kind;
    const char *does;  /* one sentence: the state in which it ends */
    const char *place; /* where the command is typed */
    const char *undo;  /* how it is taken back */
    void (*command)(const struct manual *manual, struct page *page);
    /* What shows that it worked; the expected answer is a comment. */
    void (*check)(const struct manual *manual, struct page *page);
};

const struct manual_kind *manual_kind_of(enum action_kind kind);

/* The step of `plan` with its arguments, source and target being the plan's regions.
 * TOO_BIG: more arguments than a step can have (E156). */
enum err manual_open(const struct topology *topology, const struct plan *plan, uint8_t step,
                     uint8_t source, uint8_t target, struct manual *ret_manual) ERR_CHECKED;

/* The region in which a step acts. */
uint8_t step_acts_in(const struct step *step, uint8_t source, uint8_t target);

#endif
