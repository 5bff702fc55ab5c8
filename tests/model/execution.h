/* execution: the state that SPIN keeps of the core's executions, as bytes: what execution.c takes
 * out of the shipped struct core and puts back before each event. */
#ifndef DROVER_MODEL_EXECUTION_H
#define DROVER_MODEL_EXECUTION_H

#include <stdint.h>

#define MODEL_STEPS 3

struct model_step {
    uint8_t phase, attempt, tries, agent, approved, failed, undo;
    uint8_t voice;         /* the judge's: was the target heard when it was approved? */
    uint8_t silent, bound; /* what of the approval's facts moves in this world */
    uint8_t begun, age;    /* ticks since it was begun, capped where no rule looks further */
};

struct model_execution {
    uint8_t epoch, phase, open, owner, next_owner, made, alive;
    uint8_t id, stage, paused, paused_step, kind, source, target, from_epoch;
    uint8_t broken; /* number of the first property that an event broke, 0 = none */
    struct model_step step[MODEL_STEPS];
};

extern struct model_execution plan_world;

void plan_world_begin(void);
int plan_step_may(int step);
void plan_step_take(int step);
int plan_world_reached(int which); /* 1: a switchover done  2: undone  3: undoing overtaken
                                     4: done behind a drill */

#endif
