/* fill: see fill.h. */
#include "common/topology/fill.h"

#include <string.h>

#include "common/base/ensure.h"

#define MOVE "move"

static const char *const names[FILLS_N] = {
#define FILL_NAME(name, text) (text),
    FILL_LIST(FILL_NAME)
#undef FILL_NAME
};

static bool opens_hole(const char *at) {
    return at[0] == '{' && at[1] >= 'a' && at[1] <= 'z';
}

/* The fact at a "{", and how long its hole is; FILLS_N when it is none. */
static enum fill hole_at(const char *at, size_t *ret_n) {
    size_t n = strcspn(at, "}");
    for (int i = 0; i < (int)FILLS_N; i++) {
        if (at[n] == '}' && strlen(names[i]) == n - 1 && memcmp(at + 1, names[i], n - 1) == 0) {
            *ret_n = n + 1;
            return (enum fill)i;
        }
    }
    return FILLS_N;
}

bool fill_next(const char **text, struct fill_piece *ret_piece) {
    const char *at = *text;
    size_t n = 0;
    if (at[0] == '\0') {
        return false;
    }
    if (opens_hole(at)) {
        enum fill fill = hole_at(at, &n);
        if (fill == FILLS_N) {
            return false;
        }
        *ret_piece = (struct fill_piece){.fill = fill};
        *text = at + n;
        return true;
    }
    if (at[0] == '{' && at[1] == '{') {
        *ret_piece = (struct fill_piece){.words = at, .n = 1, .fill = FILLS_N};
        *text = at + 2;
        return true;
    }
    for (n = 1; at[n] != '\0' && at[n] != '{'; n++) {
    }
    *ret_piece = (struct fill_piece){.words = at, .n = n, .fill = FILLS_N};
    *text = at + n;
    return true;
}

bool fill_fits(const char *text) {
    struct fill_piece piece;
    while (fill_next(&text, &piece)) {
    }
    return *text == '\0';
}

/* ---- filling ---- */

struct filling {
    char *out;
    size_t size, used;
    bool full;
};

static void put(struct filling *filling, const char *bytes, size_t n) {
    if (n >= filling->size - filling->used) {
        filling->full = true;
        return;
    }
    memcpy(filling->out + filling->used, bytes, n);
    filling->used += n;
}

/* Facts are names and numbers; whatever they may be one day, they end no string and no line. */
static void put_fact(struct filling *filling, const char *fact, bool json) {
    for (; *fact != '\0'; fact++) {
        unsigned char c = (unsigned char)*fact;
        if (json && (c == '"' || c == '\\')) {
            put(filling, "\\", 1);
        }
        put(filling, c < 0x20 || c == 0x7f ? "?" : fact, 1);
    }
}

bool fill_text(const char *text, const struct fill_facts *facts, bool json, char *out,
               size_t out_size) {
    struct filling filling = {.out = out, .size = out_size};
    struct fill_piece piece;
    ensure(out_size > 0);
    while (fill_next(&text, &piece)) {
        if (piece.words != NULL) {
            put(&filling, piece.words, piece.n);
        } else {
            put_fact(&filling, facts->at[piece.fill], json);
        }
    }
    bool whole = *text == '\0' && !filling.full;
    out[whole ? filling.used : 0] = '\0';
    return whole;
}

/* ---- the move ---- */

const char *fill_argument(enum action_kind kind, unsigned index) {
    static const char *const call[] = {"body", "header1", "header2", "header3", "header4"};
    static const char *const mail[] = {"subject", "text", "text2", "text3", "text4"};
    if (kind == ACTION_SMTP_SEND) {
        return index < sizeof mail / sizeof mail[0] ? mail[index] : NULL;
    }
    return kind == ACTION_HTTP_CALL && index < sizeof call / sizeof call[0] ? call[index] : NULL;
}

bool fill_names_move(enum action_kind kind, const struct arguments *arguments) {
    const char *name = NULL;
    for (unsigned i = 0; (name = fill_argument(kind, i)) != NULL; i++) {
        const char *text = arguments_get(arguments, name);
        struct fill_piece piece;
        while (text != NULL && fill_next(&text, &piece)) {
            if (piece.fill == FILL_KIND || piece.fill == FILL_FROM || piece.fill == FILL_TO) {
                return true;
            }
        }
    }
    return false;
}

enum err fill_move_set(struct arguments *arguments, enum plan_kind kind, const char *from,
                       const char *to) {
    char move[VALUE_SIZE];
    bool fits = text_format(move, sizeof move, "%s %s %s", plan_kind_text(kind), from, to);
    return fits ? arguments_set(arguments, MOVE, move) : ERR_TOO_BIG;
}

void fill_move_get(const struct arguments *arguments, struct fill_facts *facts) {
    static const enum fill order[] = {FILL_KIND, FILL_FROM, FILL_TO};
    const char *at = arguments_get(arguments, MOVE);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        char *fact = facts->at[order[i]];
        size_t n = at != NULL ? strcspn(at, " ") : 0;
        if (n == 0 || !text_format(fact, NAME_SIZE, "%.*s", (int)n, at)) {
            (void)text_copy(fact, NAME_SIZE, "none");
        }
        at = at != NULL && at[n] == ' ' ? at + n + 1 : NULL;
    }
}
