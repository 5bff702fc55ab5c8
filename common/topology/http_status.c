/* http_status: see http_status.h. */
#include "common/topology/http_status.h"

#include <stddef.h>

/* Three digits. NULL when there are none. */
static const char *code_take(const char *at, long *ret_code) {
    long code = 0;
    for (int i = 0; i < 3; i++) {
        if (at[i] < '0' || at[i] > '9') {
            return NULL;
        }
        code = code * 10 + (at[i] - '0');
    }
    *ret_code = code;
    return at + 3;
}

static bool list_walk(const char *list, long status, bool *ret_found) {
    const char *at = list;
    *ret_found = false;
    for (;;) {
        long first = 0;
        at = code_take(at, &first);
        if (at == NULL) {
            return false;
        }
        long last = first;
        if (*at == '-') {
            at = code_take(at + 1, &last);
            if (at == NULL || last < first) {
                return false;
            }
        }
        *ret_found = *ret_found || (status >= first && status <= last);
        if (*at == '\0') {
            return true;
        }
        if (*at != ',') {
            return false;
        }
        at++;
    }
}

bool http_status_list(const char *list) {
    bool found = false;
    return list_walk(list, 0, &found);
}

bool http_status_is(const char *list, long status) {
    bool found = false;
    return list_walk(list, status, &found) && found;
}
