/* fence_agent: a machine switched off, or on, by one of the fence agents as Debian ships them. The
 * step says which device and which state; the program, where the device is and its password are
 * this machine's own file (agent.conf, fence_devices), so that nobody far away can make it switch
 * anything else. Their protocol: name=value lines on standard input, never arguments, which all may
 * read; `status` ends with 0 for on and 2 for off. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/actions/act.h"
#include "agent/actions/actions.h"
#include "common/io/spawn.h"

#define STATUS_ON 0
#define STATUS_OFF 2
#define STATUS_SHARE 3 /* of the time left, for the first look */
#define LOOK_EVERY_MS 500

struct fence {
    const struct action_input *input;
    const struct fence_device *device;
    const char *state; /* "off" or "on" */
    char told[SPAWN_INPUT_MAX];
    char output[1024], errors[1024];
    struct text256 why;
};

static enum err fence_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_FENCE_AGENT, arguments, reterr);
}

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

static enum err device_find(struct fence *fence) {
    const char *name = arg_text(fence->input->arguments, "device", "");
    for (uint8_t i = 0; i < fence->input->fence_devices_n; i++) {
        if (text_equal(fence->input->fence_devices[i].name, name)) {
            fence->device = &fence->input->fence_devices[i];
            return program_check(fence->device->program, &fence->why);
        }
    }
    text_say(&fence->why, "this agent has no fence device \"%.60s\" in its own file", name);
    return ERR_DENIED;
}

static bool line_tell(struct fence *fence, const char *name, size_t name_n, const char *value) {
    char line[NAME_SIZE + SECRET_SIZE + 8];
    bool whole = strpbrk(value, "\r\n") == NULL &&
                 text_format(line, sizeof line, "%.*s=%s\n", (int)name_n, name, value) &&
                 text_append(fence->told, sizeof fence->told, line);
    explicit_bzero(line, sizeof line);
    return whole;
}

/* password_ref = "x" is told as password=, and the secret x. */
static enum err option_tell(struct fence *fence, const struct argument *option) {
    char secret[SECRET_SIZE];
    size_t name_n = strlen(option->name);
    bool refers = name_n > 4 && text_equal(option->name + name_n - 4, "_ref");
    bool told = false;
    if (!refers) {
        told = line_tell(fence, option->name, name_n, option->value);
    } else {
        enum err err = secret_get(fence->input->secrets, option->value, secret);
        if (err != ERR_OK) {
            text_say(&fence->why, "secret \"%.31s\": %s", option->value, err_text(err));
            return err;
        }
        told = line_tell(fence, option->name, name_n - 4, secret);
        secret_wipe(secret);
    }
    if (!told) {
        text_say(&fence->why, "option \"%.31s\" of the device is too long or not one line",
                 option->name);
    }
    return told ? ERR_OK : ERR_CONFIG;
}

/* One run; *ret_code is its exit code. */
static enum err device_ask(struct fence *fence, const char *action, uint64_t deadline_boot_ms,
                           int *ret_code) {
    const char *const argv[] = {fence->device->program, NULL};
    fence->told[0] = '\0';
    enum err err = ERR_OK;
    for (uint8_t i = 0; i < fence->device->options.n && err == ERR_OK; i++) {
        err = option_tell(fence, &fence->device->options.at[i]);
    }
    if (err == ERR_OK && !line_tell(fence, "action", 6, action)) {
        err = ERR_TOO_BIG;
    }
    struct spawn_input spawn = {.path = fence->device->program,
                                .argv = argv,
                                .deadline_boot_ms = deadline_boot_ms,
                                .input = fence->told,
                                .input_size = strlen(fence->told),
                                .output = fence->output,
                                .output_size = sizeof fence->output,
                                .errors = fence->errors,
                                .errors_size = sizeof fence->errors};
    struct spawn_result result;
    if (err == ERR_OK) {
        err = spawn_run(&spawn, &result, &fence->why);
    }
    explicit_bzero(fence->told, sizeof fence->told);
    if (err == ERR_OK) {
        *ret_code = result.exited ? result.exit_code : 128 + result.signal_number;
    }
    return err;
}

