/* facts: what a runbook says of one step, in words, the same in every format. Not for others. */
#ifndef DROVER_PLAN_FACTS_H
#define DROVER_PLAN_FACTS_H

#include "common/plan/manual.h"
#include "common/plan/render.h"

#define FACTS_COMMAND_SIZE 16384
#define FACTS_LINES_N 10

struct fact_line {
    const char *label;
    char text[1280]; /* room for every operator of a role */
};

struct step_facts {
    unsigned number; /* from 1, in the order of the runbook */
    unsigned wave;
    bool before_fence;
    const struct step *step;
    char title[96];
    uint8_t lines_n;
    struct fact_line lines[FACTS_LINES_N];
    char command[FACTS_COMMAND_SIZE]; /* whole lines */
    char check[FACTS_COMMAND_SIZE];
};

/* TOO_BIG: too many arguments, or a text that does not fit. */
enum err facts_of_step(const struct render *render, const struct order *order, uint8_t at,
                       struct step_facts *ret_facts) ERR_CHECKED;

/* What is said before the steps: which document, which way, how long; lines_n and lines only. */
void facts_of_plan(const struct render *render, const struct order *order,
                   struct step_facts *ret_facts);

/* The fence by hand, between the steps before and behind it: sentences and commands. */
extern const char facts_fence_intent[];
void facts_of_fence(const struct render *render, struct step_facts *ret_facts);

#define FACTS_NO_RETURN                                                                            \
    "POINT OF NO RETURN. Until here drover abort takes it back. Behind the fence only forward."

#endif
