/* Words that stand where a value belongs: the documents are full of "[Name]". */
#include <string.h>

#include "common/plan/lint_parts.h"

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool word_letter(char c) {
    c = lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* As a word of its own, whatever its case. */
static bool has_word(const char *text, const char *word) {
    size_t n = strlen(word);
    for (const char *at = text; *at != '\0'; at++) {
        size_t i = 0;
        while (i < n && lower(at[i]) == word[i]) {
            i++;
        }
        if (i == n && (at == text || !word_letter(at[-1])) && !word_letter(at[n])) {
            return true;
        }
    }
    return false;
}

/* "[Name]", "<name>": letters, blanks and dashes alone between the two. */
static bool has_bracketed(const char *text, char open, char close) {
    for (const char *at = strchr(text, open); at != NULL; at = strchr(at + 1, open)) {
        size_t n = 1;
        while (lower(at[n]) >= 'a' ? lower(at[n]) <= 'z' : at[n] == ' ' || at[n] == '-') {
            n++;
        }
        if (n > 2 && at[n] == close && lower(at[1]) >= 'a') {
            return true;
        }
    }
    return false;
}

static bool is_placeholder(const char *text) {
    static const char *const words[] = {"tbd",
                                        "tba",
                                        "changeme",
                                        "change-me",
                                        "placeholder",
                                        "fill-me-in",
                                        "xx"
                                        "x",
                                        "to"
                                        "do",
                                        "fix"
                                        "me"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (has_word(text, words[i])) {
            return true;
        }
    }
    return has_bracketed(text, '[', ']') || has_bracketed(text, '<', '>');
}

static void look(const char *text, struct where at, struct findings *findings) {
    if (is_placeholder(text)) {
        LINT(findings, LINT_PLACEHOLDER, at.at, "\"%.80s\" is a placeholder", text);
    }
}

static void look_at_arguments(const struct arguments *arguments, struct where at,
                              struct findings *findings) {
    for (uint8_t i = 0; i < arguments->n; i++) {
        look(arguments->at[i].value, where("%s.args.%s", at.at, arguments->at[i].name), findings);
    }
}

static void lint_plans(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->plans_n; i++) {
        const struct plan *plan = &topology->plans[i];
        for (uint8_t s = 0; s < plan->steps_n; s++) {
            struct where at = where("plans.%s.steps.%s", plan->name, plan->steps[s].name);
            look(plan->steps[s].intent, at, findings);
            look_at_arguments(&plan->steps[s].arguments, at, findings);
        }
    }
}

void lint_placeholders(const struct topology *topology, struct findings *findings) {
    const struct document *document = &topology->document;
    look(document->name, where("document.name"), findings);
    look(document->version, where("document.version"), findings);
    look(document->status, where("document.status"), findings);
    for (uint8_t i = 0; i < topology->endpoints_n; i++) {
        const struct endpoint *endpoint = &topology->endpoints[i];
        struct where at = where("components.%s.%s", topology->components[endpoint->component].name,
                                topology->regions[endpoint->region].name);
        look(endpoint->address, at, findings);
        look_at_arguments(&endpoint->arguments, at, findings);
    }
    for (uint8_t i = 0; i < topology->checks_n; i++) {
        look(topology->checks[i].fix, where("checks.%s.fix", topology->checks[i].name), findings);
    }
    for (uint8_t i = 0; i < topology->links_n; i++) {
        look(topology->links[i].fix, where("links.%s.fix", topology->links[i].name), findings);
    }
    for (uint8_t i = 0; i < topology->backups_n; i++) {
        const struct backup *backup = &topology->backups[i];
        struct where at =
            where("backups.%s.%s", topology->components[backup->component].name, backup->type);
        look(backup->location, at, findings);
        look(backup->second_location, at, findings);
    }
    lint_plans(topology, findings);
}
