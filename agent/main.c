/* drover-agent: probes, reports, asks for the lease and carries out commands in its region. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "common/io/log.h"
#include "common/io/secrets.h"

#define STOP_MS 2000 /* for jobs under way when told to stop */

static struct agent_program program;
static struct agent_conf conf;

static void on_ensure(const char *expression, const char *file, int line) {
    log_event(LOG_CRIT, "ensure.failed", "at=%s:%d \"%s\"", file, line, expression);
}

static void on_signal(uv_signal_t *signal, int number) {
    struct agent_program *agent = signal->data;
    log_event(LOG_NOTICE, "agent.stopping", "signal=%d", number);
    agent_stop(agent);
    uv_stop(agent->loop);
}

static int usage(FILE *to, int code) {
    (void)fprintf(to, "usage: drover-agent --config FILE [--check]\n"
                      "  --config FILE  agent.conf of this agent\n"
                      "  --check        read and check the configuration, then exit\n");
    return code;
}

static int run(uv_loop_t *loop) {
    struct text256 why = {{0}};
    uv_signal_t signals[2];
    const int numbers[2] = {SIGTERM, SIGINT};
    if (agent_start(&program, loop, &conf, &why) != ERR_OK) {
        log_event(LOG_CRIT, "agent.start", "%s", why.at);
        return EXIT_FAILURE;
    }
    for (unsigned i = 0; i < 2; i++) {
        (void)uv_signal_init(loop, &signals[i]);
        signals[i].data = &program;
        (void)uv_signal_start(&signals[i], on_signal, numbers[i]);
    }
    (void)uv_run(loop, UV_RUN_DEFAULT);
    /* A hung target holds its worker for long. What it would say is of no use to anybody any more,
     * and a command's intent is on disk: then it ends as by kill -9, which every part stands. */
    if (!workers_wait(STOP_MS)) {
        _exit(EXIT_SUCCESS);
    }
    /* The pool's threads end here, before OpenSSL takes itself down in exit(): it clears up behind
     * each thread that ends, but only as long as it is there. */
    uv_library_shutdown();
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
    if (agent_conf_read(path, &conf, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.at);
        return 2;
    }
    if (check) {
        return EXIT_SUCCESS;
    }
    /* Read by libuv when its pool starts. */
    char workers[8];
    (void)text_format(workers, sizeof workers, "%u", conf.workers);
    (void)setenv("UV_THREADPOOL_SIZE", workers, 1);
    return run(uv_default_loop());
}
