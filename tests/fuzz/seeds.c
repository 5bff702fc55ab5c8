/* Writes seeds for the fuzzers: seeds converter|canon DIRECTORY. One valid input of each kind,
 * several times, small ones among them. */
#include <stdio.h>
#include <string.h>

#include "common/base/ensure.h"
#include "proto/canon.h"
#include "tests/unit/proto/random_message.h"

#define ROUNDS 12

static bool save(const char *directory, unsigned number, const uint8_t *bytes, size_t bytes_n) {
    char path[512];
    if (!text_format(path, sizeof path, "%s/seed-%03u", directory, number)) {
        return false;
    }
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return false;
    }
    bool good = fwrite(bytes, 1, bytes_n, file) == bytes_n;
    return fclose(file) == 0 && good;
}

static bool save_messages(const char *directory) {
    static struct random_space space;
    static struct message message;
    static uint8_t frame[FRAME_CONFIG_MAX];
    struct rng rng;
    unsigned saved_n = 0;
    rng_seed(&rng, 1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned kind = MESSAGE_QUESTION; kind <= MESSAGE_REPLY; kind++) {
            size_t n = 0;
            random_message(&rng, (enum message_kind)kind, &space, &message);
            if (kind == MESSAGE_REPORT) {
                message.report.checks_n = (uint16_t)rng_below(&rng, 4);
                enum err err =
                    report_body_encode(&message.report, space.body, sizeof space.body, &n);
                ensure(err == ERR_OK);
                message.signed_size = (uint32_t)n;
            }
            frame[0] = (uint8_t)(round < 8 ? 0 : rng_below(&rng, 8));
            enum err err = message_encode(&message, frame + 1, sizeof frame - 1, &n);
            ensure(err == ERR_OK);
            if (!save(directory, saved_n++, frame, n + 1)) {
                return false;
            }
        }
    }
    return true;
}

static bool save_certificates(const char *directory) {
    static struct certificate certificate;
    uint8_t bytes[CERTIFICATE_BYTES_MAX];
    struct rng rng;
    rng_seed(&rng, 2);
    for (unsigned round = 0; round < 3 * ROUNDS; round++) {
        random_certificate(&rng, &certificate);
        size_t n = certificate_write(&certificate, bytes, sizeof bytes);
        if (!save(directory, round, bytes, n)) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    bool good = argc == 3 && (strcmp(argv[1], "canon") == 0 ? save_certificates(argv[2])
                                                            : save_messages(argv[2]));
    if (!good) {
        (void)fputs("seeds converter|canon DIRECTORY\n", stderr);
    }
    return good ? 0 : 1;
}