/* Its last line of errors, which says most; unless it repeats a secret. */
static void device_words(struct fence *fence, char *ret_line, size_t line_size) {
    char secret[SECRET_SIZE];
    const char *said = fence->errors[0] != '\0' ? fence->errors : fence->output;
    for (uint8_t i = 0; i < fence->device->options.n; i++) {
        const struct argument *option = &fence->device->options.at[i];
        size_t n = strlen(option->name);
        if (n > 4 && text_equal(option->name + n - 4, "_ref") &&
            secret_get(fence->input->secrets, option->value, secret) == ERR_OK) {
            said = secret[0] != '\0' && strstr(said, secret) != NULL ? "(it tells a secret)" : said;
            secret_wipe(secret);
        }
    }
    const char *last = said;
    for (const char *at = said; at != NULL && *at != '\0'; at = strchr(at, '\n')) {
        at += *at == '\n';
        last = *at != '\0' && *at != '\n' ? at : last;
    }
    act_line(ret_line, line_size, last);
}

/* FAILED: it cannot tell. */
static enum err device_look(struct fence *fence, uint64_t deadline_boot_ms, bool *ret_there) {
    char line[100];
    int code = 0;
    enum err err = device_ask(fence, "status", deadline_boot_ms, &code);
    if (err != ERR_OK) {
        return err;
    }
    if (code != STATUS_ON && code != STATUS_OFF) {
        device_words(fence, line, sizeof line);
        text_say(&fence->why, "status ends with %d: %s", code, line);
        return ERR_FAILED;
    }
    *ret_there = (code == STATUS_ON) == text_equal(fence->state, "on");
    return ERR_OK;
}

static struct action_result device_switch(struct fence *fence) {
    char line[100];
    int code = 0;
    uint64_t deadline_boot_ms = fence->input->deadline_boot_ms;
    enum err err = device_ask(fence, fence->state, deadline_boot_ms, &code);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", fence->why.at);
    }
    if (code != 0) {
        device_words(fence, line, sizeof line);
        return act_failed(ERR_FAILED, "%s ends with %d: %s", fence->state, code, line);
    }
    for (bool there = false;;) {
        err = device_look(fence, deadline_boot_ms, &there);
        if (err != ERR_OK) {
            return act_failed(err, "it was switched, and then: %.110s", fence->why.at);
        }
        if (there) {
            return act_done(false, "%s is %s, by its own status", fence->device->name,
                            fence->state);
        }
        if (!act_pause(LOOK_EVERY_MS, deadline_boot_ms)) {
            return act_failed(ERR_TIMEOUT, "it was switched, but its status does not say %s",
                              fence->state);
        }
    }
}

static struct action_result fence_run(const struct action_input *input) {
    struct fence fence = {.input = input, .state = arg_text(input->arguments, "state", "off")};
    bool there = false;
    enum err err = fence_accepts(input->arguments, &fence.why);
    if (err == ERR_OK) {
        err = device_find(&fence);
    }
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", fence.why.at);
    }
    uint32_t share_ms = act_left_ms(input->deadline_boot_ms) / STATUS_SHARE;
    err = device_look(&fence, act_within(share_ms, input->deadline_boot_ms), &there);
    if (err == ERR_OK && there) {
        return act_done(true, "%s is %s, by its own status", fence.device->name, fence.state);
    }
    if (input->observe_only) {
        return act_failed(err != ERR_OK ? err : ERR_FAILED, "%s is not %s: %.80s",
                          fence.device->name, fence.state, fence.why.at);
    }
    if (err == ERR_CONFIG || err == ERR_NOT_FOUND || err == ERR_DENIED || err == ERR_TOO_BIG) {
        return act_failed(err, "%.150s", fence.why.at);
    }
    return device_switch(&fence); /* a device that cannot tell its state may still be switched */
}

const struct action_kind_row row_fence_agent = {
    .kind = ACTION_FENCE_AGENT,
    .run = fence_run,
    .accepts = fence_accepts,
    .needs_lease = false,
    .arguments_help = "device (a name of fence_devices in agent.conf), state=off|on",
    .by_hand = "on the agent's host, with the options of its agent.conf for {device}: <program> -o "
               "{state}; then <program> -o status",
};
