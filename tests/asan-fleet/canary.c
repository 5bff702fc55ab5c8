/* Does on purpose what a sanitizer must notice, so that a stage of sanitizers can fail: a run that
 * reports nothing proves something only beside one that reports this. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static int shared;

static void *race_write(void *argument) {
    shared += *(int *)argument;
    return NULL;
}

static int race(void) {
    pthread_t threads[2];
    int one = 1;
    for (int i = 0; i < 2; i++) {
        if (pthread_create(&threads[i], NULL, race_write, &one) != 0) {
            return 2;
        }
    }
    for (int i = 0; i < 2; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return 0;
}

/* In a function of its own, through a volatile: nothing may still hold the pointer at exit. */
static void leak(void) {
    char *volatile lost = malloc(4711);
    if (lost != NULL) {
        lost[0] = 1;
    }
    lost = NULL;
}

static int overflow(void) {
    volatile size_t size = 8;
    volatile char *bytes = malloc(size);
    if (bytes == NULL) {
        return 2;
    }
    bytes[size] = 1;
    free((void *)bytes);
    return 0;
}

static int undefined(int argc) {
    volatile int most = 0x7fffffff;
    most += argc;
    return 0;
}

int main(int argc, char **argv) {
    const char *what = argc == 2 ? argv[1] : "";
    /* As drover's programs: the leak check must work in a process that shows nobody its memory. */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (strcmp(what, "race") == 0) {
        return race();
    }
    if (strcmp(what, "leak") == 0) {
        leak();
        return 0;
    }
    if (strcmp(what, "overflow") == 0) {
        return overflow();
    }
    if (strcmp(what, "undefined") == 0) {
        return undefined(argc);
    }
    (void)fprintf(stderr, "usage: canary race | leak | overflow | undefined\n");
    return strcmp(what, "nothing") == 0 ? 0 : 2;
}
