/* The one screen while an execution runs: never wider or higher than the terminal, never scrolled.
 * What is wrong, what goes on and whose turn it is stand above what it costs. */
#include <string.h>

#include "common/topology/limits.h"
#include "coordinator/cli/show_parts.h"
#include "coordinator/cli/show_watch_screen.h"

#define STALE_MS 10000      /* TICKs come each second */
#define CELL_COLUMNS_MIN 38 /* of a step */
#define NAME_COLUMNS_MIN 12 /* of a step's name, before its state is cut */
#define CELLS_MAX 4         /* side by side */

/* ---------------------------------------------------------------------- the head */

static void say_head(struct screen *screen, const json_t *json, const json_t *execution) {
    const char *paused = text_in(execution, "paused");
    bool automatic = yes_in(execution, "automatic");
    screen_row(screen, BLOCK_HEAD, "EXECUTION %lld  %s %s  %s  %s%s  epoch %lld  %s",
               number_in(execution, "id"), execution_kind(execution), way_text(execution).at,
               execution_stays_inside(execution) ? "no lease moves" : text_in(execution, "mode"),
               automatic ? "automatic" : "declared by ",
               automatic ? "" : text_in(execution, "declared_by"), number_in(json, "epoch"),
               text_in(json, "cluster"));
    screen_row(screen, BLOCK_STAGE, "STAGE    %s%s%s  %s since %s%s%s%s", paused,
               paused[0] == '\0' ? "" : ", ", text_in(execution, "stage"),
               span_text(number_in(execution, "elapsed_ms")).at, clock_text(execution, "outage").at,
               number_in(execution, "exceptions_n") > 0 ? ", with exceptions" : "",
               has(execution, "created") ? ", begun " : "",
               has(execution, "created") ? clock_text(execution, "created").at : "");
}

static void say_command(struct screen *screen, const json_t *execution) {
    const json_t *command = json_object_get(execution, "command");
    const char *holder = text_in(command, "holder");
    char asks[160] = "";
    if (has(command, "asked_by")) {
        long long left_ms = number_in(command, "takeable_in_ms");
        (void)text_format(asks, sizeof asks, "; %s asks for it, may take it %s%s",
                          text_in(command, "asked_by"), left_ms > 0 ? "in " : "now",
                          left_ms > 0 ? span_text(left_ms).at : "");
    }
    if (holder[0] == '\0') {
        screen_row(screen, BLOCK_COMMAND, "COMMAND  nobody: drover command take %lld --reason TEXT",
                   number_in(execution, "id"));
    } else {
        screen_row(screen, BLOCK_COMMAND, "COMMAND  %s (since %s)%s", holder,
                   clock_text(command, "since").at, asks);
    }
}

/* Steps behind which something cannot be taken back: those that are ahead, or else those begun. */
static void for_good(const json_t *execution, bool ahead, struct items *ret_items) {
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(execution, "steps"), i, step) {
        const char *state = text_in(step, "state");
        bool begun = !text_equal(state, "waiting") && !text_equal(state, "needs-approval") &&
                     !text_equal(state, "needs-a-person") && !text_equal(state, "not-needed");
        if (yes_in(step, "for_good") && begun != ahead &&
            !(ahead && text_equal(state, "not-needed"))) {
            items_add(ret_items, "%lld %s", number_in(step, "number"), text_in(step, "name"));
        }
    }
}

