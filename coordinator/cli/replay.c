/* drover replay: a member's recordings, decided again, as recorded or with other numbers. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/io/file.h"
#include "common/topology/duration.h"
#include "coordinator/cli/show_parts.h"
#include "coordinator/decide/replay.h"

#define RECORDING_BYTES_MAX (UINT64_C(1) << 30)
#define GROWN_MAX (4 * 1024 * 1024) /* a member may be writing while we read */

struct recordings {
    unsigned n;
    const char *names[WORDS_MAX];
    char *bytes[WORDS_MAX];
    size_t sizes[WORDS_MAX];
};

static bool recordings_read(const struct command_line *line, struct recordings *ret_recordings) {
    struct text256 why = {{0}};
    struct stat info;
    for (unsigned i = 0; i < line->words_n; i++) {
        const char *name = line->words[i];
        unsigned at = ret_recordings->n;
        uint64_t size = stat(name, &info) == 0 && info.st_size > 0 ? (uint64_t)info.st_size : 0;
        if (size > RECORDING_BYTES_MAX) {
            (void)fprintf(stderr, "drover replay: %s: larger than 1 GiB\n", name);
            return false;
        }
        ret_recordings->bytes[at] = malloc(size + GROWN_MAX);
        if (ret_recordings->bytes[at] == NULL ||
            file_read(name, ret_recordings->bytes[at], size + GROWN_MAX, &ret_recordings->sizes[at],
                      &why) != ERR_OK) {
            (void)fprintf(stderr, "drover replay: %s\n", why.at[0] == '\0' ? name : why.at);
            free(ret_recordings->bytes[at]);
            return false;
        }
        ret_recordings->names[at] = name;
        ret_recordings->n++;
    }
    return true;
}

/* OK, or the exit code, and then it was said why. */
static int files_replay(struct replay *replay, const struct recordings *recordings) {
    struct text256 why = {{0}};
    for (unsigned i = 0; i < recordings->n; i++) {
        enum err err =
            replay_file(replay, (const uint8_t *)recordings->bytes[i], recordings->sizes[i], &why);
        if (err == ERR_REFUSED) {
            (void)fprintf(stderr, "drover replay: no topology may have these numbers: %s\n",
                          why.at);
            return EXIT_REFUSED;
        }
        if (err != ERR_OK) {
            (void)fprintf(stderr, "drover replay: %s: %s\n", recordings->names[i], why.at);
            return EXIT_NOT_VERIFIED;
        }
    }
    return EXIT_OK;
}

static void print_line(void *owner, const char *line) {
    (void)owner;
    (void)fputs(line, stdout);
}

/* --------------------------------------------------------------------- as text */

static void lines_indented(const char *head, const char *text) {
    do {
        size_t size = strcspn(text, "\n");
        (void)printf("  %-9s %.*s\n", head, (int)size, size == 0 ? "" : text);
        text += size + (text[size] == '\n');
        head = "";
    } while (*text != '\0');
}

static void verdict_say(const struct replay *replay) {
    (void)printf("member %s, %u file%s: %" PRIu64 " inputs (%" PRIu64 " facts, %" PRIu64
                 " questions), %" PRIu64 " decisions: %s\n",
                 replay->member, replay->files_n, replay->files_n == 1 ? "" : "s", replay->inputs_n,
                 replay->facts_n, replay->questions_n, replay->lines_n,
                 replay->differences_n == 0 ? "identical" : "DIFFERENT");
    if (replay->torn_n > 0) {
        (void)printf("the last record is cut: the member was stopped there, or is still writing\n");
    }
    if (replay->differences_n > 0) {
        const struct replay_difference *first = &replay->difference;
        (void)printf("the first of %" PRIu64 " differences, at offset %zu (input %" PRIu64
                     ", index %" PRIu64 "): %s\n",
                     replay->differences_n, first->offset, first->input, first->index, first->what);
        lines_indented("recorded", first->recorded);
        lines_indented("replayed", first->replayed);
    }
}

struct moment {
    char at[32];
};

static struct moment moment_text(int64_t ms) {
    struct moment moment = {"never"};
    if (ms != REPLAY_NEVER) {
        bool fits = text_format(moment.at, sizeof moment.at, "%+" PRId64 ".%03" PRId64 " s",
                                ms / 1000, ms % 1000 < 0 ? -(ms % 1000) : ms % 1000);
        moment.at[fits ? sizeof moment.at - 1 : 0] = '\0';
    }
    return moment;
}

static void row(struct table *table, const char *what, int64_t recorded_ms, int64_t changed_ms,
                const char *note) {
    bool never = recorded_ms == REPLAY_NEVER || changed_ms == REPLAY_NEVER;
    if (recorded_ms == REPLAY_NEVER && changed_ms == REPLAY_NEVER) {
        return;
    }
    cell(table, "%s", what);
    cell(table, "%s", moment_text(recorded_ms).at);
    cell(table, "%s", moment_text(changed_ms).at);
    if (recorded_ms == changed_ms) {
        cell(table, "same");
    } else {
        cell(table, "%s", never ? "-" : moment_text(changed_ms - recorded_ms).at);
    }
    cell(table, "%s", note);
}

