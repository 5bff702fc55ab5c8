/* The parts of render. Not for others. */
#ifndef DROVER_PLAN_RENDER_PARTS_H
#define DROVER_PLAN_RENDER_PARTS_H

#include "common/plan/facts.h"

/* Every format but the picture is these five, called from the beginning to the end. */
struct render_style {
    void (*begin)(const struct step_facts *plan, struct page *page);
    void (*stage)(const char *text, bool is_no_return, struct page *page);
    void (*wave)(unsigned wave, struct page *page);
    void (*step)(const struct step_facts *facts, struct page *page);
    void (*end)(struct page *page);
};

extern const struct render_style render_html;

void render_svg(const struct render *render, const struct order *order, struct page *page);

#endif
