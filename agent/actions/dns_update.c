/* dns_update: points one record at this region, by RFC 2136 with TSIG. The record and the epoch
 * beside it (TXT "drover-epoch=N") change in one message whose prerequisites are exactly what
 * was read: two updaters cannot pass each other, and an older epoch never overwrites a newer
 * one. Every authority that answers must then say the same. */
#include <inttypes.h>
#include <string.h>

#include "agent/actions/actions.h"
#include "agent/actions/dns_record.h"
#include "agent/actions/dns_wire.h"
#include "common/base/ensure.h"

#define UPDATE_MS 3000
#define ROUNDS_MAX 20

struct update {
    const struct action_input *input;
    struct dns_record dns;
    struct places servers;
    char key_name[DNS_NAME_SIZE];
    char secret[SECRET_SIZE];
    struct dns_key key;
    uint8_t writer; /* the server that takes updates */
};

/* Everything that can be known without the network. */
static enum err update_open(const struct action_input *input, const struct arguments *arguments,
                            struct update *update, struct text256 *reterr) {
    memset(update, 0, sizeof *update);
    update->input = input;
    enum err err = action_args_accept(ACTION_DNS_UPDATE, arguments, reterr);
    if (err != ERR_OK) {
        return err;
    }
    (void)arg_places(arguments, "servers", &update->servers);
    update->key.algorithm = arg_text(arguments, "algorithm", "hmac-sha256");
    if (!dns_algorithm_is_known(update->key.algorithm) ||
        !dns_name_full(update->key_name, sizeof update->key_name, "",
                       arg_text(arguments, "key_name", ""))) {
        text_say(reterr, "expected algorithm hmac-sha256 or -512, and a shorter name of the key");
        return ERR_CONFIG;
    }
    return dns_record_open(input, arguments, &update->dns, reterr);
}

static enum err dns_accepts(const struct arguments *arguments, struct text256 *reterr) {
    struct update update;
    return update_open(NULL, arguments, &update, reterr);
}

static enum err update_send(struct update *update) {
    struct dns_message message;
    uint8_t reply[DNS_WIRE_SIZE];
    size_t size = 0;
    struct dns_change change = {.zone = update->dns.zone,
                                .name = update->dns.name,
                                .type = update->dns.type,
                                .value = update->dns.value,
                                .ttl = update->dns.ttl,
                                .epoch_name = update->dns.epoch_name,
                                .epoch = update->input->epoch,
                                .old_record = &update->dns.record,
                                .old_texts = &update->dns.texts};
    enum err err = dns_update_build(&change, &update->key, &message, &update->dns.why);
    if (err != ERR_OK) {
        return err;
    }
    err = dns_exchange(&update->servers.at[update->writer], message.wire, message.size,
                       act_within(UPDATE_MS, update->input->deadline_boot_ms), reply, sizeof reply,
                       &size);
    if (err != ERR_OK) {
        text_say(&update->dns.why, "%s: %s", update->servers.at[update->writer].text,
                 err_text(err));
        return err;
    }
    return dns_packet_reply(&message, &update->key, reply, size, &update->dns.why);
}

/* Reads, judges, changes; again when somebody else changed it in between. */
static enum err update_apply(struct update *update, bool *ret_observed) {
    enum err err = ERR_STALE;
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        err = dns_record_ask(&update->dns, &update->servers.at[update->writer]);
        if (err != ERR_OK) {
            return err;
        }
        if (dns_record_there(&update->dns)) {
            *ret_observed = round == 0;
            return ERR_OK;
        }
        err = dns_record_replaceable(&update->dns);
        if (err != ERR_OK) {
            return err;
        }
        if (update->input->observe_only) {
            text_say(&update->dns.why, "%.60s is %.60s", update->dns.name,
                     update->dns.record.n > 0 ? update->dns.record.value[0] : "absent");
            return ERR_FAILED;
        }
        err = update_send(update);
        if (err != ERR_STALE) {
            return err;
        }
        if (!act_pause(20, update->input->deadline_boot_ms)) {
            break;
        }
    }
    return err;
}

/* The first server that answers at all takes the update: a lost region's name server must not hold
 * it up. */
static enum err any_apply(struct update *update, bool *ret_observed) {
    enum err err = ERR_UNREACHABLE;
    for (uint8_t i = 0; i < update->servers.n; i++) {
        update->writer = i;
        err = update_apply(update, ret_observed);
        if (err != ERR_REFUSED && err != ERR_UNREACHABLE && err != ERR_TIMEOUT) {
            return err;
        }
    }
    return err;
}

static struct action_result dns_run(const struct action_input *input) {
    struct update update;
    struct text256 why = {""};
    bool observed = false;
    enum err err = update_open(input, input->arguments, &update, &why);
    if (err == ERR_OK) {
        err = act_secret(input, "key_secret_ref", NULL, update.secret, &why);
    }
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", why.at);
    }
    update.key.name = update.key_name;
    update.key.secret = update.secret;
    err = any_apply(&update, &observed);
    secret_wipe(update.secret);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", update.dns.why.at);
    }
    return dns_record_verify(&update.dns, &update.servers, update.writer, observed);
}

const struct action_kind_row row_dns_update = {
    .kind = ACTION_DNS_UPDATE,
    .run = dns_run,
    .accepts = dns_accepts,
    .needs_lease = false,
    .arguments_help = "servers=IP:53,... (the first takes updates), " ARG_DNS_HELP
                      ", key_name, key_secret_ref (base64), algorithm=hmac-sha256",
    .by_hand = "nsupdate -k <key file>: server {servers}; zone {zone}; prereq yxrrset {name} "
               "{type} {old_value}; update delete {name} {type}; update add {name} {ttl} {type} "
               "{value}; update add {epoch_name} {ttl} TXT \"drover-epoch=<epoch>\"; send; then "
               "dig @<each of {servers}> {name} {type} +norecurse",
};
