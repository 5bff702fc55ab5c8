/* dns_update: points one record at this region, by RFC 2136 with TSIG. The record and the epoch
 * beside it (TXT "drover-epoch=N") change in one message whose prerequisites are exactly what
 * was read: two updaters cannot pass each other, and an older epoch never overwrites a newer
 * one. Every authority that answers must then say the same. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "agent/actions/actions.h"
#include "agent/actions/dns_message.h"
#include "agent/actions/dns_wire.h"
#include "common/base/ensure.h"

#define ASK_MS 1000
#define UPDATE_MS 3000
#define ROUNDS_MAX 20
#define UNREACHED_PATIENCE_MS 2000

static const struct arg_rule rules[] = {
    {"servers", ARG_PLACES, true, 0, 0},  {"zone", ARG_HOST, true, 0, 0},
    {"name", ARG_HOST, true, 0, 0},       {"type", ARG_TEXT, true, 0, 0},
    {"value", ARG_HOST, true, 0, 0},      {"ttl", ARG_NUMBER, false, 1, 86400},
    {"key_name", ARG_HOST, true, 0, 0},   {"key_secret_ref", ARG_NAME, true, 0, 0},
    {"algorithm", ARG_TEXT, false, 0, 0}, {"protected", ARG_TEXT, false, 0, 0},
    {"old_value", ARG_HOST, false, 0, 0}, {"epoch_name", ARG_HOST, false, 0, 0},
};
#define RULES_N (sizeof rules / sizeof rules[0])

struct update {
    const struct action_input *input;
    struct places servers;
    char zone[DNS_NAME_SIZE], name[DNS_NAME_SIZE], epoch_name[DNS_NAME_SIZE];
    char key_name[DNS_NAME_SIZE];
    const char *type;
    char value[DNS_VALUE_SIZE];
    char old_value[DNS_VALUE_SIZE]; /* "" : any */
    uint32_t ttl;
    char secret[SECRET_SIZE];
    struct dns_key key;
    struct dns_rrset record, texts; /* last read */
    uint8_t writer;                 /* the server that takes updates */
    struct text256 why;
};

/* Without the final dot, compared without case. */
static bool same_name(const char *a, const char *b) {
    size_t a_n = strlen(a), b_n = strlen(b);
    a_n -= a_n > 0 && a[a_n - 1] == '.';
    b_n -= b_n > 0 && b[b_n - 1] == '.';
    return a_n == b_n && strncasecmp(a, b, a_n) == 0;
}

static bool is_protected(const struct arguments *arguments, const char *name) {
    struct parts parts;
    (void)arg_parts(arguments, "protected", &parts);
    for (uint8_t i = 0; i < parts.n; i++) {
        if (same_name(parts.at[i], name)) {
            return true;
        }
    }
    return false;
}

static bool below_zone(const char *name, const char *zone) {
    size_t name_n = strlen(name), zone_n = strlen(zone);
    return same_name(name, zone) || (name_n > zone_n && name[name_n - zone_n - 1] == '.' &&
                                     strcasecmp(name + name_n - zone_n, zone) == 0);
}

static bool name_full(char *out, size_t out_size, const char *prefix, const char *name) {
    size_t n = strlen(name);
    return text_format(out, out_size, "%s%s%s", prefix, name,
                       n > 0 && name[n - 1] == '.' ? "" : ".");
}

static enum err update_fill(const struct arguments *arguments, struct update *update,
                            struct text256 *reterr) {
    const char *name = arg_text(arguments, "name", "");
    bool alias = text_equal(update->type, "CNAME");
    /* Nothing may stand beside a CNAME: there the epoch needs a name of its own. */
    bool fits =
        name_full(update->zone, sizeof update->zone, "", arg_text(arguments, "zone", "")) &&
        name_full(update->name, sizeof update->name, "", name) &&
        name_full(update->key_name, sizeof update->key_name, "",
                  arg_text(arguments, "key_name", "")) &&
        name_full(update->epoch_name, sizeof update->epoch_name,
                  alias && arg_text(arguments, "epoch_name", NULL) == NULL ? "_drover-epoch." : "",
                  arg_text(arguments, "epoch_name", name));
    if (!fits) {
        text_say(reterr, "a name is too long");
        return ERR_CONFIG;
    }
    if (!below_zone(update->name, update->zone) || !below_zone(update->epoch_name, update->zone)) {
        text_say(reterr, "%.80s is not in zone %.80s", update->name, update->zone);
        return ERR_CONFIG;
    }
    const char *old_value = arg_text(arguments, "old_value", NULL);
    char value[DNS_VALUE_SIZE];
    const char *given = arg_text(arguments, "value", "");
    if (dns_value_canonical(update->name, update->type, given, update->value) != ERR_OK ||
        (old_value != NULL &&
         dns_value_canonical(update->name, update->type, old_value, value) != ERR_OK)) {
        text_say(reterr, "value or old_value is no %s record's: \"%.60s\"", update->type, given);
        return ERR_CONFIG;
    }
    if (old_value != NULL) {
        memcpy(update->old_value, value, sizeof value);
    }
    return ERR_OK;
}

