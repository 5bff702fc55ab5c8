/* The calls of the agent. Everything that extends or opens is verified here against this guard's
 * own pinned keys; everything that shuts is taken on the agent's word. */
#include <string.h>

#include "agent/guard/guard.h"
#include "common/base/bits.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/sign.h"
#include "proto/answer.h"
#include "proto/canon.h"

/* Writes what must be durable and lets it take effect. */
static enum holder_verdict persist(struct guard *guard, enum holder_verdict verdict,
                                   enum err *ret_err) {
    struct text256 why;
    if (verdict != HOLDER_PERSIST) {
        return verdict;
    }
    *ret_err = store_write(holder_durable_wished(&guard->holder), &why);
    if (*ret_err != ERR_OK) {
        log_event(LOG_CRIT, "store.write", "%s", why.at);
        holder_persist_failed(&guard->holder);
        return HOLDER_BUSY;
    }
    return holder_persisted(&guard->holder, clock_stamp());
}

static bool read_certificate(const struct guard *guard, const struct guard_request *request,
                             struct certificate *ret_certificate) {
    if (!certificate_read(request->body, request->body_size, ret_certificate)) {
        return false;
    }
    const struct question *question = &ret_certificate->question;
    const struct pins *pins = &guard->pins;
    return text_equal(question->cluster, pins->cluster) &&
           text_equal(question->agent, guard->conf.name) &&
           text_equal(question->region, pins->region) &&
           question->lease_ms == pins->lease.lease_ms && question->wait_ms == pins->lease.wait_ms &&
           question->promise_ms == pins->lease.promise_ms;
}

static bool signed_by(const struct question *question, const struct answer *answer,
                      const struct signer *signer) {
    uint8_t canon[CANON_MAX];
    if (!text_equal(signer->name, answer->from) || !answer_fits(question, answer)) {
        return false;
    }
    size_t size = canon_answer(question, answer, canon);
    return sign_verify_either(signer->key, signer->next, canon, size, answer->signature) == ERR_OK;
}

/* The set of distinct pinned signers whose answers say yes (or, for a denial, closed). */
static uint64_t signers_saying(const struct certificate *certificate, const struct signer *signers,
                               unsigned signers_n, bool yes) {
    uint64_t said = 0;
    for (unsigned i = 0; i < certificate->answers_n; i++) {
        const struct answer *answer = &certificate->answers[i];
        bool says = yes ? answer->refusal == REFUSAL_NONE : answer_says_closed(answer);
        for (unsigned s = 0; says && s < signers_n; s++) {
            said |= signed_by(&certificate->question, answer, &signers[s]) ? bit(s) : 0;
        }
    }
    return said;
}

static void take_certificate(struct guard *guard, const struct guard_request *request,
                             struct guard_answer *answer) {
    static struct certificate certificate;
    enum err err = ERR_OK;
    enum holder_verdict verdict = HOLDER_NO_MAJORITY;
    if (!read_certificate(guard, request, &certificate)) {
        answer->err = ERR_FORMAT;
        return;
    }
    const struct pins *pins = &guard->pins;
    const struct question *question = &certificate.question;
    bool denial = request->call == GUARD_DENIAL, promises = request->call == GUARD_PROMISES;
    uint64_t said = promises
                        ? signers_saying(&certificate, pins->promisers, pins->promisers_n, true)
                        : signers_saying(&certificate, pins->members, pins->members_n, !denial);
    if (denial) {
        verdict = holder_denial(&guard->holder, question->epoch, said);
    } else if (promises && question->purpose == PURPOSE_PROMISE) {
        verdict =
            holder_promises(&guard->holder, question->nonce, question->epoch, said, clock_stamp());
    } else if (!promises && question->purpose == PURPOSE_LEASE) {
        verdict = holder_certificate(&guard->holder, question->nonce, question->epoch, said,
                                     clock_stamp());
        verdict = persist(guard, verdict, &err);
    }
    answer->verdict = (uint8_t)verdict;
    answer->err = (uint8_t)err;
    if (verdict == HOLDER_ACCEPTED) {
        fence_refresh(guard); /* a denial leaves no lease: it shuts */
    }
}

static void begin(struct guard *guard, const struct guard_request *request,
                  struct guard_answer *answer) {
    enum holder_round_purpose purpose =
        request->purpose == PURPOSE_PROMISE ? ROUND_PROMISE : ROUND_LEASE;
    if (request->purpose != PURPOSE_PROMISE && request->purpose != PURPOSE_LEASE) {
        answer->err = ERR_FORMAT;
        return;
    }
    random_bytes(answer->nonce, NONCE_SIZE);
    answer->verdict = (uint8_t)holder_begin(&guard->holder, purpose, request->epoch, answer->nonce,
                                            clock_stamp());
}

