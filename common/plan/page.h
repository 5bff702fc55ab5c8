/* page: a bounded text that is written from its beginning to its end. Pure. What does not fit is
 * cut, and `cut` says so: a runbook that ends in the middle must never be shown as a whole one. */
#ifndef DROVER_PLAN_PAGE_H
#define DROVER_PLAN_PAGE_H

#include <stdbool.h>
#include <stddef.h>

struct page {
    char *at;    /* terminated; owned by the caller */
    size_t size; /* of `at`, at least 1 */
    size_t n;    /* written, without the end */
    bool cut;
};

struct page page_open(char *at, size_t size);

void page_say(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One word of a shell's line: as it is when it needs no quotes, else in single quotes. Whatever a
 * topology holds, it stays one word and is never run. */
void page_word(struct page *page, const char *text);

/* Text inside HTML, SVG or one of their attributes. */
void page_escaped(struct page *page, const char *text);

/* Text inside a JSON string, without its quotes. */
void page_json(struct page *page, const char *text);

/* The parts of "a,b,c", each as a word with a space before it. */
void page_words(struct page *page, const char *list);

#endif
