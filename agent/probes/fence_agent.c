/* fence_agent: a machine's power switch, asked by the very program and login that a fence_agent
 * step would switch it with, and not switched (fence_device.h). The check says which device; all
 * else is this machine's own file. */
#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"
#include "common/io/fence_device.h"

static const struct parameter parameters[] = {
    {.name = "device", .type = PARAMETER_NAME, .needed = true},
    {.name = "expect", .type = PARAMETER_CHOICE, .choices = "|on|off|any|"},
};

enum err fence_agent_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments,
                             reterr);
}

static struct reading judge(const struct arguments *arguments, int code, const char *words) {
    const char *device = parameter_text(arguments, "device", "");
    const char *expect = parameter_text(arguments, "expect", "any");
    if (code != FENCE_STATUS_ON && code != FENCE_STATUS_OFF) {
        return reading_judged(false, "status ends with %d: %.70s", code, words);
    }
    const char *state = code == FENCE_STATUS_ON ? "on" : "off";
    bool as_expected = text_equal(expect, "any") || text_equal(expect, state);
    struct reading reading =
        reading_judged(as_expected, "%.31s is %s, by its own status", device, state);
    reading.value = code == FENCE_STATUS_ON;
    return reading;
}

struct reading fence_agent_run(const struct probe_input *input) {
    uint64_t start_ms = clock_boot_ms();
    const struct fence_device *device = NULL;
    char words[FENCE_WORDS_SIZE] = "";
    struct text256 why = {""};
    struct reading reading;
    int code = 0;
    enum err err = fence_device_find(input->fence_devices, input->fence_devices_n,
                                     parameter_text(input->arguments, "device", ""), &device, &why);
    if (err == ERR_OK) {
        err = fence_device_ask(device, input->secrets, "status", input->deadline_boot_ms, &code,
                               words, &why);
    }
    if (err == ERR_OK) {
        reading = judge(input->arguments, code, words);
    } else {
        reading = reading_failed(err, "%.90s", why.at[0] != '\0' ? why.at : err_text(err));
        reading.value = -1;
    }
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
