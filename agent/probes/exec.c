/* exec: a monitoring plugin (exit code 0 good, 1 warning, 2 bad, else unknown; first line of output
 * for people; first figure behind "|" as value). With restored_within, the longest age in seconds
 * of the last restore that was tested, that is the program's last word, and for it to judge. Only
 * programs that lie in the directory named by the agent itself can be run: the topology alone
 * cannot make an agent run anything. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/parse.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"
#include "common/io/spawn.h"

#define WORDS_MAX 24
#define OUTPUT_SIZE 4096
#define PATH_SIZE 512

static const struct parameter parameters[] = {
    {.name = "program", .type = PARAMETER_TEXT, .needed = true},
    {.name = "args", .type = PARAMETER_TEXT},
    {.name = "backup", .type = PARAMETER_NAME},
    {.name = "restored_within", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
};

static bool program_fits(const char *program) {
    if (program[0] == '.' || program[0] == '-' || strlen(program) >= NAME_SIZE * 2) {
        return false;
    }
    return program[0] != '\0' &&
           strspn(program, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
               strlen(program);
}

/* Splits at spaces, in place. False: too many. */
static bool words_split(char *text, const char *words[WORDS_MAX + 1], unsigned *words_n) {
    for (char *at = text; *at != '\0';) {
        at += strspn(at, " ");
        size_t n = strcspn(at, " ");
        if (n == 0) {
            break;
        }
        if (*words_n == WORDS_MAX) {
            return false;
        }
        words[(*words_n)++] = at;
        at += n;
        if (*at == ' ') {
            *at++ = '\0';
        }
    }
    words[*words_n] = NULL;
    return true;
}

static bool words_add(const char *word, const char *words[WORDS_MAX + 1], unsigned *words_n) {
    if (word == NULL) {
        return true;
    }
    if (*words_n == WORDS_MAX) {
        return false;
    }
    words[(*words_n)++] = word;
    words[*words_n] = NULL;
    return true;
}

enum err exec_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (!program_fits(arguments_get(arguments, "program"))) {
        text_say(reterr, "argument program: expected a bare file name, without a directory");
        return ERR_CONFIG;
    }
    char text[VALUE_SIZE];
    const char *words[WORDS_MAX + 1];
    unsigned words_n = 1;
    (void)text_copy(text, sizeof text, parameter_text(arguments, "args", ""));
    if (!words_split(text, words, &words_n) ||
        !words_add(arguments_get(arguments, "restored_within"), words, &words_n)) {
        text_say(reterr, "argument args: expected at most %d words", WORDS_MAX - 1);
        return ERR_CONFIG;
    }
    return ERR_OK;
}

/* A regular file that only its owner may have written. */
static enum err program_look(const char *path) {
    struct stat status;
    if (lstat(path, &status) != 0) {
        return ERR_NOT_FOUND;
    }
    return S_ISREG(status.st_mode) && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 ? ERR_OK
                                                                                  : ERR_DENIED;
}

static struct reading judge(const struct spawn_result *result, const char *output) {
    struct plugin_line line;
    struct reading reading;
    plugin_parse(output, &line);
    const char *text = line.text[0] != '\0' ? line.text : "no output";
    if (!result->exited) {
        return reading_failed(ERR_FAILED, "ended by signal %d", result->signal_number);
    }
    if (result->exit_code < 0 || result->exit_code > 2) {
        return reading_failed(ERR_FAILED, "exit code %d: %.70s", result->exit_code, text);
    }
    reading = reading_judged(result->exit_code < 2, "%s", text);
    reading.value = line.has_value ? line.value : 0;
    if (result->exit_code == 1) {
        reading_warn(&reading);
    }
    return reading;
}

struct reading exec_run(const struct probe_input *input) {
    const char *program = arguments_get(input->arguments, "program");
    char path[PATH_SIZE];
    char text[VALUE_SIZE];
    char output[OUTPUT_SIZE];
    const char *words[WORDS_MAX + 1] = {path};
    unsigned words_n = 1;
    uint64_t start_ms = clock_boot_ms();
    if (input->exec_directory == NULL || input->exec_directory[0] != '/') {
        return reading_failed(ERR_DENIED, "this agent's configuration allows no programs");
    }
    (void)text_copy(text, sizeof text, parameter_text(input->arguments, "args", ""));
    if (!program_fits(program) || !words_split(text, words, &words_n) ||
        !words_add(arguments_get(input->arguments, "restored_within"), words, &words_n) ||
        !text_format(path, sizeof path, "%s/%s", input->exec_directory, program)) {
        return reading_failed(ERR_CONFIG, "program or args are not well formed");
    }
    enum err err = program_look(path);
    if (err != ERR_OK) {
        return reading_failed(err, "%.40s: %s", program,
                              err == ERR_DENIED ? "others may write it, or it is a link"
                                                : err_text(err));
    }
    struct spawn_input spawn = {.path = path,
                                .argv = words,
                                .deadline_boot_ms = input->deadline_boot_ms,
                                .file_bytes_max = 16 * 1024 * 1024,
                                .output = output,
                                .output_size = sizeof output};
    struct spawn_result result;
    struct text256 why = {""};
    err = spawn_run(&spawn, &result, &why);
    if (err != ERR_OK) {
        return reading_failed(err, "%.40s: %s", program, err_text(err));
    }
    struct reading reading = judge(&result, output);
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
