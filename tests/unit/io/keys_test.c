/* Signatures, key files and secrets. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "common/io/keyfile.h"
#include "common/io/secrets.h"
#include "common/io/sign.h"

static char directory[64];

static int directory_make(void **state) {
    (void)state;
    (void)text_copy(directory, sizeof directory, "keys_test.XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int directory_drop(void **state) {
    (void)state;
    static const char *const names[] = {"east-db1.key", "east-db1.pub", "g.key", "g.pub", "x",
                                        "x.new"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)text_format(path, sizeof path, "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    return rmdir(directory);
}

static const char *path_of(const char *name) {
    static char path[128];
    (void)text_format(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* RFC 8032, section 7.1: tests 1, 2, 3 and "SHA(abc)". */
static const struct {
    const char *seed, *public_key, *message, *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
     "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
};

static void ed25519_is_that_of_rfc_8032(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint8_t seed[KEY_SIZE];
        uint8_t expected_public[KEY_SIZE];
        uint8_t message[64];
        uint8_t expected[SIGNATURE_SIZE];
        uint8_t public_key[KEY_SIZE];
        uint8_t signature[SIGNATURE_SIZE];
        size_t n = strlen(vectors[i].message) / 2;
        assert_true(text_to_bytes(vectors[i].seed, seed, KEY_SIZE));
        assert_true(text_to_bytes(vectors[i].message, message, n));
        assert_true(text_to_bytes(vectors[i].signature, expected, SIGNATURE_SIZE));
        assert_true(text_to_bytes(vectors[i].public_key, expected_public, KEY_SIZE));
        assert_int_equal(sign_public_of(seed, public_key), ERR_OK);
        assert_memory_equal(public_key, expected_public, KEY_SIZE);
        assert_int_equal(sign_bytes(seed, message, n, signature), ERR_OK);
        assert_memory_equal(signature, expected, SIGNATURE_SIZE);
        assert_int_equal(sign_verify(public_key, message, n, signature), ERR_OK);
    }
}

static void no_altered_bit_verifies(void **state) {
    (void)state;
    uint8_t seed[KEY_SIZE];
    uint8_t public_key[KEY_SIZE];
    uint8_t signature[SIGNATURE_SIZE];
    uint8_t message[40] = "the region west may write";
    assert_int_equal(sign_keypair(seed, public_key), ERR_OK);
    assert_int_equal(sign_bytes(seed, message, sizeof message, signature), ERR_OK);
    assert_int_equal(sign_verify(public_key, message, sizeof message, signature), ERR_OK);
    for (size_t bit_n = 0; bit_n < 8 * SIGNATURE_SIZE; bit_n++) {
        signature[bit_n / 8] ^= (uint8_t)(1u << bit_n % 8);
        assert_int_equal(sign_verify(public_key, message, sizeof message, signature),
                         ERR_SIGNATURE);
        signature[bit_n / 8] ^= (uint8_t)(1u << bit_n % 8);
    }
    for (size_t bit_n = 0; bit_n < 8 * sizeof message; bit_n++) {
        message[bit_n / 8] ^= (uint8_t)(1u << bit_n % 8);
        assert_int_equal(sign_verify(public_key, message, sizeof message, signature),
                         ERR_SIGNATURE);
        message[bit_n / 8] ^= (uint8_t)(1u << bit_n % 8);
    }
    assert_int_equal(sign_verify(public_key, message, sizeof message - 1, signature),
                     ERR_SIGNATURE);
}

