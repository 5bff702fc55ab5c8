/* status --watch: asked again each second, and drawn over what stood there. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "coordinator/cli/show_parts.h"

#define WATCH_MS 1000
#define KEYS_MS 100        /* at most, between a key and what it does */
#define WATCH_BUFFER 65536 /* a picture leaves in one write */
#define ROW_CLEAR_REST "\033[K"

struct watch_size watch_size_now(void) {
    struct winsize size = {0};
    struct watch_size now = {.columns = 80, .rows = 24, .terminal = isatty(STDOUT_FILENO) == 1};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        now.columns = size.ws_col;
        now.rows = size.ws_row;
    }
    return now;
}

static bool execution_runs(const json_t *status) {
    return yes_in(json_array_get(json_object_get(status, "executions"), 0), "running");
}

/* Columns on the screen: colours take none, nor do a character's further bytes. */
static unsigned columns_of(const char *row, size_t size) {
    unsigned columns = 0;
    for (size_t i = 0; i < size; i++) {
        if (row[i] == '\033') {
            while (i < size && row[i] != 'm') {
                i++;
            }
        } else {
            columns += ((unsigned char)row[i] & 0xc0) != 0x80;
        }
    }
    return columns;
}

/* Behind a full row nothing is cleared: the cursor still stands on its last character. */
static void draw_row(const char *row, size_t size, unsigned columns) {
    bool bad = strncmp(row, "TROUBLE", 7) == 0 || strncmp(row, "ALARM", 5) == 0;
    (void)printf("%s%.*s%s%s", bad ? colour(BAD) : "", (int)size, row, bad ? colour_off() : "",
                 columns_of(row, size) < columns ? ROW_CLEAR_REST : "");
}

/* From the upper left corner, every row of the terminal, and no line broken by it. */
static void draw_over(const char *text, struct watch_size size) {
    unsigned lines_n = 0;
    for (const char *at = text; *at != '\0'; at++) {
        lines_n += *at == '\n' || at[1] == '\0';
    }
    (void)printf("\033[?7l\033[H");
    for (unsigned row = 0; row < size.rows; row++) {
        size_t line = strcspn(text, "\n");
        if (row + 1 == size.rows && lines_n > size.rows) {
            (void)printf("... %u more lines: drover status" ROW_CLEAR_REST, lines_n - row);
        } else {
            draw_row(text, line, size.columns);
        }
        text += line;
        text += *text == '\n';
        (void)printf("%s", row + 1 < size.rows ? "\n" : "");
    }
    (void)printf("\033[?7h");
}

void watch_draw(json_t *status, struct watch_size size) {
    char *text = NULL;
    size_t text_size = 0;
    FILE *screen = stdout, *kept = open_memstream(&text, &text_size);
    if (kept == NULL) {
        return; /* no memory: the old picture stays */
    }
    stdout = kept; /* what is shown is printed; here it is drawn */
    if (execution_runs(status)) {
        show_watch(status, size.columns, size.rows);
    } else {
        show_status(status);
    }
    stdout = screen;
    if (fclose(kept) == 0 && size.terminal) {
        draw_over(text, size);
    } else if (text != NULL) {
        (void)printf("%s\n\n", text);
    }
    (void)fflush(stdout);
    free(text);
}

/* True when somebody typed that it is enough. */
static bool pause_ends(struct session *session, bool keys) {
    if (!keys) {
        client_pause(session, WATCH_MS);
        return false;
    }
    for (unsigned ms = 0; ms < WATCH_MS; ms += KEYS_MS) {
        client_pause(session, KEYS_MS);
        if (watch_keys_quit()) {
            return true;
        }
    }
    return false;
}

/* A member that does not answer leaves the old picture, with how long ago that was. */
int watch_run(struct session *session) {
    struct query query = {.what = "status"};
    json_t *shown = NULL;
    uint64_t answered_ms = 0;
    int code = EXIT_OK;
    bool keys = watch_keys_open(), ended;
    (void)setvbuf(stdout, NULL, _IOFBF, WATCH_BUFFER);
    do {
        struct client_reply reply = client_ask(session, &query);
        const char *error = json_string_value(json_object_get(reply.json, "error"));
        code = (int)reply.exit_code;
        if (reply.json != NULL && error == NULL) {
            json_decref(shown);
            shown = reply.json;
            reply.json = NULL;
            answered_ms = clock_boot_ms();
        } else if (shown != NULL) {
            uint64_t silent_ms = clock_boot_ms() - answered_ms;
            (void)json_object_set_new(shown, "unanswered_ms", json_integer((json_int_t)silent_ms));
        } else if (error != NULL) {
            (void)fprintf(stderr, "drover: %s\n", error);
        } else {
            code = say_nobody(session);
        }
        json_decref(reply.json);
        if (shown != NULL) {
            watch_draw(shown, watch_size_now());
        }
        ended = pause_ends(session, keys);
    } while (!ended && !ferror(stdout));
    if (keys) {
        watch_keys_close();
    }
    json_decref(shown);
    return ended ? EXIT_OK : code;
}
