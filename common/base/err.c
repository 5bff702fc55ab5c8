/* The texts of err.h and the abort of ensure.h. Nothing else. */
#include "common/base/err.h"

#include <stdlib.h>

#include "common/base/ensure.h"

const char *err_text(enum err err) {
    switch (err) {
#define ERR_TEXT(name, value, text)                                                                \
    case ERR_##name: return text;
        ERR_LIST(ERR_TEXT)
#undef ERR_TEXT
    }
    return "unknown error";
}

const char *err_name(enum err err) {
    switch (err) {
#define ERR_NAME(name, value, text)                                                                \
    case ERR_##name: return #name;
        ERR_LIST(ERR_NAME)
#undef ERR_NAME
    }
    return "UNKNOWN";
}

/* The failing place stays readable in a core file and a debugger; shells that want a log line as
 * well install ensure_hook. The pure layer itself may not print. */
void (*ensure_hook)(const char *expression, const char *file, int line);

void ensure_failed(const char *expression, const char *file, int line) {
    if (ensure_hook != NULL) {
        ensure_hook(expression, file, line);
    }
    abort();
}