/* Until when people can still say no to all of it, and what costs more than the way back. */
static void say_back(struct screen *screen, const json_t *execution, unsigned tall) {
    const char *stage = text_in(execution, "stage");
    bool stays =
        text_equal(text_in(execution, "kind"), "reprotect") || execution_stays_inside(execution);
    bool open = text_equal(stage, "handing-over") || text_equal(stage, "fencing") || stays;
    struct items steps = {0};
    char text[900];
    for_good(execution, open, &steps);
    if (text_equal(stage, "undoing")) {
        (void)text_copy(text, sizeof text, "on its way: what was handed over is undone");
    } else if (open) {
        (void)text_format(text, sizeof text, "drover abort %lld%s%s%s", number_in(execution, "id"),
                          stays ? "" : ", until the lease moves",
                          steps.n == 0 ? "" : "; for good from step ", steps.text);
    } else {
        (void)text_format(text, sizeof text, "none: past the point of no return%s%s",
                          steps.n == 0 ? "" : "; for good: step ", steps.text);
    }
    screen_words(screen, BLOCK_BACK, "BACK     ", text, tall);
}

/* ---------------------------------------------------------------------- the trouble */

static void say_alarms(struct screen *screen, const json_t *json, const json_t *execution,
                       unsigned tall) {
    struct items items = {0};
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(execution, "rto"), i, one) {
        const char *course = text_in(one, "course");
        if (text_equal(course, "breached") || text_equal(course, "missed")) {
            items_add(&items, "tier %lld is over its RTO of %s", number_in(one, "tier"),
                      span_text(number_in(one, "rto_ms")).at);
        }
    }
    for (unsigned breached = 2; breached-- > 0;) {
        json_array_foreach(json_object_get(json, "rpo_alarms"), i, one) {
            if (text_equal(text_in(one, "level"), "breached") != (breached == 1)) {
                continue;
            }
            if (has(one, "used_percent")) {
                items_add(&items, "%s is at %lld %% of its RPO%s", text_in(one, "link"),
                          number_in(one, "used_percent"), breached == 1 ? ": BREACHED" : "");
            } else {
                items_add(&items, "what %s would lose is not known", text_in(one, "link"));
            }
        }
    }
    screen_items(screen, BLOCK_TROUBLE, "ALARM    ", &items, "alarms", "", tall + 1);
}

static void say_member_trouble(struct screen *screen, const json_t *json) {
    long long age_ms = number_in(json, "now_ms") - number_in(json, "data_as_of_ms");
    bool stale = has(json, "data_as_of_ms") && age_ms > STALE_MS;
    if (has(json, "unanswered_ms")) {
        screen_row(screen, BLOCK_TROUBLE,
                   "TROUBLE  no member has answered for %s: all below is as old",
                   span_text(number_in(json, "unanswered_ms")).at);
    }
    if (yes_in(json, "stopped_for_human")) {
        screen_row(screen, BLOCK_TROUBLE, "TROUBLE  %s stopped for a human: %s",
                   text_in(json, "member"), text_in(json, "stopped_why"));
    }
    if (!yes_in(json, "log_reachable")) {
        screen_row(screen, BLOCK_TROUBLE,
                   "TROUBLE  the log engine does not answer: nothing can be decided");
    }
    if (!yes_in(json, "caught_up")) {
        screen_row(screen, BLOCK_TROUBLE, "TROUBLE  %s has NOT CAUGHT UP with the log",
                   text_in(json, "member"));
    }
    if (stale) {
        screen_row(screen, BLOCK_TROUBLE, "TROUBLE  the newest data is %s old: drover members",
                   span_text(age_ms).at);
    }
    if (text_in(json, "history_trouble")[0] != '\0') {
        screen_row(screen, BLOCK_TROUBLE, "TROUBLE  history: %s", text_in(json, "history_trouble"));
    }
}

static void say_trouble(struct screen *screen, const json_t *json) {
    const json_t *gates = json_object_get(json, "unexpected_open_gates");
    struct items items = {0};
    size_t i;
    json_t *gate;
    json_array_foreach(gates, i, gate) {
        items_add(&items, "%s", word_of(gate));
    }
    if (items.n > 0) {
        screen_row(screen, BLOCK_TROUBLE, "TROUBLE  open gates outside the lease's region: %u: %s",
                   items.n, items.text);
    }
    say_member_trouble(screen, json);
}

/* ---------------------------------------------------------------------- whose turn */

