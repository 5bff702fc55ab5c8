/* The runbook as one HTML page: no script, no picture, nothing that is fetched. */
#include "common/plan/render_parts.h"

static void html_facts(const struct step_facts *facts, struct page *page) {
    page_say(page, "<dl>\n");
    for (uint8_t i = 0; i < facts->lines_n; i++) {
        page_say(page, "<dt>");
        page_escaped(page, facts->lines[i].label);
        page_say(page, "</dt><dd>");
        page_escaped(page, facts->lines[i].text);
        page_say(page, "</dd>\n");
    }
    page_say(page, "</dl>\n");
}

static void html_begin(const struct step_facts *plan, struct page *page) {
    page_say(page,
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<title>");
    page_escaped(page, plan->title);
    page_say(
        page,
        "</title>\n<style>\nbody { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em "
        "auto; padding: 0 1em; }\ndl { display: grid; grid-template-columns: 8em 1fr; gap: 0 "
        "1em; }\ndt { font-weight: bold; }\ndd { margin: 0; }\npre { background: #f2f2f2; "
        "border: 1px solid #999; padding: .5em; white-space: pre-wrap; overflow-wrap: anywhere;"
        " }\n.no-return { border: 3px double #900; padding: .5em; font-weight: bold; }\n"
        "</style>\n</head>\n<body>\n<h1>");
    page_escaped(page, plan->title);
    page_say(page, "</h1>\n");
    html_facts(plan, page);
}

static void html_stage(const char *text, bool is_no_return, struct page *page) {
    page_say(page, is_no_return ? "<p class=\"no-return\">" : "<h2>");
    page_escaped(page, text);
    page_say(page, is_no_return ? "</p>\n" : "</h2>\n");
}

static void html_wave(unsigned wave, struct page *page) {
    page_say(page, "<h3>Wave %u</h3>\n", wave);
}

static void html_step(const struct step_facts *facts, struct page *page) {
    page_say(page, "<h4>");
    page_escaped(page, facts->title);
    page_say(page, "</h4>\n");
    html_facts(facts, page);
    page_say(page, "<p>By hand:</p>\n<pre>");
    page_escaped(page, facts->command);
    page_say(page, "</pre>\n<p>It worked when:</p>\n<pre>");
    page_escaped(page, facts->check);
    page_say(page, "</pre>\n");
}

static void html_end(struct page *page) {
    page_say(page, "</body>\n</html>\n");
}

const struct render_style render_html = {html_begin, html_stage, html_wave, html_step, html_end};
