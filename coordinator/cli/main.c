/* drover: reads its words, opens the operator's key and pins, runs the verb. */
#include <signal.h>
#include <stdlib.h>

#include "common/base/ensure.h"
#include "common/io/secrets.h"
#include "common/io/topology_read.h"
#include "coordinator/cli/cli.h"

static void on_ensure(const char *expression, const char *file, int line) {
    (void)fprintf(stderr, "drover: internal error at %s:%d: %s\n", file, line, expression);
}

static int session_open(struct session *session) {
    static struct topology pins;
    struct text256 why = {{0}};
    const char *path = session->line->config;
    path = path != NULL ? path : getenv("DROVER_CONFIG");
    path = path != NULL ? path : CONFIG_DEFAULT;
    session->pins = &pins;
    enum err err = cli_conf_read(path, &session->conf, &why);
    err = err != ERR_OK ? err : keys_read(session->conf.key, &session->keys, &why);
    err = err != ERR_OK ? err : topology_read_file(session->conf.pins, true, &pins, &why);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "drover: %s\n", why.at);
        return EXIT_USAGE;
    }
    if (session->keys.kind != KEY_OPERATOR) {
        (void)fprintf(stderr, "drover: %s is the key of a %s, not of an operator\n",
                      session->conf.key, key_kind_text((enum key_kind)session->keys.kind));
        return EXIT_USAGE;
    }
    if (session->line->at != NULL && topology_member(&pins, session->line->at) == NONE) {
        (void)fprintf(stderr, "drover: no member is called %s\n", session->line->at);
        return EXIT_USAGE;
    }
    return EXIT_OK;
}

static bool line_is_local(const struct command_line *line) {
    return line->verb->local == LOCAL_YES ||
           (line->verb->local == LOCAL_WITH_FILE && line->words_n == line->verb->words_max);
}

int main(int argc, char **argv) {
    static struct command_line line;
    static struct session session;
    secrets_protect_process();
    ensure_hook = on_ensure;
    (void)signal(SIGPIPE, SIG_IGN);
    int code = args_read(argc, argv, &line, stderr);
    if (code >= 0) {
        return code;
    }
    session.line = &line;
    code = line_is_local(&line) ? EXIT_OK : session_open(&session);
    if (code == EXIT_OK) {
        code = line.verb->run(&session);
    }
    client_close(&session);
    keys_wipe(&session.keys);
    return fflush(stdout) == 0 || code != EXIT_OK ? code : EXIT_BROKEN;
}
