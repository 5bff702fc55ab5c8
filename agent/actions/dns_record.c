/* dns_record: see dns_record.h. */
#include "agent/actions/dns_record.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "agent/actions/dns_wire.h"

#define ASK_MS 1000
#define UNREACHED_PATIENCE_MS 2000

bool dns_name_same(const char *a, const char *b) {
    size_t a_n = strlen(a), b_n = strlen(b);
    a_n -= a_n > 0 && a[a_n - 1] == '.';
    b_n -= b_n > 0 && b[b_n - 1] == '.';
    return a_n == b_n && strncasecmp(a, b, a_n) == 0;
}

static bool is_protected(const struct arguments *arguments, const char *name) {
    struct parts parts;
    (void)arg_parts(arguments, "protected", &parts);
    for (uint8_t i = 0; i < parts.n; i++) {
        if (dns_name_same(parts.at[i], name)) {
            return true;
        }
    }
    return false;
}

/* What the topology protects is so even when the step's arguments forgot it. */
static bool is_protected_here(const struct action_input *input, const char *name) {
    for (uint8_t i = 0; input != NULL && i < input->protected_names_n; i++) {
        if (dns_name_same(input->protected_names[i], name)) {
            return true;
        }
    }
    return false;
}

static bool below_zone(const char *name, const char *zone) {
    size_t name_n = strlen(name), zone_n = strlen(zone);
    return dns_name_same(name, zone) || (name_n > zone_n && name[name_n - zone_n - 1] == '.' &&
                                         strcasecmp(name + name_n - zone_n, zone) == 0);
}

bool dns_name_full(char *out, size_t out_size, const char *prefix, const char *name) {
    size_t n = strlen(name);
    return text_format(out, out_size, "%s%s%s", prefix, name,
                       n > 0 && name[n - 1] == '.' ? "" : ".");
}

static enum err record_fill(const struct arguments *arguments, struct dns_record *dns,
                            struct text256 *reterr) {
    const char *name = arg_text(arguments, "name", "");
    bool alias = text_equal(dns->type, "CNAME");
    /* Nothing may stand beside a CNAME: there the epoch needs a name of its own. */
    bool fits =
        dns_name_full(dns->zone, sizeof dns->zone, "", arg_text(arguments, "zone", "")) &&
        dns_name_full(dns->name, sizeof dns->name, "", name) &&
        dns_name_full(dns->epoch_name, sizeof dns->epoch_name,
                      alias && arg_text(arguments, "epoch_name", NULL) == NULL ? "_drover-epoch."
                                                                               : "",
                      arg_text(arguments, "epoch_name", name));
    if (!fits) {
        text_say(reterr, "a name is too long");
        return ERR_CONFIG;
    }
    if (!below_zone(dns->name, dns->zone) || !below_zone(dns->epoch_name, dns->zone)) {
        text_say(reterr, "%.80s is not in zone %.80s", dns->name, dns->zone);
        return ERR_CONFIG;
    }
    const char *old_value = arg_text(arguments, "old_value", NULL);
    char value[DNS_VALUE_SIZE];
    const char *given = arg_text(arguments, "value", "");
    if (dns_value_canonical(dns->name, dns->type, given, dns->value) != ERR_OK ||
        (old_value != NULL &&
         dns_value_canonical(dns->name, dns->type, old_value, value) != ERR_OK)) {
        text_say(reterr, "value or old_value is no %s record's: \"%.60s\"", dns->type, given);
        return ERR_CONFIG;
    }
    if (old_value != NULL) {
        memcpy(dns->old_value, value, sizeof value);
    }
    return ERR_OK;
}

enum err dns_record_open(const struct action_input *input, const struct arguments *arguments,
                         struct dns_record *ret_record, struct text256 *reterr) {
    static const char *const types[] = {"A", "AAAA", "CNAME"};
    memset(ret_record, 0, sizeof *ret_record);
    ret_record->input = input;
    ret_record->ttl = (uint32_t)arg_number(arguments, "ttl", 60);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (text_equal(arg_text(arguments, "type", ""), types[i])) {
            ret_record->type = types[i];
        }
    }
    if (ret_record->type == NULL) {
        text_say(reterr, "argument \"type\": expected A, AAAA or CNAME");
        return ERR_CONFIG;
    }
    if (is_protected(arguments, arg_text(arguments, "name", "")) ||
        is_protected_here(input, arg_text(arguments, "name", ""))) {
        text_say(reterr, "%.100s is protected: drover never changes it",
                 arg_text(arguments, "name", ""));
        return ERR_DENIED;
    }
    return record_fill(arguments, ret_record, reterr);
}

