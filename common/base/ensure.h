/* ensure: checks of the program's own reasoning, on in production too.
 *
 * A failed ensure() is a programmer's mistake, never a user's or a peer's: it tells the
 * hook below and aborts. An aborted agent in the active region is safe: its lease lapses and
 * the gate shuts. A run-time failure is an `enum err` (err.h), not an ensure. */
#ifndef DROVER_ENSURE_H
#define DROVER_ENSURE_H

#ifdef NDEBUG
#error "drover is never built with NDEBUG: its invariants are checked in production"
#endif

/* Called with the failing place before the abort, when set: programs print one line there. The pure
 * layers themselves never print. */
extern void (*ensure_hook)(const char *expression, const char *file, int line);

_Noreturn void ensure_failed(const char *expression, const char *file, int line);

#define ensure(expression)                                                                         \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            ensure_failed(#expression, __FILE__, __LINE__);                                        \
        }                                                                                          \
    } while (0)

#endif
