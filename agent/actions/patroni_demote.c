/* patroni_demote: makes a whole Patroni region a standby cluster of its peer. This is the
 * durable soft fence: it lies in the region's own DCS, works with every link to the outside cut,
 * and survives restarts and local failovers. Patroni stops the old primary at once (3.0:
 * immediate), so what had not left for the peer is rewound later. When no Patroni answers (the
 * region boots) it is written into the DCS directly, so that Patroni finds it there when it starts.
 * When REST or DCS do not answer within `rest_ms` it says so quickly: the gate and the kill are the
 * next rungs, and they do not wait. */
#include "agent/actions/actions.h"
#include "agent/actions/patroni_common.h"
#include "agent/actions/patroni_dcs.h"

static enum err demote_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_PATRONI_DEMOTE, arguments, reterr);
}

static struct action_result demote_run(const struct action_input *input) {
    struct text256 why = {.at = ""};
    struct patroni_region region;
    enum err err = demote_accepts(input->arguments, &why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", why.at);
    }
    err = patroni_region_open(input, &region, &why);
    struct action_result result;
    if (err != ERR_OK) {
        result = act_failed(err, "%.150s", why.at);
    } else {
        uint32_t rest_ms = (uint32_t)arg_number(input->arguments, "rest_ms", 1000);
        result = patroni_region_demote(input, &region, rest_ms);
    }
    patroni_region_close(&region);
    return result;
}

const struct action_kind_row row_patroni_demote = {
    .kind = ACTION_PATRONI_DEMOTE,
    .run = demote_run,
    .accepts = demote_accepts,
    .needs_lease = false,
    .arguments_help = PATRONI_ARGS_HELP ", peer_front_host, peer_front_port, slot_name="
                                        "region_<region>, peer_slot_name, rest_ms=1000, "
                                        "etcd=http://IP:2379,... and scope (for a Patroni that is "
                                        "not up yet), namespace=service",
    .by_hand = "curl -u {patroni_user} -X PATCH {patroni_urls}/config -d '{\"standby_cluster\":"
               "{\"host\":\"{peer_front_host}\",\"port\":{peer_front_port},\"primary_slot_name\":"
               "\"{slot_name}\",\"create_replica_methods\":[\"basebackup\"]},\"slots\":"
               "{\"{peer_slot_name}\":null},\"pause\":null}'; psql -h {pg_addresses} -U {pg_user} "
               "-c 'select pg_is_in_recovery()' must say t on every member",
};
