#include "common/io/fence_device.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/spawn.h"

struct talk {
    const struct fence_device *device;
    const struct secrets *secrets;
    char told[SPAWN_INPUT_MAX];
    char output[1024], errors[1024];
};

/* Links are followed (fence_ilo is one to fence_ipmilan): the path is this machine's own word. */
static enum err program_check(const char *path, struct text256 *reterr) {
    struct stat status;
    if (stat(path, &status) != 0) {
        text_say(reterr, "no program %.100s: is the package fence-agents there?", path);
        return ERR_NOT_FOUND;
    }
    if (!S_ISREG(status.st_mode) || (status.st_uid != 0 && status.st_uid != geteuid()) ||
        (status.st_mode & 022) != 0) {
        text_say(reterr, "%.100s must be a file of root or ours, writable by nobody else", path);
        return ERR_DENIED;
    }
    return ERR_OK;
}

enum err fence_device_find(const struct fence_device *devices, uint8_t devices_n, const char *name,
                           const struct fence_device **ret_device, struct text256 *reterr) {
    for (uint8_t i = 0; i < devices_n; i++) {
        if (text_equal(devices[i].name, name)) {
            *ret_device = &devices[i];
            return program_check(devices[i].program, reterr);
        }
    }
    text_say(reterr, "this agent has no fence device \"%.60s\" in its own file", name);
    return ERR_DENIED;
}

static bool line_tell(struct talk *talk, const char *name, size_t name_n, const char *value) {
    char line[NAME_SIZE + SECRET_SIZE + 8];
    bool whole = strpbrk(value, "\r\n") == NULL &&
                 text_format(line, sizeof line, "%.*s=%s\n", (int)name_n, name, value) &&
                 text_append(talk->told, sizeof talk->told, line);
    explicit_bzero(line, sizeof line);
    return whole;
}

static bool option_refers(const struct argument *option) {
    size_t n = strlen(option->name);
    return n > 4 && text_equal(option->name + n - 4, "_ref");
}

/* password_ref = "x" is told as password=, and the secret x. */
static enum err option_tell(struct talk *talk, const struct argument *option,
                            struct text256 *reterr) {
    char secret[SECRET_SIZE];
    size_t name_n = strlen(option->name);
    bool told = false;
    if (!option_refers(option)) {
        told = line_tell(talk, option->name, name_n, option->value);
    } else {
        enum err err = secret_get(talk->secrets, option->value, secret);
        if (err != ERR_OK) {
            text_say(reterr, "secret \"%.31s\": %s", option->value, err_text(err));
            return err;
        }
        told = line_tell(talk, option->name, name_n - 4, secret);
        secret_wipe(secret);
    }
    if (!told) {
        text_say(reterr, "option \"%.31s\" of the device is too long or not one line",
                 option->name);
    }
    return told ? ERR_OK : ERR_CONFIG;
}

/* Its last line of errors, which says most; unless it repeats a secret. */
static void words_take(const struct talk *talk, char ret_words[FENCE_WORDS_SIZE]) {
    char secret[SECRET_SIZE];
    const char *said = talk->errors[0] != '\0' ? talk->errors : talk->output;
    for (uint8_t i = 0; i < talk->device->options.n; i++) {
        const struct argument *option = &talk->device->options.at[i];
        if (option_refers(option) && secret_get(talk->secrets, option->value, secret) == ERR_OK) {
            said = secret[0] != '\0' && strstr(said, secret) != NULL ? "(it tells a secret)" : said;
            secret_wipe(secret);
        }
    }
    const char *last = said;
    for (const char *at = said; at != NULL && *at != '\0'; at = strchr(at, '\n')) {
        at += *at == '\n';
        last = *at != '\0' && *at != '\n' ? at : last;
    }
    const char *behind_time = strstr(last, "ERROR: "); /* they begin with the time of day */
    (void)text_copy(ret_words, FENCE_WORDS_SIZE, behind_time != NULL ? behind_time : last);
    ret_words[strcspn(ret_words, "\r\n")] = '\0';
}

enum err fence_device_ask(const struct fence_device *device, const struct secrets *secrets,
                          const char *action, uint64_t deadline_boot_ms, int *ret_code,
                          char ret_words[FENCE_WORDS_SIZE], struct text256 *reterr) {
    struct talk talk = {.device = device, .secrets = secrets};
    const char *const argv[] = {device->program, NULL};
    enum err err = ERR_OK;
    for (uint8_t i = 0; i < device->options.n && err == ERR_OK; i++) {
        err = option_tell(&talk, &device->options.at[i], reterr);
    }
    if (err == ERR_OK && !line_tell(&talk, "action", 6, action)) {
        text_say(reterr, "the options of the device are too long");
        err = ERR_TOO_BIG;
    }
    struct spawn_input spawn = {.path = device->program,
                                .argv = argv,
                                .deadline_boot_ms = deadline_boot_ms,
                                .input = talk.told,
                                .input_size = strlen(talk.told),
                                .output = talk.output,
                                .output_size = sizeof talk.output,
                                .errors = talk.errors,
                                .errors_size = sizeof talk.errors};
    struct spawn_result result;
    if (err == ERR_OK) {
        err = spawn_run(&spawn, &result, reterr);
    }
    if (err == ERR_OK) {
        *ret_code = result.exited ? result.exit_code : 128 + result.signal_number;
        words_take(&talk, ret_words);
    }
    explicit_bzero(&talk, sizeof talk);
    return err;
}
