/* show_parts: tables, times and words; only show*.c and replay.c include this. */
#ifndef DROVER_CLI_SHOW_PARTS_H
#define DROVER_CLI_SHOW_PARTS_H

#include "coordinator/cli/cli.h"

#define CELL_SIZE 100
#define TABLE_COLUMNS_MAX 10
#define TABLE_ROWS_MAX 512

/* Aligned columns, printed at once. Colour marks what the word already says: "bad" cells in red,
 * "good" ones in green, on a terminal and without NO_COLOR only. */
struct table {
    unsigned columns_n, cells_n;
    const char *heads[TABLE_COLUMNS_MAX];
    struct {
        char text[CELL_SIZE];
        enum { PLAIN, BAD, GOOD } mark;
    } cells[TABLE_ROWS_MAX * TABLE_COLUMNS_MAX];
};

/* The one table of the program, emptied. */
struct table *table_of(unsigned columns_n, const char *const *heads);
void cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cell_marked(struct table *table, int mark, const char *text);
void table_print(const struct table *table, unsigned indent);

/* Fields of objects; "" / 0 / false when they are absent. */
const char *text_in(const json_t *object, const char *key);
const char *word_of(const json_t *value); /* of a list of texts */
long long number_in(const json_t *object, const char *key);
bool yes_in(const json_t *object, const char *key);
bool has(const json_t *object, const char *key); /* there, and not null */

/* "310 ms", "3.2 s", "12 m 05 s", "4 h 10 m", "3 d 4 h". */
struct span {
    char at[24];
};
struct span span_text(long long ms);
struct span bytes_text(long long bytes);
/* The time of day of "2026-11-21T02:31:29.123Z": "02:31:29Z"; "-" when it is not known. */
struct span clock_text(const json_t *object, const char *key);

/* Of an execution or a preview: its kind, DRILL in capitals; "east -> west", or "in west" of one
 * that stays inside a region. */
const char *execution_kind(const json_t *execution);
struct text256 way_text(const json_t *execution);
bool execution_stays_inside(const json_t *execution);

/* A word in colour, when there is colour. */
const char *colour(int mark);
const char *colour_off(void);
int mark_of_class(const char *class);
int mark_of_status(const char *status);
int mark_of_step(const char *state);

/* Words with a hanging indent, within 80 columns; one that is longer than a line is broken. */
void say_within(unsigned indent, const char *lead, int mark, const char *text);

void show_execution(const json_t *execution);
/* Who has command of it; a line, or nothing of one that ended without. */
void show_command(const json_t *execution);
/* The policy's version, date and status, and the topology's; a line, or nothing. */
void show_policy(const json_t *policy);
void show_links(const json_t *links, bool ends);
void show_trees(const json_t *trees); /* show_tree.c; within 80 columns */
void show_regions(const json_t *regions);
/* How each of these components is, and why; a line or more, within 80 columns. */
void show_standings(const json_t *components);

/* Of a preview: what is at stake beside the loss, and all of it in one sentence. */
void show_stakes(const json_t *json);
void show_stake(const json_t *json);
/* Of a link's loss the bytes or writes, the age of the sample, and whether the plan moves it at
 * all; "" of NULL. */
struct moved {
    char at[120];
};
struct moved moved_text(const json_t *link);
/* What has no leader now, and what took too long; a line or more each, within 80 columns. */
void show_election_alarms(const json_t *alarms);
/* The last elections of these components, and their figures; nothing where there were none. */
void show_elections(const json_t *components);

void show_status(const json_t *json);
/* Of a status with a running execution: at most so many columns (1 to 200) and rows (1 to 100; what
 * is more is not used), without a newline behind the last. */
void show_watch(const json_t *json, unsigned columns, unsigned rows);
void show_explain(const json_t *json);
void show_components(const json_t *json);
void show_backups(const json_t *json);
void show_readiness(const json_t *json);
void show_agents(const json_t *json);
void show_members(const json_t *json);
void show_rules(const json_t *json);
void show_timeline(const json_t *json);
void show_report(const json_t *json);
void show_whoami(const json_t *json);
void show_executions(const json_t *json);
void show_commands(const json_t *json);

#endif
