/* render: a plan as a runbook for people: every step in the order in which it runs, what it waits
 * for, who approves it, what happens when it fails, what it takes to undo it, and the command by
 * hand. Pure.
 *
 * The same plan and topology give the same bytes: a runbook can be kept and compared. */
#ifndef DROVER_PLAN_RENDER_H
#define DROVER_PLAN_RENDER_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/plan/order.h"
#include "common/plan/page.h"
#include "common/topology/topology.h"

#define RENDER_FORMAT_LIST(X)                                                                      \
    X(TEXT, "text")                                                                                \
    X(MARKDOWN, "markdown")                                                                        \
    X(HTML, "html")                                                                                \
    X(SVG, "svg")                                                                                  \
    X(COMMANDS, "commands")

enum render_format {
#define RENDER_ENUM(name, text) RENDER_##name,
    RENDER_FORMAT_LIST(RENDER_ENUM)
#undef RENDER_ENUM
        RENDER_FORMATS_N
};

const char *render_format_text(enum render_format format);

struct render {
    const struct topology *topology;
    const struct plan *plan;
    uint8_t source;      /* the region being left */
    uint8_t target;      /* where the service goes; of a reprotect: the active region */
    const char *secrets; /* directories, as in manual.h */
    const char *programs;
};

/* Writes it to the page. CONFIG: the plan has no order (E170, E171). TOO_BIG: a step has too many
 * arguments (E156), or the page is full. */
enum err render_plan(const struct render *render, enum render_format format,
                     struct page *page) ERR_CHECKED;

#endif
