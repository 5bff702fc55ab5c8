/* The order of recovery as a picture (SEED-88): a column a tier, time downwards, an arrow from what
 * is needed to what needs it, the fence as a line across. Whole numbers only; shape and text say
 * all, colour repeats it. */
#include <string.h>

#include "common/base/text.h"
#include "common/plan/render_parts.h"

#define COLUMNS_N (OBJECTIVES_MAX + 1) /* the last: steps in no tier */
#define BOX_W 260u                     /* the longest name and its number */
#define BOX_H 44u
#define LOCKS_SHOWN 24 /* characters of the locks' names that fit beside the longest action */
#define GAP_X 40u
#define GAP_Y 22u
#define HEAD_H 96u
#define FENCE_H 46u
#define ROWS_MAX (2 * STEPS_MAX)

struct box {
    unsigned column, row;
};

struct picture {
    const struct render *render;
    const struct order *order;
    struct box boxes[STEPS_MAX]; /* by the step's index */
    unsigned rows_n;
    unsigned fence_row; /* the fence is above this row; rows_n + 1 without one */
};

/* A wave takes as many rows as its fullest column has steps. */
static void picture_lay_out(struct picture *picture) {
    unsigned row = 0, filled[COLUMNS_N] = {0}, deepest = 0, wave = 0;
    bool before = true;
    picture->fence_row = ROWS_MAX;
    for (uint8_t i = 0; i < picture->order->n; i++) {
        const struct place_in_order *place = &picture->order->at[i];
        if (i == 0 || place->wave != wave || place->before_fence != before) {
            row += deepest;
            deepest = 0;
            memset(filled, 0, sizeof filled);
            if (!place->before_fence && (i == 0 || before) && plan_fences(picture->render->plan)) {
                picture->fence_row = row;
            }
        }
        wave = place->wave;
        before = place->before_fence;
        unsigned column = step_tier(&picture->render->plan->steps[place->step]) - 1;
        picture->boxes[place->step] = (struct box){.column = column, .row = row + filled[column]};
        filled[column]++;
        deepest = filled[column] > deepest ? filled[column] : deepest;
    }
    picture->rows_n = row + deepest;
    if (picture->fence_row == ROWS_MAX && plan_fences(picture->render->plan)) {
        picture->fence_row = picture->rows_n; /* a plan of hand-off steps alone */
    }
}

static unsigned box_x(const struct box *box) {
    return GAP_X + box->column * (BOX_W + GAP_X);
}

static unsigned row_y(const struct picture *picture, unsigned row) {
    return HEAD_H + row * (BOX_H + GAP_Y) + (row >= picture->fence_row ? FENCE_H : 0);
}

static void say_label(struct page *page, unsigned x, unsigned y, const char *class,
                      const char *text) {
    page_say(page, "<text x=\"%u\" y=\"%u\" class=\"%s\">", x, y, class);
    page_escaped(page, text);
    page_say(page, "</text>\n");
}

static void say_head(const struct picture *picture, unsigned width, unsigned height,
                     struct page *page) {
    const struct render *render = picture->render;
    const struct topology *topology = render->topology;
    char title[160];
    (void)text_format(title, sizeof title, "%s plan %s: %s to %s",
                      plan_kind_text((enum plan_kind)render->plan->kind), render->plan->name,
                      topology->regions[render->source].name,
                      topology->regions[render->target].name);
    page_say(page,
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %u\" width=\"%u\" "
             "height=\"%u\" role=\"img\">\n<title>",
             width, height, width, height);
    page_escaped(page, title);
    page_say(page, "</title>\n<style>\ntext { font: 13px sans-serif; fill: #111; }\n"
                   ".head { font-size: 17px; font-weight: bold; }\n.tier { font-weight: bold; }\n"
                   ".small { font-size: 11px; fill: #444; }\n"
                   ".box { fill: #fff; stroke: #111; }\n.person { stroke-width: 3; }\n"
                   ".optional { stroke-dasharray: 5 3; }\n"
                   ".need { fill: none; stroke: #777; }\n"
                   ".fence { stroke: #900; stroke-width: 3; }\n</style>\n"
                   "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" "
                   "markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" "
                   "fill=\"#777\"/></marker></defs>\n"
                   "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n");
    say_label(page, GAP_X, 30, "head", title);
    say_label(page, GAP_X, 50, "small",
              "thick: a person approves or does it; dashed: may fail; an arrow: waits for");
    for (unsigned column = 0; column < COLUMNS_N; column++) {
        char tier[16];
        struct box box = {.column = column};
        (void)text_format(tier, sizeof tier, column < OBJECTIVES_MAX ? "tier %u" : "no tier",
                          column + 1);
        say_label(page, box_x(&box), HEAD_H - 18, "tier", tier);
    }
}

