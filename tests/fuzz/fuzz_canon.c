/* Certificates from anybody: what is read has one form only, so writing it gives the same bytes;
 * and everything that was read can be put into the statements that get signed. */
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "proto/canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct certificate certificate;
    uint8_t out[CERTIFICATE_BYTES_MAX];
    uint8_t statement[CANON_MAX];
    uint8_t *in = malloc(size + 1);
    ensure(in != NULL);
    memcpy(in, data, size);
    if (certificate_read(in, size, &certificate)) {
        size_t n = certificate_write(&certificate, out, sizeof out);
        ensure(n == size);
        ensure(memcmp(in, out, n) == 0);
        ensure(canon_question(&certificate.question, statement) > 0);
        for (size_t i = 0; i < certificate.answers_n; i++) {
            ensure(canon_answer(&certificate.question, &certificate.answers[i], statement) > 0);
        }
    }
    free(in);
    return 0;
}
