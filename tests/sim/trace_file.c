/* A story as a file: its first lines say what it was made from, so that it can be told again and
 * compared byte for byte. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

#define TRACE_BYTES_MAX (8u << 20)

struct tale {
    char *bytes;
    size_t size;
};

static const char *tail_of(const char *text, size_t size, uint32_t last_n) {
    const char *at = text + size;
    for (uint32_t n = 0; last_n > 0 && at > text; at--) {
        if (at[-1] == '\n' && n++ == last_n) {
            return at;
        }
    }
    return text;
}

static void write_head(FILE *out, const struct trace_source *source, const struct sim *sim) {
    (void)fprintf(out, "# drover-sim trace\n# seed %llu\n# mutant %s\n# last %u\n",
                  (unsigned long long)source->seed, mutant_option(source->mutant), source->last_n);
    if (sim->judge.failed) {
        (void)fprintf(out, "# broke %s: %s\n", sim->judge.rule, sim->judge.what);
    } else {
        (void)fprintf(out, "# ends: %s\n",
                      sim->judge.waits_for_people ? "waits for people" : "serves");
    }
}

/* The whole file as it would be written now; bytes NULL: no memory. */
static struct tale tale_make(const struct trace_source *source, const struct sim *sim,
                             trace_run_fn *run) {
    struct tale lines = {NULL, 0}, whole = {NULL, 0};
    FILE *out = open_memstream(&lines.bytes, &lines.size);
    if (out == NULL) {
        return whole;
    }
    trace_to(out, false);
    run(source->seed, source->mutant, true);
    trace_to(NULL, false);
    (void)fclose(out);
    out = open_memstream(&whole.bytes, &whole.size);
    if (out != NULL) {
        write_head(out, source, sim);
        (void)fputs(tail_of(lines.bytes, lines.size, source->last_n), out);
        (void)fclose(out);
    }
    free(lines.bytes);
    return whole;
}

bool trace_file_write(const char *path, const struct trace_source *source, const struct sim *sim,
                      trace_run_fn *run) {
    struct tale tale = tale_make(source, sim, run);
    FILE *out = tale.bytes == NULL ? NULL : fopen(path, "w");
    bool ok = out != NULL && fwrite(tale.bytes, 1, tale.size, out) == tale.size;
    if (out != NULL) {
        ok = fclose(out) == 0 && ok;
    }
    free(tale.bytes);
    return ok;
}

static bool read_whole(const char *path, struct tale *ret_tale) {
    FILE *in = fopen(path, "r");
    if (in == NULL) {
        return false;
    }
    ret_tale->bytes = malloc(TRACE_BYTES_MAX + 1);
    ensure(ret_tale->bytes != NULL);
    ret_tale->size = fread(ret_tale->bytes, 1, TRACE_BYTES_MAX, in);
    ret_tale->bytes[ret_tale->size] = '\0';
    (void)fclose(in);
    return ret_tale->size < TRACE_BYTES_MAX;
}

/* The word behind "# key " in the head; false: not there. */
static bool head_word(const char *text, const char *key, char *out, size_t out_size) {
    char mark[32];
    (void)text_format(mark, sizeof mark, "\n# %s ", key);
    const char *at = strstr(text, mark);
    if (at == NULL) {
        return false;
    }
    at += strlen(mark);
    return text_format(out, out_size, "%.*s", (int)strcspn(at, "\n"), at);
}

static bool read_head(const char *text, struct trace_source *ret_source) {
    char word[64];
    uint64_t last_n = 0;
    if (!text_starts(text, "# drover-sim trace\n") || !head_word(text, "seed", word, sizeof word) ||
        !text_to_u64(word, UINT64_MAX, &ret_source->seed) ||
        !head_word(text, "last", word, sizeof word) || !text_to_u64(word, 1000000, &last_n) ||
        !head_word(text, "mutant", word, sizeof word)) {
        return false;
    }
    ret_source->last_n = (uint32_t)last_n;
    ret_source->mutant = mutant_find(word);
    return ret_source->mutant != MUTANTS_N;
}

static void show_difference(const char *path, const struct tale *kept, const struct tale *now) {
    const char *a = kept->bytes, *b = now->bytes;
    unsigned number = 1;
    while (*a != '\0' && *b != '\0') {
        size_t a_n = strcspn(a, "\n"), b_n = strcspn(b, "\n");
        if (a_n != b_n || memcmp(a, b, a_n) != 0) {
            break;
        }
        a += a_n + (a[a_n] == '\n');
        b += b_n + (b[b_n] == '\n');
        number++;
    }
    (void)printf("%s:%u: differs\n  kept: %.*s\n  now:  %.*s\n", path, number,
                 (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
}

enum trace_replay trace_file_replay(const char *path, const struct sim *sim, trace_run_fn *run,
                                    struct trace_source *ret_source) {
    struct tale kept = {NULL, 0}, now = {NULL, 0};
    enum trace_replay result = TRACE_UNREADABLE;
    if (read_whole(path, &kept) && read_head(kept.bytes, ret_source)) {
        now = tale_make(ret_source, sim, run);
    }
    if (now.bytes != NULL) {
        bool same = now.size == kept.size && memcmp(now.bytes, kept.bytes, kept.size) == 0;
        result = same ? TRACE_SAME : TRACE_DIFFERS;
        if (!same) {
            show_difference(path, &kept, &now);
        }
    }
    free(kept.bytes);
    free(now.bytes);
    return result;
}
