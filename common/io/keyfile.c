#include "common/io/keyfile.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/base/ensure.h"
#include "common/io/conf.h"
#include "common/io/file.h"

#define KEYFILE_BYTES_MAX 4096
#define KEY_HEX_SIZE (2 * KEY_SIZE + 1)

/* A key is read here and not by conf's own kind: that one tells what it found, and a secret with a
 * slip in it must not get into a log. */
static enum err read_key(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct keys *keys = base;
    const char *name = conf_name(at);
    uint8_t *to = text_equal(name, "curve_public")   ? keys->curve_public
                  : text_equal(name, "curve_secret") ? keys->curve_secret
                  : text_equal(name, "sign_public")  ? keys->sign_public
                                                     : keys->sign_secret;
    const char *text = NULL;
    enum err err = conf_text(conf, at, "64 hex digits", &text);
    if (err != ERR_OK) {
        return err;
    }
    if (!text_to_bytes(text, to, KEY_SIZE)) {
        return conf_wrong(conf, at, "expected 64 hex digits");
    }
    return ERR_OK;
}

static enum err read_root(struct conf *conf, const struct config_setting_t *at, void *base) {
    static const char *const kinds[] = {"member", "agent", "guard", "operator", NULL};
    static const struct field fields[] = {
        {"kind", FIELD_CHOICE, FIELD_OF(struct keys, kind), .required = true, .choices = kinds},
        {"name", FIELD_NAME, FIELD_OF(struct keys, name), .required = true},
        {"curve_public", FIELD_READ, .read = read_key},
        {"curve_secret", FIELD_READ, .read = read_key},
        {"sign_public", FIELD_READ, .required = true, .read = read_key},
        {"sign_secret", FIELD_READ, .required = true, .read = read_key},
    };
    struct keys *keys = base;
    enum err err = conf_group(conf, at, fields, FIELDS_N(fields), keys);
    if (err != ERR_OK) {
        return err;
    }
    bool has_public = conf_child(at, "curve_public") != NULL;
    bool has_secret = conf_child(at, "curve_secret") != NULL;
    bool wanted = keys->kind != KEY_GUARD;
    if (has_public != wanted || has_secret != wanted) {
        return conf_wrong(conf, at,
                          wanted ? "expected curve_public and curve_secret"
                                 : "a guard has no curve keys: it does not talk");
    }
    keys->has_curve = wanted;
    return ERR_OK;
}

enum err keys_read(const char *path, struct keys *ret_keys, struct text256 *reterr) {
    char text[KEYFILE_BYTES_MAX];
    size_t size = 0;
    enum err err = file_read_private(path, text, sizeof text, &size, reterr);
    if (err != ERR_OK) {
        return err;
    }
    struct conf conf = {.file = path, .reterr = reterr};
    struct keys keys;
    memset(&keys, 0, sizeof keys);
    err = conf_parse(&conf, text, size, sizeof text, read_root, &keys);
    explicit_bzero(text, sizeof text);
    if (err == ERR_OK) {
        struct text256 why = {""};
        err = keys_check(&keys, &why);
        if (err != ERR_OK) {
            text_say(reterr, "%s: %.180s", path, why.at);
        }
    }
    if (err == ERR_OK) {
        *ret_keys = keys;
    }
    keys_wipe(&keys);
    return err;
}

static void hex_of(const uint8_t key[KEY_SIZE], char ret_hex[KEY_HEX_SIZE]) {
    text_from_bytes(key, KEY_SIZE, ret_hex, KEY_HEX_SIZE);
}

/* The secret form, and the public one as topology.conf names the fields. */
static bool keys_text(const struct keys *keys, bool secrets, char *out, size_t out_size) {
    char hex[KEY_HEX_SIZE];
    char line[KEY_HEX_SIZE + 32];
    bool fits = true;
    if (secrets) {
        fits = text_format(out, out_size, "kind = \"%s\";\nname = \"%s\";\n",
                           key_kind_text((enum key_kind)keys->kind), keys->name);
    } else {
        fits = text_format(out, out_size, "# %s %s\n", key_kind_text((enum key_kind)keys->kind),
                           keys->name);
    }
    bool guard = keys->kind == KEY_GUARD;
    const struct {
        const char *name;
        const uint8_t *key;
        bool wanted;
    } rows[] = {
        {secrets ? "curve_public" : "curve_key", keys->curve_public, keys->has_curve},
        {"curve_secret", keys->curve_secret, keys->has_curve && secrets},
        {secrets ? "sign_public" : (guard ? "guard_key" : "sign_key"), keys->sign_public, true},
        {"sign_secret", keys->sign_secret, secrets},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].wanted) {
            continue;
        }
        hex_of(rows[i].key, hex);
        fits = fits && text_format(line, sizeof line, "%s = \"%s\";\n", rows[i].name, hex) &&
               text_append(out, out_size, line);
    }
    explicit_bzero(hex, sizeof hex);
    explicit_bzero(line, sizeof line);
    return fits;
}

static enum err write_form(const struct keys *keys, const char *directory, bool secrets,
                           char path[PATH_MAX], struct text256 *reterr) {
    char text[KEYFILE_BYTES_MAX];
    if (!text_format(path, PATH_MAX, "%s/%s.%s", directory, keys->name, secrets ? "key" : "pub")) {
        text_say(reterr, "%.128s: path too long", directory);
        return ERR_TOO_BIG;
    }
    bool fits = keys_text(keys, secrets, text, sizeof text);
    ensure(fits);
    enum err err = file_write_new(path, text, strlen(text), secrets ? 0600 : 0644, reterr);
    explicit_bzero(text, sizeof text);
    return err;
}

enum err keys_write(const struct keys *keys, const char *directory, struct text256 *reterr) {
    char secret_path[PATH_MAX];
    char public_path[PATH_MAX];
    ensure(text_is_name(keys->name, NAME_SIZE));
    enum err err = write_form(keys, directory, true, secret_path, reterr);
    if (err != ERR_OK) {
        return err;
    }
    err = write_form(keys, directory, false, public_path, reterr);
    if (err != ERR_OK) {
        /* Both or none: a key without its .pub would only stand in the way of the next try. */
        (void)unlink(secret_path);
    }
    return err;
}
