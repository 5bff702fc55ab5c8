/* drover-coordinator: one member of the group that decides. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/log.h"
#include "common/io/secrets.h"
#include "coordinator/member.h"

static struct coordinator coordinator;
static struct coordinator_conf conf;

static void on_ensure(const char *expression, const char *file, int line) {
    log_event(LOG_CRIT, "ensure.failed", "at=%s:%d \"%s\"", file, line, expression);
}

static void on_signal(uv_signal_t *signal, int number) {
    struct coordinator *member = signal->data;
    log_event(LOG_NOTICE, "member.stopping", "signal=%d", number);
    member_stop(member);
    uv_stop(member->loop);
}

static int usage(FILE *to, int code) {
    (void)fprintf(to, "usage: drover-coordinator --config FILE [--check]\n"
                      "  --config FILE  coordinator.conf of this member\n"
                      "  --check        read and check the configuration, then exit\n");
    return code;
}

static int run(uv_loop_t *loop) {
    struct text256 why = {{0}};
    uv_signal_t signals[2];
    const int numbers[2] = {SIGTERM, SIGINT};
    if (member_start(&coordinator, loop, &conf, &why) != ERR_OK) {
        log_event(LOG_CRIT, "member.start", "%s", why.at);
        return EXIT_FAILURE;
    }
    for (unsigned i = 0; i < 2; i++) {
        (void)uv_signal_init(loop, &signals[i]);
        signals[i].data = &coordinator;
        (void)uv_signal_start(&signals[i], on_signal, numbers[i]);
    }
    (void)uv_run(loop, UV_RUN_DEFAULT);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, 'k'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;
    bool check = false;
    struct text256 why = {{0}};
    int option;
    secrets_protect_process();
    ensure_hook = on_ensure;
    (void)signal(SIGPIPE, SIG_IGN);
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (option == 'c') {
            path = optarg;
        } else if (option == 'k') {
            check = true;
        } else {
            return option == 'h' ? usage(stdout, 0) : usage(stderr, 2);
        }
    }
    if (path == NULL || optind != argc) {
        return usage(stderr, 2);
    }
    if (coordinator_conf_read(path, &conf, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.at);
        return 2;
    }
    return check ? EXIT_SUCCESS : run(uv_default_loop());
}
