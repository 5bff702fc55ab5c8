/* dns_message: the DNS messages of dns_update, to and from wire format: plain queries, and updates
 * after RFC 2136, signed and judged by dns_packet.h. The only includer of ldns here. No network. */
#ifndef DROVER_ACTIONS_DNS_MESSAGE_H
#define DROVER_ACTIONS_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/io/dns_packet.h"

#define DNS_NAME_SIZE 256
#define DNS_VALUE_SIZE 300
#define DNS_VALUES_MAX 8
/* Of the text that holds the epoch, as in a zone file. */
#define DNS_EPOCH_PREFIX "\"drover-epoch="

/* All records of one name and type, values as in a zone file. */
struct dns_rrset {
    uint8_t n;
    uint32_t ttl;
    char value[DNS_VALUES_MAX][DNS_VALUE_SIZE];
};

/* One change: `name` gets exactly one record `value`, the epoch's name gets the epoch record;
 * only if both names still hold what was read. */
struct dns_change {
    const char *zone, *name, *type, *value;
    uint32_t ttl;
    const char *epoch_name;
    uint64_t epoch;
    const struct dns_rrset *old_record; /* prerequisite, n 0: must not exist */
    const struct dns_rrset *old_texts;
};

/* The value as a name server would write it ("10.0.0.1", "lb.example.", lower case). FORMAT. */
enum err dns_value_canonical(const char *name, const char *type, const char *value,
                             char ret_value[DNS_VALUE_SIZE]) ERR_CHECKED;

/* recursive: of a resolver; else an authority is asked what it itself says. */
enum err dns_query_build(const char *name, const char *type, bool recursive,
                         struct dns_message *ret_message) ERR_CHECKED;
enum err dns_update_build(const struct dns_change *change, const struct dns_key *key,
                          struct dns_message *ret_message, struct text256 *reterr) ERR_CHECKED;

/* An answer to a query. *ret_rrset n 0: no such record. FORMAT, DENIED (REFUSED), FAILED (other
 * response codes; unless recursive: not authoritative), TOO_BIG. */
enum err dns_reply_parse(const struct dns_message *query, const uint8_t *wire, size_t size,
                         const char *name, const char *type, bool recursive,
                         struct dns_rrset *ret_rrset, struct text256 *reterr) ERR_CHECKED;

/* The largest N of "drover-epoch=N" among the texts; 0: none. */
uint64_t dns_epoch_of(const struct dns_rrset *texts);

#endif