static void either_key_of_an_identity_verifies_and_zeros_are_none(void **state) {
    static const uint8_t zeros[KEY_SIZE];
    uint8_t seed[3][KEY_SIZE], key[3][KEY_SIZE], signature[SIGNATURE_SIZE];
    uint8_t message[8] = "a lease";
    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        assert_int_equal(sign_keypair(seed[k], key[k]), ERR_OK);
    }
    for (unsigned k = 0; k < 3; k++) {
        assert_int_equal(sign_bytes(seed[k], message, sizeof message, signature), ERR_OK);
        assert_int_equal(sign_verify_either(key[0], key[1], message, sizeof message, signature),
                         k < 2 ? ERR_OK : ERR_SIGNATURE);
        assert_int_equal(sign_verify_either(key[0], zeros, message, sizeof message, signature),
                         k == 0 ? ERR_OK : ERR_SIGNATURE);
    }
    memset(signature, 0, sizeof signature);
    for (unsigned i = 0; i < 256; i++) {
        message[0] = (uint8_t)i;
        assert_int_equal(sign_verify_either(zeros, zeros, message, 1, signature), ERR_SIGNATURE);
    }
}

static void a_key_file_is_of_one_pinned_pair_or_of_none(void **state) {
    static const uint8_t zeros[KEY_SIZE];
    struct keys one, next, guard;
    (void)state;
    assert_int_equal(keys_generate(KEY_AGENT, "a", &one), ERR_OK);
    assert_int_equal(keys_generate(KEY_AGENT, "a", &next), ERR_OK);
    assert_int_equal(keys_generate(KEY_GUARD, "a", &guard), ERR_OK);
#define PLACE(keys, curve, sign, curve_next, sign_next)                                            \
    keys_place(&(keys), (curve), (sign), (curve_next), (sign_next))
    assert_int_equal(PLACE(one, one.curve_public, one.sign_public, zeros, zeros), KEY_PINNED);
    assert_int_equal(PLACE(next, one.curve_public, one.sign_public, zeros, zeros), KEY_NOT_PINNED);
    assert_int_equal(
        PLACE(next, one.curve_public, one.sign_public, next.curve_public, next.sign_public),
        KEY_PINNED_NEXT);
    assert_int_equal(
        PLACE(next, one.curve_public, next.sign_public, next.curve_public, one.sign_public),
        KEY_NOT_PINNED); /* one half of each */
    assert_int_equal(PLACE(guard, NULL, guard.sign_public, NULL, zeros), KEY_PINNED);
    assert_int_equal(PLACE(guard, NULL, one.sign_public, NULL, guard.sign_public), KEY_PINNED_NEXT);
    assert_int_equal(PLACE(guard, NULL, one.sign_public, NULL, zeros), KEY_NOT_PINNED);
#undef PLACE
}

static void a_key_of_zeros_verifies_nothing(void **state) {
    (void)state;
    /* The zero point has a small order: with R = A and S = 0 some messages verify under it. */
    const uint8_t zeros[KEY_SIZE] = {0};
    const uint8_t signature[SIGNATURE_SIZE] = {0};
    for (unsigned i = 0; i < 256; i++) {
        uint8_t message = (uint8_t)i;
        assert_int_equal(sign_verify(zeros, &message, 1, signature), ERR_SIGNATURE);
    }
}

