#include "tests/integration/adversary/rogue.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/topology_read.h"

void rogue_say(const char *format, ...) {
    va_list list;
    va_start(list, format);
    (void)vprintf(format, list);
    va_end(list);
    (void)putchar('\n');
    (void)fflush(stdout);
}

const struct message *rogue_decode(struct rogue *rogue, const uint8_t *frame, size_t frame_size) {
    static struct message message;
    struct text256 why = {{0}};
    if (message_decode(frame, frame_size, rogue->scratch, SCRATCH_SIZE, &message, &why) != ERR_OK) {
        rogue_say("undecodable %s", why.at);
        return NULL;
    }
    return &message;
}

uint64_t rogue_number(const char *word) {
    uint64_t value = 0;
    bool good = text_to_u64(word, UINT64_MAX, &value);
    ensure(good);
    return value;
}

/* ------------------------------------------------------------------- stdin */

static struct rogue rogue;
static char line[4096];
static size_t line_n;

static void obey_line(void) {
    char *words[WORDS_MAX], *rest = line;
    unsigned words_n = 0;
    while (words_n < WORDS_MAX && (words[words_n] = strsep(&rest, " ")) != NULL) {
        words_n += words[words_n][0] != '\0';
    }
    if (words_n == 0) {
        return;
    }
    if (strcmp(words[0], "quit") == 0) {
        rogue_say("bye");
        exit(0);
    }
    if (!rogue.obey(&rogue, words_n, words)) {
        rogue_say("not understood: %s", words[0]);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    char bytes[1024];
    (void)poll;
    (void)events;
    ssize_t n = status < 0 ? -1 : read(STDIN_FILENO, bytes, sizeof bytes);
    if (n <= 0) {
        exit(0); /* the driver is gone */
    }
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] != '\n' && line_n + 1 < sizeof line) {
            line[line_n++] = bytes[i];
        } else if (bytes[i] == '\n') {
            line[line_n] = '\0';
            line_n = 0;
            obey_line();
        }
    }
}

static void on_notice(void *owner, const char *text) {
    (void)owner;
    rogue_say("notice %s", text);
}

/* -------------------------------------------------------------------- main */

static bool read_all(const char *key, const char *pins, const char *topology,
                     struct text256 *reterr) {
    rogue.pins = calloc(1, sizeof *rogue.pins);
    rogue.topology = calloc(1, sizeof *rogue.topology);
    rogue.scratch = malloc(SCRATCH_SIZE);
    rogue.inner_scratch = malloc(SCRATCH_SIZE);
    rogue.frame = malloc(FRAME_CONFIG_MAX);
    ensure(rogue.pins != NULL && rogue.topology != NULL && rogue.scratch != NULL &&
           rogue.inner_scratch != NULL && rogue.frame != NULL);
    return (key == NULL || keys_read(key, &rogue.keys, reterr) == ERR_OK) &&
           topology_read_file(pins, true, rogue.pins, reterr) == ERR_OK &&
           (topology == NULL ||
            topology_read_file(topology, false, rogue.topology, reterr) == ERR_OK);
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"key", required_argument, NULL, 'k'},
                                            {"pins", required_argument, NULL, 'p'},
                                            {"topology", required_argument, NULL, 't'},
                                            {"listen", required_argument, NULL, 'l'},
                                            {NULL, 0, NULL, 0}};
    const char *key = NULL, *pins = NULL, *topology = NULL;
    struct text256 why = {{0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        key = option == 'k' ? optarg : key;
        pins = option == 'p' ? optarg : pins;
        topology = option == 't' ? optarg : topology;
        rogue.listen = option == 'l' ? optarg : rogue.listen;
    }
    if (optind + 1 != argc || pins == NULL) {
        (void)fputs("usage: rogue member|agent|stranger --pins FILE [--key FILE] "
                    "[--topology FILE] [--listen ADDRESS]\n",
                    stderr);
        return 2;
    }
    rogue.loop = uv_default_loop();
    if (!read_all(key, pins, topology, &why) ||
        wire_open(rogue.loop, &rogue.wire, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.at);
        return 1;
    }
    wire_on_notice(rogue.wire, on_notice, NULL);
    const char *part = argv[optind];
    bool good = strcmp(part, "member") == 0     ? rogue_member_start(&rogue)
                : strcmp(part, "agent") == 0    ? rogue_agent_start(&rogue)
                : strcmp(part, "stranger") == 0 ? rogue_stranger_start(&rogue)
                                                : false;
    if (!good) {
        return 1;
    }
    static uv_poll_t input;
    (void)uv_poll_init(rogue.loop, &input, STDIN_FILENO);
    (void)uv_poll_start(&input, UV_READABLE, on_readable);
    rogue_say("ready");
    return uv_run(rogue.loop, UV_RUN_DEFAULT);
}
