#include "proto/message.h"

#include <string.h>

const char *refusal_text(enum refusal refusal) {
    switch (refusal) {
#define REFUSAL_TEXT(name, value, text)                                                            \
    case REFUSAL_##name: return text;
        REFUSAL_LIST(REFUSAL_TEXT)
#undef REFUSAL_TEXT
    }
    return "unknown refusal";
}

bool refusal_is_known(unsigned number) {
    switch (number) {
#define REFUSAL_KNOWN(name, value, text) case (value):
        REFUSAL_LIST(REFUSAL_KNOWN)
#undef REFUSAL_KNOWN
        return true;
    default: return false;
    }
}

bool request_is_bound(const struct request *request) {
    static const uint8_t nothing[sizeof request->seen];
    return memcmp(request->seen, nothing, sizeof nothing) != 0;
}
