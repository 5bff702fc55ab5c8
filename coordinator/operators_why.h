/* operators_why: what stands in the way of a refused request, for the people who made it. */
#ifndef DROVER_OPERATORS_WHY_H
#define DROVER_OPERATORS_WHY_H

#include "coordinator/member.h"

/* To be asked at once, before another fact changes the state. False: nothing to add to the rule. */
bool operators_why(const struct coordinator *member, const struct request *request, uint16_t rule,
                   char *out, size_t out_size);

#endif