static enum err rrset_read(struct dns_record *dns, const struct place *place, const char *name,
                           const char *type, struct dns_rrset *ret_rrset) {
    struct dns_message query;
    uint8_t reply[DNS_WIRE_SIZE];
    size_t size = 0;
    enum err err = dns_query_build(name, type, /* recursive= */ false, &query);
    if (err == ERR_OK) {
        err = dns_exchange(place, query.wire, query.size,
                           act_within(ASK_MS, dns->input->deadline_boot_ms), reply, sizeof reply,
                           &size);
        if (err != ERR_OK) {
            text_say(&dns->why, "%s: %s", place->text, err_text(err));
        }
    }
    return err != ERR_OK ? err
                         : dns_reply_parse(&query, reply, size, name, type, /* recursive= */ false,
                                           ret_rrset, &dns->why);
}

enum err dns_record_ask(struct dns_record *dns, const struct place *server) {
    enum err err = rrset_read(dns, server, dns->name, dns->type, &dns->record);
    return err != ERR_OK ? err : rrset_read(dns, server, dns->epoch_name, "TXT", &dns->texts);
}

static bool record_is(const struct dns_record *dns) {
    return dns->record.n == 1 && dns->record.ttl == dns->ttl &&
           text_equal(dns->record.value[0], dns->value);
}

bool dns_record_there(const struct dns_record *dns) {
    return record_is(dns) && dns_epoch_of(&dns->texts) == dns->input->epoch;
}

enum err dns_record_replaceable(struct dns_record *dns) {
    uint64_t epoch = dns_epoch_of(&dns->texts);
    if (epoch > dns->input->epoch) {
        text_say(&dns->why, "%.80s is of epoch %" PRIu64 ", larger than %" PRIu64, dns->name, epoch,
                 dns->input->epoch);
        return ERR_STALE;
    }
    bool expected = dns->record.n == 1 && (text_equal(dns->record.value[0], dns->old_value) ||
                                           text_equal(dns->record.value[0], dns->value));
    if (dns->old_value[0] != '\0' && !expected) {
        text_say(&dns->why, "stale prerequisite: %.60s is %.60s, expected %.60s", dns->name,
                 dns->record.n > 0 ? dns->record.value[0] : "absent", dns->old_value);
        return ERR_STALE;
    }
    return ERR_OK;
}

struct action_result dns_record_verify(struct dns_record *dns, const struct places *servers,
                                       uint8_t writer, bool observed) {
    char unreached[64] = "";
    for (uint8_t i = 0; i < servers->n; i++) {
        uint64_t patience_boot_ms = act_within(UNREACHED_PATIENCE_MS, dns->input->deadline_boot_ms);
        for (;;) {
            enum err err = dns_record_ask(dns, &servers->at[i]);
            if (err == ERR_OK && dns_record_there(dns)) {
                break;
            }
            if (err == ERR_OK && dns_epoch_of(&dns->texts) > dns->input->epoch) {
                err = dns_record_replaceable(dns); /* overtaken since: it never comes back */
                return act_failed(err, "%.150s", dns->why.at);
            }
            bool no_answer = err == ERR_REFUSED || err == ERR_UNREACHABLE || err == ERR_TIMEOUT;
            if (no_answer && i != writer && act_left_ms(patience_boot_ms) == 0) {
                (void)text_append(unreached, sizeof unreached, "; not reached ");
                (void)text_append(unreached, sizeof unreached, servers->at[i].text);
                break;
            }
            if (!act_pause(25, dns->input->deadline_boot_ms)) {
                return act_failed(err == ERR_OK ? ERR_TIMEOUT : err, "%s says %.60s; %.60s",
                                  servers->at[i].text,
                                  dns->record.n > 0 ? dns->record.value[0] : "nothing",
                                  err != ERR_OK ? dns->why.at : "");
            }
        }
    }
    return act_done(observed, "%.60s is %.40s, ttl %" PRIu32 ", epoch %" PRIu64 "%s", dns->name,
                    dns->value, dns->ttl, dns->input->epoch, unreached);
}

enum err dns_record_wished(struct dns_record *dns, struct dns_rrset *ret_record,
                           struct dns_rrset *ret_texts) {
    memset(ret_record, 0, sizeof *ret_record);
    memset(ret_texts, 0, sizeof *ret_texts);
    ret_record->n = 1;
    ret_record->ttl = ret_texts->ttl = dns->ttl;
    memcpy(ret_record->value[0], dns->value, sizeof dns->value);
    for (uint8_t i = 0; i < dns->texts.n; i++) {
        if (!text_starts(dns->texts.value[i], DNS_EPOCH_PREFIX)) {
            memcpy(ret_texts->value[ret_texts->n++], dns->texts.value[i], DNS_VALUE_SIZE);
        }
    }
    if (ret_texts->n == DNS_VALUES_MAX) {
        text_say(&dns->why, "%.60s has %d texts already", dns->epoch_name, DNS_VALUES_MAX);
        return ERR_TOO_BIG;
    }
    (void)text_format(ret_texts->value[ret_texts->n++], DNS_VALUE_SIZE,
                      DNS_EPOCH_PREFIX "%" PRIu64 "\"", dns->input->epoch);
    return ERR_OK;
}
