/* nearest: which known word a mistyped one is nearest to. */
#include <string.h>

#include "common/base/text.h"

#define WORD_MAX 40 /* longer words have no nearest one */

static size_t least(size_t a, size_t b, size_t c) {
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein: letters added, dropped or changed. */
static size_t word_distance(const char *a, const char *b) {
    size_t row[WORD_MAX + 1];
    size_t a_n = strlen(a), b_n = strlen(b);
    if (a_n > WORD_MAX || b_n > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= b_n; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_n; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_n; j++) {
            size_t above = row[j];
            row[j] = least(row[j - 1] + 1, above + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1));
            corner = above;
        }
    }
    return row[b_n];
}

const char *text_nearest(const char *word, const char *const *words, size_t words_n) {
    const char *nearest = NULL;
    size_t limit = strlen(word) / 3 + 1;
    size_t best = limit > 3 ? 4 : limit + 1;
    for (size_t i = 0; i < words_n; i++) {
        size_t distance = word_distance(word, words[i]);
        if (distance < best) {
            best = distance;
            nearest = words[i];
        }
    }
    return nearest;
}
