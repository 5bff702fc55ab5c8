/* facts: log bytes and wire frames -> events, and whom to believe about what. */
#ifndef DROVER_FACTS_H
#define DROVER_FACTS_H

#include "common/topology/topology.h"
#include "coordinator/core/codec.h"
#include "coordinator/core/core.h"
#include "proto/message.h"

#define REQUEST_SKEW_MS 120000 /* of the clocks of operators and members */

/* Turns a fact's signed frame into the rest of its event; `topology` and `core` are those it is
 * applied to. message borrows from scratch, of FACTS_SCRATCH_SIZE. False: refused, with why. */
#define FACTS_SCRATCH_SIZE (4 * 1024 * 1024)
bool facts_complete(const struct topology *topology, const struct core *core, uint8_t *scratch,
                    struct fact *fact, struct message *ret_message, char *ret_comment,
                    size_t comment_size, struct text256 *reterr);

bool facts_report_event(const struct topology *topology, const struct report *report,
                        struct event_report *ret_event);
/* Is this check, this link's measuring, the agent's own business? Indexes out of range are
 * nobody's. */
bool facts_check_is_of(const struct topology *topology, uint16_t check, uint8_t agent);
bool facts_link_is_of(const struct topology *topology, uint8_t link, uint8_t agent);
bool facts_verify_report(const struct topology *topology, uint8_t agent,
                         const struct message *message);
bool facts_verify_request(const struct topology *topology, const struct request *request,
                          uint8_t operator_index, struct text256 *reterr);
/* Would this topology begin a lost log anew? The one in force awaits the first epoch, and it does
 * not. Then a second person must have signed it. */
bool facts_begins_anew(const struct core *core, const struct topology *now,
                       const struct topology *next);
/* Did an operator of another person, who may act as the commander, sign the request's text, good
 * at wall_ms? False with what is expected. */
bool facts_verify_second(const struct topology *topology, const struct request *request,
                         uint64_t wall_ms, struct text256 *reterr);
/* "lsn=0/3000148" or "offset=1234" in what an action says; 0: none. */
uint64_t facts_position_in(const char *detail);

#endif