static void say_turns(struct screen *screen, const json_t *json, unsigned tall) {
    const json_t *next = json_object_get(json, "next_automatic_act");
    const char *act = text_in(json, "next_human_act");
    long long in_ms = number_in(next, "in_ms");
    struct items items = {0};
    char nothing[400];
    size_t i;
    json_t *wait;
    json_array_foreach(json_object_get(json, "waits_for"), i, wait) {
        items_add(&items, "%s", word_of(wait));
    }
    (void)text_format(nothing, sizeof nothing, "%s%s%s",
                      has(next, "text") ? text_in(next, "text") : "-", in_ms > 0 ? ", in " : "",
                      in_ms > 0 ? span_text(in_ms).at : "");
    screen_items(screen, BLOCK_NOW, "NOW      ", &items, "at once", nothing, tall);
    screen_words(screen, BLOCK_YOU, "YOU      ", act[0] == '\0' ? "nothing to do for people" : act,
                 tall + 1);
}

/* ------------------------------------------------------------------- what it costs */

static void add_tier(struct items *items, const json_t *tier) {
    const char *course = text_in(tier, "course");
    char ends[80] = "";
    if (!text_equal(course, "met") && !text_equal(course, "missed")) {
        (void)text_format(ends, sizeof ends, ", %s left at most",
                          span_text(number_in(tier, "ends_in_ms")).at);
        if (has(tier, "likely_in_ms")) {
            (void)text_append(ends, sizeof ends, ", likely ");
            (void)text_append(ends, sizeof ends, span_text(number_in(tier, "likely_in_ms")).at);
        }
    }
    items_add(items, "T%lld %s: %s of %s%s", number_in(tier, "tier"), course,
              span_text(number_in(tier, "used_ms")).at, span_text(number_in(tier, "rto_ms")).at,
              ends);
}

/* Of one store's link: what it costs, held against what it may. */
static void add_cost(struct items *items, const char *name, const json_t *one, long long limit_ms) {
    bool known = has(one, "lag_ms") && number_in(one, "lag_ms") >= 0;
    bool kept = known && (limit_ms <= 0 || number_in(one, "lag_ms") <= limit_ms);
    char behind[40] = "", limit[60] = "";
    if (known && number_in(one, "lag_bytes") >= 0 && has(one, "lag_bytes")) {
        (void)text_format(behind, sizeof behind, ", %s",
                          bytes_text(number_in(one, "lag_bytes")).at);
    } else if (known && number_in(one, "lag_writes") >= 0 && has(one, "lag_writes")) {
        (void)text_format(behind, sizeof behind, ", %lld writes", number_in(one, "lag_writes"));
    }
    if (limit_ms > 0) {
        (void)text_format(limit, sizeof limit, " of %s %s", span_text(limit_ms).at,
                          kept ? "PASS" : "FAIL");
    }
    items_add(items, "%s %s%s%s", name,
              known ? span_text(number_in(one, "lag_ms")).at : "not known", behind, limit);
}

/* Once the epoch is closed it is lost, and no longer moves; until then it would be. */
static void say_lost(struct screen *screen, const json_t *json, const json_t *execution,
                     unsigned tall) {
    const json_t *losses = json_object_get(execution, "losses");
    struct items links = {0};
    size_t i;
    json_t *one;
    for (unsigned missed = 2; missed-- > 0;) {
        json_array_foreach(losses, i, one) {
            if (yes_in(one, "met") == (missed == 0)) {
                add_cost(&links, text_in(one, "link"), one, number_in(one, "rpo_ms"));
            }
        }
    }
    if (json_array_size(losses) > 0) {
        screen_items(screen, BLOCK_LAG, "LOST     ", &links, "", "", tall);
        return;
    }
    json_array_foreach(json_object_get(json, "links"), i, one) {
        add_cost(&links, text_in(one, "name"), one, number_in(one, "limit_ms"));
    }
    screen_items(screen, BLOCK_LAG, "LAG      ", &links, "", "no link", tall);
}

