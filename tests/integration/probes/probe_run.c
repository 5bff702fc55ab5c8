/* probe_run: runs one probe as a worker would, from a description on standard input, and prints the
 * reading as one line of JSON. A line of the description is a word, a space and the rest:
 *
 *   kind postgresql            timeout_ms 1000           exec_directory /usr/lib/...
 *   arg address 127.0.0.1:5432                            secret name /path/of/the/file
 *   key /path/of/the/agents.key
 *
 * With "accepts" on a line of its own the arguments are only checked; with "active" the probe's
 * region holds the open epoch; "members_time_ms N" is the members' time of day. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/probe.h"
#include "common/io/clock.h"

struct description {
    enum check_kind kind;
    bool kind_known;
    bool only_accepts;
    bool active; /* "active" on a line: the probe's region holds the open epoch */
    uint64_t timeout_ms;
    uint64_t members_time_ms; /* what the members say that it is; 0: they say nothing */
    char exec_directory[256], state_directory[256], key[256];
    struct arguments arguments;
    struct secrets secrets;
    uint8_t devices_n;
    struct fence_device devices[FENCE_DEVICES_MAX];
};

static bool kind_find(const char *name, enum check_kind *ret_kind) {
    for (int kind = 0; kind < CHECK_KINDS_N; kind++) {
        if (text_equal(check_kind_text((enum check_kind)kind), name)) {
            *ret_kind = (enum check_kind)kind;
            return true;
        }
    }
    return false;
}

/* Cuts the first word off; what follows the space is returned. */
static char *rest_of(char *line) {
    char *space = strchr(line, ' ');
    if (space == NULL) {
        return line + strlen(line);
    }
    *space = '\0';
    return space + 1;
}

/* "fence_device NAME PROGRAM", and "fence_option NAME=VALUE" of the last one. */
static bool device_take(struct description *description, const char *word, char *rest) {
    if (text_equal(word, "fence_device")) {
        char *program = rest_of(rest);
        if (description->devices_n == FENCE_DEVICES_MAX) {
            return false;
        }
        struct fence_device *device = &description->devices[description->devices_n++];
        return text_copy(device->name, sizeof device->name, rest) &&
               text_copy(device->program, sizeof device->program, program);
    }
    char *value = strchr(rest, '=');
    if (!text_equal(word, "fence_option") || value == NULL || description->devices_n == 0) {
        return false;
    }
    *value = '\0';
    return arguments_set(&description->devices[description->devices_n - 1].options, rest,
                         value + 1) == ERR_OK;
}

static bool line_take(struct description *description, char *line) {
    char *rest = rest_of(line);
    if (text_equal(line, "kind")) {
        description->kind_known = kind_find(rest, &description->kind);
        return description->kind_known;
    }
    if (text_equal(line, "accepts")) {
        description->only_accepts = true;
        return true;
    }
    if (text_equal(line, "active")) {
        description->active = true;
        return true;
    }
    if (text_equal(line, "timeout_ms")) {
        return text_to_u64(rest, 600000, &description->timeout_ms);
    }
    if (text_equal(line, "members_time_ms")) {
        return text_to_u64(rest, UINT64_MAX, &description->members_time_ms);
    }
    if (text_equal(line, "state_directory")) {
        return text_copy(description->state_directory, sizeof description->state_directory, rest);
    }
    if (text_equal(line, "key")) {
        return text_copy(description->key, sizeof description->key, rest);
    }
    if (text_equal(line, "exec_directory")) {
        return text_copy(description->exec_directory, sizeof description->exec_directory, rest);
    }
    if (text_starts(line, "fence_")) {
        return device_take(description, line, rest);
    }
    char *value = rest_of(rest);
    if (text_equal(line, "arg") && description->arguments.n < ACTION_ARGS_MAX) {
        struct argument *argument = &description->arguments.at[description->arguments.n++];
        return text_copy(argument->name, sizeof argument->name, rest) &&
               text_copy(argument->value, sizeof argument->value, value);
    }
    if (text_equal(line, "secret") && description->secrets.n < SECRETS_MAX) {
        struct secret_place *place = &description->secrets.at[description->secrets.n++];
        return text_copy(place->name, sizeof place->name, rest) &&
               text_copy(place->path, sizeof place->path, value);
    }
    return false;
}

