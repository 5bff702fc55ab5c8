/* What the probed systems may say, with the first byte choosing the reader. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probes/net.h"
#include "agent/probes/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void text_fuzz(uint8_t which, const char *text, size_t size) {
    char value[32];
    uint64_t number = 0;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) {
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
