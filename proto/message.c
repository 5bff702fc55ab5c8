#include "proto/message.h"

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
