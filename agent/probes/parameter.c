#include "agent/probes/parameter.h"

#include <ctype.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/net.h"

static const char *const inherited[] = {"address", "url", "user", "password_ref", "database", "ca"};

bool list_next(const char **at, char *ret_part, size_t part_size) {
    const char *from = *at;
    while (*from == ' ') {
        from++;
    }
    size_t n = strcspn(from, ",");
    const char *next = from[n] == ',' ? from + n + 1 : from + n;
    while (n > 0 && from[n - 1] == ' ') {
        n--;
    }
    if (n == 0 || n >= part_size) {
        return false;
    }
    memcpy(ret_part, from, n);
    ret_part[n] = '\0';
    *at = next;
    return true;
}

static bool table_fits(const char *value) {
    unsigned dots = 0;
    size_t part_n = 0;
    for (size_t i = 0; value[i] != '\0'; i++) {
        char c = value[i];
        if (c == '.' && part_n > 0) {
            dots++;
            part_n = 0;
            continue;
        }
        bool letter = (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && !(part_n > 0 && c >= '0' && c <= '9')) {
            return false;
        }
        if (++part_n > 63) {
            return false;
        }
    }
    return part_n > 0 && dots <= 1;
}

static bool addresses_fit(const char *value, unsigned max, struct text256 *reterr) {
    char part[ADDRESS_SIZE];
    unsigned n = 0;
    for (const char *at = value; *at != '\0'; n++) {
        struct net_address address;
        if (n == max || !list_next(&at, part, sizeof part) ||
            net_address_parse(part, &address, reterr) != ERR_OK) {
            return false;
        }
    }
    return n > 0;
}

static bool choice_fits(const char *choices, const char *value) {
    char wanted[VALUE_SIZE + 2];
    return strchr(value, '|') == NULL && text_format(wanted, sizeof wanted, "|%s|", value) &&
           strstr(choices, wanted) != NULL;
}

static bool text_fits(const char *value) {
    for (size_t i = 0; value[i] != '\0'; i++) {
        if (iscntrl((unsigned char)value[i])) {
            return false;
        }
    }
    return value[0] != '\0';
}

/* What was expected instead, or NULL when the value fits. */
static const char *value_wrong(const struct parameter *parameter, const char *value,
                               char expected[VALUE_SIZE]) {
    uint64_t number = 0;
    bool fits = false;
    struct text256 why = {""};
    (void)text_format(expected, VALUE_SIZE, "printable text");
    switch (parameter->type) {
    case PARAMETER_TEXT: fits = true; break;
    case PARAMETER_NUMBER:
        fits = text_to_u64(value, parameter->max, &number) && number >= parameter->min;
        (void)text_format(expected, VALUE_SIZE, "a whole number from %llu to %llu",
                          (unsigned long long)parameter->min, (unsigned long long)parameter->max);
        break;
    case PARAMETER_FLAG:
        fits = text_equal(value, "true") || text_equal(value, "false");
        (void)text_format(expected, VALUE_SIZE, "true or false");
        break;
    case PARAMETER_CHOICE:
        fits = choice_fits(parameter->choices, value);
        (void)text_format(expected, VALUE_SIZE, "one of %s", parameter->choices);
        break;
    case PARAMETER_ADDRESS:
        fits = addresses_fit(value, 1, &why);
        (void)text_format(expected, VALUE_SIZE, "host:port");
        break;
    case PARAMETER_ADDRESSES:
        fits = addresses_fit(value, PARAMETER_ADDRESSES_MAX, &why);
        (void)text_format(expected, VALUE_SIZE, "up to %d of host:port, with commas",
                          PARAMETER_ADDRESSES_MAX);
        break;
    case PARAMETER_URL:
        fits = text_starts(value, "http://") || text_starts(value, "https://");
        (void)text_format(expected, VALUE_SIZE, "http://... or https://...");
        break;
    case PARAMETER_NAME:
        fits = text_is_name(value, NAME_SIZE);
        (void)text_format(expected, VALUE_SIZE, "a name of a-z 0-9 - _ .");
        break;
    case PARAMETER_PATH:
        fits = value[0] == '/';
        (void)text_format(expected, VALUE_SIZE, "an absolute path");
        break;
    case PARAMETER_TABLE:
        fits = table_fits(value);
        (void)text_format(expected, VALUE_SIZE, "table or schema.table of a-z 0-9 _");
        break;
    }
    return fits && text_fits(value) ? NULL : expected;
}

static bool name_inherited(const char *name) {
    for (size_t i = 0; i < sizeof inherited / sizeof inherited[0]; i++) {
        if (text_equal(name, inherited[i])) {
            return true;
        }
    }
    return false;
}

static enum err unknown_err(const struct parameter *parameters, size_t parameters_n,
                            const char *name, struct text256 *reterr) {
    char known[160] = "";
    for (size_t i = 0; i < parameters_n; i++) {
        (void)text_append(known, sizeof known, i > 0 ? ", " : "");
        (void)text_append(known, sizeof known, parameters[i].name);
    }
    text_say(reterr, "unknown argument %s; expected: %s", name, known);
    return ERR_CONFIG;
}

enum err parameters_accept(const struct parameter *parameters, size_t parameters_n,
                           const struct arguments *arguments, struct text256 *reterr) {
    ensure(parameters_n > 0);
    for (uint8_t a = 0; a < arguments->n; a++) {
        const struct argument *argument = &arguments->at[a];
        const struct parameter *parameter = NULL;
        for (size_t i = 0; i < parameters_n && parameter == NULL; i++) {
            if (text_equal(parameters[i].name, argument->name)) {
                parameter = &parameters[i];
            }
        }
        if (parameter == NULL) {
            if (name_inherited(argument->name)) {
                continue;
            }
            return unknown_err(parameters, parameters_n, argument->name, reterr);
        }
        char expected[VALUE_SIZE];
        if (value_wrong(parameter, argument->value, expected) != NULL) {
            text_say(reterr, "argument %s: expected %s", argument->name, expected);
            return ERR_CONFIG;
        }
    }
    for (size_t i = 0; i < parameters_n; i++) {
        if (parameters[i].needed && arguments_get(arguments, parameters[i].name) == NULL) {
            text_say(reterr, "argument %s is missing", parameters[i].name);
            return ERR_CONFIG;
        }
    }
    return ERR_OK;
}

uint64_t parameter_number(const struct arguments *arguments, const char *name, uint64_t otherwise) {
    const char *text = arguments_get(arguments, name);
    uint64_t value = otherwise;
    if (text != NULL && !text_to_u64(text, UINT64_MAX, &value)) {
        return otherwise;
    }
    return value;
}

bool parameter_flag(const struct arguments *arguments, const char *name, bool otherwise) {
    const char *text = arguments_get(arguments, name);
    return text != NULL ? text_equal(text, "true") : otherwise;
}

const char *parameter_text(const struct arguments *arguments, const char *name,
                           const char *otherwise) {
    const char *text = arguments_get(arguments, name);
    return text != NULL ? text : otherwise;
}