static void say_costs(struct screen *screen, const json_t *json, const json_t *execution,
                      unsigned tall) {
    struct items tiers = {0};
    size_t i;
    json_t *one;
    for (unsigned late = 2; late-- > 0;) {
        json_array_foreach(json_object_get(execution, "rto"), i, one) {
            const char *course = text_in(one, "course");
            bool good = text_equal(course, "met") || text_equal(course, "on-course");
            if (good != (late == 1)) {
                add_tier(&tiers, one);
            }
        }
    }
    screen_items(screen, BLOCK_RTO, "RTO      ", &tiers, "", "none is declared", tall);
    say_lost(screen, json, execution, tall);
}

/* ------------------------------------------------------------------------ the world */

static void say_world(struct screen *screen, const json_t *json, unsigned tall) {
    const json_t *members = json_object_get(json, "members");
    const char *writer = text_in(json, "writer");
    struct items items = {0};
    size_t i, attest_n = 0;
    json_t *one;
    json_array_foreach(members, i, one) {
        attest_n += yes_in(one, "attesting");
    }
    char guards[80] = "";
    if (writer[0] != '\0') {
        (void)text_format(guards, sizeof guards, " (%lld of %lld guards hold the lease)",
                          number_in(json, "writer_leased_n"), number_in(json, "writer_guards_n"));
    }
    screen_row(screen, BLOCK_WRITER, "WRITER   %s%s  epoch %lld %s  %zu/%zu members attest",
               writer[0] == '\0' ? "nobody is seen to write" : writer, guards,
               number_in(json, "epoch"), yes_in(json, "open") ? "open" : "closed", attest_n,
               json_array_size(members));
    for (unsigned silent = 2; silent-- > 0;) {
        json_array_foreach(json_object_get(json, "regions"), i, one) {
            bool quiet = number_in(one, "heard_n") == 0 && yes_in(one, "heard_ever");
            if (quiet == (silent == 1)) {
                items_add(&items, "%s %lld/%lld%s%s, outside %lld/%lld ok, %s",
                          text_in(one, "name"), number_in(one, "heard_n"),
                          number_in(one, "agents_n"), quiet ? " silent " : "",
                          quiet ? span_text(number_in(one, "last_heard_ago_ms")).at : "",
                          number_in(one, "outside_ok_n"), number_in(one, "outside_n"),
                          text_in(one, "class"));
            }
        }
    }
    screen_items(screen, BLOCK_AGENTS, "AGENTS   ", &items, "", "none", tall + 1);
}

/* Of the region that the service is in, or goes to: what fails, and what only hangs on it. */
static void say_down(struct screen *screen, const json_t *json, const json_t *execution,
                     unsigned tall) {
    bool back = text_equal(text_in(execution, "kind"), "reprotect");
    const char *region = text_in(execution, back ? "source" : "target");
    struct items items = {0};
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(json, "troubles"), i, one) {
        const json_t *hurts = json_object_get(one, "hurts");
        bool own = json_array_size(json_object_get(one, "roots")) == 0;
        if (!own || !text_equal(text_in(one, "region"), region)) {
            continue;
        }
        if (json_array_size(hurts) > 0) {
            items_add(&items, "%s %s, %zu hang on it", text_in(one, "name"),
                      text_in(one, "standing"), json_array_size(hurts));
        } else {
            items_add(&items, "%s %s", text_in(one, "name"), text_in(one, "standing"));
        }
    }
    screen_items(screen, BLOCK_DOWN, "DOWN     ", &items, "", "", tall);
}

/* ------------------------------------------------------------------------ the steps */

enum rank { RANK_HOT, RANK_AHEAD, RANK_OVER, RANK_NOT };

struct steps {
    const json_t *list;
    unsigned n, of_rank[RANK_NOT + 1];
    bool shown[STEPS_MAX];
};

