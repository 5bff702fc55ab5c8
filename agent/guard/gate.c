/* The kernel's gate. Guarded ports are reachable only while they are elements of the set `open`, whose
 * elements time out by themselves: also for connections that exist. Replication (exempt sources) and
 * the store's own users on this host (exempt uids) always pass. IPv4 and IPv6 alike. */
#include <jansson.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/guard.h"
#include "common/base/ensure.h"

#define GATE_TEXT_SIZE 8192

struct gate {
    struct nft_ctx *nft;
    const struct gate_conf *conf;
};

enum err gate_open_context(const struct gate_conf *conf, struct gate **ret_gate,
                           struct text256 *reterr) {
    struct gate *gate = calloc(1, sizeof *gate);
    if (gate != NULL) {
        gate->conf = conf;
        gate->nft = nft_ctx_new(NFT_CTX_DEFAULT);
    }
    if (gate == NULL || gate->nft == NULL || nft_ctx_buffer_error(gate->nft) != 0 ||
        nft_ctx_buffer_output(gate->nft) != 0) {
        text_say(reterr, "nftables: no context");
        gate_close_context(gate);
        return ERR_NO_MEMORY;
    }
    *ret_gate = gate;
    return ERR_OK;
}

void gate_close_context(struct gate *gate) {
    if (gate == NULL) {
        return;
    }
    if (gate->nft != NULL) {
        nft_ctx_free(gate->nft);
    }
    free(gate);
}

static enum err run(struct gate *gate, const char *commands, struct text256 *reterr) {
    if (nft_run_cmd_from_buffer(gate->nft, commands) != 0) {
        const char *error = nft_ctx_get_error_buffer(gate->nft);
        text_say(reterr, "nftables: %s", error == NULL ? "refused" : error);
        return ERR_IO;
    }
    (void)nft_ctx_get_error_buffer(gate->nft);
    return ERR_OK;
}

/* "{ 5432 timeout 2500ms, 6379 timeout 2500ms }" */
static void ports_text(const struct gate_conf *conf, uint32_t timeout_ms, char *out,
                       size_t out_size) {
    bool fits = text_copy(out, out_size, "{ ");
    for (unsigned i = 0; i < conf->ports_n; i++) {
        char one[64];
        if (timeout_ms > 0) {
            (void)text_format(one, sizeof one, "%s%u timeout %ums", i == 0 ? "" : ", ",
                              conf->ports[i], timeout_ms);
        } else {
            (void)text_format(one, sizeof one, "%s%u", i == 0 ? "" : ", ", conf->ports[i]);
        }
        fits = fits && text_append(out, out_size, one);
    }
    fits = fits && text_append(out, out_size, " }");
    ensure(fits);
}

static void add_sources(const struct gate_conf *conf, bool six, char *out, size_t out_size) {
    for (unsigned i = 0; i < conf->exempt_sources_n; i++) {
        char line[160];
        bool is_six = strchr(conf->exempt_sources[i], ':') != NULL;
        if (is_six == six) {
            (void)text_format(line, sizeof line, "add element inet drover exempt%c { %s }\n",
                              six ? '6' : '4', conf->exempt_sources[i]);
            bool fits = text_append(out, out_size, line);
            ensure(fits);
        }
    }
}

static void add_uid_rules(const struct gate_conf *conf, char *out, size_t out_size) {
    for (unsigned i = 0; i < conf->exempt_uids_n; i++) {
        char line[128];
        (void)text_format(line, sizeof line, "add rule inet drover local meta skuid %u return\n",
                          conf->exempt_uids[i]);
        bool fits = text_append(out, out_size, line);
        ensure(fits);
    }
}