static void say_arrows(const struct picture *picture, struct page *page) {
    const struct plan *plan = picture->render->plan;
    for (uint8_t i = 0; i < plan->steps_n; i++) {
        for (uint8_t j = 0; j < plan->steps[i].needs_n; j++) {
            const struct box *from = &picture->boxes[plan->steps[i].needs[j]];
            const struct box *to = &picture->boxes[i];
            unsigned x1 = box_x(from) + BOX_W / 2, y1 = row_y(picture, from->row) + BOX_H;
            unsigned x2 = box_x(to) + BOX_W / 2, y2 = row_y(picture, to->row);
            page_say(page,
                     "<path class=\"need\" marker-end=\"url(#tip)\" d=\"M%u %uC%u %u %u %u %u %u\""
                     "/>\n",
                     x1, y1, x1, y1 + GAP_Y, x2, y2 - GAP_Y, x2, y2);
        }
    }
}

static void say_boxes(const struct picture *picture, struct page *page) {
    for (uint8_t i = 0; i < picture->order->n; i++) {
        const struct step *step = &picture->render->plan->steps[picture->order->at[i].step];
        const struct box *box = &picture->boxes[picture->order->at[i].step];
        unsigned x = box_x(box), y = row_y(picture, box->row);
        char name[NAME_SIZE + 8], locks[LOCKS_SHOWN], what[NAME_SIZE + LOCKS_SHOWN];
        (void)text_format(name, sizeof name, "%u. %s", i + 1u, step->name);
        page_say(
            page,
            "<rect class=\"box%s%s\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" rx=\"4\"/>\n",
            step->approval != NONE ? " person" : "", step->may_fail ? " optional" : "", x, y, BOX_W,
            BOX_H);
        say_label(page, x + 8, y + 18, "name", name);
        (void)text_format(what, sizeof what, "%s",
                          action_kind_text((enum action_kind)step->action));
        plan_locks_text(picture->render->plan, step, locks, sizeof locks);
        if (locks[0] != '\0') {
            (void)text_append(what, sizeof what, "; lock ");
            (void)text_append(what, sizeof what, locks);
        }
        say_label(page, x + 8, y + 35, "small", what);
    }
}

void render_svg(const struct render *render, const struct order *order, struct page *page) {
    struct picture picture = {.render = render, .order = order};
    picture_lay_out(&picture);
    unsigned width = GAP_X + COLUMNS_N * (BOX_W + GAP_X);
    unsigned height = row_y(&picture, picture.rows_n) + GAP_Y;
    say_head(&picture, width, height, page);
    if (picture.fence_row != ROWS_MAX) {
        unsigned y = HEAD_H + picture.fence_row * (BOX_H + GAP_Y) + 12;
        page_say(page, "<line class=\"fence\" x1=\"0\" y1=\"%u\" x2=\"%u\" y2=\"%u\"/>\n", y, width,
                 y);
        say_label(page, GAP_X, y + 18, "tier", "the fence: point of no return");
    }
    say_arrows(&picture, page);
    say_boxes(&picture, page);
    page_say(page, "</svg>\n");
}
