/* seen_words: what moved between what a person saw and what is so now, in a sentence. */
#ifndef DROVER_SEEN_WORDS_H
#define DROVER_SEEN_WORDS_H

#include "coordinator/core/core.h"

/* "west is region-sick, it was well; ..."; empty when nothing moved. */
void seen_plan_words(const struct topology *topology, const struct seen_plan *was,
                     const struct seen_plan *now, char *out, size_t out_size);

/* The same of the bits that an approval is bound to. */
void seen_step_words(const struct topology *topology, const struct execution *execution,
                     uint8_t step, uint16_t was, uint16_t now, char *out, size_t out_size);

#endif
