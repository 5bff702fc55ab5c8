/* What the probed systems may say, with the first byte choosing the reader. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probes/parse.h"
#include "common/io/dns_packet.h"
#include "common/io/net.h"
#include "common/io/smtp_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void text_fuzz(uint8_t which, const char *text, size_t size) {
    char value[32];
    uint64_t number = 0;
    uint16_t port = 0;
    struct info_replica replica;
    struct plugin_line line;
    struct haproxy_view haproxy;
    struct net_address address;
    struct text256 why;
    switch (which) {
    case 0: (void)lsn_parse(text, &number); break;
    case 1:
        (void)info_get(text, "role", value, sizeof value);
        (void)info_get_number(text, "master_repl_offset", &number);
        (void)info_replica(text, 0, &replica);
        if (client_local_port(text, 1, &port) == ERR_NOT_FOUND && port != 0) {
            abort();
        }
        (void)tls_words_have(text, "TLSv1.3");
        break;
    case 2: plugin_parse(text, &line); break;
    case 3:
        if (haproxy_parse(text, "web", &haproxy) == ERR_OK && haproxy.up_n > haproxy.servers_n) {
            abort();
        }
        break;
    case 4: {
        struct patroni_view patroni;
        if (patroni_parse(text, size, &patroni) == ERR_OK &&
            patroni.running_n > patroni.members_n) {
            abort();
        }
        break;
    }
    default:
        if (net_address_parse(text, &address, &why) == ERR_OK && address.port == 0) {
            abort();
        }
    }
}

/* The reply to an update signed by this key; the update's id is the input's own. A yes carries the
 * key's signature: its record alone is longer than this. */
static void reply_fuzz(const uint8_t *wire, size_t size) {
    static const struct dns_key key = {"drover.",
                                       "c2VjcmV0LXNlY3JldC1zZWNyZXQtMTIzNDU2Nzg=", "hmac-sha256"};
    struct dns_message update = {.id = 0, .mac = {0, 32, 'm', 'a', 'c'}, .mac_size = 34};
    struct text256 why = {""};
    update.id = size >= 2 ? (uint16_t)((unsigned)wire[0] << 8 | wire[1]) : 0;
    enum err err = dns_packet_reply(&update, &key, wire, size, &why);
    if ((err == ERR_OK) != (why.at[0] == '\0') || (err == ERR_OK && size < 12 + 32)) {
        abort();
    }
}

/* A reply that is there as a whole is there with its last byte, and not before. */
static void smtp_fuzz(const char *text, size_t size) {
    unsigned code = 0, less_code = 0;
    size_t used = 0, less_used = 0;
    if (smtp_reply_read(text, size, &code, &used) != ERR_OK || used == 0) {
        return;
    }
    if (used > size || code < 200 || code > 599 || text[used - 1] != '\n' ||
        smtp_reply_read(text, used - 1, &less_code, &less_used) != ERR_OK || less_used != 0 ||
        less_code != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) {
        return 0;
    }
    if (data[0] == 'n') {
        reply_fuzz(data + 1, size - 1);
        return 0;
    }
    if (data[0] == 's') {
        char *exact = malloc(size > 1 ? size - 1 : 1); /* a read beyond it is seen */
        if (exact != NULL) {
            memcpy(exact, data + 1, size - 1);
            smtp_fuzz(exact, size - 1);
            free(exact);
        }
        return 0;
    }
    uint8_t which = data[0] % 8;
    data++;
    size--;
    if (which >= 6) {
        /* The question's id is the input's own, so that what follows it is looked at. */
        struct dns_view view;
        uint16_t id = size >= 2 ? (uint16_t)((unsigned)data[0] << 8 | data[1]) : 0;
        if (dns_answer_parse(data, size, "api.bud.test", which == 6 ? "A" : "TXT", id, &view) ==
                ERR_OK &&
            view.values_n > DNS_VALUES_MAX) {
            abort();
        }
        return 0;
    }
    char *text = malloc(size + 1); /* of just that size: a read beyond it is seen */
    if (text != NULL) {
        memcpy(text, data, size);
        text[size] = '\0';
        text_fuzz(which, text, size);
        free(text);
    }
    return 0;
}
