/* dns_body: what the HTTP APIs of DNS servers and providers say of records, and what is sent to
 * them. Pure. */
#ifndef DROVER_ACTIONS_DNS_BODY_H
#define DROVER_ACTIONS_DNS_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/actions/dns_message.h"

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

#endif
