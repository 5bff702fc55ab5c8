/* A second person's word for the topology that begins a lost log anew (docs/recovery.md): made by
 * one operator as a line of text, given along by another one's `config apply`. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/sign.h"
#include "common/io/topology_read.h"
#include "coordinator/cli/cli.h"
#include "proto/canon.h"

#define WORD_LIFE_MS (60 * UINT64_C(60000)) /* people hand it to each other */
#define WORD_FORM "drover/second/v1"
#define WORD_SIZE 512

static void show(const struct session *session, const struct topology *topology,
                 const struct second *second, const uint8_t digest[DIGEST_SIZE]) {
    char hex[2 * DIGEST_SIZE + 1], signature[2 * SIGNATURE_SIZE + 1];
    text_from_bytes(digest, DIGEST_SIZE, hex, sizeof hex);
    text_from_bytes(second->signature, SIGNATURE_SIZE, signature, sizeof signature);
    if (session->line->json) {
        json_t *json = json_pack(
            "{s:s,s:s,s:I,s:s,s:s,s:I,s:s}", "cluster", topology->cluster, "operator", second->name,
            "not_after_wall_ms", (json_int_t)second->not_after_wall_ms, "signature", signature,
            "sha256", hex, "initial_epoch", (json_int_t)topology_initial_epoch(topology),
            "initial_region", topology->regions[topology->initial_region].name);
        show_json(json);
        json_decref(json);
        return;
    }
    (void)fprintf(stderr,
                  "%s signs for cluster %s: a log that begins at epoch %" PRIu64 " for %s.\n"
                  "The file's SHA-256 is %s; the word is good for one hour.\n"
                  "Give the line below to whoever runs: drover config apply FILE --second WORD\n",
                  second->name, topology->cluster, topology_initial_epoch(topology),
                  topology->regions[topology->initial_region].name, hex);
    (void)printf("%s %s %" PRIu64 " %s\n", WORD_FORM, second->name, second->not_after_wall_ms,
                 signature);
}

int countersign_run(struct session *session) {
    static char text[TOPOLOGY_BYTES_MAX + 1];
    static struct topology topology;
    uint8_t canon[CANON_MAX], digest[DIGEST_SIZE];
    struct second second = {.not_after_wall_ms = clock_wall_ms() + WORD_LIFE_MS};
    struct text256 why = {{0}};
    const char *path = session->line->words[0];
    size_t size = 0;
    int code = local_sound_file(session, text, &size);
    if (code != EXIT_OK) {
        return code;
    }
    if (topology_read(text, size, path, &topology, &why) != ERR_OK) {
        (void)fprintf(stderr, "drover config countersign: %s\n", why.at);
        return EXIT_USAGE;
    }
    if (topology.await_initial_epoch || !text_equal(topology.cluster, session->pins->cluster)) {
        (void)fprintf(stderr,
                      "drover config countersign: %s: expected a topology of cluster %s "
                      "that begins a log, with initial_epoch instead of "
                      "await_initial_epoch\n",
                      path, session->pins->cluster);
        return EXIT_USAGE;
    }
    (void)text_copy(second.name, NAME_SIZE, session->keys.name);
    digest_sha256((const uint8_t *)text, size, digest);
    size_t canon_size = canon_second(session->pins->cluster, &second, digest, canon);
    if (sign_bytes(session->keys.sign_secret, canon, canon_size, second.signature) != ERR_OK) {
        (void)fprintf(stderr, "drover config countersign: cannot sign\n");
        return EXIT_BROKEN;
    }
    show(session, &topology, &second, digest);
    return EXIT_OK;
}

/* "drover/second/v1 NAME NOT_AFTER_MS SIGNATURE", as printed above. */
static bool word_read(const char *text, struct second *ret_second) {
    char form[32], name[NAME_SIZE], signature[2 * SIGNATURE_SIZE + 1], more[2];
    uint64_t not_after_ms = 0;
    /* NAME_SIZE is 32, a signature has 128 digits. */
    int n =
        sscanf(text, "%31s %31s %" SCNu64 " %128s %1s", form, name, &not_after_ms, signature, more);
    memset(ret_second, 0, sizeof *ret_second);
    ret_second->not_after_wall_ms = not_after_ms;
    return n == 4 && text_equal(form, WORD_FORM) && text_is_name(name, NAME_SIZE) &&
           text_copy(ret_second->name, NAME_SIZE, name) &&
           text_to_bytes(signature, ret_second->signature, SIGNATURE_SIZE);
}

int countersign_take(const struct session *session, struct request *request) {
    char text[WORD_SIZE];
    struct text256 why = {{0}};
    size_t size = 0;
    const char *path = session->line->second;
    if (path == NULL) {
        return EXIT_OK;
    }
    if (file_read(path, text, sizeof text, &size, &why) != ERR_OK) {
        (void)fprintf(stderr, "drover config apply: --second: %s\n", why.at);
        return EXIT_USAGE;
    }
    if (!word_read(text, &request->second)) {
        (void)fprintf(stderr,
                      "drover config apply: --second %s: expected the one line that "
                      "drover config countersign printed\n",
                      path);
        return EXIT_USAGE;
    }
    return EXIT_OK;
}
