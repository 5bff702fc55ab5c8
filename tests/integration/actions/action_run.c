/* action_run: runs one action as the agent would, for the rooms actions and actions_services.
 * Standard input has a line each: "action NAME", "arg NAME=VALUE", "secret NAME PATH", "epoch N",
 * "timeout_ms N", "region NAME", "cluster NAME", "plan NAME", "step_name NAME", "execution N",
 * "step N", "attempt N", "observe_only", "exec_directory PATH", "state_directory PATH",
 * "fence_device NAME PROGRAM" and its "fence_option NAME=VALUE". Standard output gets one JSON
 * object. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "agent/action.h"
#include "common/io/clock.h"
#include "common/io/secrets.h"

struct run_request {
    char action[64];
    char region[NAME_SIZE];
    char exec_directory[200], state_directory[200];
    char names[3][NAME_SIZE]; /* cluster, plan, step_name */
    struct arguments arguments;
    struct secrets secrets;
    struct action_input input;
    struct fence_device devices[FENCE_DEVICES_MAX];
};

static bool number_after(const char *line, const char *word, uint64_t *ret_value) {
    return text_starts(line, word) && text_to_u64(line + strlen(word), UINT64_MAX, ret_value);
}

static bool pair_read(const char *line, char separator, char *name, size_t name_size, char *value,
                      size_t value_size) {
    const char *at = strchr(line, separator);
    if (at == NULL || (size_t)(at - line) >= name_size) {
        return false;
    }
    memcpy(name, line, (size_t)(at - line));
    name[at - line] = '\0';
    return text_copy(value, value_size, at + 1);
}

static bool secret_read(struct run_request *request, const char *line) {
    struct secret_place *place = &request->secrets.at[request->secrets.n];
    if (request->secrets.n == SECRETS_MAX) {
        return false;
    }
    request->secrets.n++;
    return pair_read(line, ' ', place->name, sizeof place->name, place->path, sizeof place->path);
}

static bool argument_read(struct run_request *request, const char *line) {
    char name[NAME_SIZE], value[VALUE_SIZE];
    return pair_read(line, '=', name, sizeof name, value, sizeof value) &&
           arguments_set(&request->arguments, name, value) == ERR_OK;
}

/* "NAME PROGRAM", and after it "fence_option NAME=VALUE" of that device. */
static bool device_read(struct run_request *request, const char *line) {
    struct fence_device *device = &request->devices[request->input.fence_devices_n];
    request->input.fence_devices = request->devices;
    return request->input.fence_devices_n++ < FENCE_DEVICES_MAX &&
           pair_read(line, ' ', device->name, sizeof device->name, device->program,
                     sizeof device->program);
}

static bool option_read(struct run_request *request, const char *line) {
    char name[NAME_SIZE], value[VALUE_SIZE];
    return request->input.fence_devices_n > 0 &&
           pair_read(line, '=', name, sizeof name, value, sizeof value) &&
           arguments_set(&request->devices[request->input.fence_devices_n - 1].options, name,
                         value) == ERR_OK;
}

static bool name_read(struct run_request *request, const char *line) {
    static const char *const words[] = {"cluster ", "plan ", "step_name "};
    const char **into[] = {&request->input.cluster, &request->input.plan,
                           &request->input.step_name};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (text_starts(line, words[i])) {
            *into[i] = request->names[i];
            return text_copy(request->names[i], NAME_SIZE, line + strlen(words[i]));
        }
    }
    return false;
}

static bool line_read(struct run_request *request, const char *line) {
    uint64_t number = 0;
    struct action_input *input = &request->input;
    if (text_starts(line, "action ")) {
        return text_copy(request->action, sizeof request->action, line + 7);
    }
    if (text_starts(line, "arg ")) {
        return argument_read(request, line + 4);
    }
    if (text_starts(line, "secret ")) {
        return secret_read(request, line + 7);
    }
    if (text_starts(line, "fence_device ")) {
        return device_read(request, line + 13);
    }
    if (text_starts(line, "fence_option ")) {
        return option_read(request, line + 13);
    }
    if (text_starts(line, "region ")) {
        return text_copy(request->region, sizeof request->region, line + 7);
    }
    if (name_read(request, line)) {
        return true;
    }
    if (text_starts(line, "exec_directory ")) {
        input->exec_directory = request->exec_directory;
        return text_copy(request->exec_directory, sizeof request->exec_directory, line + 15);
    }
    if (text_starts(line, "state_directory ")) {
        input->state_directory = request->state_directory;
        return text_copy(request->state_directory, sizeof request->state_directory, line + 16);
    }
    if (number_after(line, "epoch ", &input->epoch) ||
        number_after(line, "execution ", &input->execution)) {
        return true;
    }
    if (number_after(line, "timeout_ms ", &number)) {
        input->timeout_ms = (uint32_t)number;
        return true;
    }
    if (number_after(line, "step ", &number)) {
        input->step = (uint8_t)number;
        return true;
    }
    if (number_after(line, "attempt ", &number)) {
        input->attempt = (uint16_t)number;
        return true;
    }
    input->observe_only = input->observe_only || text_equal(line, "observe_only");
    return text_equal(line, "observe_only");
}

static const struct action_kind_row *row_find(const char *name) {
    for (int kind = 0; kind < (int)ACTION_KINDS_N; kind++) {
        if (text_equal(action_kind_text((enum action_kind)kind), name)) {
            return action_kind_of((enum action_kind)kind);
        }
    }
    return NULL;
}

static void result_print(const struct action_result *result, uint64_t took_us) {
    json_t *root = json_pack("{s:s, s:b, s:s, s:f}", "err", err_name(result->err), "observed",
                             (int)result->observed, "detail", result->detail, "took_ms",
                             (double)took_us / 1000.0);
    (void)json_dumpf(root, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(root);
}

int main(void) {
    static struct run_request request = {.region = "here"};
    char line[1024];
    request.input.timeout_ms = 30000;
    request.input.attempt = 1;
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && !line_read(&request, line)) {
            (void)fprintf(stderr, "action_run: cannot read line \"%s\"\n", line);
            return 2;
        }
    }
    const struct action_kind_row *row = row_find(request.action);
    if (row == NULL) {
        (void)fprintf(stderr, "action_run: no action \"%s\"\n", request.action);
        return 2;
    }
    request.input.arguments = &request.arguments;
    request.input.secrets = &request.secrets;
    request.input.region = request.region;
    request.input.deadline_boot_ms = clock_boot_ms() + request.input.timeout_ms;
    uint64_t start_us = clock_boot_us();
    struct action_result result = action_do(row, &request.input);
    result_print(&result, clock_boot_us() - start_us);
    return result.err == ERR_OK ? 0 : 1;
}