static void fence(struct guard *guard, uint64_t epoch, struct guard_answer *answer) {
    enum err err = ERR_OK;
    if (epoch == 0) {
        answer->err = ERR_FORMAT;
        return;
    }
    enum holder_verdict verdict = holder_fence(&guard->holder, epoch);
    if (verdict != HOLDER_OLD_EPOCH) {
        fence_refresh(guard); /* no lease is left: shut before a slow disk is asked */
    }
    answer->verdict = (uint8_t)persist(guard, verdict, &err);
    answer->err = (uint8_t)err;
    fence_prove(guard);
}

static uint8_t refusal_of(enum holder_verdict verdict) {
    return verdict == HOLDER_ACCEPTED      ? REFUSAL_NONE
           : verdict == HOLDER_HAS_LEASE   ? REFUSAL_HOLDS_LEASE
           : verdict == HOLDER_KNOWS_NEWER ? REFUSAL_KNOWS_NEWER
           : verdict == HOLDER_BUSY        ? REFUSAL_CANNOT_PERSIST
                                           : REFUSAL_NOT_ALLOWED;
}

/* The active region's agent asks, through our agent: is it who it says, and of another region? */
static bool asker_is_known(const struct guard *guard, const struct question *question) {
    uint8_t canon[CANON_MAX];
    const struct pins *pins = &guard->pins;
    if (question->purpose != PURPOSE_PROMISE || !text_equal(question->cluster, pins->cluster) ||
        question->lease_ms != pins->lease.lease_ms ||
        question->promise_ms != pins->lease.promise_ms) {
        return false;
    }
    size_t size = canon_question(question, canon);
    for (unsigned i = 0; i < pins->askers_n; i++) {
        const struct signer *at = &pins->askers[i];
        if (text_equal(at->name, question->agent) && text_equal(at->region, question->region)) {
            return sign_verify_either(at->key, at->next, canon, size, question->signature) ==
                   ERR_OK;
        }
    }
    return false;
}

static void promise(struct guard *guard, const struct guard_request *request,
                    struct guard_answer *answer) {
    static struct certificate carrier;
    uint8_t canon[CANON_MAX];
    enum err err = ERR_OK;
    if (!certificate_read(request->body, request->body_size, &carrier) ||
        !asker_is_known(guard, &carrier.question)) {
        answer->err = ERR_SIGNATURE;
        return;
    }
    const struct question *question = &carrier.question;
    /* "I hold no lease" must be true of the kernel's gate as well. */
    enum holder_verdict verdict =
        guard->gate_state == GATE_OPEN
            ? HOLDER_HAS_LEASE
            : persist(guard, holder_promise(&guard->holder, question->epoch, clock_stamp()), &err);
    answer->verdict = (uint8_t)verdict;
    answer->refusal = refusal_of(verdict);
    struct answer said = {.purpose = PURPOSE_PROMISE, .epoch = question->epoch};
    (void)text_copy(said.from, NAME_SIZE, guard->conf.name);
    (void)text_copy(said.agent, NAME_SIZE, question->agent);
    memcpy(said.nonce, question->nonce, NONCE_SIZE);
    said.refusal = answer->refusal;
    said.newest_epoch = guard->holder.durable.accepted_epoch;
    size_t size = canon_answer(question, &said, canon);
    if (sign_bytes(guard->keys.sign_secret, canon, size, answer->signature) != ERR_OK) {
        answer->err = ERR_FAILED;
    }
}

static void fill_status(struct guard *guard, struct guard_answer *answer) {
    const struct holder *holder = &guard->holder;
    struct stamp now = clock_stamp();
    answer->gate = guard->gate_state;
    answer->by_promise = holder->by_promise;
    answer->soft_fence_due = holder_soft_fence_due(holder, now);
    answer->fence_proved =
        guard->proved_epoch != 0 && guard->proved_epoch == holder->durable.fenced_epoch;
    answer->accepted_epoch = holder->durable.accepted_epoch;
    answer->fenced_epoch = holder->durable.fenced_epoch;
    answer->promised_epoch = holder->durable.promised_epoch;
    answer->lease_epoch = holder->lease_epoch;
    answer->lease_left_ms = holder_left_ms(holder, now);
    answer->promise_left_ms = holder_promise_left_ms(holder, now);
    memcpy(answer->fence_signature, guard->fence_signature, SIGNATURE_SIZE);
}

void serve_request(struct guard *guard, const struct guard_request *request,
                   struct guard_answer *ret_answer) {
    memset(ret_answer, 0, sizeof *ret_answer);
    ret_answer->call = request->call;
    switch ((enum guard_call)request->call) {
    case GUARD_STATUS: ret_answer->key_place = request->flag ? guard->key_place : 0; break;
    case GUARD_BEGIN: begin(guard, request, ret_answer); break;
    case GUARD_CERTIFICATE:
    case GUARD_PROMISES:
    case GUARD_DENIAL: take_certificate(guard, request, ret_answer); break;
    case GUARD_FENCE: fence(guard, request->epoch, ret_answer); break;
    case GUARD_PROMISE: promise(guard, request, ret_answer); break;
    case GUARD_FENCE_DONE: guard->soft_fence_done = request->flag; break;
    }
    fill_status(guard, ret_answer);
}
