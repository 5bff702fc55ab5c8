/* page: see page.h. */
#include "common/plan/page.h"

#include <stdarg.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/base/text.h"

struct page page_open(char *at, size_t size) {
    ensure(size >= 1);
    at[0] = '\0';
    return (struct page){.at = at, .size = size};
}

void page_say(struct page *page, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (!text_format_list(page->at + page->n, page->size - page->n, format, list)) {
        page->cut = true;
    }
    va_end(list);
    page->n += strlen(page->at + page->n);
}

static void page_put(struct page *page, char c) {
    if (page->n + 1 >= page->size) {
        page->cut = true;
        return;
    }
    page->at[page->n++] = c;
    page->at[page->n] = '\0';
}

static bool word_is_plain(const char *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./:@%+,=-";
    /* A tilde or a dash in front would mean something to the shell or to the program. */
    return text[0] != '\0' && strspn(text, plain) == strlen(text);
}

void page_word(struct page *page, const char *text) {
    if (word_is_plain(text)) {
        page_say(page, "%s", text);
        return;
    }
    page_put(page, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            page_say(page, "'\\''");
        } else {
            page_put(page, *text);
        }
    }
    page_put(page, '\'');
}

void page_escaped(struct page *page, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&': page_say(page, "&amp;"); break;
        case '<': page_say(page, "&lt;"); break;
        case '>': page_say(page, "&gt;"); break;
        case '"': page_say(page, "&quot;"); break;
        case '\'': page_say(page, "&#39;"); break;
        default: page_put(page, *text);
        }
    }
}

void page_json(struct page *page, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            page_put(page, '\\');
        }
        page_put(page, *text);
    }
}

void page_words(struct page *page, const char *list) {
    char part[192];
    while (*list != '\0') {
        size_t n = strcspn(list, ",");
        if (n > 0 && n < sizeof part) {
            memcpy(part, list, n);
            part[n] = '\0';
            page_put(page, ' ');
            page_word(page, part);
        }
        list += n + (list[n] == ',');
    }
}
