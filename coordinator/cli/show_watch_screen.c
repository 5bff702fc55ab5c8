/* Rows within a terminal's edges: cut, broken at spaces, dropped a block at a time. */
#include "coordinator/cli/show_watch_screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/base/text.h"

#define ROW_SIZE 1200

/* A terminal obeys control bytes, and a wide or combining character is not one column. */
static void make_ascii(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        unsigned char byte = (unsigned char)*from;
        if (byte >= 0x20 && byte < 0x7f) {
            *to++ = *from;
        } else if ((byte & 0xc0) != 0x80) { /* the rest of a character that was told already */
            *to++ = '?';
        }
    }
    while (to > text && to[-1] == ' ') {
        to--;
    }
    *to = '\0';
}

void screen_row(struct screen *screen, enum block block, const char *format, ...) {
    char text[ROW_SIZE];
    va_list args;
    ensure(screen->columns >= 1 && screen->columns <= SCREEN_COLUMNS_MAX);
    if (screen->n >= SCREEN_ROWS_KEPT) {
        return;
    }
    va_start(args, format);
    (void)text_format_list(text, sizeof text, format, args);
    va_end(args);
    make_ascii(text);
    if (strlen(text) > screen->columns) {
        (void)text_copy(text + (screen->columns > 3 ? screen->columns - 3 : 0), 4, "...");
        text[screen->columns] = '\0';
    }
    screen->at[screen->n].block = block;
    (void)text_copy(screen->at[screen->n++].text, SCREEN_COLUMNS_MAX + 1, text);
}

void screen_words(struct screen *screen, enum block block, const char *head, const char *text,
                  unsigned rows_max) {
    char words[ROW_SIZE];
    const char *at = words;
    size_t indent = strlen(head);
    size_t width = screen->columns > 2 * indent ? screen->columns - indent : ROW_SIZE;
    (void)text_copy(words, sizeof words, text);
    make_ascii(words);
    for (unsigned row = 0; row < rows_max; row++) {
        size_t size = strlen(at);
        if (size > width && row + 1 < rows_max) {
            for (size = width; size > 0 && at[size] != ' '; size--) {
            }
            size = size == 0 ? width : size;
        }
        screen_row(screen, block, "%-*s%.*s", (int)indent, row == 0 ? head : "", (int)size, at);
        at += size;
        at += strspn(at, " ");
        if (*at == '\0') {
            return;
        }
    }
}

void items_add(struct items *items, const char *format, ...) {
    char text[ROW_SIZE];
    va_list args;
    va_start(args, format);
    (void)text_format_list(text, sizeof text, format, args);
    va_end(args);
    if (items->n++ > 0) {
        (void)text_append(items->text, sizeof items->text, " | ");
    }
    (void)text_append(items->text, sizeof items->text, text);
}

void screen_items(struct screen *screen, enum block block, const char *head,
                  const struct items *items, const char *noun, const char *none,
                  unsigned rows_max) {
    char text[ROW_SIZE];
    if (items->n == 0 && none[0] == '\0') {
        return;
    }
    if (items->n > 1 && noun[0] != '\0') {
        (void)text_format(text, sizeof text, "%u %s: %s", items->n, noun, items->text);
    } else {
        (void)text_copy(text, sizeof text, items->n == 0 ? none : items->text);
    }
    screen_words(screen, block, head, text, rows_max);
}

static unsigned rows_of(const struct screen *screen, enum block block) {
    unsigned n = 0;
    for (unsigned i = 0; i < screen->n; i++) {
        n += screen->at[i].block == block;
    }
    return n;
}

static void drop(struct screen *screen, enum block block, unsigned rows_left) {
    unsigned to = 0, kept = 0;
    for (unsigned i = 0; i < screen->n; i++) {
        if (screen->at[i].block != block || kept++ < rows_left) {
            screen->at[to++] = screen->at[i];
        }
    }
    screen->n = to;
}

void screen_fit(struct screen *screen, unsigned steps_rows) {
    ensure(screen->rows >= 1 && screen->rows <= SCREEN_ROWS_MAX && steps_rows < screen->rows);
    for (unsigned block = BLOCK_STEPS; block > BLOCK_STAGE; block--) {
        if (screen->n + steps_rows > screen->rows) {
            drop(screen, (enum block)block, 0);
        }
    }
    for (unsigned block = BLOCK_STAGE; block > BLOCK_TROUBLE; block--) {
        if (screen->n > screen->rows) {
            drop(screen, (enum block)block, 0);
        }
    }
    unsigned trouble_n = rows_of(screen, BLOCK_TROUBLE);
    if (screen->n > screen->rows) {
        drop(screen, BLOCK_TROUBLE, screen->rows - 1);
        screen_row(screen, BLOCK_TROUBLE, "TROUBLE  and %u more: drover status",
                   trouble_n - (screen->rows - 1));
    }
}

void screen_print(const struct screen *screen) {
    unsigned printed = 0;
    for (unsigned pass = 0; pass < 3; pass++) {
        for (unsigned i = 0; i < screen->n; i++) {
            enum block block = screen->at[i].block;
            bool below = block == BLOCK_LAST || block == BLOCK_FOOT;
            unsigned place = below ? 2 : block == BLOCK_STEPS ? 1 : 0;
            if (place == pass) {
                (void)printf("%s%s", printed++ == 0 ? "" : "\n", screen->at[i].text);
            }
        }
    }
}