static const char *wait_note(const struct replay_epoch *epoch) {
    return epoch->proved   ? "by fence proofs"
           : epoch->beyond ? "worked out: the recording ends before"
                           : "";
}

static void gates_say(const struct replay_epoch *recorded, const struct replay_epoch *changed) {
    unsigned shut_n = 0;
    if (!changed->gates_known || changed->begun_input == recorded->begun_input) {
        return;
    }
    (void)printf("  where the recorded failover began (%s), with the changes:\n",
                 moment_text(recorded->begun_ms).at);
    for (unsigned g = 0; g < GATES_N; g++) {
        const struct gate_reading *reading = &changed->gates[g];
        if (reading->passes) {
            continue;
        }
        shut_n++;
        (void)printf("    not yet: %s (%" PRId64 " of %" PRId64 "%s)\n", gate_text((enum gate)g),
                     reading->value, reading->limit, reading->unit_ms ? " ms" : "");
    }
    if (shut_n == 0) {
        (void)printf("    every gate passes\n");
    }
}

static const struct replay_epoch *epoch_in(const struct replay *replay, uint64_t epoch) {
    static const struct replay_epoch none = {.suspect_ms = REPLAY_NEVER,
                                             .begun_ms = REPLAY_NEVER,
                                             .closed_ms = REPLAY_NEVER,
                                             .waited_ms = REPLAY_NEVER,
                                             .opened_ms = REPLAY_NEVER};
    for (unsigned i = 0; i < replay->epochs_n; i++) {
        if (replay->epochs[i].epoch == epoch) {
            return &replay->epochs[i];
        }
    }
    return &none;
}

static void what_if_say(const struct command_line *line, const struct replay *recorded,
                        const struct replay *changed) {
    static const char *const heads[] = {"", "RECORDED", "CHANGED", "LATER BY", ""};
    bool any = false;
    for (unsigned i = 0; i < line->sets_n; i++) {
        (void)printf("%s%s%s", i == 0 ? "what if " : ", ", line->sets[i],
                     i + 1 == line->sets_n ? "\n" : "");
    }
    for (unsigned i = 0; i < recorded->epochs_n; i++) {
        const struct replay_epoch *was = &recorded->epochs[i];
        const struct replay_epoch *now = epoch_in(changed, was->epoch);
        if (was->suspect_ms == REPLAY_NEVER && was->begun_ms == REPLAY_NEVER &&
            now->begun_ms == REPLAY_NEVER && now->suspect_ms == REPLAY_NEVER) {
            continue;
        }
        any = true;
        (void)printf("epoch %" PRIu64 ", since the first record:\n", was->epoch);
        struct table *table = table_of(5, heads);
        row(table, "its region is suspected", was->suspect_ms, now->suspect_ms, "");
        row(table, "an execution begins", was->begun_ms, now->begun_ms, "");
        row(table, "the epoch is closed", was->closed_ms, now->closed_ms, "");
        row(table, "this member's wait is over", was->waited_ms, now->waited_ms, wait_note(now));
        row(table, "the next epoch opens", was->opened_ms, now->opened_ms, "");
        table_print(table, 2);
        gates_say(was, now);
    }
    if (!any) {
        (void)printf("No epoch was left, recorded or changed: nothing to compare.\n");
    }
    (void)printf("Limits: reports, ticks, questions and outcomes come when they came; what agents "
                 "and\nguards would have done under other numbers is not worked out. Steps that "
                 "would have\nrun at another time have no outcome here.\n");
}

/* --------------------------------------------------------------------- as JSON */

static json_t *ms_json(int64_t ms) {
    return ms == REPLAY_NEVER ? json_null() : json_integer(ms);
}

static json_t *epochs_json(const struct replay *replay) {
    json_t *list = json_array();
    for (unsigned i = 0; i < replay->epochs_n; i++) {
        const struct replay_epoch *at = &replay->epochs[i];
        json_t *gates = json_array();
        for (unsigned g = 0; at->gates_known && g < GATES_N; g++) {
            (void)json_array_append_new(
                gates, json_pack("{s:s,s:b,s:I,s:I}", "gate", gate_text((enum gate)g), "passes",
                                 at->gates[g].passes, "value", (json_int_t)at->gates[g].value,
                                 "limit", (json_int_t)at->gates[g].limit));
        }
        (void)json_array_append_new(
            list,
            json_pack("{s:I,s:o,s:o,s:o,s:o,s:o,s:b,s:b,s:b,s:o}", "epoch", (json_int_t)at->epoch,
                      "suspect_ms", ms_json(at->suspect_ms), "begun_ms", ms_json(at->begun_ms),
                      "closed_ms", ms_json(at->closed_ms), "waited_ms", ms_json(at->waited_ms),
                      "opened_ms", ms_json(at->opened_ms), "automatic", at->automatic, "proved",
                      at->proved, "beyond", at->beyond, "gates", gates));
    }
    return list;
}