static void sha256_is_that_of_fips_180(void **state) {
    (void)state;
    uint8_t digest[DIGEST_SIZE];
    char hex[2 * DIGEST_SIZE + 1];
    digest_sha256((const uint8_t *)"abc", 3, digest);
    text_from_bytes(digest, DIGEST_SIZE, hex, sizeof hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_sha256(NULL, 0, digest);
    text_from_bytes(digest, DIGEST_SIZE, hex, sizeof hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void curve_keys_are_libzmqs(void **state) {
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        uint8_t secret[KEY_SIZE];
        uint8_t public_key[KEY_SIZE];
        uint8_t theirs[KEY_SIZE];
        char secret_z85[41];
        char public_z85[41];
        assert_int_equal(curve_keypair(secret, public_key), ERR_OK);
        assert_non_null(zmq_z85_encode(secret_z85, secret, KEY_SIZE));
        assert_int_equal(zmq_curve_public(public_z85, secret_z85), 0);
        assert_non_null(zmq_z85_decode(theirs, public_z85));
        assert_memory_equal(public_key, theirs, KEY_SIZE);
        assert_int_equal(zmq_curve_keypair(public_z85, secret_z85), 0);
        assert_non_null(zmq_z85_decode(theirs, public_z85));
        assert_non_null(zmq_z85_decode(secret, secret_z85));
        assert_int_equal(curve_public_of(secret, public_key), ERR_OK);
        assert_memory_equal(public_key, theirs, KEY_SIZE);
    }
}

static void written_keys_are_read_back(void **state) {
    (void)state;
    static const enum key_kind kinds[] = {KEY_MEMBER, KEY_AGENT, KEY_GUARD, KEY_OPERATOR};
    for (size_t i = 0; i < 4; i++) {
        struct keys made;
        struct keys read;
        struct stat stat_key;
        struct stat stat_pub;
        struct text256 why = {""};
        memset(&read, 0, sizeof read);
        assert_int_equal(keys_generate(kinds[i], "east-db1", &made), ERR_OK);
        assert_int_equal(made.has_curve, kinds[i] != KEY_GUARD);
        (void)umask(i % 2 == 0 ? 0 : 077);
        assert_int_equal(keys_write(&made, directory, &why), ERR_OK);
        assert_int_equal(keys_read(path_of("east-db1.key"), &read, &why), ERR_OK);
        assert_memory_equal(&made, &read, sizeof made);
        assert_int_equal(stat(path_of("east-db1.key"), &stat_key), 0);
        assert_int_equal(stat_key.st_mode & 07777, 0600);
        assert_int_equal(stat(path_of("east-db1.pub"), &stat_pub), 0);
        assert_int_equal(stat_pub.st_mode & 07777, 0644);
        /* Never written over, and nothing half made is left. */
        assert_int_equal(keys_write(&made, directory, &why), ERR_EXISTS);
        assert_int_equal(unlink(path_of("east-db1.key")), 0);
        assert_int_equal(keys_write(&made, directory, &why), ERR_EXISTS);
        assert_int_equal(access(path_of("east-db1.key"), F_OK), -1);
        assert_int_equal(unlink(path_of("east-db1.pub")), 0);
        keys_wipe(&made);
        for (size_t k = 0; k < sizeof made; k++) {
            assert_int_equal(((uint8_t *)&made)[k], 0);
        }
    }
}

static void the_public_file_holds_no_secret(void **state) {
    (void)state;
    struct keys keys;
    char text[4096];
    char hex[2 * KEY_SIZE + 1];
    size_t size = 0;
    assert_int_equal(keys_generate(KEY_AGENT, "east-db1", &keys), ERR_OK);
    assert_int_equal(keys_write(&keys, directory, NULL), ERR_OK);
    assert_int_equal(file_read(path_of("east-db1.pub"), text, sizeof text, &size, NULL), ERR_OK);
    text_from_bytes(keys.sign_secret, KEY_SIZE, hex, sizeof hex);
    assert_null(strstr(text, hex));
    text_from_bytes(keys.curve_secret, KEY_SIZE, hex, sizeof hex);
    assert_null(strstr(text, hex));
    text_from_bytes(keys.sign_public, KEY_SIZE, hex, sizeof hex);
    assert_non_null(strstr(text, hex));
    assert_non_null(strstr(text, "curve_key = \""));
    assert_non_null(strstr(text, "sign_key = \""));
}

/* A file of this text and mode, read as keys. */
static enum err read_text(const char *text, mode_t mode, struct text256 *reterr) {
    struct keys keys;
    memset(reterr, 0, sizeof *reterr);
    assert_int_equal(file_write_atomic(path_of("x"), text, strlen(text), mode, NULL), ERR_OK);
    return keys_read(path_of("x"), &keys, reterr);
}

static void key_files_that_others_may_read_are_refused(void **state) {
    (void)state;
    struct keys keys;
    struct text256 why = {""};
    char text[4096];
    size_t size = 0;
    assert_int_equal(keys_generate(KEY_AGENT, "east-db1", &keys), ERR_OK);
    assert_int_equal(keys_write(&keys, directory, NULL), ERR_OK);
    assert_int_equal(file_read(path_of("east-db1.key"), text, sizeof text, &size, NULL), ERR_OK);
    static const mode_t bad[] = {0640, 0604, 0660, 0644, 0610, 0601, 0666};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(read_text(text, bad[i], &why), ERR_DENIED);
        assert_non_null(strstr(why.at, "others than its owner"));
    }
    assert_int_equal(read_text(text, 0600, &why), ERR_OK);
    assert_int_equal(read_text(text, 0400, &why), ERR_OK);
    /* systemd's credentials are given to a dynamic user through the group's bits. */
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
    assert_int_equal(read_text(text, 0440, &why), ERR_OK);
    assert_int_equal(read_text(text, 0444, &why), ERR_DENIED);
    assert_int_equal(read_text(text, 0460, &why), ERR_DENIED);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(keys_read(path_of("absent"), &keys, &why), ERR_NOT_FOUND);
    assert_int_equal(keys_read(directory, &keys, &why), ERR_FORMAT);
    assert_int_equal(mkfifo(path_of("g.key"), 0600), 0);
    assert_int_equal(keys_read(path_of("g.key"), &keys, &why), ERR_FORMAT);
}

static void altered_and_malformed_key_files_are_refused(void **state) {
    (void)state;
    struct keys keys;
    struct keys other;
    struct text256 why = {""};
    char text[4096];
    size_t size = 0;
    assert_int_equal(keys_generate(KEY_AGENT, "east-db1", &keys), ERR_OK);
    assert_int_equal(keys_generate(KEY_AGENT, "east-db1", &other), ERR_OK);
    struct keys mixed = keys;
    memcpy(mixed.sign_public, other.sign_public, KEY_SIZE);
    assert_int_equal(keys_write(&mixed, directory, NULL), ERR_OK);
    assert_int_equal(keys_read(path_of("east-db1.key"), &other, &why), ERR_SIGNATURE);
    assert_non_null(strstr(why.at, "sign_public"));
    (void)unlink(path_of("east-db1.key"));
    (void)unlink(path_of("east-db1.pub"));
    mixed = keys;
    mixed.curve_secret[5] ^= 0x10;
    assert_int_equal(keys_write(&mixed, directory, NULL), ERR_OK);
    assert_int_equal(keys_read(path_of("east-db1.key"), &other, &why), ERR_SIGNATURE);
    assert_non_null(strstr(why.at, "curve_public"));
    (void)unlink(path_of("east-db1.key"));
    (void)unlink(path_of("east-db1.pub"));
    assert_int_equal(keys_write(&keys, directory, NULL), ERR_OK);
    assert_int_equal(file_read(path_of("east-db1.key"), text, sizeof text, &size, NULL), ERR_OK);
    /* Every beginning of a good file. */
    char cut[4096];
    for (size_t n = 0; n + 2 < size; n++) {
        (void)text_copy(cut, n + 1, text);
        assert_int_not_equal(read_text(cut, 0600, &why), ERR_OK);
        assert_true(why.at[0] != '\0');
    }
    /* A slip inside a secret is told by its place, never by what stands there. */
    char *secret = strstr(text, "sign_secret = \"");
    assert_non_null(secret);
    char after[17];
    (void)text_copy(after, sizeof after, secret + 20);
    secret[16] = 'g';
    assert_int_equal(read_text(text, 0600, &why), ERR_CONFIG);
    assert_non_null(strstr(why.at, "sign_secret"));
    assert_non_null(strstr(why.at, "64 hex digits"));
    assert_null(strstr(why.at, after));
    assert_int_not_equal(read_text("kind = \"guard\";\nname = \"g\";\n", 0600, &why), ERR_OK);
    assert_int_not_equal(read_text("@include \"y\"\n", 0600, &why), ERR_OK);
}

static void a_name_that_is_a_path_makes_no_keys(void **state) {
    (void)state;
    struct keys keys;
    assert_int_equal(keys_generate(KEY_AGENT, "../x", &keys), ERR_FORMAT);
    assert_int_equal(keys_generate(KEY_AGENT, "", &keys), ERR_FORMAT);
}

static void secrets_are_read_when_asked_for(void **state) {
    (void)state;
    struct secrets secrets = {.n = 1, .at = {{.name = "pg_password"}}};
    char secret[SECRET_SIZE] = "before";
    char big[SECRET_SIZE + 8];
    (void)text_copy(secrets.at[0].path, SECRET_PATH_SIZE, path_of("x"));
    assert_int_equal(secret_get(&secrets, "other", secret), ERR_NOT_FOUND);
    assert_int_equal(secret_get(&secrets, "pg_password", secret), ERR_NOT_FOUND);
    assert_int_equal(file_write_atomic(path_of("x"), "s3cret \n", 8, 0600, NULL), ERR_OK);
    assert_int_equal(secret_get(&secrets, "pg_password", secret), ERR_OK);
    assert_string_equal(secret, "s3cret ");
    assert_int_equal(chmod(path_of("x"), 0644), 0);
    assert_int_equal(secret_get(&secrets, "pg_password", secret), ERR_DENIED);
    assert_int_equal(file_write_atomic(path_of("x"), "a\0b", 3, 0600, NULL), ERR_OK);
    assert_int_equal(secret_get(&secrets, "pg_password", secret), ERR_FORMAT);
    assert_string_equal(secret, "s3cret ");
    memset(big, 'x', sizeof big);
    big[SECRET_SIZE - 1] = '\n';
    assert_int_equal(file_write_atomic(path_of("x"), big, SECRET_SIZE, 0600, NULL), ERR_OK);
    assert_int_equal(secret_get(&secrets, "pg_password", secret), ERR_OK);
    assert_int_equal(strlen(secret), SECRET_SIZE - 1);
    big[SECRET_SIZE - 1] = 'x';
    for (size_t n = SECRET_SIZE; n <= sizeof big; n++) {
        assert_int_equal(file_write_atomic(path_of("x"), big, n, 0600, NULL), ERR_OK);
        assert_int_equal(secret_get(&secrets, "pg_password", secret), ERR_TOO_BIG);
    }
    secret_wipe(secret);
    for (size_t i = 0; i < sizeof secret; i++) {
        assert_int_equal(secret[i], 0);
    }
}

static void secret_write(const char *text) {
    assert_int_equal(file_write_atomic(path_of("x"), text, strlen(text), 0600, NULL), ERR_OK);
}

static void a_secret_that_is_exchanged_has_the_one_before_below_it(void **state) {
    (void)state;
    static const struct {
        const char *file, *current, *previous;
        bool exchanged;
    } rows[] = {{"new\nold\n", "new", "old", true},
                {"new\nold", "new", "old", true},
                {"new\n", "new", "new", false},
                {"new\n\n", "new", "new", false},
                {"", "", "", false},
                {"\nold\n", "", "old", true}};
    struct secrets secrets = {.n = 2, .at = {{.name = "key"}, {.name = "pg"}}}, previous;
    struct arguments arguments = {.n = 2, .at = {{"user", "key"}, {"password_ref", "pg"}}};
    char secret[SECRET_SIZE];
    (void)text_copy(secrets.at[1].path, SECRET_PATH_SIZE, path_of("x"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        secret_write(rows[i].file);
        assert_int_equal(secret_get(&secrets, "pg", secret), ERR_OK);
        assert_string_equal(secret, rows[i].current);
        assert_int_equal(secret_is_exchanged(&secrets, "pg"), rows[i].exchanged);
        assert_int_equal(secrets_previous(&secrets, &arguments, &previous), rows[i].exchanged);
        previous = secrets;
        previous.previous = true;
        assert_int_equal(secret_get(&previous, "pg", secret), ERR_OK);
        assert_string_equal(secret, rows[i].previous);
    }
    secret_write("1\n2\n3\n");
    assert_int_equal(secret_get(&secrets, "pg", secret), ERR_FORMAT);
    assert_false(secret_is_exchanged(&secrets, "pg"));
    assert_false(secret_is_exchanged(&secrets, "none"));
    assert_false(secret_is_exchanged(&secrets, "key")); /* no such file */
    secret_write("1\n2\n");
    arguments.n = 1; /* the user is called as a secret is, and refers to none */
    assert_false(secrets_previous(&secrets, &arguments, &previous));
}

static void a_refusal_names_the_file_of_the_secret(void **state) {
    (void)state;
    struct secrets secrets = {.n = 1, .at = {{.name = "pg", .path = "/etc/drover/secrets/pg"}}};
    struct arguments arguments = {.n = 2, .at = {{"password_ref", "pg"}, {"token_ref", "none"}}};
    char roomy[64] = "refused", tight[28] = "refused", full[12] = "refused";
    secrets_say_used(&secrets, &arguments, roomy, sizeof roomy);
    assert_string_equal(roomy, "refused; used /etc/drover/secrets/pg");
    secrets_say_used(&secrets, &arguments, tight, sizeof tight);
    assert_string_equal(tight, "refused; used secret pg");
    secrets_say_used(&secrets, &arguments, full, sizeof full);
    assert_string_equal(full, "refused");
    char wordy[40] = "refused, and then all that it ever said";
    secrets_say_used(&secrets, &arguments, wordy, sizeof wordy);
    assert_string_equal(wordy, "refused, and then all t; used secret pg");
}

static void set_age(const char *path, int64_t age_s) {
    struct timespec times[2];
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &times[0]), 0);
    times[0].tv_sec -= (time_t)age_s;
    times[1] = times[0];
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void a_files_age_is_told_without_reading_it(void **state) {
    (void)state;
    const char *path = path_of("x");
    int64_t age_s = 7;
    assert_int_equal(file_age(path, &age_s), ERR_NOT_FOUND);
    assert_int_equal(age_s, 7);
    assert_int_equal(file_write_atomic(path, "a", 1, 0, NULL), ERR_OK);
    assert_int_equal(file_age(path, &age_s), ERR_OK);
    assert_in_range(age_s + 1, 0, 30);
    set_age(path, 2592000);
    assert_int_equal(file_age(path, &age_s), ERR_OK);
    assert_in_range(age_s, 2591999, 2592030);
    set_age(path, -90000);
    assert_int_equal(file_age(path, &age_s), ERR_OK);
    assert_true(age_s < -80000);
    assert_int_equal(file_age("/", &age_s), ERR_FORMAT);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
    assert_int_equal(file_age(path, &age_s), ERR_UNSUPPORTED); /* as old as the service's start */
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static void a_protected_process_leaves_no_core(void **state) {
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit;
        secrets_protect_process();
        bool good = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
                    getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 &&
                    limit.rlim_max == 0;
        _exit(good ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
#define KEYS_TEST(name) cmocka_unit_test_setup_teardown(name, directory_make, directory_drop)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ed25519_is_that_of_rfc_8032),
        cmocka_unit_test(no_altered_bit_verifies),
        cmocka_unit_test(either_key_of_an_identity_verifies_and_zeros_are_none),
        cmocka_unit_test(a_key_file_is_of_one_pinned_pair_or_of_none),
        cmocka_unit_test(a_key_of_zeros_verifies_nothing),
        cmocka_unit_test(sha256_is_that_of_fips_180),
        cmocka_unit_test(curve_keys_are_libzmqs),
        KEYS_TEST(written_keys_are_read_back),
        KEYS_TEST(the_public_file_holds_no_secret),
        KEYS_TEST(key_files_that_others_may_read_are_refused),
        KEYS_TEST(altered_and_malformed_key_files_are_refused),
        cmocka_unit_test(a_name_that_is_a_path_makes_no_keys),
        KEYS_TEST(secrets_are_read_when_asked_for),
        KEYS_TEST(a_secret_that_is_exchanged_has_the_one_before_below_it),
        KEYS_TEST(a_refusal_names_the_file_of_the_secret),
        KEYS_TEST(a_files_age_is_told_without_reading_it),
        cmocka_unit_test(a_protected_process_leaves_no_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
