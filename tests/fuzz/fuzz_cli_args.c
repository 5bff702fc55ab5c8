/* The command line's words, one a line: any of them is understood or refused with a sentence. */
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "coordinator/cli/cli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARGUMENTS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static FILE *nowhere;
    struct command_line line;
    char program[] = "drover";
    char *words[ARGUMENTS_MAX + 1] = {program};
    int words_n = 1;
    if (nowhere == NULL) {
        nowhere = fopen("/dev/null", "w");
        ensure(nowhere != NULL && freopen("/dev/null", "w", stdout) != NULL);
    }
    char *text = malloc(size + 1), *rest = text, *word;
    ensure(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    while (words_n < ARGUMENTS_MAX && (word = strsep(&rest, "\n")) != NULL) {
        words[words_n++] = word;
    }
    if (args_read(words_n, words, &line, nowhere) == -1) {
        ensure(line.verb != NULL && line.words_n >= line.verb->words_min &&
               line.words_n <= line.verb->words_max && line.words_n <= WORDS_MAX);
    }
    free(text);
    return 0;
}
