#include "common/io/exposition.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/base/text.h"

/* Kept free for the last family, which must always fit. */
#define END_SIZE 256
#define NUMBER_SIZE 24

static const char dropped_name[] = "drover_exposition_dropped_samples";

void exposition_begin(struct exposition *exposition, char *out, size_t size) {
    ensure(size >= 1024);
    memset(exposition, 0, sizeof *exposition);
    exposition->at = out;
    exposition->size = size - END_SIZE;
    out[0] = '\0';
}

/* One line as far as it is written; it counts only when it is whole. */
struct line {
    char *at;
    size_t size, used;
    bool cut;
};

static struct line line_begin(struct exposition *exposition) {
    return (struct line){.at = exposition->at + exposition->used,
                         .size = exposition->size - exposition->used};
}

static void put(struct line *line, char c) {
    if (line->used + 1 < line->size) {
        line->at[line->used++] = c;
    } else {
        line->cut = true;
    }
}

static void put_text(struct line *line, const char *text) {
    for (; *text != '\0'; text++) {
        put(line, *text);
    }
}

/* Quotes are escaped in label values only; HELP takes them as they are. Other control characters
 * cannot be written in this format. */
static void put_escaped(struct line *line, const char *text, bool quoted) {
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '\\' || (c == '"' && quoted)) {
            put(line, '\\');
            put(line, *text);
        } else if (c == '\n') {
            put_text(line, "\\n");
        } else {
            put(line, c < 0x20 || c == 0x7f ? '?' : *text);
        }
    }
}

static bool line_end(struct exposition *exposition, struct line *line) {
    put(line, '\n');
    if (!line->cut) {
        exposition->used += line->used;
    }
    exposition->at[exposition->used] = '\0';
    return !line->cut;
}

void exposition_family(struct exposition *exposition, const char *name, enum series_kind kind,
                       const char *help) {
    struct line line = line_begin(exposition);
    put_text(&line, "# HELP ");
    put_text(&line, name);
    put(&line, ' ');
    put_escaped(&line, help, false);
    put_text(&line, "\n# TYPE ");
    put_text(&line, name);
    put_text(&line, kind == SERIES_COUNTER ? " counter" : " gauge");
    exposition->name = name;
    exposition->open = line_end(exposition, &line);
}

static void put_sample(struct exposition *exposition, const char *value, unsigned labels_n,
                       const struct label labels[]) {
    struct line line = line_begin(exposition);
    ensure(exposition->name != NULL && labels_n <= LABELS_MAX);
    put_text(&line, exposition->name);
    for (unsigned i = 0; i < labels_n; i++) {
        put(&line, i == 0 ? '{' : ',');
        put_text(&line, labels[i].name);
        put_text(&line, "=\"");
        put_escaped(&line, labels[i].value, true);
        put(&line, '"');
    }
    put_text(&line, labels_n > 0 ? "} " : " ");
    put_text(&line, value);
    line.cut = line.cut || !exposition->open;
    if (line_end(exposition, &line)) {
        exposition->samples_n++;
    } else {
        exposition->dropped_n++;
    }
}

void exposition_number(struct exposition *exposition, int64_t value, unsigned labels_n,
                       const struct label labels[]) {
    char text[NUMBER_SIZE];
    (void)text_format(text, sizeof text, "%" PRId64, value);
    put_sample(exposition, text, labels_n, labels);
}

void exposition_count(struct exposition *exposition, uint64_t value, unsigned labels_n,
                      const struct label labels[]) {
    char text[NUMBER_SIZE];
    (void)text_format(text, sizeof text, "%" PRIu64, value);
    put_sample(exposition, text, labels_n, labels);
}

void exposition_ms(struct exposition *exposition, uint64_t ms, unsigned labels_n,
                   const struct label labels[]) {
    char text[NUMBER_SIZE];
    (void)text_format(text, sizeof text, "%" PRIu64 ".%03u", ms / 1000, (unsigned)(ms % 1000));
    put_sample(exposition, text, labels_n, labels);
}

void exposition_signed_ms(struct exposition *exposition, int64_t ms, unsigned labels_n,
                          const struct label labels[]) {
    char text[NUMBER_SIZE];
    uint64_t size_ms = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    (void)text_format(text, sizeof text, "%s%" PRIu64 ".%03u", ms < 0 ? "-" : "", size_ms / 1000,
                      (unsigned)(size_ms % 1000));
    put_sample(exposition, text, labels_n, labels);
}

size_t exposition_end(struct exposition *exposition) {
    uint64_t dropped_n = exposition->dropped_n;
    exposition->size += END_SIZE;
    exposition_family(exposition, dropped_name, SERIES_GAUGE,
                      "Samples that did not fit into this answer.");
    exposition_count(exposition, dropped_n, 0, NULL);
    ensure(exposition->open && exposition->dropped_n == dropped_n);
    return exposition->used;
}
