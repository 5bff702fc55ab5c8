#include "agent/probes/parse_git.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/text.h"

#define LINE_SIZE 4096 /* a ref's name and the capabilities behind the first */

bool git_line_take(struct git_lines *lines, const char **ret_text, size_t *ret_n) {
    char digits[5] = "";
    uint8_t bytes[2];
    if (lines->left < 4) {
        return false;
    }
    memcpy(digits, lines->at, 4);
    if (!text_to_bytes(digits, bytes, 2)) {
        return false;
    }
    size_t n = (size_t)bytes[0] << 8 | bytes[1];
    if (n == 0) {
        *ret_n = 0;
        n = 4;
    } else if (n <= 4 || n > lines->left) {
        return false;
    } else {
        *ret_text = lines->at + 4;
        *ret_n = n - 4;
    }
    lines->at += n;
    lines->left -= n;
    return true;
}

bool git_commit_fits(const char *text, size_t n) {
    return (n == 40 || n == 64) && strspn(text, "0123456789abcdef") == n;
}

/* The capabilities stand behind the first name's zero byte, a word each. */
static bool capability_is(const char *words, const char *name) {
    size_t n = strlen(name);
    for (const char *at = strstr(words, name); at != NULL; at = strstr(at + n, name)) {
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\n' || at[n] == '\0')) {
            return true;
        }
    }
    return false;
}

/* "COMMIT REF\n", on the first line with "\0capabilities" behind the name. */
static bool ref_take(const char *text, size_t n, const char *ref, struct git_view *view) {
    char line[LINE_SIZE];
    if (n >= sizeof line) {
        return false;
    }
    memcpy(line, text, n);
    line[n] = '\0'; /* a name ends at the first zero byte anyway */
    size_t name_n = strlen(line);
    if (name_n < n) {
        const char *words = line + name_n + 1;
        view->gives_one = capability_is(words, "shallow") && capability_is(words, "filter");
    }
    line[strcspn(line, "\n")] = '\0';
    char *space = strchr(line, ' ');
    if (space == NULL) {
        return false;
    }
    *space = '\0';
    if (!git_commit_fits(line, strlen(line))) {
        return false;
    }
    if (text_equal(space + 1, "capabilities^{}")) {
        return true; /* an empty repository says so */
    }
    view->refs_n++;
    if (text_equal(space + 1, ref)) {
        return text_copy(view->commit, sizeof view->commit, line);
    }
    return true;
}

enum err git_refs_parse(const char *body, size_t body_size, const char *ref,
                        struct git_view *ret_view) {
    static const char service[] = "# service=git-upload-pack";
    struct git_lines lines = {body, body_size};
    struct git_view view = {0};
    const char *text = NULL;
    size_t n = 0;
    if (!git_line_take(&lines, &text, &n) || n < sizeof service - 1 ||
        memcmp(text, service, sizeof service - 1) != 0 || !git_line_take(&lines, &text, &n) ||
        n != 0) {
        return ERR_FORMAT;
    }
    for (bool first = true;; first = false) {
        if (!git_line_take(&lines, &text, &n)) {
            return ERR_FORMAT;
        }
        if (n == 0) {
            break;
        }
        if (first && n >= 9 && memcmp(text, "version 1", 9) == 0) {
            continue;
        }
        if (!ref_take(text, n, ref, &view)) {
            return ERR_FORMAT;
        }
    }
    *ret_view = view;
    return ERR_OK;
}
