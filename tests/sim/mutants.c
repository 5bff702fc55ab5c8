/* Rules that can be broken on purpose, to see the judge notice. Each is a switch in the mirrored
 * shells or a hand in a core's struct: the cores themselves are what ships. */
#include "sim.h"

static const struct {
    const char *option, *text;
} rows[MUTANTS_N] = {
#define MUTANT_ROW(name, option, text) {option, text},
    MUTANT_LIST(MUTANT_ROW)
#undef MUTANT_ROW
};

const char *mutant_option(enum mutant mutant) {
    ensure(mutant < MUTANTS_N);
    return rows[mutant].option;
}

const char *mutant_text(enum mutant mutant) {
    ensure(mutant < MUTANTS_N);
    return rows[mutant].text;
}

enum mutant mutant_find(const char *option) {
    for (unsigned i = 0; i < MUTANTS_N; i++) {
        if (text_equal(rows[i].option, option)) {
            return (enum mutant)i;
        }
    }
    return MUTANTS_N;
}
