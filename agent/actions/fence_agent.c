/* fence_agent: a machine switched off, or on, by one of the fence agents as Debian ships them
 * (fence_device.h). The step says which device and which state; the program, where the device is
 * and its password are this machine's own file (agent.conf, fence_devices), so that nobody far away
 * can make it switch anything else. */
#include "agent/actions/act.h"
#include "agent/actions/actions.h"
#include "common/io/fence_device.h"

#define STATUS_SHARE 3 /* of the time left, for the first look */
#define LOOK_EVERY_MS 500

struct fence {
    const struct action_input *input;
    const struct fence_device *device;
    const char *state; /* "off" or "on" */
    char words[FENCE_WORDS_SIZE];
    struct text256 why;
};

static enum err fence_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_FENCE_AGENT, arguments, reterr);
}

static enum err device_ask(struct fence *fence, const char *action, uint64_t deadline_boot_ms,
                           int *ret_code) {
    return fence_device_ask(fence->device, fence->input->secrets, action, deadline_boot_ms,
                            ret_code, fence->words, &fence->why);
}

/* FAILED: it cannot tell. */
static enum err device_look(struct fence *fence, uint64_t deadline_boot_ms, bool *ret_there) {
    char line[100];
    int code = 0;
    enum err err = device_ask(fence, "status", deadline_boot_ms, &code);
    if (err != ERR_OK) {
        return err;
    }
    if (code != FENCE_STATUS_ON && code != FENCE_STATUS_OFF) {
        act_line(line, sizeof line, fence->words);
        text_say(&fence->why, "status ends with %d: %s", code, line);
        return ERR_FAILED;
    }
    *ret_there = (code == FENCE_STATUS_ON) == text_equal(fence->state, "on");
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
        act_line(line, sizeof line, fence->words);
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
        err =
            fence_device_find(input->fence_devices, input->fence_devices_n,
                              arg_text(input->arguments, "device", ""), &fence.device, &fence.why);
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
