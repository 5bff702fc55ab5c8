/* What shows that a step was done: a text, or which file does. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/sign.h"
#include "coordinator/cli/cli.h"

#define FILE_BYTES_MAX (INT64_C(1) << 30)

/* The file's name without its directories: that is what people will look for. */
static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static bool file_digest(const char *path, uint8_t ret_digest[DIGEST_SIZE], long long *ret_size,
                        char *why, size_t why_size) {
    struct stat status;
    void *bytes = MAP_FAILED;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool fits = file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
                status.st_size > 0 && status.st_size <= FILE_BYTES_MAX;
    if (fits) {
        bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    }
    if (file < 0 || (fits && bytes == MAP_FAILED)) {
        (void)text_format(why, why_size, "cannot be read");
    } else if (!fits) {
        (void)text_format(why, why_size, "is not a file of 1 byte to 1 GiB");
    } else {
        digest_sha256(bytes, (size_t)status.st_size, ret_digest);
        *ret_size = status.st_size;
        (void)munmap(bytes, (size_t)status.st_size);
    }
    if (file >= 0) {
        (void)close(file);
    }
    return bytes != MAP_FAILED;
}

int evidence_take(const struct session *session, struct request *request) {
    const struct command_line *line = session->line;
    uint8_t digest[DIGEST_SIZE];
    char hex[2 * DIGEST_SIZE + 1], why[64] = "";
    long long size = 0;
    bool fits = true;
    if (line->evidence != NULL && line->evidence_file != NULL) {
        (void)fprintf(stderr, "drover %s: --evidence or --evidence-file, not both\n",
                      line->verb->name);
        return EXIT_USAGE;
    }
    if (line->evidence_file != NULL) {
        if (!file_digest(line->evidence_file, digest, &size, why, sizeof why)) {
            (void)fprintf(stderr, "drover %s: %s %s\n", line->verb->name, line->evidence_file, why);
            return EXIT_USAGE;
        }
        text_from_bytes(digest, sizeof digest, hex, sizeof hex);
        fits = text_format(request->evidence, sizeof request->evidence,
                           "file %s, %lld bytes, sha256 %s", base_name(line->evidence_file), size,
                           hex);
    } else if (line->evidence != NULL) {
        fits = line->evidence[0] != '\0' &&
               text_copy(request->evidence, sizeof request->evidence, line->evidence);
    }
    if (!fits) {
        (void)fprintf(stderr, "drover %s: evidence of 1 to %u characters is expected\n",
                      line->verb->name, EVIDENCE_SIZE - 1);
        return EXIT_USAGE;
    }
    return EXIT_OK;
}