static enum rank rank_of(const json_t *step) {
    static const char *const hot[] = {"failed", "running", "needs-approval", "needs-a-person"};
    const char *state = text_in(step, "state");
    for (unsigned i = 0; i < sizeof hot / sizeof hot[0]; i++) {
        if (text_equal(state, hot[i])) {
            return RANK_HOT;
        }
    }
    if (text_equal(state, "not-needed") && number_in(step, "attempt") == 0) {
        return RANK_NOT;
    }
    return text_equal(state, "waiting") ? RANK_AHEAD : RANK_OVER;
}

static struct steps steps_of(const json_t *execution) {
    struct steps steps = {.list = json_object_get(execution, "steps")};
    size_t n = json_array_size(steps.list);
    steps.n = n > STEPS_MAX ? STEPS_MAX : (unsigned)n;
    for (unsigned i = 0; i < steps.n; i++) {
        steps.of_rank[rank_of(json_array_get(steps.list, i))]++;
    }
    return steps;
}

static void step_words(const json_t *step, char *out, size_t out_size) {
    const char *state = text_in(step, "state");
    bool running = text_equal(state, "running");
    long long ms = number_in(step, running ? "running_ms" : "took_ms");
    if (text_equal(state, "failed")) {
        (void)text_format(out, out_size, "FAILED %s", text_in(step, "error"));
    } else if (text_equal(state, "needs-approval")) {
        (void)text_format(out, out_size, "approval %s", text_in(step, "approval"));
    } else if (text_equal(state, "needs-a-person")) {
        (void)text_format(out, out_size, "by hand %s", text_in(step, "approval"));
    } else if (text_equal(state, "not-needed")) {
        (void)text_copy(out, out_size, "left out");
    } else {
        (void)text_format(out, out_size, "%s%s%s", state, ms > 0 || running ? " " : "",
                          ms > 0 || running ? span_text(ms).at : "");
    }
}

static char mark_of(const json_t *step) {
    static const struct {
        const char *state;
        char mark;
    } marks[] = {{"failed", '!'},         {"running", '>'}, {"needs-approval", '?'},
                 {"needs-a-person", '?'}, {"waiting", '.'}, {"done", '+'},
                 {"done-by-hand", '+'}};
    for (unsigned i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (text_equal(text_in(step, "state"), marks[i].state)) {
            return marks[i].mark;
        }
    }
    return '-';
}

/* A long name gives way to what has become of its step. */
static void step_cell(const json_t *step, size_t width, char *out, size_t out_size) {
    char words[100], front[16];
    const char *name = text_in(step, "name");
    step_words(step, words, sizeof words);
    (void)text_format(front, sizeof front, "%c %2lld ", mark_of(step), number_in(step, "number"));
    size_t used = strlen(front) + 1 + strlen(words);
    size_t room = width > used + NAME_COLUMNS_MIN ? width - used : NAME_COLUMNS_MIN;
    bool cut = strlen(name) > room;
    (void)text_format(out, out_size, "%s%.*s%s %s", front, (int)(cut ? room - 3 : room), name,
                      cut ? "..." : "", words);
    if (strlen(out) > width && width > 3) {
        (void)text_copy(out + width - 3, 4, "...");
    }
}

/* Room for so many: what goes on, then what comes next, then what was over last. */
static void steps_choose(struct steps *steps, unsigned places) {
    for (enum rank rank = RANK_HOT; rank < RANK_NOT; rank++) {
        for (unsigned k = 0; k < steps->n && places > 0; k++) {
            unsigned i = rank == RANK_OVER ? steps->n - 1 - k : k;
            if (rank_of(json_array_get(steps->list, i)) == rank) {
                steps->shown[i] = true;
                steps->of_rank[rank]--;
                places--;
            }
        }
    }
}

static unsigned cells_beside(const struct screen *screen) {
    unsigned n = screen->columns / CELL_COLUMNS_MIN;
    return n < 1 ? 1 : n > CELLS_MAX ? CELLS_MAX : n;
}

