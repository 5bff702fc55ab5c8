#include "proto/answer.h"

#include <string.h>

bool answer_fits(const struct question *question, const struct answer *answer) {
    return answer->purpose == question->purpose && answer->epoch == question->epoch &&
           memcmp(answer->nonce, question->nonce, NONCE_SIZE) == 0 &&
           memcmp(answer->digest, question->digest, DIGEST_SIZE) == 0 &&
           text_equal(answer->agent, question->agent);
}

bool answer_says_closed(const struct answer *answer) {
    bool over = answer->refusal == REFUSAL_NOT_NEWEST || answer->refusal == REFUSAL_NOT_OPEN ||
                answer->refusal == REFUSAL_NOT_OWNER || answer->refusal == REFUSAL_CLOSED_HERE;
    bool newer = answer->newest_epoch > answer->epoch ||
                 (answer->newest_epoch == answer->epoch && !answer->newest_open) ||
                 answer->refusal == REFUSAL_CLOSED_HERE;
    return over && newer;
}
