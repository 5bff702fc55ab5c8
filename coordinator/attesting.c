/* Questions of agents -> signed answers. The clock is read here, after the question arrived:
 * the wait after a close counts from that stamp. */
#include <string.h>

#include "common/io/clock.h"
#include "common/io/sign.h"
#include "coordinator/member.h"
#include "coordinator/recording.h"
#include "proto/canon.h"

_Static_assert((int)REFUSAL_NOT_NEWEST == (int)ATTEST_NOT_NEWEST &&
                   (int)REFUSAL_NOT_OPEN == (int)ATTEST_NOT_OPEN &&
                   (int)REFUSAL_NOT_OWNER == (int)ATTEST_NOT_OWNER &&
                   (int)REFUSAL_WAITING == (int)ATTEST_WAITING &&
                   (int)REFUSAL_CLOSED_HERE == (int)ATTEST_CLOSED_HERE &&
                   (int)REFUSAL_NOT_CAUGHT_UP == (int)ATTEST_NOT_CAUGHT_UP &&
                   (int)REFUSAL_NOT_WANTED == (int)ATTEST_NOT_WANTED &&
                   (int)REFUSAL_NUMBERS_DIFFER == (int)ATTEST_NUMBERS_DIFFER &&
                   (int)REFUSAL_UNKNOWN_AGENT == (int)ATTEST_UNKNOWN_AGENT,
               "a member's no goes over the wire as it is");

uint32_t attesting_wait_ms(const struct coordinator *member) {
    return decide_wait_ms(member->topology);
}

uint32_t attesting_wait_left_ms(const struct coordinator *member, struct stamp now) {
    uint32_t left_ms = attest_wait_left_ms(&member->attest, now, attesting_wait_ms(member));
    uint32_t first_ms =
        attest_first_left_ms(&member->attest, now, decide_first_wait_ms(member->topology));
    return first_ms > left_ms ? first_ms : left_ms;
}

/* The wait is a guard's word about itself, too: "for ever" says that its lease does not run out. */
static bool numbers_agree(const struct coordinator *member, const struct question *question) {
    const struct lease_numbers *lease = &member->topology->lease;
    return question->lease_ms == lease->lease_ms && question->wait_ms == topology_wait_ms(lease) &&
           question->promise_ms == lease->promise_ms;
}

static uint8_t judge(struct coordinator *member, const struct question *question, uint8_t agent,
                     struct stamp now) {
    static struct decide_lines lines;
    uint8_t canon[CANON_MAX];
    const struct topology *topology = member->topology;
    size_t size = canon_question(question, canon);
    const struct agent *entry = &topology->agents[agent];
    if (sign_verify_either(entry->sign_key, entry->sign_key_next, canon, size,
                           question->signature) != ERR_OK) {
        return REFUSAL_BAD_SIGNATURE;
    }
    uint8_t region = topology->agents[agent].region;
    const struct wanted *wanted = dispatch_find(member, question->digest);
    struct attest_ask ask = {
        .purpose = question->purpose == PURPOSE_LEASE ? ATTEST_LEASE : ATTEST_COMMAND,
        .epoch = question->epoch,
        .region = text_equal(topology->regions[region].name, question->region) ? region : NONE,
        .numbers_agree = numbers_agree(member, question),
        .command_wanted = wanted != NULL && wanted->want.agent == agent,
        .needs_lease = wanted != NULL && wanted->want.needs_lease,
        .now = now,
        .wait_ms = attesting_wait_ms(member),
    };
    if (question->purpose == PURPOSE_LEASE && !topology->agents[agent].guarded) {
        return REFUSAL_NOT_ALLOWED;
    }
    enum attest_no answer = decide_answer(&member->decide, agent, &ask, &lines);
    recording_question(member->recording, &member->decide, agent, &ask, answer, &lines);
    recording_log(&lines);
    return (uint8_t)answer;
}

static void note_yes(struct coordinator *member, const struct question *question, uint8_t agent) {
    member->attests_yes_n++;
    if (question->purpose == PURPOSE_LEASE) {
        uint64_t now_ms = member_now_ms();
        member->last_yes_boot_ms = now_ms;
        member->last_yes_epoch = question->epoch;
        member->agents[agent].attested_boot_ms = now_ms;
    }
}

void attesting_answer(struct coordinator *member, const struct question *question,
                      struct answer *ret_answer) {
    uint8_t canon[CANON_MAX];
    struct stamp now = clock_stamp(); /* one reading for all that is judged by it */
    memset(ret_answer, 0, sizeof *ret_answer);
    (void)text_copy(ret_answer->from, sizeof ret_answer->from, member->keys.name);
    (void)text_copy(ret_answer->agent, sizeof ret_answer->agent, question->agent);
    ret_answer->purpose = question->purpose;
    ret_answer->epoch = question->epoch;
    memcpy(ret_answer->nonce, question->nonce, NONCE_SIZE);
    memcpy(ret_answer->digest, question->digest, DIGEST_SIZE);
    struct lease_view view = core_lease(&member->core);
    ret_answer->newest_epoch = view.epoch;
    ret_answer->newest_open = view.open;
    ret_answer->config_version = member->core.config_version;
    uint8_t agent =
        member->topology_known ? topology_agent(member->topology, question->agent) : NONE;
    bool asks_us = question->purpose == PURPOSE_LEASE || question->purpose == PURPOSE_COMMAND;
    if (member->stopped_for_human || !member->topology_known) {
        ret_answer->refusal = REFUSAL_NOT_CAUGHT_UP;
    } else if (agent == NONE || !asks_us ||
               !text_equal(question->cluster, member->topology->cluster)) {
        ret_answer->refusal = REFUSAL_UNKNOWN_AGENT;
    } else {
        ret_answer->refusal = judge(member, question, agent, now);
        ret_answer->left_ms = attesting_wait_left_ms(member, now);
    }
    if (ret_answer->refusal == REFUSAL_NONE) {
        note_yes(member, question, agent);
    } else {
        member->attests_no_n++;
    }
    size_t size = canon_answer(question, ret_answer, canon);
    enum err err = sign_bytes(member->keys.sign_secret, canon, size, ret_answer->signature);
    ensure(err == ERR_OK);
}

/* ------------------------------------------------------------ fence proofs */

void attesting_fence_proof(struct coordinator *member, uint8_t agent,
                           const struct fence_proof *proof) {
    uint8_t canon[CANON_MAX];
    static struct decide_lines lines;
    const struct agent *entry = &member->topology->agents[agent];
    if (!proof->present || proof->epoch <= member->proved_epoch[agent] ||
        !text_equal(proof->agent, entry->name) ||
        !text_equal(proof->region, member->topology->regions[entry->region].name)) {
        return;
    }
    size_t size = canon_fence(member->topology->cluster, proof, canon);
    if (sign_verify_either(entry->guard_key, entry->guard_key_next, canon, size,
                           proof->signature) != ERR_OK) {
        member->frames_refused_n++;
        return;
    }
    decide_fence_proof(&member->decide, agent, proof->epoch, &lines);
    recording_fence(member->recording, &member->decide, agent, proof, &lines);
    recording_log(&lines);
}