/* Everything that can be known without the network. */
static enum err update_open(const struct arguments *arguments, struct update *update,
                            struct text256 *reterr) {
    static const char *const types[] = {"A", "AAAA", "CNAME"};
    enum err err = args_accept(rules, RULES_N, arguments, reterr);
    if (err != ERR_OK) {
        return err;
    }
    (void)arg_places(arguments, "servers", &update->servers);
    update->ttl = (uint32_t)arg_number(arguments, "ttl", 60);
    update->type = NULL;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (text_equal(arg_text(arguments, "type", ""), types[i])) {
            update->type = types[i];
        }
    }
    update->key.algorithm = arg_text(arguments, "algorithm", "hmac-sha256");
    if (update->type == NULL || !dns_algorithm_is_known(update->key.algorithm)) {
        text_say(reterr, "expected type A, AAAA or CNAME, and algorithm hmac-sha256 or -512");
        return ERR_CONFIG;
    }
    if (is_protected(arguments, arg_text(arguments, "name", ""))) {
        text_say(reterr, "%.100s is protected: drover never changes it",
                 arg_text(arguments, "name", ""));
        return ERR_DENIED;
    }
    return update_fill(arguments, update, reterr);
}

static enum err dns_accepts(const struct arguments *arguments, struct text256 *reterr) {
    struct update update;
    memset(&update, 0, sizeof update);
    return update_open(arguments, &update, reterr);
}

static enum err rrset_read(struct update *update, uint8_t server, const char *name,
                           const char *type, struct dns_rrset *ret_rrset) {
    struct dns_message query;
    uint8_t reply[DNS_WIRE_SIZE];
    size_t size = 0;
    const struct place *place = &update->servers.at[server];
    enum err err = dns_query_build(name, type, &query);
    if (err == ERR_OK) {
        err = dns_exchange(place, query.wire, query.size,
                           act_within(ASK_MS, update->input->deadline_boot_ms), reply, sizeof reply,
                           &size);
        if (err != ERR_OK) {
            text_say(&update->why, "%s: %s", place->text, err_text(err));
        }
    }
    return err != ERR_OK
               ? err
               : dns_reply_parse(&query, reply, size, name, type, ret_rrset, &update->why);
}

static enum err zone_read(struct update *update, uint8_t server) {
    enum err err = rrset_read(update, server, update->name, update->type, &update->record);
    return err != ERR_OK ? err
                         : rrset_read(update, server, update->epoch_name, "TXT", &update->texts);
}

static bool record_is(const struct update *update) {
    return update->record.n == 1 && update->record.ttl == update->ttl &&
           text_equal(update->record.value[0], update->value);
}

static bool wished_state(const struct update *update) {
    return record_is(update) && dns_epoch_of(&update->texts) == update->input->epoch;
}

/* May what was read be replaced? */
static enum err replace_check(struct update *update) {
    uint64_t epoch = dns_epoch_of(&update->texts);
    if (epoch > update->input->epoch) {
        text_say(&update->why, "%.80s is of epoch %" PRIu64 ", larger than %" PRIu64, update->name,
                 epoch, update->input->epoch);
        return ERR_STALE;
    }
    bool expected =
        update->record.n == 1 && (text_equal(update->record.value[0], update->old_value) ||
                                  text_equal(update->record.value[0], update->value));
    if (update->old_value[0] != '\0' && !expected) {
        text_say(&update->why, "stale prerequisite: %.60s is %.60s, expected %.60s", update->name,
                 update->record.n > 0 ? update->record.value[0] : "absent", update->old_value);
        return ERR_STALE;
    }
    return ERR_OK;
}

