/* dns_record: what every dns_* action wishes for and looks at: one record, and the epoch beside it
 * (TXT "drover-epoch=N"). They take the same arguments for it and judge what they find alike; only
 * how a record is read and written is each one's own. */
#ifndef DROVER_ACTIONS_DNS_RECORD_H
#define DROVER_ACTIONS_DNS_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/actions/act.h"
#include "agent/actions/dns_message.h"

#define ARG_DNS_HELP                                                                               \
    "zone, name, type=A|AAAA|CNAME, value, ttl=60, old_value, epoch_name, protected=names never "  \
    "changed"

struct dns_record {
    const struct action_input *input;
    char zone[DNS_NAME_SIZE], name[DNS_NAME_SIZE], epoch_name[DNS_NAME_SIZE]; /* with final dots */
    const char *type;
    char value[DNS_VALUE_SIZE];
    char old_value[DNS_VALUE_SIZE]; /* "" : any */
    uint32_t ttl;
    struct dns_rrset record, texts; /* last read */
    struct text256 why;
};

/* Everything that can be known without the network; the rows above were checked. CONFIG; DENIED: a
 * protected name. *ret_record is zeroed first. input may be NULL for a check. */
enum err dns_record_open(const struct action_input *input, const struct arguments *arguments,
                         struct dns_record *ret_record, struct text256 *reterr) ERR_CHECKED;

/* Without the final dot, compared without case. */
bool dns_name_same(const char *a, const char *b);
/* name and a final dot, when it has none. False: it does not fit. */
bool dns_name_full(char *out, size_t out_size, const char *prefix, const char *name);

/* The last read: is it what is wished for? */
bool dns_record_there(const struct dns_record *dns);
/* May what was read be replaced? STALE, with why. */
enum err dns_record_replaceable(struct dns_record *dns) ERR_CHECKED;

/* Both names' records as they shall be: one record; the texts that are not ours, and the epoch.
 * TOO_BIG: too many texts. */
enum err dns_record_wished(struct dns_record *dns, struct dns_rrset *ret_record,
                           struct dns_rrset *ret_texts) ERR_CHECKED;

/* Asks one authority for both names. */
enum err dns_record_ask(struct dns_record *dns, const struct place *server) ERR_CHECKED;
/* Every server that can be reached must say the new record; one that cannot is named, but that at
 * `writer` (NONE: none) must be reached. */
struct action_result dns_record_verify(struct dns_record *dns, const struct places *servers,
                                       uint8_t writer, bool observed);

#endif
