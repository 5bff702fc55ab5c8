/* exposition: Prometheus' text format, written into a buffer of fixed size. A line is written whole
 * or not at all; what did not fit is counted. Names and values are escaped, numbers are whole or
 * thousandths: no floating point, so that the same state gives the same text everywhere. */
#ifndef DROVER_EXPOSITION_H
#define DROVER_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LABELS_MAX 6

struct exposition {
    char *at; /* the caller's; always terminated */
    size_t size, used;
    const char *name; /* of the family that is being written */
    bool open;        /* its HELP and TYPE are there */
    uint64_t samples_n, dropped_n;
};

/* Borrowed until the sample is written. An empty value is as good as no label. */
struct label {
    const char *name; /* [a-z_]+ */
    const char *value;
};

enum series_kind { SERIES_GAUGE = 0, SERIES_COUNTER = 1 };

/* size: at least 1024. */
void exposition_begin(struct exposition *exposition, char *out, size_t size);

/* Begins a family. The samples of one family must follow each other. */
void exposition_family(struct exposition *exposition, const char *name, enum series_kind kind,
                       const char *help);

/* One sample: a whole number. labels_n <= LABELS_MAX. */
void exposition_number(struct exposition *exposition, int64_t value, unsigned labels_n,
                       const struct label labels[]);
void exposition_count(struct exposition *exposition, uint64_t value, unsigned labels_n,
                      const struct label labels[]);
/* ms, written as seconds. */
void exposition_ms(struct exposition *exposition, uint64_t ms, unsigned labels_n,
                   const struct label labels[]);
/* The same of what may be less than nothing. */
void exposition_signed_ms(struct exposition *exposition, int64_t ms, unsigned labels_n,
                          const struct label labels[]);

/* Says how many samples did not fit, and returns the length of the text. */
size_t exposition_end(struct exposition *exposition);

#endif