static enum err update_send(struct update *update) {
    struct dns_message message;
    uint8_t reply[DNS_WIRE_SIZE];
    size_t size = 0;
    struct dns_change change = {.zone = update->zone,
                                .name = update->name,
                                .type = update->type,
                                .value = update->value,
                                .ttl = update->ttl,
                                .epoch_name = update->epoch_name,
                                .epoch = update->input->epoch,
                                .old_record = &update->record,
                                .old_texts = &update->texts};
    enum err err = dns_update_build(&change, &update->key, &message, &update->why);
    if (err != ERR_OK) {
        return err;
    }
    err = dns_exchange(&update->servers.at[update->writer], message.wire, message.size,
                       act_within(UPDATE_MS, update->input->deadline_boot_ms), reply, sizeof reply,
                       &size);
    if (err != ERR_OK) {
        text_say(&update->why, "%s: %s", update->servers.at[update->writer].text, err_text(err));
        return err;
    }
    return dns_packet_reply(&message, &update->key, reply, size, &update->why);
}

/* Reads, judges, changes; again when somebody else changed it in between. */
static enum err update_apply(struct update *update, bool *ret_observed) {
    enum err err = ERR_STALE;
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        err = zone_read(update, update->writer);
        if (err != ERR_OK) {
            return err;
        }
        if (wished_state(update)) {
            *ret_observed = round == 0;
            return ERR_OK;
        }
        err = replace_check(update);
        if (err != ERR_OK) {
            return err;
        }
        if (update->input->observe_only) {
            text_say(&update->why, "%.60s is %.60s", update->name,
                     update->record.n > 0 ? update->record.value[0] : "absent");
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

/* Every server that can be reached must say the new record; one that cannot is named. */
static struct action_result update_verify(struct update *update, bool observed) {
    char unreached[64] = "";
    for (uint8_t i = 0; i < update->servers.n; i++) {
        uint64_t patience_boot_ms =
            act_within(UNREACHED_PATIENCE_MS, update->input->deadline_boot_ms);
        for (;;) {
            enum err err = zone_read(update, i);
            if (err == ERR_OK && wished_state(update)) {
                break;
            }
            if (err == ERR_OK && dns_epoch_of(&update->texts) > update->input->epoch) {
                err = replace_check(update); /* overtaken since: it never comes back */
                return act_failed(err, "%.150s", update->why.at);
            }
            bool no_answer = err == ERR_REFUSED || err == ERR_UNREACHABLE || err == ERR_TIMEOUT;
            if (no_answer && i != update->writer && act_left_ms(patience_boot_ms) == 0) {
                (void)text_append(unreached, sizeof unreached, "; not reached ");
                (void)text_append(unreached, sizeof unreached, update->servers.at[i].text);
                break;
            }
            if (!act_pause(25, update->input->deadline_boot_ms)) {
                return act_failed(err == ERR_OK ? ERR_TIMEOUT : err, "%s says %.60s; %.60s",
                                  update->servers.at[i].text,
                                  update->record.n > 0 ? update->record.value[0] : "nothing",
                                  err != ERR_OK ? update->why.at : "");
            }
        }
    }
    return act_done(observed, "%.60s is %.40s, ttl %" PRIu32 ", epoch %" PRIu64 "%s", update->name,
                    update->value, update->ttl, update->input->epoch, unreached);
}

static struct action_result dns_run(const struct action_input *input) {
    struct update update;
    bool observed = false;
    memset(&update, 0, sizeof update);
    update.input = input;
    enum err err = update_open(input->arguments, &update, &update.why);
    if (err == ERR_OK) {
        err = act_secret(input, "key_secret_ref", NULL, update.secret, &update.why);
    }
    if (err == ERR_OK) {
        update.key.name = update.key_name;
        update.key.secret = update.secret;
        err = any_apply(&update, &observed);
    }
    secret_wipe(update.secret);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", update.why.at);
    }
    return update_verify(&update, observed);
}

const struct action_kind_row row_dns_update = {
    .kind = ACTION_DNS_UPDATE,
    .run = dns_run,
    .accepts = dns_accepts,
    .needs_lease = false,
    .arguments_help = "servers=IP:53,... (the first takes updates), zone, name, type=A|AAAA|CNAME, "
                      "value, ttl=60, key_name, key_secret_ref (base64), algorithm=hmac-sha256, "
                      "old_value, epoch_name, protected=names never changed",
    .by_hand = "nsupdate -k <key file>: server {servers}; zone {zone}; prereq yxrrset {name} "
               "{type} {old_value}; update delete {name} {type}; update add {name} {ttl} {type} "
               "{value}; update add {epoch_name} {ttl} TXT \"drover-epoch=<epoch>\"; send; then "
               "dig @<each of {servers}> {name} {type} +norecurse",
};