enum err gate_install(struct gate *gate, struct text256 *reterr) {
    static char text[GATE_TEXT_SIZE];
    char ports[512];
    ports_text(gate->conf, 0, ports, sizeof ports);
    bool fits = text_format(
        text, sizeof text,
        "add table inet drover\n"
        "add set inet drover guarded { type inet_service; }\n"
        "add set inet drover open { type inet_service; flags timeout; }\n"
        "add set inet drover exempt4 { type ipv4_addr; flags interval; auto-merge; }\n"
        "add set inet drover exempt6 { type ipv6_addr; flags interval; auto-merge; }\n"
        "add chain inet drover inward { type filter hook input priority -150; policy accept; }\n"
        "add chain inet drover outward { type filter hook output priority -150; policy accept; }\n"
        "add chain inet drover arriving\n"
        "add chain inet drover leaving\n"
        "add chain inet drover local\n"
        "flush chain inet drover inward\n"
        "flush chain inet drover outward\n"
        "flush chain inet drover arriving\n"
        "flush chain inet drover leaving\n"
        "flush chain inet drover local\n"
        "flush set inet drover guarded\n"
        "flush set inet drover exempt4\n"
        "flush set inet drover exempt6\n"
        "add element inet drover guarded %s\n",
        ports);
    ensure(fits);
    add_sources(gate->conf, false, text, sizeof text);
    add_sources(gate->conf, true, text, sizeof text);
    /* What stays on this host passes both hooks; the outgoing one knows the user. */
    fits = text_append(
        text, sizeof text,
        "add rule inet drover inward iifname \"lo\" return\n"
        "add rule inet drover inward tcp dport @guarded jump arriving\n"
        "add rule inet drover arriving tcp dport @open return\n"
        "add rule inet drover arriving ip saddr @exempt4 return\n"
        "add rule inet drover arriving ip6 saddr @exempt6 return\n"
        "add rule inet drover arriving reject with tcp reset\n"
        "add rule inet drover outward oifname \"lo\" tcp dport @guarded jump local\n"
        "add rule inet drover outward oifname \"lo\" return\n"
        "add rule inet drover outward tcp sport @guarded jump leaving\n"
        "add rule inet drover leaving tcp flags & rst == rst return\n"
        "add rule inet drover leaving tcp sport @open return\n"
        "add rule inet drover leaving ip daddr @exempt4 return\n"
        "add rule inet drover leaving ip6 daddr @exempt6 return\n"
        "add rule inet drover leaving drop\n"
        "add rule inet drover local tcp dport @open return\n");
    ensure(fits);
    add_uid_rules(gate->conf, text, sizeof text);
    fits = text_append(text, sizeof text, "add rule inet drover local reject with tcp reset\n");
    ensure(fits);
    return run(gate, text, reterr);
}

/* A second `add` does not refresh an element's time; add, delete and add in one transaction does, and
 * the port is never shut in between. */
enum err gate_open_for(struct gate *gate, uint32_t open_ms, struct text256 *reterr) {
    char text[2048], timed[640], plain[512];
    ensure(open_ms > 0);
    ports_text(gate->conf, open_ms, timed, sizeof timed);
    ports_text(gate->conf, 0, plain, sizeof plain);
    bool fits = text_format(text, sizeof text,
                            "add element inet drover open %s\n"
                            "delete element inet drover open %s\n"
                            "add element inet drover open %s\n",
                            timed, plain, timed);
    ensure(fits);
    return run(gate, text, reterr);
}

enum err gate_shut(struct gate *gate, struct text256 *reterr) {
    return run(gate, "flush set inet drover open\n", reterr);
}

/* The whole table as JSON: all base chains and rules must be there, then the open set decides. */
enum gate_state gate_read(struct gate *gate) {
    unsigned rules_n = 0, open_n = 0, chains_n = 0;
    size_t i;
    json_t *entry;
    nft_ctx_output_set_flags(gate->nft, NFT_CTX_OUTPUT_JSON);
    int rc = nft_run_cmd_from_buffer(gate->nft, "list table inet drover\n");
    nft_ctx_output_set_flags(gate->nft, 0);
    const char *output = nft_ctx_get_output_buffer(gate->nft);
    (void)nft_ctx_get_error_buffer(gate->nft);
    json_t *root = rc == 0 && output != NULL ? json_loads(output, 0, NULL) : NULL;
    json_array_foreach(json_object_get(root, "nftables"), i, entry) {
        const json_t *set = json_object_get(entry, "set");
        const json_t *chain = json_object_get(entry, "chain");
        rules_n += json_object_get(entry, "rule") != NULL;
        chains_n += json_object_get(chain, "hook") != NULL;
        const char *name = json_string_value(json_object_get(set, "name"));
        if (name != NULL && text_equal(name, "open")) {
            open_n = (unsigned)json_array_size(json_object_get(set, "elem"));
        }
    }
    json_decref(root);
    if (rc != 0) {
        return GATE_ABSENT;
    }
    unsigned expected_n = 16 + gate->conf->exempt_uids_n;
    if (chains_n != 2 || rules_n != expected_n) {
        return GATE_ABSENT;
    }
    return open_n > 0 ? GATE_OPEN : GATE_SHUT;
}
