/* action_args: what each kind of action takes, one table a kind. The config check and the agent
 * that runs the action read the same table. Pure. */
#ifndef DROVER_TOPOLOGY_ACTION_ARGS_H
#define DROVER_TOPOLOGY_ACTION_ARGS_H

#include "common/topology/arg.h"

/* The rows of a kind; *ret_n of them (none for an approval). Static storage. */
const struct arg_rule *action_arg_rules(enum action_kind kind, size_t *ret_n);

/* Everything that can be known of complete arguments (topology_step_arguments) without the agent's
 * own files and the network. */
bool action_args_fit(enum action_kind kind, const struct arguments *arguments,
                     struct arg_fault *ret_fault);

/* The same as the agents say it: CONFIG with one line. */
enum err action_args_accept(enum action_kind kind, const struct arguments *arguments,
                            struct text256 *reterr) ERR_CHECKED;

/* Replicas of one workload, at most. */
#define KUBERNETES_REPLICAS_MAX 100000

/* Characters of a mail's subject as it is written, before its facts. */
#define SUBJECT_MAX 78u

/* Of a zone's id at a DNS provider. */
#define PROVIDER_ID_MAX 40u
/* Its enterprise zones take 30, all others 60. */
#define CLOUDFLARE_TTL_MIN_S 30u

#endif
