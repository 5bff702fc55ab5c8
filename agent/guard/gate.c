/* The kernel's gate. Guarded ports are reachable only while they are elements of the set `open`,
 * whose elements time out by themselves: also for connections that exist, in both directions.
 * Replication (exempt sources) and the store's own users on this host (exempt uids) always pass.
 * IPv4 and IPv6. */
#include <jansson.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/guard.h"
#include "common/base/bytes.h"
#include "common/base/ensure.h"

#define GATE_TEXT_SIZE 16384

static struct nft_ctx *nft;
static uint32_t expected; /* checksum of the table as installed, with its handles, without `open` */

static enum err run(const char *commands, struct text256 *reterr) {
    int rc = nft_run_cmd_from_buffer(nft, commands);
    const char *error = nft_ctx_get_error_buffer(nft);
    if (rc != 0) {
        text_say(reterr, "nftables: %s", error == NULL ? "refused" : error);
        return ERR_IO;
    }
    return ERR_OK;
}

/* "{ 5432, 6379 }", each with what is said `behind` it. */
static void ports_text(const struct gate_conf *conf, const char *behind, char *out,
                       size_t out_size) {
    char one[64];
    bool fits = text_copy(out, out_size, "{ ");
    for (unsigned i = 0; i < conf->ports_n; i++) {
        fits = text_format(one, sizeof one, "%s%u%s", i == 0 ? "" : ", ", conf->ports[i], behind) &&
               text_append(out, out_size, one) && fits;
    }
    fits = text_append(out, out_size, " }") && fits;
    ensure(fits);
}

/* One rule for each exempt source, `side` being saddr or daddr; or one for each exempt uid. */
static void exempt_text(const struct gate_conf *conf, const char *side, char *out,
                        size_t out_size) {
    char rule[128];
    bool fits = text_copy(out, out_size, "");
    for (unsigned i = 0; side != NULL && i < conf->exempt_sources_n; i++) {
        const char *source = conf->exempt_sources[i];
        fits = text_format(rule, sizeof rule, "%s %s %s return\n",
                           strchr(source, ':') != NULL ? "ip6" : "ip", side, source) &&
               text_append(out, out_size, rule) && fits;
    }
    for (unsigned i = 0; side == NULL && i < conf->exempt_uids_n; i++) {
        fits = text_format(rule, sizeof rule, "meta skuid %u return\n", conf->exempt_uids[i]) &&
               text_append(out, out_size, rule) && fits;
    }
    ensure(fits);
}

/* `flush table` empties the chains and leaves the elements of `open`. What stays on this host
 * passes both hooks; only the outgoing one knows the user. Resets may leave: they end a connection
 * that was cut. */
static const char install_text[] =
    "table inet drover {\n"
    "  set open { type inet_service; flags timeout; }\n"
    "  chain inward { type filter hook input priority -150; policy accept; }\n"
    "  chain outward { type filter hook output priority -50; policy accept; }\n"
    "  chain arriving { }\n  chain leaving { }\n  chain local { }\n"
    "}\n"
    "flush table inet drover\n"
    "table inet drover {\n"
    "  chain inward {\niifname lo return\ntcp dport %s jump arriving\n}\n"
    "  chain arriving {\ntcp dport @open return\n%sreject with tcp reset\n}\n"
    "  chain outward {\noifname lo tcp dport %s jump local\noifname lo return\n"
    "    tcp sport %s jump leaving\n}\n"
    "  chain leaving {\ntcp flags & rst == rst return\ntcp sport @open return\n%sdrop\n}\n"
    "  chain local {\ntcp dport @open return\n%sreject with tcp reset\n}\n"
    "}\n";

/* The whole table as JSON: its checksum but for the elements of `open`, and whether there are any;
 * false without a table, or when an element would stay for ever. */
static bool look(uint32_t *ret_sum, bool *ret_open) {
    size_t i, j;
    json_t *entry, *element;
    bool good = true;
    nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
    int rc = nft_run_cmd_from_buffer(nft, "list table inet drover\n");
    nft_ctx_output_set_flags(nft, 0);
    const char *output = nft_ctx_get_output_buffer(nft);
    (void)nft_ctx_get_error_buffer(nft);
    json_t *root = rc == 0 && output != NULL ? json_loads(output, 0, NULL) : NULL;
    *ret_open = false;
    json_array_foreach(json_object_get(root, "nftables"), i, entry) {
        json_t *set = json_object_get(entry, "set");
        const char *name = json_string_value(json_object_get(set, "name"));
        if (name == NULL || !text_equal(name, "open")) {
            continue;
        }
        json_array_foreach(json_object_get(set, "elem"), j, element) {
            *ret_open = true;
            good = good && json_object_get(json_object_get(element, "elem"), "expires") != NULL;
        }
        (void)json_object_del(set, "elem");
    }
    char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    good = good && text != NULL;
    *ret_sum = good ? crc32_of(text, strlen(text)) : 0;
    free(text);
    json_decref(root);
    return good;
}

enum err gate_install(const struct gate_conf *conf, struct text256 *reterr) {
    static char text[GATE_TEXT_SIZE];
    static const char anew[] = "table inet drover { }\ndelete table inet drover\n";
    char ports[512], sources[3072], destinations[3072], uids[1024];
    bool open;
    if (nft == NULL) {
        nft = nft_ctx_new(NFT_CTX_DEFAULT);
        bool buffered =
            nft != NULL && nft_ctx_buffer_error(nft) == 0 && nft_ctx_buffer_output(nft) == 0;
        ensure(buffered);
    }
    ports_text(conf, "", ports, sizeof ports);
    exempt_text(conf, "saddr", sources, sizeof sources);
    exempt_text(conf, "daddr", destinations, sizeof destinations);
    exempt_text(conf, NULL, uids, sizeof uids);
    (void)text_copy(text, sizeof text, anew);
    char *plain = text + sizeof anew - 1;
    bool fits = text_format(plain, sizeof text - sizeof anew, install_text, ports, sources, ports,
                            ports, destinations, uids);
    ensure(fits);
    enum err err = run(plain, reterr);
    /* A set or chain of that name and another kind, or an element without an end, is not ours: the
     * table goes, and the elements of a lease with it. */
    if (err != ERR_OK || !look(&expected, &open)) {
        err = run(text, reterr);
    }
    if (err == ERR_OK && !look(&expected, &open)) {
        text_say(reterr, "nftables: the gate was made and cannot be read back");
        err = ERR_IO;
    }
    return err;
}

/* A second `add` does not refresh an element's time; add, delete and add in one transaction does,
 * and the port is never shut in between. */
enum err gate_open_for(const struct gate_conf *conf, uint32_t open_ms, struct text256 *reterr) {
    char text[2048], behind[32], timed[640], plain[512];
    ensure(open_ms > 0);
    (void)text_format(behind, sizeof behind, " timeout %ums", open_ms);
    ports_text(conf, behind, timed, sizeof timed);
    ports_text(conf, "", plain, sizeof plain);
    bool fits = text_format(text, sizeof text,
                            "add element inet drover open %s\n"
                            "delete element inet drover open %s\n"
                            "add element inet drover open %s\n",
                            timed, plain, timed);
    ensure(fits);
    return run(text, reterr);
}

enum err gate_shut(struct text256 *reterr) {
    return run("flush set inet drover open\n", reterr);
}

enum gate_state gate_read(void) {
    uint32_t sum = 0;
    bool open = false;
    if (!look(&sum, &open) || sum != expected) {
        return GATE_ABSENT;
    }
    return open ? GATE_OPEN : GATE_SHUT;
}