/* What goes on has its place, and how many steps there are besides; a quarter of the screen. */
static unsigned rows_for_steps(const struct screen *screen, const struct steps *steps) {
    unsigned besides = steps->of_rank[RANK_AHEAD] + steps->of_rank[RANK_OVER] > 0;
    unsigned cells = steps->of_rank[RANK_HOT] + besides, beside = cells_beside(screen);
    unsigned rows = (cells + beside - 1) / beside;
    return rows > screen->rows / 4 ? screen->rows / 4 : rows;
}

static void say_steps(struct screen *screen, struct steps *steps, unsigned rows) {
    unsigned cells_n = cells_beside(screen), used = 0, drawn = 0;
    unsigned width = screen->columns / cells_n, *left = steps->of_rank;
    unsigned all_n = left[RANK_HOT] + left[RANK_AHEAD] + left[RANK_OVER];
    unsigned shown_n = all_n <= rows * cells_n ? all_n : rows * cells_n - 1;
    unsigned total = rows == 0 ? 0 : shown_n + (shown_n < all_n);
    char row[SCREEN_COLUMNS_MAX + 1] = "", cell[SCREEN_COLUMNS_MAX + 1];
    steps_choose(steps, rows == 0 ? 0 : shown_n);
    for (unsigned i = 0; drawn < total; i++) {
        if (i < steps->n && !steps->shown[i]) {
            continue;
        }
        if (i < steps->n) {
            step_cell(json_array_get(steps->list, i), width - 1, cell, sizeof cell);
        } else {
            (void)text_format(cell, sizeof cell, "... %u more: %u open, %u over", all_n - shown_n,
                              left[RANK_HOT] + left[RANK_AHEAD], left[RANK_OVER]);
        }
        (void)text_format(row + used * width, sizeof row - used * width, "%-*.*s", (int)width,
                          (int)width - 1, cell);
        used++;
        drawn++;
        if (used == cells_n || drawn == total) {
            screen_row(screen, BLOCK_STEPS, "%s", row);
            used = 0;
        }
    }
}

/* ------------------------------------------------------------------------ all of it */

static void say_foot(struct screen *screen, const json_t *json) {
    const json_t *last = json_object_get(json, "last_record");
    long long age_ms = number_in(json, "now_ms") - number_in(json, "data_as_of_ms");
    if (json_is_object(last)) {
        screen_row(screen, BLOCK_LAST, "LAST     %s %s", clock_text(last, "at").at,
                   text_in(last, "text"));
    }
    screen_row(screen, BLOCK_FOOT, "%s at %s, data %s old; q or Ctrl-C ends this",
               text_in(json, "member"), clock_text(json, "now").at,
               span_text(age_ms < 0 ? 0 : age_ms).at);
}

static unsigned within(unsigned value, unsigned most) {
    return value < 1 ? 1 : value > most ? most : value;
}

void show_watch(const json_t *json, unsigned columns, unsigned rows) {
    static struct screen screen;
    const json_t *execution = json_array_get(json_object_get(json, "executions"), 0);
    struct steps steps = steps_of(execution);
    (void)memset(&screen, 0, sizeof screen);
    screen.columns = within(columns, SCREEN_COLUMNS_MAX);
    screen.rows = within(rows, SCREEN_ROWS_MAX);
    unsigned tall = screen.rows < 16 ? 1 : screen.rows < 40 ? 2 : 4;
    say_head(&screen, json, execution);
    say_trouble(&screen, json);
    say_alarms(&screen, json, execution, tall);
    say_turns(&screen, json, tall);
    say_command(&screen, execution);
    say_back(&screen, execution, tall);
    say_costs(&screen, json, execution, tall);
    say_world(&screen, json, tall);
    say_down(&screen, json, execution, tall);
    say_foot(&screen, json);
    screen_fit(&screen, rows_for_steps(&screen, &steps));
    say_steps(&screen, &steps, screen.rows - screen.n);
    screen_print(&screen);
}
