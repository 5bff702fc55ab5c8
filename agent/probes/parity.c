/* parity: two configurations that must be the same are (the ingress of two regions, say), read as
 * text by HTTP or from a file; comment lines, empty lines and space at the ends do not count. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parse.h"
#include "agent/probes/reading.h"
#include "agent/probes/web.h"

#define TEXT_SIZE 262144

static const struct parameter parameters[] = {
    {.name = "url", .type = PARAMETER_URL},
    {.name = "file", .type = PARAMETER_PATH},
    {.name = "peer_url", .type = PARAMETER_URL, .needed = true},
    {.name = "ca", .type = PARAMETER_PATH},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
    {.name = "token_ref", .type = PARAMETER_NAME},
    {.name = "tls", .type = PARAMETER_CHOICE, .choices = "|1.2|1.3|"},
};

enum err parity_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    bool has_file = arguments_get(arguments, "file") != NULL;
    bool has_url = arguments_get(arguments, "url") != NULL;
    if (err == ERR_OK && !has_file && !has_url) {
        text_say(reterr, "argument url or file is missing");
        return ERR_CONFIG;
    }
    return err;
}

/* False: *ret_reading says why. Nothing that could make the agent wait is opened. */
static bool file_read(const char *path, char text[TEXT_SIZE], struct reading *ret_reading) {
    struct stat seen;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &seen) != 0 || !S_ISREG(seen.st_mode)) {
        *ret_reading = reading_failed(ERR_IO, "%.50s: %s", path,
                                      fd < 0 ? strerror(errno) : "not a regular file");
        if (fd >= 0) {
            (void)close(fd);
        }
        return false;
    }
    size_t n = 0;
    ssize_t got = 1;
    while (got > 0 && n < TEXT_SIZE - 1) {
        got = read(fd, text + n, TEXT_SIZE - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    (void)close(fd);
    text[n] = '\0';
    if (got != 0) {
        *ret_reading = reading_failed(got < 0 ? ERR_IO : ERR_TOO_BIG, "%.50s: %s", path,
                                      got < 0 ? strerror(errno) : "too long");
        return false;
    }
    return true;
}

static bool url_read(const struct probe_input *input, const char *name, char text[TEXT_SIZE],
                     struct reading *ret_reading) {
    struct http_sync_answer answer;
    struct service_request request = {.whole_url = arguments_get(input->arguments, name)};
    if (!web_ask(input, &request, text, TEXT_SIZE, &answer, ret_reading)) {
        return false;
    }
    if (answer.status != 200) {
        *ret_reading = reading_judged(false, "%s: status %ld", name, answer.status);
        ret_reading->value = -1;
        return false;
    }
    return true;
}

struct reading parity_run(const struct probe_input *input) {
    char *ours = malloc(TEXT_SIZE), *theirs = malloc(TEXT_SIZE);
    const char *path = arguments_get(input->arguments, "file");
    struct reading reading = reading_failed(ERR_NO_MEMORY, "no memory for two configurations");
    bool have =
        ours != NULL && theirs != NULL &&
        (path != NULL ? file_read(path, ours, &reading) : url_read(input, "url", ours, &reading)) &&
        url_read(input, "peer_url", theirs, &reading);
    if (have) {
        unsigned lines_n = 0;
        unsigned line = lines_differ(ours, theirs, &lines_n);
        if (lines_n == 0) {
            reading = reading_failed(ERR_NOT_FOUND, "both are empty: nothing is known");
        } else if (line == 0) {
            reading = reading_judged(true, "the same %u lines", lines_n);
        } else {
            reading = reading_judged(false, "they differ from line %u of ours on", line);
            reading.value = line;
        }
    }
    free(ours);
    free(theirs);
    return reading;
}