static void json_text(const char *name, const char *value) {
    printf("\"%s\": \"", name);
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            putchar('\\');
        }
        putchar((unsigned char)*at < 0x20 ? '?' : *at);
    }
    printf("\"");
}

/* How long this thread has waited for a processor: on a busy machine a return may be late by that,
 * whatever the probe does. 0 where the kernel does not tell. */
static uint64_t processor_wait_ms(void) {
    unsigned long long ran_ns = 0, waited_ns = 0;
    FILE *file = fopen("/proc/thread-self/schedstat", "re");
    if (file == NULL) {
        return 0;
    }
    int n = fscanf(file, "%llu %llu", &ran_ns, &waited_ns);
    (void)fclose(file);
    return n == 2 ? waited_ns / 1000000 : 0;
}

static void reading_print(const struct reading *reading, uint64_t took_ms, uint64_t waited_ms) {
    printf("{\"err\": \"%s\", \"good\": %s, \"warn\": %s, \"role\": %u, \"writable\": %s, ",
           err_name(reading->err), reading->good ? "true" : "false",
           reading->warn ? "true" : "false", reading->role, reading->writable ? "true" : "false");
    printf("\"latency_ms\": %u, \"value\": %lld, \"took_ms\": %llu, \"positions\": {",
           reading->latency_ms, (long long)reading->value, (unsigned long long)took_ms);
    static const char *const kinds[] = {"none", "written", "received", "applied"};
    for (uint8_t i = 0; i < reading->positions_n; i++) {
        printf("%s\"%s\": %llu", i > 0 ? ", " : "", kinds[reading->positions[i].kind & 3],
               (unsigned long long)reading->positions[i].position);
    }
    printf("}, \"waited_ms\": %llu, ", (unsigned long long)waited_ms);
    json_text("detail", reading->detail);
    printf("}\n");
}

static int accepts_print(enum err err, const struct text256 *why) {
    printf("{\"err\": \"%s\", ", err_name(err));
    json_text("why", why->at);
    printf("}\n");
    return 0;
}

int main(void) {
    static struct description description = {.timeout_ms = 1000};
    char line[1024];
    (void)signal(SIGPIPE, SIG_IGN); /* as the agent has it */
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && !line_take(&description, line)) {
            fprintf(stderr, "probe_run: cannot take the line that begins with %s\n", line);
            return 2;
        }
    }
    const struct probe_kind *kind = description.kind_known ? probe_kind_of(description.kind) : NULL;
    if (kind == NULL) {
        fprintf(stderr, "probe_run: expected a line \"kind\" with the name of a probe kind\n");
        return 2;
    }
    struct text256 why = {""};
    enum err err = kind->accepts(&description.arguments, &why);
    if (err != ERR_OK || description.only_accepts) {
        return accepts_print(err, &why);
    }
    uint64_t waited_ms = processor_wait_ms(), start_ms = clock_boot_ms();
    struct probe_input input = {
        .arguments = &description.arguments,
        .secrets = &description.secrets,
        .active = description.active,
        .members_time_known = description.members_time_ms != 0,
        .members_ahead_ms = (int64_t)(description.members_time_ms - start_ms),
        .timeout_ms = (uint32_t)description.timeout_ms,
        .deadline_boot_ms = start_ms + description.timeout_ms,
        .exec_directory = description.exec_directory[0] != '\0' ? description.exec_directory : NULL,
        .fence_devices = description.devices,
        .fence_devices_n = description.devices_n,
        .key = description.key[0] != '\0' ? description.key : NULL,
        .state_directory =
            description.state_directory[0] != '\0' ? description.state_directory : NULL,
    };
    struct reading reading = probe_look(kind, &input);
    uint64_t took_ms = clock_boot_ms() - start_ms;
    reading_print(&reading, took_ms, processor_wait_ms() - waited_ms);
    return 0;
}
