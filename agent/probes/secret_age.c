/* secret_age: when were the agent's own key and its secrets last exchanged? By their files' times;
 * nothing of them is read, and only the names that agent.conf gives them are told. value: seconds
 * since the oldest was written. */
#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/reading.h"
#include "common/io/file.h"

#define DAY_S 86400

static const struct parameter parameters[] = {
    {.name = "max_age", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
    {.name = "fail_age", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
};

enum err secret_age_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    uint64_t max_s = parameter_number(arguments, "max_age", SECRET_AGE_MAX_S);
    if (err == ERR_OK && parameter_number(arguments, "fail_age", UINT64_MAX) < max_s) {
        text_say(reterr, "argument fail_age: expected max_age (%llu) or more",
                 (unsigned long long)max_s);
        return ERR_CONFIG;
    }
    return err;
}

struct ages {
    char oldest[NAME_SIZE + 16];
    int64_t oldest_s;
    unsigned known_n, unknown_n;
    bool is_ahead; /* a file of the future: its age says nothing */
    enum err err;
    char wrong[NAME_SIZE + 16];
};

static void take(struct ages *ages, const char *kind, const char *name, const char *path) {
    char what[NAME_SIZE + 16];
    int64_t age_s = 0;
    (void)text_format(what, sizeof what, "%s%s", kind, name);
    enum err err = file_age(path, &age_s);
    if (err == ERR_UNSUPPORTED) {
        ages->unknown_n++;
        return;
    }
    bool is_ahead = err == ERR_OK && age_s < -DAY_S;
    if (err != ERR_OK || is_ahead) {
        if (ages->err == ERR_OK && !ages->is_ahead) {
            (void)text_copy(ages->wrong, sizeof ages->wrong, what);
        }
        ages->err = ages->err == ERR_OK ? err : ages->err;
        ages->is_ahead = ages->is_ahead || is_ahead;
        return;
    }
    ages->known_n++;
    if (ages->oldest[0] == '\0' || age_s > ages->oldest_s) {
        ages->oldest_s = age_s > 0 ? age_s : 0;
        (void)text_copy(ages->oldest, sizeof ages->oldest, what);
    }
}

static struct reading judge(const struct arguments *arguments, const struct ages *ages) {
    char unknown[48] = "";
    uint64_t age_s = (uint64_t)ages->oldest_s;
    bool days = age_s >= 2 * DAY_S;
    if (ages->unknown_n > 0) {
        (void)text_format(unknown, sizeof unknown, "; %u of systemd's, of no known age",
                          ages->unknown_n);
    }
    if (ages->known_n == 0) {
        struct reading reading = reading_judged(true, "nothing of a known age%s", unknown);
        reading.value = -1;
        return reading;
    }
    bool good = age_s <= parameter_number(arguments, "fail_age", UINT64_MAX);
    struct reading reading = reading_judged(
        good, "the oldest of %u is %.40s, %llu %s%s", ages->known_n, ages->oldest,
        (unsigned long long)(days ? age_s / DAY_S : age_s / 3600), days ? "days" : "h", unknown);
    if (age_s > parameter_number(arguments, "max_age", SECRET_AGE_MAX_S)) {
        reading_warn(&reading);
    }
    reading.value = ages->oldest_s;
    return reading;
}

struct reading secret_age_run(const struct probe_input *input) {
    struct ages ages = {.err = ERR_OK};
    if (input->key != NULL) {
        take(&ages, "the agent's key", "", input->key);
    }
    for (uint8_t i = 0; i < input->secrets->n; i++) {
        take(&ages, "secret ", input->secrets->at[i].name, input->secrets->at[i].path);
    }
    if (ages.err != ERR_OK) {
        struct reading reading = reading_failed(ages.err, "%s: %s", ages.wrong, err_text(ages.err));
        reading.value = -1;
        return reading;
    }
    struct reading reading = judge(input->arguments, &ages);
    if (ages.is_ahead) {
        reading = reading_judged(reading.good, "%s is of the future: its age is not believed",
                                 ages.wrong);
        reading_warn(&reading);
        reading.value = -1;
    }
    return reading;
}
