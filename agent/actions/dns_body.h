/* dns_body: what the HTTP APIs of DNS servers and providers say of records, and what is sent to
 * them. Pure. */
#ifndef DROVER_ACTIONS_DNS_BODY_H
#define DROVER_ACTIONS_DNS_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/actions/dns_message.h"
#include "common/topology/action_args.h"

/* The records of one name and type in PowerDNS's answer for a zone; n 0: none. Those that are
 * disabled there do not count. FORMAT, TOO_BIG. */
enum err powerdns_rrset_parse(const char *json, size_t json_size, const char *name,
                              const char *type, struct dns_rrset *ret_rrset,
                              struct text256 *reterr) ERR_CHECKED;

/* "error" of PowerDNS's answer, or the answer itself, one printable line. */
void powerdns_message(const char *text, size_t size, char *ret_line, size_t line_size);

/* Both sets as they shall be, replaced in one transaction. NULL: no memory. The caller frees it. */
char *powerdns_body(const char *name, const char *type, const struct dns_rrset *record,
                    const char *epoch_name, const struct dns_rrset *texts);

/* ---- Route 53 ---- */

/* The record set of one name and type in a list that began there; n 0: none. Values as Route 53
 * writes them. FORMAT; UNSUPPORTED: an alias, or one that a routing policy chooses from. */
enum err route53_rrset_parse(const char *xml, size_t xml_size, const char *name, const char *type,
                             struct dns_rrset *ret_rrset, struct text256 *reterr) ERR_CHECKED;

/* A change's id, letters and digits, and whether all servers have it. FORMAT. */
enum err route53_change_parse(const char *xml, size_t xml_size, char *ret_id, size_t id_size,
                              bool *ret_in_sync, struct text256 *reterr) ERR_CHECKED;

/* "CODE: message" of an error, or its beginning, one printable line. */
void route53_message(const char *text, size_t size, char *ret_line, size_t line_size);

/* One set of records in the place of another. */
struct dns_swap {
    const char *name, *type;
    const struct dns_rrset *from; /* n 0: there is none yet */
    const struct dns_rrset *to;
};

/* All swaps in one batch, each on condition that `from` is what stands there. False: too large. */
bool route53_body(const struct dns_swap *swaps, size_t swaps_n, char *ret_xml, size_t xml_size);

/* ---- Cloudflare ---- */

#define CLOUDFLARE_RECORDS_MAX 16

struct cloudflare_record {
    char id[PROVIDER_ID_MAX + 1];
    char value[DNS_VALUE_SIZE]; /* texts in quotation marks */
    uint32_t ttl;               /* 1: "automatic" */
    bool proxied;
};

/* The records of one name and type, from all pages of a list. */
struct cloudflare_list {
    uint8_t n;
    struct cloudflare_record at[CLOUDFLARE_RECORDS_MAX];
};

/* Adds what a page has of the name and type. *ret_pages: how many pages there are. FORMAT;
 * TOO_BIG: more than CLOUDFLARE_RECORDS_MAX. */
enum err cloudflare_page_parse(const char *json, size_t json_size, const char *name,
                               const char *type, struct cloudflare_list *list, unsigned *ret_pages,
                               struct text256 *reterr) ERR_CHECKED;

/* The id of the zone in a list of zones. NOT_FOUND, FORMAT. */
enum err cloudflare_zone_parse(const char *json, size_t json_size, const char *zone,
                               char ret_id[PROVIDER_ID_MAX + 1],
                               struct text256 *reterr) ERR_CHECKED;

/* "success" and nothing else. */
bool cloudflare_succeeded(const char *json, size_t json_size);
/* "CODE MESSAGE" of its first errors, or the answer's beginning, one printable line. */
void cloudflare_message(const char *text, size_t size, char *ret_line, size_t line_size);
/* Is this an error of a record that is gone, or is there already? */
bool cloudflare_overtaken(const char *json, size_t json_size);

struct cloudflare_change {
    const char *id;                  /* "": it is to be made */
    const char *name, *type, *value; /* value NULL: it is to be deleted */
    uint32_t ttl;
};

/* All changes in one transaction. NULL: no memory. The caller frees it. */
char *cloudflare_body(const struct cloudflare_change *changes, size_t changes_n);

#endif
