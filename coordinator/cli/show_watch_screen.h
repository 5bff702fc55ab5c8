/* show_watch_screen: rows within a terminal's edges; only show_watch*.c include this. Plain ASCII:
 * any other character is drawn as one '?', so that a byte is a column. What is wider is cut with
 * "..."; what is higher loses whole blocks, the least needed first. */
#ifndef DROVER_CLI_SHOW_WATCH_SCREEN_H
#define DROVER_CLI_SHOW_WATCH_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#define SCREEN_COLUMNS_MAX 200
#define SCREEN_ROWS_MAX 100
#define SCREEN_ROWS_KEPT (SCREEN_ROWS_MAX + 60) /* before any is dropped */

/* The first is never dropped, the last goes first. */
enum block {
    BLOCK_TROUBLE,
    BLOCK_NOW,
    BLOCK_YOU,
    BLOCK_HEAD,
    BLOCK_STAGE,
    BLOCK_FOOT,
    BLOCK_COMMAND,
    BLOCK_RTO,
    BLOCK_WRITER,
    BLOCK_LAG,
    BLOCK_BACK,
    BLOCK_AGENTS,
    BLOCK_DOWN,
    BLOCK_LAST,
    BLOCK_STEPS
};

struct screen {
    unsigned columns, rows; /* 1 to _MAX */
    unsigned n;
    struct {
        enum block block;
        char text[SCREEN_COLUMNS_MAX + 1];
    } at[SCREEN_ROWS_KEPT];
};

/* Of what is said in one place: "2 alarms: this | that". */
struct items {
    unsigned n;
    char text[1024];
};

void screen_row(struct screen *screen, enum block block, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Broken at spaces, over at most rows_max rows (1 or more), the head before the first of them. */
void screen_words(struct screen *screen, enum block block, const char *head, const char *text,
                  unsigned rows_max);
void items_add(struct items *items, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `none` when there are no items; "" then says nothing at all. */
void screen_items(struct screen *screen, enum block block, const char *head,
                  const struct items *items, const char *noun, const char *none, unsigned rows_max);

/* Drops blocks until it is no higher than its rows. So many are left free for steps while there is
 * more than head and stage to drop. Trouble that does not fit is counted in its last row. */
void screen_fit(struct screen *screen, unsigned steps_rows);
/* Onto stdout: all but the steps, the steps, the last record and the foot; no newline behind the
 * last row. */
void screen_print(const struct screen *screen);

#endif
