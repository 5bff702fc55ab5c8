/* Everybody around one guard, played by one program under a driver's control: its agent on the
 * socket, the members and the other region's guards whose signatures it wants, and liars.
 *
 * One command a line on stdin, one line of key=value on stdout; tests/integration/guard/run is the
 * driver. Keys lie in one directory as `drover keygen` writes them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/core/guard_wire.h"
#include "agent/core/holder.h"
#include "common/base/ensure.h"
#include "common/base/text.h"
#include "common/io/clock.h"
#include "common/io/keyfile.h"
#include "common/io/sign.h"
#include "proto/canon.h"
#include "proto/message.h"

#define IDENTITIES_MAX 24
#define WORDS_MAX 24
#define LINE_SIZE 16384

static struct keys identities[IDENTITIES_MAX];
static unsigned identities_n;
static char cluster[NAME_SIZE], agent[NAME_SIZE], region[NAME_SIZE];
static uint32_t lease_ms, wait_ms, promise_ms;
static uint8_t last_nonce[NONCE_SIZE];
static int guard_fd = -1;
static struct guard_request request;
static struct guard_answer answer;

static _Noreturn void fail(const char *what, const char *why) {
    (void)fprintf(stderr, "guard_client: %s: %s\n", what, why);
    exit(2);
}

static const struct keys *identity(const char *name) {
    for (unsigned i = 0; i < identities_n; i++) {
        if (text_equal(identities[i].name, name)) {
            return &identities[i];
        }
    }
    fail("no such key", name);
}

static uint64_t number(const char *text) {
    uint64_t value = 0;
    if (text == NULL || !text_to_u64(text, UINT64_MAX, &value)) {
        fail("expected a number", text == NULL ? "nothing" : text);
    }
    return value;
}

/* The value of key=value among the words, or NULL. */
static const char *option(char **words, unsigned words_n, const char *key) {
    size_t length = strlen(key);
    for (unsigned i = 0; i < words_n; i++) {
        if (strncmp(words[i], key, length) == 0 && words[i][length] == '=') {
            return words[i] + length + 1;
        }
    }
    return NULL;
}

static uint64_t option_number(char **words, unsigned words_n, const char *key, uint64_t otherwise) {
    const char *text = option(words, words_n, key);
    return text == NULL ? otherwise : number(text);
}

static void keygen(const char *directory, const char *kind, const char *name) {
    static struct keys keys;
    struct text256 why = {{0}};
    for (enum key_kind k = KEY_MEMBER; k <= KEY_OPERATOR; k++) {
        if (text_equal(key_kind_text(k), kind) && (keys_generate(k, name, &keys) != ERR_OK ||
                                                   keys_write(&keys, directory, &why) != ERR_OK)) {
            fail(name, why.at);
        }
    }
    (void)printf("done=1\n");
}

static void load(const char *path) {
    struct text256 why = {{0}};
    ensure(identities_n < IDENTITIES_MAX);
    if (keys_read(path, &identities[identities_n], &why) != ERR_OK) {
        fail(path, why.at);
    }
    identities_n++;
    (void)printf("done=1\n");
}

