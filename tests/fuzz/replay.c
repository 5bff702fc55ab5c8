/* Runs a fuzz target over the files of one directory, once each: what every compiler can do with a
 * corpus, and how a found input becomes a test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (4 * 1024 * 1024)

int main(int argc, char **argv) {
    DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
    uint8_t *bytes = malloc(INPUT_MAX);
    unsigned run_n = 0;
    struct dirent *entry = NULL;
    if (directory == NULL || bytes == NULL) {
        (void)fputs("usage: replay DIRECTORY\n", stderr);
        return 1;
    }
    while ((entry = readdir(directory)) != NULL) {
        char path[1024];
        FILE *file = NULL;
        if (entry->d_name[0] != '.' &&
            text_format(path, sizeof path, "%s/%s", argv[1], entry->d_name)) {
            file = fopen(path, "rb");
        }
        if (file != NULL) {
            size_t n = fread(bytes, 1, INPUT_MAX, file);
            (void)fclose(file);
            (void)LLVMFuzzerTestOneInput(bytes, n);
            run_n++;
        }
    }
    (void)closedir(directory);
    free(bytes);
    (void)printf("%u inputs\n", run_n);
    return run_n > 0 ? 0 : 1;
}
