/* status: what people see, as JSON. Read off the member's memory in a few milliseconds; nothing
 * here waits, asks or changes anything.
 *
 * What can be asked (query.what), with its argument:
 *   status                      the one screen
 *   explain [REGION|COMPONENT|LINK|EXECUTION]   gates, verdicts, what would have to change; of an
 *                               execution the policy it runs under and when it ends at the latest
 *   regions, links, agents, rules, executions, config, whoami, members
 *   components [COMPONENT|REGION]     endpoints and what each vantage sees of them
 *   timeline [EXECUTION]        records from query.from on
 *   report EXECUTION            times, losses, steps of one execution
 *   plan-history PLAN [REGION]  of each step: when it was run last, how long it took
 *   readiness [REGION]          could it take over now: lines with what mends them
 *   preview KIND REGION [PLAN]  what a declaration would do, for the question before it */
#ifndef DROVER_STATUS_H
#define DROVER_STATUS_H

#include <stdint.h>

struct coordinator;

/* The text is on the heap, the caller frees it; NULL when memory ran out. *ret_exit_code is 0, or 2
 * for a question that cannot be answered (the text says why under "error"), or 6 when this member
 * has no topology yet. operator_index: who asks, for whoami. */
char *status_json(struct coordinator *member, uint8_t operator_index, const char *what,
                  const char *argument, uint64_t from, uint8_t *ret_exit_code);

#endif
