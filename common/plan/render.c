/* render: the walk through a plan, and the formats of plain text. */
#include "common/plan/render.h"

#include <string.h>

#include "common/base/ensure.h"
#include "common/plan/render_parts.h"

const char *render_format_text(enum render_format format) {
    static const char *const texts[] = {
#define RENDER_TEXT(name, text) text,
        RENDER_FORMAT_LIST(RENDER_TEXT)
#undef RENDER_TEXT
    };
    ensure(format < RENDER_FORMATS_N);
    return texts[format];
}

/* Each line of `text` behind `indent`. */
static void say_lines(const char *text, const char *indent, struct page *page) {
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        page_say(page, "%s%.*s\n", indent, (int)n, text);
        text += n + (text[n] == '\n');
    }
}

/* ---- text ---- */

static void text_say_facts(const struct step_facts *facts, struct page *page) {
    for (uint8_t i = 0; i < facts->lines_n; i++) {
        page_say(page, "    %-14s %s\n", facts->lines[i].label, facts->lines[i].text);
    }
}

static void text_begin(const struct step_facts *plan, struct page *page) {
    page_say(page, "%s\n", plan->title);
    text_say_facts(plan, page);
}

static void text_stage(const char *text, bool is_no_return, struct page *page) {
    page_say(page, "\n%s%s\n", is_no_return ? "==== " : "---- ", text);
}

static void text_wave(unsigned wave, struct page *page) {
    page_say(page, "\nwave %u\n", wave);
}

static void text_step(const struct step_facts *facts, struct page *page) {
    page_say(page, "\n  %s\n", facts->title);
    text_say_facts(facts, page);
    page_say(page, "    by hand:\n");
    say_lines(facts->command, "      ", page);
    page_say(page, "    it worked when:\n");
    say_lines(facts->check, "      ", page);
}

static void text_end(struct page *page) {
    (void)page;
}

static const struct render_style style_text = {text_begin, text_stage, text_wave, text_step,
                                               text_end};

/* ---- markdown ---- */

/* What Markdown would take for its own; names and sentences, never commands. */
static void markdown_say(const char *text, struct page *page) {
    for (; *text != '\0'; text++) {
        page_say(page, strchr("\\`*_{}[]<>#|", *text) != NULL ? "\\%c" : "%c", *text);
    }
}

static void markdown_facts(const struct step_facts *facts, struct page *page) {
    for (uint8_t i = 0; i < facts->lines_n; i++) {
        page_say(page, "* **%s**: ", facts->lines[i].label);
        markdown_say(facts->lines[i].text, page);
        page_say(page, "\n");
    }
}

static void markdown_begin(const struct step_facts *plan, struct page *page) {
    page_say(page, "# ");
    markdown_say(plan->title, page);
    page_say(page, "\n\n");
    markdown_facts(plan, page);
}

static void markdown_stage(const char *text, bool is_no_return, struct page *page) {
    page_say(page, is_no_return ? "\n> **%s**\n" : "\n## %s\n", text);
}

static void markdown_wave(unsigned wave, struct page *page) {
    page_say(page, "\n### Wave %u\n", wave);
}

/* A fence longer than any run of backticks inside. */
static void markdown_block(const char *text, struct page *page) {
    size_t longest = 0, run = 0;
    for (const char *c = text; *c != '\0'; c++) {
        run = *c == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    size_t n = longest >= 3 ? longest + 1 : 3;
    for (size_t i = 0; i < n; i++) {
        page_say(page, "`");
    }
    page_say(page, "bash\n%s", text);
    for (size_t i = 0; i < n; i++) {
        page_say(page, "`");
    }
    page_say(page, "\n");
}

static void markdown_step(const struct step_facts *facts, struct page *page) {
    page_say(page, "\n#### ");
    markdown_say(facts->title, page);
    page_say(page, "\n\n");
    markdown_facts(facts, page);
    page_say(page, "\nBy hand:\n\n");
    markdown_block(facts->command, page);
    page_say(page, "\nIt worked when:\n\n");
    markdown_block(facts->check, page);
}

static const struct render_style style_markdown = {markdown_begin, markdown_stage, markdown_wave,
                                                   markdown_step, text_end};

/* ---- commands: a script of which everything else is a comment ---- */

static void commands_begin(const struct step_facts *plan, struct page *page) {
    page_say(page, "# %s\n", plan->title);
    for (uint8_t i = 0; i < plan->lines_n; i++) {
        page_say(page, "# %s: %s\n", plan->lines[i].label, plan->lines[i].text);
    }
}

static void commands_stage(const char *text, bool is_no_return, struct page *page) {
    (void)is_no_return;
    page_say(page, "\n# ---- %s\n", text);
}

static void commands_wave(unsigned wave, struct page *page) {
    page_say(page, "# wave %u\n", wave);
}

static void commands_step(const struct step_facts *facts, struct page *page) {
    page_say(page, "\n# ==== %s\n%s# it worked when:\n%s", facts->title, facts->command,
             facts->check);
}

static const struct render_style style_commands = {commands_begin, commands_stage, commands_wave,
                                                   commands_step, text_end};

/* ---- the walk ---- */

static void say_fence(const struct render *render, const struct render_style *style,
                      struct step_facts *facts, struct page *page) {
    style->stage(FACTS_NO_RETURN, true, page);
    facts_of_fence(render, facts);
    style->step(facts, page);
    style->stage("Behind the fence, under the new epoch", false, page);
}

static enum err walk(const struct render *render, const struct order *order,
                     const struct render_style *style, struct page *page) {
    struct step_facts facts;
    bool fenced = !plan_fences(render->plan);
    unsigned wave = 0;
    facts_of_plan(render, order, &facts);
    style->begin(&facts, page);
    if (!fenced && order->n > 0 && order->at[0].before_fence) {
        style->stage("Before the fence, under the old epoch", false, page);
    } else if (fenced) {
        style->stage("The steps; nothing is fenced, no lease moves", false, page);
    }
    for (uint8_t at = 0; at < order->n; at++) {
        if (!fenced && !order->at[at].before_fence) {
            say_fence(render, style, &facts, page);
            fenced = true;
            wave = 0;
        }
        if (order->at[at].wave != wave) {
            wave = order->at[at].wave;
            style->wave(wave, page);
        }
        enum err err = facts_of_step(render, order, at, &facts);
        if (err != ERR_OK) {
            return err;
        }
        style->step(&facts, page);
    }
    if (!fenced) {
        say_fence(render, style, &facts, page);
    }
    style->end(page);
    return ERR_OK;
}

enum err render_plan(const struct render *render, enum render_format format, struct page *page) {
    static const struct render_style *const styles[RENDER_FORMATS_N] = {
        [RENDER_TEXT] = &style_text,
        [RENDER_MARKDOWN] = &style_markdown,
        [RENDER_HTML] = &render_html,
        [RENDER_COMMANDS] = &style_commands,
    };
    struct order order;
    ensure(format < RENDER_FORMATS_N && render->source != render->target);
    if (!plan_order(render->plan, &order)) {
        return ERR_CONFIG;
    }
    enum err err = ERR_OK;
    if (format == RENDER_SVG) {
        render_svg(render, &order, page);
    } else {
        err = walk(render, &order, styles[format], page);
    }
    return err == ERR_OK && page->cut ? ERR_TOO_BIG : err;
}
