/* exec: runs a program of the agent's own exec directory: a bare name, no path, no shell,
 * nothing that anybody but root or the agent's user could have put there. With observe=yes the
 * same program, called with "observe" before its arguments, says by exit code 0 whether the
 * wished state holds. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/actions/act.h"
#include "agent/actions/actions.h"
#include "common/io/spawn.h"

#define PROGRAM_ARGS_MAX 8

static const char *const arg_names[PROGRAM_ARGS_MAX] = {"arg1", "arg2", "arg3", "arg4",
                                                        "arg5", "arg6", "arg7", "arg8"};

static enum err exec_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_EXEC, arguments, reterr);
}

static bool mode_is_safe(const struct stat *status) {
    return (status->st_uid == 0 || status->st_uid == geteuid()) && (status->st_mode & 022) == 0;
}

/* The directory and the file as they are now: nobody else can change them between here and the
 * exec. */
static enum err program_check(const char *directory, const char *program, struct text256 *reterr) {
    struct stat status;
    if (stat(directory, &status) != 0 || !S_ISDIR(status.st_mode) || !mode_is_safe(&status)) {
        text_say(reterr, "the exec directory must be root's or ours, writable by nobody else");
        return ERR_DENIED;
    }
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        text_say(reterr, "the exec directory cannot be opened");
        return ERR_DENIED;
    }
    int found = fstatat(fd, program, &status, AT_SYMLINK_NOFOLLOW);
    (void)close(fd);
    if (found != 0) {
        text_say(reterr, "no program %.60s in the exec directory", program);
        return ERR_NOT_FOUND;
    }
    if (!S_ISREG(status.st_mode) || !mode_is_safe(&status) || (status.st_mode & 0111) == 0) {
        text_say(reterr,
                 "%.60s must be a plain executable file of root or ours, writable by "
                 "nobody else",
                 program);
        return ERR_DENIED;
    }
    return ERR_OK;
}

struct program {
    const struct action_input *input;
    char path[SECRET_PATH_SIZE + NAME_SIZE];
    char output[1024], errors[1024];
    struct text256 why;
};

/* *ret_code: 0..255, or 128 + n for an end by signal n. */
static enum err program_run(struct program *program, bool observe, int *ret_code) {
    const struct action_input *input = program->input;
    char texts[4][64];
    const char *argv[PROGRAM_ARGS_MAX + 3];
    size_t n = 0;
    argv[n++] = program->path;
    if (observe) {
        argv[n++] = "observe";
    }
    for (size_t i = 0; i < PROGRAM_ARGS_MAX; i++) {
        const char *value = arg_text(input->arguments, arg_names[i], NULL);
        if (value == NULL) {
            break; /* a gap ends the list: positions would shift silently otherwise */
        }
        argv[n++] = value;
    }
    argv[n] = NULL;
    (void)text_format(texts[0], sizeof texts[0], "DROVER_EPOCH=%" PRIu64, input->epoch);
    (void)text_format(texts[1], sizeof texts[1], "DROVER_EXECUTION=%" PRIu64, input->execution);
    (void)text_format(texts[2], sizeof texts[2], "DROVER_STEP=%u-%u", (unsigned)input->step,
                      (unsigned)input->attempt);
    (void)text_format(texts[3], sizeof texts[3], "DROVER_REGION=%.31s", input->region);
    const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                       "LANG=C",
                                       texts[0],
                                       texts[1],
                                       texts[2],
                                       texts[3],
                                       NULL};
    struct spawn_input spawn = {.path = program->path,
                                .argv = argv,
                                .environment = environment,
                                .deadline_boot_ms = input->deadline_boot_ms,
                                .output = program->output,
                                .output_size = sizeof program->output,
                                .errors = program->errors,
                                .errors_size = sizeof program->errors};
    struct spawn_result result;
    enum err err = spawn_run(&spawn, &result, &program->why);
    if (err == ERR_OK) {
        *ret_code = result.exited ? result.exit_code : 128 + result.signal_number;
    }
    return err;
}

static struct action_result program_act(struct program *program, bool observe) {
    char line[110];
    int code = 0;
    enum err err = program_run(program, false, &code);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", program->why.at);
    }
    act_line(line, sizeof line, program->errors[0] != '\0' ? program->errors : program->output);
    if (code != 0) {
        return act_failed(ERR_FAILED, "exit code %d: %s", code, line);
    }
    if (observe) {
        err = program_run(program, true, &code);
        if (err != ERR_OK || code != 0) {
            return act_failed(err != ERR_OK ? err : ERR_FAILED,
                              "it ran, but its observe says %d: %s", code, line);
        }
    }
    return act_done(false, "exit code 0: %s", line);
}

static struct action_result exec_run(const struct action_input *input) {
    struct program program = {.input = input};
    bool observe = arg_yes(input->arguments, "observe", false);
    int code = 0;
    enum err err = exec_accepts(input->arguments, &program.why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", program.why.at);
    }
    const char *name = arg_text(input->arguments, "program", "");
    if (input->exec_directory == NULL || input->exec_directory[0] != '/') {
        return act_failed(ERR_DENIED, "this agent has no exec directory");
    }
    if (!text_format(program.path, sizeof program.path, "%s/%s", input->exec_directory, name)) {
        return act_failed(ERR_TOO_BIG, "the program's path is too long");
    }
    err = program_check(input->exec_directory, name, &program.why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", program.why.at);
    }
    if (observe) {
        err = program_run(&program, true, &code);
        if (err == ERR_OK && code == 0) {
            return act_done(true, "the wished state was there");
        }
    }
    if (input->observe_only) {
        return act_failed(ERR_FAILED, observe ? "the wished state is not seen"
                                              : "without observe nobody can tell whether it ran");
    }
    return program_act(&program, observe);
}

const struct action_kind_row row_exec = {
    .kind = ACTION_EXEC,
    .run = exec_run,
    .accepts = exec_accepts,
    .needs_lease = false,
    .arguments_help = "program (bare name in the agent's exec directory), arg1..arg8, observe=no",
    .by_hand =
        "as root on the agent's host: <exec directory>/{program} {arg1} {arg2} {arg3} {arg4} "
        "{arg5} {arg6} {arg7} {arg8}; its exit code must be 0",
};
