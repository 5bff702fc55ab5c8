/* rules: the shape of a row of the table in rules.c. */
#ifndef DROVER_RULES_H
#define DROVER_RULES_H

#include "coordinator/core/internal.h"

struct rule {
    uint16_t number;
    uint8_t phases; /* bit set of enum phase */
    const char *phases_words;
    uint8_t event; /* enum event_kind */
    bool (*guard)(const struct context *context);
    const char *guard_name;
    void (*effect)(struct context *context);
    uint8_t next; /* enum phase, or PHASES_N: stays */
    const char *sentence;
};

/* The first row that fits, or NULL. */
const struct rule *rule_for(struct context *context);

#endif
