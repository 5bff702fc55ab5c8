/* dns_packet: DNS messages between a libldns packet and the wire; signing them with a TSIG key
 * (RFC 8945), and judging the reply to a signed update (RFC 2136). Shared by the dns probe, which
 * tries its key, and the dns_update action, which uses it: a key that passes the one passes the
 * other. No network. */
#ifndef DROVER_IO_DNS_PACKET_H
#define DROVER_IO_DNS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"

#define DNS_WIRE_SIZE 8192
#define DNS_MAC_SIZE 128

struct ldns_struct_pkt; /* libldns's ldns_pkt */

struct dns_message {
    uint8_t wire[DNS_WIRE_SIZE];
    size_t size;
    uint16_t id;
    uint8_t mac[DNS_MAC_SIZE]; /* of a signed one, with its length before it */
    size_t mac_size;           /* 0: not signed */
};

struct dns_key {
    const char *name;      /* "drover." */
    const char *secret;    /* base64 */
    const char *algorithm; /* "hmac-sha256" */
};

/* "hmac-sha256" and "hmac-sha512": libldns signs by no other that is still in use. */
bool dns_algorithm_is_known(const char *algorithm);

/* Gives the packet an id that nobody can guess, signs it with `key` (NULL: not signed), and writes
 * it. The packet stays the caller's. CONFIG: no such key or algorithm, with the reason; FORMAT,
 * TOO_BIG, IO. *ret_message is clobbered on failure. */
enum err dns_packet_write(struct ldns_struct_pkt *packet, const struct dns_key *key,
                          struct dns_message *ret_message, struct text256 *reterr) ERR_CHECKED;

/* The reply to `question` as a packet, which the caller frees; NULL, with the reason, when the
 * bytes are no DNS message or a reply to something else. */
struct ldns_struct_pkt *dns_packet_read(const struct dns_message *question, const uint8_t *wire,
                                        size_t size, struct text256 *reterr);

/* The response code for people: "NOERROR", "REFUSED"; "unknown". */
const char *dns_packet_code(const struct ldns_struct_pkt *packet);

/* The reply to a signed update. OK: taken, and the reply is signed by the same key. AUTH: NOTAUTH
 * with the TSIG error named. SIGNATURE: the reply's own signature does not verify. STALE: a
 * prerequisite no longer holds (NXRRSET, YXRRSET ...). DENIED: REFUSED by policy. FAILED: another
 * code. FORMAT: no reply to this update at all. */
enum err dns_packet_reply(const struct dns_message *update, const struct dns_key *key,
                          const uint8_t *wire, size_t size, struct text256 *reterr) ERR_CHECKED;

#endif
