/* Plans as they follow from each other: the order of recovery, and what became of a plan. */
#include <stdlib.h>
#include <string.h>

#include "common/io/topology_read.h"
#include "common/plan/compare.h"
#include "common/plan/graph.h"
#include "common/plan/render.h"
#include "coordinator/cli/plans.h"
#include "coordinator/cli/show_parts.h"

#define PAGE_SIZE (512u * 1024)

static int say_page(const struct session *session, enum err err, const struct page *page,
                    json_t *root) {
    const char *verb = session->line->verb->name;
    if (err != ERR_OK) {
        json_decref(root);
        (void)fprintf(stderr, "drover %s: %s; see drover plan lint\n", verb,
                      err == ERR_CONFIG ? "the steps have no order" : err_text(err));
        return EXIT_REFUSED;
    }
    if (!session->line->json) {
        (void)fputs(page->at, stdout);
    } else if (root == NULL || json_object_set_new(root, "text", json_string(page->at)) != 0) {
        (void)fprintf(stderr, "drover %s: it is no UTF-8\n", verb);
        json_decref(root);
        return EXIT_BROKEN;
    } else {
        show_json(root);
    }
    json_decref(root);
    return EXIT_OK;
}

/* --------------------------------------------------------------------- plan graph */

int plan_graph_run(struct session *session) {
    static char text[PAGE_SIZE];
    struct page page = page_open(text, sizeof text);
    struct plans_source source;
    const char *format = session->line->format;
    bool picture = format != NULL && text_equal(format, "svg");
    if (format != NULL && !picture && !text_equal(format, "text")) {
        (void)fprintf(stderr, "drover plan graph: --format is text or svg, not \"%s\"\n", format);
        return EXIT_USAGE;
    }
    int code = plans_read(session, 1, &source);
    const struct plan *plan = code == EXIT_OK ? plans_find(session, &source) : NULL;
    if (plan == NULL) {
        return code == EXIT_OK ? EXIT_USAGE : code;
    }
    struct render render = {.topology = source.topology, .plan = plan};
    if (!plans_way(session, &source, plan, &render.source, &render.target)) {
        return EXIT_USAGE;
    }
    enum err err = picture ? render_plan(&render, RENDER_SVG, &page)
                           : graph_text(source.topology, plan, &page);
    return say_page(session, err, &page,
                    json_pack("{s:s,s:s}", "plan", plan->name, "format", picture ? "svg" : "text"));
}

/* ---------------------------------------------------------------------- plan diff */

static const struct plan *plan_in(const struct topology *topology, const char *name,
                                  const char *where) {
    uint8_t index = topology_plan(topology, name);
    if (index == NONE) {
        (void)fprintf(stderr, "drover plan diff: no plan of %s is called \"%s\"\n", where, name);
        return NULL;
    }
    return &topology->plans[index];
}

/* PLAN FILE: from the topology in force to the file. PLAN FILE FILE: from one to the other. */
int plan_diff_run(struct session *session) {
    static struct topology next;
    static char text[PAGE_SIZE];
    struct page page = page_open(text, sizeof text);
    struct plans_source source;
    struct text256 why = {{0}};
    const struct command_line *line = session->line;
    bool two = line->words_n == 3;
    unsigned differences = 0;
    int code = plans_read(session, two ? 1 : line->words_n, &source);
    if (code != EXIT_OK) {
        return code;
    }
    const char *file = line->words[line->words_n - 1];
    if (topology_read_file(file, false, &next, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.at);
        return EXIT_USAGE;
    }
    struct plan_side was = {.topology = source.topology,
                            .name = two ? line->words[1] : "the topology in force"};
    struct plan_side is = {.topology = &next, .name = file};
    was.plan = plan_in(was.topology, line->words[0], was.name);
    is.plan = was.plan == NULL ? NULL : plan_in(is.topology, line->words[0], is.name);
    if (is.plan == NULL) {
        return EXIT_USAGE;
    }
    enum err err = plan_compare(&was, &is, &page, &differences);
    if (err == ERR_OK && differences == 0) {
        page_say(&page, "plan %s does the same in %s and in %s\n", is.plan->name, was.name,
                 is.name);
    }
    return say_page(session, err, &page,
                    json_pack("{s:s,s:s,s:s,s:i}", "plan", is.plan->name, "was", was.name, "is",
                              is.name, "differences", (int)differences));
}
