/* watch_keys: a key from the terminal as soon as it is typed, and unseen. */
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "coordinator/cli/cli.h"

/* Rows are broken again where they are full, and the prompt stands below the picture. */
static const char leave_text[] = "\033[?7h\n";
static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

static struct termios before; /* as it was; for the handler, too */

static void give_back(void) {
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
    (void)!write(STDOUT_FILENO, leave_text, sizeof leave_text - 1);
}

/* The signal ends the program as it would have without us. */
static void on_end(int number) {
    give_back();
    (void)raise(number);
}

bool watch_keys_open(void) {
    struct termios keys;
    bool ours = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 &&
                tcgetpgrp(STDIN_FILENO) == getpgrp() && tcgetattr(STDIN_FILENO, &before) == 0;
    if (!ours) {
        return false;
    }
    struct sigaction end = {.sa_handler = on_end, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        (void)sigaction(ends[i], &end, NULL);
    }
    keys = before;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    keys.c_cc[VMIN] = 0; /* a read that finds no key ends at once */
    keys.c_cc[VTIME] = 0;
    return tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
}

bool watch_keys_quit(void) {
    char keys[32];
    ssize_t n = read(STDIN_FILENO, keys, sizeof keys);
    return n > 0 && memchr(keys, 'q', (size_t)n) != NULL;
}

void watch_keys_close(void) {
    give_back();
}
