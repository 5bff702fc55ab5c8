/* storage: a file system on the agent's own host: its size, and what is left of it. */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/probes/kinds.h"
#include "agent/probes/kubernetes.h"
#include "agent/probes/parameter.h"
#include "agent/probes/reading.h"

static const struct parameter parameters[] = {
    {.name = "path", .type = PARAMETER_PATH, .needed = true},
    {.name = "min_size", .type = PARAMETER_TEXT},
    {.name = "min_free_percent", .type = PARAMETER_NUMBER, .min = 0, .max = 100},
    {.name = "warn_free_percent", .type = PARAMETER_NUMBER, .min = 0, .max = 100},
    {.name = "figure", .type = PARAMETER_CHOICE, .choices = "|free|size|"},
};

enum err storage_accepts(const struct arguments *arguments, struct text256 *reterr) {
    int64_t ignored = 0;
    const char *size = arguments_get(arguments, "min_size");
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    if (err == ERR_OK && size != NULL && !quantity_parse(size, &ignored)) {
        text_say(reterr, "argument min_size: expected bytes, for example 1T or 900Gi");
        return ERR_CONFIG;
    }
    return err;
}

/* Of what an ordinary user may use, as df counts it: reserved blocks are neither free nor his. */
struct reading storage_run(const struct probe_input *input) {
    const struct arguments *arguments = input->arguments;
    struct statvfs seen;
    int64_t min_milli = 0;
    const char *path = arguments_get(arguments, "path");
    if (statvfs(path, &seen) != 0) {
        return reading_failed(errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%.60s: %s", path,
                              strerror(errno));
    }
    uint64_t size = (uint64_t)seen.f_blocks * seen.f_frsize;
    uint64_t left = (uint64_t)seen.f_bavail * seen.f_frsize;
    uint64_t used = (uint64_t)(seen.f_blocks - seen.f_bfree) * seen.f_frsize;
    uint64_t percent = used + left == 0 ? 0 : left * 100 / (used + left);
    uint64_t inodes_percent =
        seen.f_files == 0 ? 100 : (uint64_t)seen.f_favail * 100 / (uint64_t)seen.f_files;
    uint64_t least = percent < inodes_percent ? percent : inodes_percent;
    const char *text = arguments_get(arguments, "min_size");
    bool small =
        text != NULL && quantity_parse(text, &min_milli) && size < (uint64_t)(min_milli / 1000);
    bool good = !small && least >= parameter_number(arguments, "min_free_percent", 5);
    bool inodes = inodes_percent < percent;
    struct reading reading =
        reading_judged(good, "%llu %% %sfree of %llu MiB%s%.16s", (unsigned long long)least,
                       inodes ? "of the inodes " : "", (unsigned long long)(size >> 20),
                       small ? ", expected at least " : "", small ? text : "");
    if (least < parameter_number(arguments, "warn_free_percent", 20)) {
        reading_warn(&reading);
    }
    uint64_t figure = text_equal(parameter_text(arguments, "figure", "free"), "size") ? size : left;
    reading.value = figure > INT64_MAX ? INT64_MAX : (int64_t)figure;
    return reading;
}