static void collect_line(void *owner, const char *line) {
    (void)json_array_append_new(owner, json_stringn(line, strcspn(line, "\n")));
}

static json_t *replay_json(const struct replay *replay) {
    json_t *json =
        json_pack("{s:s,s:i,s:I,s:I,s:I,s:I,s:b,s:I,s:b,s:o}", "member", replay->member, "files",
                  (int)replay->files_n, "inputs", (json_int_t)replay->inputs_n, "facts",
                  (json_int_t)replay->facts_n, "questions", (json_int_t)replay->questions_n,
                  "decisions", (json_int_t)replay->lines_n, "identical", replay->differences_n == 0,
                  "differences", (json_int_t)replay->differences_n, "cut", replay->torn_n > 0,
                  "epochs", epochs_json(replay));
    const struct replay_difference *first = &replay->difference;
    if (replay->differences_n > 0) {
        (void)json_object_set_new(
            json, "difference",
            json_pack("{s:I,s:I,s:I,s:s,s:s,s:s}", "offset", (json_int_t)first->offset, "input",
                      (json_int_t)first->input, "index", (json_int_t)first->index, "what",
                      first->what, "recorded", first->recorded, "replayed", first->replayed));
    }
    return json;
}

/* ------------------------------------------------------------------------ run */

static bool changes_read(const struct command_line *line,
                         struct replay_change ret_changes[REPLAY_CHANGES_MAX]) {
    struct text256 why = {{0}};
    for (unsigned i = 0; i < line->sets_n && i < REPLAY_CHANGES_MAX; i++) {
        if (replay_change_read(line->sets[i], &ret_changes[i], &why) != ERR_OK) {
            (void)fprintf(stderr, "drover replay: --set: %s\n", why.at);
            return false;
        }
    }
    return true;
}

static int what_if(const struct command_line *line, const struct recordings *recordings,
                   const struct replay_change *changes, const struct replay *recorded,
                   json_t *json) {
    if (recorded->views_lost) {
        (void)fprintf(stderr, "drover replay: more than %d views: policy.silent is not exact\n",
                      REPLAY_VIEWS_MAX);
    }
    struct replay *changed = replay_make(changes, line->sets_n, recorded);
    if (changed == NULL) {
        return EXIT_BROKEN;
    }
    json_t *lines = line->print && json != NULL ? json_array() : NULL;
    changed->on_line = !line->print ? NULL : json != NULL ? collect_line : print_line;
    changed->owner = lines;
    int code = files_replay(changed, recordings);
    if (code == EXIT_OK && json != NULL) {
        json_t *what = json_pack("{s:o}", "epochs", epochs_json(changed));
        if (lines != NULL) {
            (void)json_object_set(what, "decisions", lines);
        }
        (void)json_object_set_new(json, "what_if", what);
    } else if (code == EXIT_OK) {
        what_if_say(line, recorded, changed);
    }
    json_decref(lines);
    replay_free(changed);
    return code;
}

static int replay_all(const struct command_line *line, const struct recordings *recordings,
                      const struct replay_change *changes, struct replay *replay) {
    bool what = line->sets_n > 0;
    json_t *lines = line->print && line->json && !what ? json_array() : NULL;
    replay->on_line = !line->print || what ? NULL : line->json ? collect_line : print_line;
    replay->owner = lines;
    int code = files_replay(replay, recordings);
    json_t *json = code == EXIT_OK && line->json ? replay_json(replay) : NULL;
    if (json != NULL && lines != NULL) {
        (void)json_object_set(json, "lines", lines);
    }
    json_decref(lines);
    if (code == EXIT_OK && !line->json) {
        verdict_say(replay);
    }
    if (code == EXIT_OK && replay->differences_n > 0) {
        code = EXIT_NOT_VERIFIED; /* what is not what was decided answers no question either */
    } else if (code == EXIT_OK && what) {
        code = what_if(line, recordings, changes, replay, json);
    }
    if (json != NULL && (code == EXIT_OK || code == EXIT_NOT_VERIFIED)) {
        show_json(json);
    }
    json_decref(json);
    return code;
}

int replay_run(struct session *session) {
    static struct recordings recordings;
    static struct replay_change changes[REPLAY_CHANGES_MAX];
    _Static_assert(SETS_MAX <= REPLAY_CHANGES_MAX, "every --set has its place");
    const struct command_line *line = session->line;
    if (!changes_read(line, changes)) {
        return EXIT_USAGE;
    }
    struct replay *replay = replay_make(NULL, 0, NULL);
    int code = replay == NULL ? EXIT_BROKEN : EXIT_USAGE;
    if (replay != NULL && recordings_read(line, &recordings)) {
        code = replay_all(line, &recordings, changes, replay);
    }
    for (unsigned i = 0; i < recordings.n; i++) {
        free(recordings.bytes[i]);
    }
    replay_free(replay);
    return code;
}