static void connect_guard(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (guard_fd >= 0) {
        (void)close(guard_fd);
    }
    guard_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ensure(guard_fd >= 0);
    struct timeval patience = {.tv_sec = 3};
    (void)setsockopt(guard_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    bool fits = text_copy(address.sun_path, sizeof address.sun_path, path);
    ensure(fits);
    int rc = connect(guard_fd, (struct sockaddr *)&address, sizeof address);
    (void)printf("done=%d errno=%d\n", rc == 0, rc == 0 ? 0 : errno);
}

static void print_hex(const char *name, const uint8_t *bytes, size_t bytes_n) {
    char text[2 * SIGNATURE_SIZE + 1];
    text_from_bytes(bytes, bytes_n, text, sizeof text);
    (void)printf(" %s=%s", name, text);
}

/* Does the proof in the answer verify against the guard's public key? */
static bool proof_verifies(void) {
    uint8_t canon[CANON_MAX];
    struct fence_proof proof = {.present = true, .epoch = answer.fenced_epoch};
    char name[NAME_SIZE + 8];
    (void)text_copy(proof.agent, NAME_SIZE, agent);
    (void)text_copy(proof.region, NAME_SIZE, region);
    (void)text_format(name, sizeof name, "%s-guard", agent);
    size_t size = canon_fence(cluster, &proof, canon);
    return sign_verify(identity(name)->sign_public, canon, size, answer.fence_signature) == ERR_OK;
}

/* Sends the request, prints what came back. `extra` is called for more of it, when not NULL. */
static void call(void (*extra)(void)) {
    uint8_t packet[GUARD_PACKET_MAX];
    size_t size = guard_request_write(&request, packet, sizeof packet);
    ensure(size > 0);
    uint64_t before_us = clock_boot_us();
    if (send(guard_fd, packet, size, MSG_NOSIGNAL) != (ssize_t)size) {
        (void)printf("lost=1 errno=%d\n", errno);
        return;
    }
    ssize_t n = recv(guard_fd, packet, sizeof packet, 0);
    uint64_t after_us = clock_boot_us();
    if (n <= 0 || !guard_answer_read(packet, (size_t)n, &answer)) {
        (void)printf("lost=1 errno=%d\n", n < 0 ? errno : 0);
        return;
    }
    (void)printf("lost=0 before_us=%" PRIu64 " after_us=%" PRIu64
                 " call=%u verdict=%u err=%u gate=%u by_promise=%d soft_due=%d proved=%d"
                 " accepted=%" PRIu64 " fenced=%" PRIu64 " promised=%" PRIu64 " epoch=%" PRIu64
                 " left=%u promise_left=%u refusal=%u",
                 before_us, after_us, answer.call, answer.verdict, answer.err, answer.gate,
                 answer.by_promise, answer.soft_fence_due, answer.fence_proved,
                 answer.accepted_epoch, answer.fenced_epoch, answer.promised_epoch,
                 answer.lease_epoch, answer.lease_left_ms, answer.promise_left_ms, answer.refusal);
    print_hex("nonce", answer.nonce, NONCE_SIZE);
    (void)printf(" proof_ok=%d", answer.fence_proved && proof_verifies());
    if (extra != NULL) {
        extra();
    }
    (void)printf("\n");
}

static void question_fill(struct question *question, enum purpose purpose, uint64_t epoch) {
    memset(question, 0, sizeof *question);
    (void)text_copy(question->cluster, NAME_SIZE, cluster);
    (void)text_copy(question->agent, NAME_SIZE, agent);
    (void)text_copy(question->region, NAME_SIZE, region);
    question->purpose = (uint8_t)purpose;
    question->epoch = epoch;
    memcpy(question->nonce, last_nonce, NONCE_SIZE);
    question->lease_ms = lease_ms;
    question->wait_ms = wait_ms;
    question->promise_ms = promise_ms;
}

/* "m1" says it and signs it; "m1:m3" says it is m1 and signs with m3's key. */
static void answer_add(struct certificate *certificate, char *who, char **words, unsigned words_n) {
    uint8_t canon[CANON_MAX];
    const struct question *question = &certificate->question;
    char *signer = strchr(who, ':');
    if (signer != NULL) {
        *signer++ = '\0';
    }
    ensure(certificate->answers_n < CERTIFICATE_ANSWERS_MAX);
    struct answer *said = &certificate->answers[certificate->answers_n++];
    memset(said, 0, sizeof *said);
    (void)text_copy(said->from, NAME_SIZE, who);
    (void)text_copy(said->agent, NAME_SIZE, question->agent);
    said->purpose = question->purpose;
    said->epoch = question->epoch;
    memcpy(said->nonce, question->nonce, NONCE_SIZE);
    memcpy(said->digest, question->digest, DIGEST_SIZE);
    said->refusal = (uint8_t)option_number(words, words_n, "refusal", 0);
    said->newest_epoch = option_number(words, words_n, "newest", question->epoch);
    said->newest_open = option_number(words, words_n, "open", 1) != 0;
    size_t size = canon_answer(question, said, canon);
    enum err err = sign_bytes(identity(signer == NULL ? who : signer)->sign_secret, canon, size,
                              said->signature);
    ensure(err == ERR_OK);
}

/* What a liar changes after the signing. */
static void alter(struct certificate *certificate, const char *field, uint64_t epoch) {
    struct question *question = &certificate->question;
    for (unsigned i = 0; i < certificate->answers_n; i++) {
        struct answer *said = &certificate->answers[i];
        said->epoch = text_equal(field, "epoch") ? epoch : said->epoch;
        said->digest[0] ^= text_equal(field, "digest");
        said->refusal = text_equal(field, "refusal") ? 0 : said->refusal;
        said->signature[7] ^= text_equal(field, "signature");
        said->purpose = text_equal(field, "purpose") ? PURPOSE_LEASE : said->purpose;
        if (text_equal(field, "nonce")) {
            memcpy(said->nonce, last_nonce, NONCE_SIZE);
        }
    }
    question->epoch = text_equal(field, "epoch") ? epoch : question->epoch;
    question->digest[0] ^= text_equal(field, "digest");
    question->purpose = text_equal(field, "purpose") ? PURPOSE_LEASE : question->purpose;
    question->lease_ms += text_equal(field, "lease");
    if (text_equal(field, "nonce")) {
        memcpy(question->nonce, last_nonce, NONCE_SIZE);
    }
    if (text_equal(field, "agent")) {
        (void)text_copy(question->agent, NAME_SIZE, agent);
    }
}

static void give(char **words, unsigned words_n) {
    static struct certificate certificate;
    memset(&certificate, 0, sizeof certificate);
    memset(&request, 0, sizeof request);
    request.call = text_equal(words[1], "promises") ? GUARD_PROMISES
                   : text_equal(words[1], "denial") ? GUARD_DENIAL
                                                    : GUARD_CERTIFICATE;
    enum purpose purpose = request.call == GUARD_PROMISES ? PURPOSE_PROMISE : PURPOSE_LEASE;
    purpose = (enum purpose)option_number(words, words_n, "purpose", purpose);
    uint64_t epoch = number(words[2]);
    question_fill(&certificate.question, purpose,
                  option_number(words, words_n, "signed_epoch", epoch));
    const char *nonce = option(words, words_n, "nonce");
    if (nonce != NULL && !text_to_bytes(nonce, certificate.question.nonce, NONCE_SIZE)) {
        fail("nonce", nonce);
    }
    const char *other = option(words, words_n, "agent");
    if (other != NULL) {
        (void)text_copy(certificate.question.agent, NAME_SIZE, other);
    }
    const char *who = option(words, words_n, "who");
    char names[512], *rest = NULL;
    (void)text_copy(names, sizeof names, who == NULL ? "" : who);
    for (char *name = strtok_r(names, ",", &rest); name != NULL;
         name = strtok_r(NULL, ",", &rest)) {
        answer_add(&certificate, name, words, words_n);
    }
    const char *field = option(words, words_n, "alter");
    if (field != NULL) {
        alter(&certificate, field, epoch);
    }
    request.epoch = epoch;
    size_t size = certificate_write(&certificate, request.body, sizeof request.body);
    ensure(size > 0);
    request.body_size = (uint16_t)size;
    call(NULL);
}

static struct question promise_question;

/* Does the promise's signature verify, as the asking side's guard will check it? */
static void print_promise(void) {
    uint8_t canon[CANON_MAX];
    struct answer said = {.purpose = PURPOSE_PROMISE, .epoch = promise_question.epoch};
    char name[NAME_SIZE + 8];
    (void)text_copy(said.from, NAME_SIZE, agent);
    (void)text_copy(said.agent, NAME_SIZE, promise_question.agent);
    memcpy(said.nonce, promise_question.nonce, NONCE_SIZE);
    said.refusal = answer.refusal;
    said.newest_epoch = answer.accepted_epoch;
    (void)text_format(name, sizeof name, "%s-guard", agent);
    size_t size = canon_answer(&promise_question, &said, canon);
    (void)printf(" promise_ok=%d",
                 sign_verify(identity(name)->sign_public, canon, size, answer.signature) == ERR_OK);
}

/* promise ASKER REGION EPOCH [key=NAME] */
static void promise(char **words, unsigned words_n) {
    static struct certificate carrier;
    uint8_t canon[CANON_MAX];
    memset(&carrier, 0, sizeof carrier);
    random_bytes(last_nonce, NONCE_SIZE);
    question_fill(&carrier.question, PURPOSE_PROMISE, number(words[3]));
    (void)text_copy(carrier.question.agent, NAME_SIZE, words[1]);
    (void)text_copy(carrier.question.region, NAME_SIZE, words[2]);
    const char *key = option(words, words_n, "key");
    size_t size = canon_question(&carrier.question, canon);
    enum err err = sign_bytes(identity(key == NULL ? words[1] : key)->sign_secret, canon, size,
                              carrier.question.signature);
    ensure(err == ERR_OK);
    promise_question = carrier.question;
    memset(&request, 0, sizeof request);
    request.call = GUARD_PROMISE;
    request.epoch = carrier.question.epoch;
    size = certificate_write(&carrier, request.body, sizeof request.body);
    ensure(size > 0);
    request.body_size = (uint16_t)size;
    call(print_promise);
}

/* raw HEX: any bytes; says whether the guard still talks to us. */
static void raw(const char *hex) {
    uint8_t bytes[LINE_SIZE / 2], in[GUARD_PACKET_MAX];
    size_t size = strlen(hex) / 2;
    bool read = size <= sizeof bytes && text_to_bytes(hex, bytes, size);
    ensure(read);
    ssize_t sent = send(guard_fd, bytes, size, MSG_NOSIGNAL);
    ssize_t n = sent < 0 ? -1 : recv(guard_fd, in, sizeof in, 0);
    (void)printf("sent=%zd received=%zd\n", sent, n);
}

static void plain(enum guard_call which, uint8_t purpose, uint64_t epoch, bool flag) {
    memset(&request, 0, sizeof request);
    request.call = (uint8_t)which;
    request.purpose = purpose;
    request.epoch = epoch;
    request.flag = flag;
    call(NULL);
    if (which == GUARD_BEGIN && answer.verdict == HOLDER_ACCEPTED && answer.err == ERR_OK) {
        memcpy(last_nonce, answer.nonce, NONCE_SIZE);
    }
}

static void me(char **words) {
    (void)text_copy(cluster, NAME_SIZE, words[1]);
    (void)text_copy(agent, NAME_SIZE, words[2]);
    (void)text_copy(region, NAME_SIZE, words[3]);
    lease_ms = (uint32_t)number(words[4]);
    wait_ms = (uint32_t)number(words[5]);
    promise_ms = (uint32_t)number(words[6]);
    (void)printf("done=1\n");
}

static void obey(char **words, unsigned n) {
    const char *verb = words[0];
    if (text_equal(verb, "keygen") && n == 4) {
        keygen(words[1], words[2], words[3]);
    } else if (text_equal(verb, "load") && n == 2) {
        load(words[1]);
    } else if (text_equal(verb, "me") && n == 7) {
        me(words);
    } else if (text_equal(verb, "connect") && n == 2) {
        connect_guard(words[1]);
    } else if (text_equal(verb, "status") && n == 1) {
        plain(GUARD_STATUS, 0, 0, false);
    } else if (text_equal(verb, "begin") && n == 3) {
        plain(GUARD_BEGIN, text_equal(words[1], "promise") ? PURPOSE_PROMISE : PURPOSE_LEASE,
              number(words[2]), false);
    } else if (text_equal(verb, "give") && n >= 3) {
        give(words, n);
    } else if (text_equal(verb, "fence") && n == 2) {
        plain(GUARD_FENCE, 0, number(words[1]), false);
    } else if (text_equal(verb, "fence_done") && n == 2) {
        plain(GUARD_FENCE_DONE, 0, 0, number(words[1]) != 0);
    } else if (text_equal(verb, "promise") && n >= 4) {
        promise(words, n);
    } else if (text_equal(verb, "raw") && n == 2) {
        raw(words[1]);
    } else {
        fail("not understood", verb);
    }
}

int main(void) {
    static char line[LINE_SIZE];
    char *words[WORDS_MAX];
    while (fgets(line, sizeof line, stdin) != NULL) {
        unsigned n = 0;
        char *rest = NULL;
        line[strcspn(line, "\n")] = '\0';
        for (char *word = strtok_r(line, " ", &rest); word != NULL && n < WORDS_MAX;
             word = strtok_r(NULL, " ", &rest)) {
            words[n++] = word;
        }
        if (n > 0) {
            obey(words, n);
            (void)fflush(stdout);
        }
    }
    return EXIT_SUCCESS;
}
