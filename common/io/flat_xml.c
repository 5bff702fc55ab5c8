#include "common/io/flat_xml.h"

#include <string.h>

#include "common/base/text.h"

const char *piece_find(struct piece in, const char *text) {
    return memmem(in.at, in.n, text, strlen(text));
}

bool piece_equal(struct piece piece, const char *text) {
    return piece.n == strlen(text) && memcmp(piece.at, text, piece.n) == 0;
}

bool flat_xml_element(struct piece in, const char *name, struct piece *ret_text) {
    char open[40], close[40];
    if (!text_format(open, sizeof open, "<%s>", name) ||
        !text_format(close, sizeof close, "</%s>", name)) {
        return false;
    }
    const char *from = piece_find(in, open);
    if (from == NULL) {
        return false;
    }
    from += strlen(open);
    struct piece rest = {from, in.n - (size_t)(from - in.at)};
    const char *to = piece_find(rest, close);
    if (to == NULL) {
        return false;
    }
    *ret_text = (struct piece){from, (size_t)(to - from)};
    return true;
}

bool flat_xml_next(struct piece *in, const char *name, struct piece *ret_text) {
    if (!flat_xml_element(*in, name, ret_text)) {
        return false;
    }
    const char *behind = ret_text->at + ret_text->n;
    *in = (struct piece){behind, in->n - (size_t)(behind - in->at)};
    return true;
}

static const struct {
    const char *text;
    char is;
} entities[] = {{"&quot;", '"'}, {"&apos;", '\''}, {"&amp;", '&'}, {"&lt;", '<'},
                {"&gt;", '>'},   {"&#34;", '"'},   {"&#39;", '\''}};

/* The longest that is understood; anything else stays as it is. */
static size_t entity_take(struct piece in, char *ret_char) {
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
        size_t n = strlen(entities[i].text);
        if (in.n >= n && memcmp(in.at, entities[i].text, n) == 0) {
            *ret_char = entities[i].is;
            return n;
        }
    }
    *ret_char = in.at[0];
    return 1;
}

bool flat_xml_value(struct piece in, char *ret_value, size_t value_size) {
    size_t used = 0;
    while (in.n > 0) {
        if (used + 1 >= value_size) {
            return false;
        }
        size_t n = entity_take(in, &ret_value[used++]);
        in.at += n;
        in.n -= n;
    }
    ret_value[used] = '\0';
    return true;
}

bool flat_xml_append(char *xml, size_t xml_size, const char *value) {
    for (; *value != '\0'; value++) {
        char one[2] = {*value, '\0'};
        const char *text = one;
        for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
            if (entities[i].is == *value) {
                text = entities[i].text;
                break;
            }
        }
        if (!text_append(xml, xml_size, text)) {
            return false;
        }
    }
    return true;
}

bool flat_xml_child(struct piece in, const char *name, struct piece *ret_text) {
    size_t name_n = strlen(name);
    unsigned depth = 0;
    const char *end = in.at + in.n, *from = NULL;
    for (const char *at = in.at; (at = memchr(at, '<', (size_t)(end - at))) != NULL;) {
        const char *close = memchr(at, '>', (size_t)(end - at));
        if (close == NULL || at[1] == '!' || at[1] == '?' || (at[1] == '/' && depth == 0)) {
            return false;
        }
        if (at[1] == '/') {
            depth--;
            if (depth == 0 && from != NULL) {
                *ret_text = (struct piece){from, (size_t)(at - from)};
                return true;
            }
        } else if (close[-1] != '/') {
            bool named = (size_t)(close - at) - 1 == name_n && memcmp(at + 1, name, name_n) == 0;
            from = depth == 0 && named ? close + 1 : from;
            depth++;
        }
        at = close;
    }
    return false;
}
