/* err: the one list of run-time failures.
 *
 * Values are stable on the wire and in the ledger: append only, never renumber. */
#ifndef DROVER_ERR_H
#define DROVER_ERR_H

#define ERR_LIST(X)                                                                                \
    X(OK, 0, "ok")                                                                                 \
    X(TIMEOUT, 1, "did not answer in time")                                                        \
    X(REFUSED, 2, "connection refused")                                                            \
    X(UNREACHABLE, 3, "could not be reached")                                                      \
    X(AUTH, 4, "authentication failed")                                                            \
    X(FORMAT, 5, "malformed input")                                                                \
    X(RANGE, 6, "value out of range")                                                              \
    X(TOO_BIG, 7, "larger than the limit")                                                         \
    X(NOT_FOUND, 8, "not found")                                                                   \
    X(EXISTS, 9, "exists already")                                                                 \
    X(STALE, 10, "superseded by something newer")                                                  \
    X(DENIED, 11, "not allowed")                                                                   \
    X(PRECONDITION, 12, "a precondition does not hold")                                            \
    X(IO, 13, "input/output error")                                                                \
    X(NO_SPACE, 14, "no space left")                                                               \
    X(NO_MEMORY, 15, "out of memory")                                                              \
    X(SIGNATURE, 16, "signature does not verify")                                                  \
    X(NO_QUORUM, 17, "no majority")                                                                \
    X(COMPACTED, 18, "history compacted past this point")                                          \
    X(WENT_BACK, 19, "the log went backwards")                                                     \
    X(CLOSED, 20, "closed")                                                                        \
    X(BUSY, 21, "busy")                                                                            \
    X(FAILED, 22, "failed")                                                                        \
    X(UNSUPPORTED, 23, "not supported by the other side")                                          \
    X(CONFIG, 24, "configuration error")                                                           \
    X(ELSEWHERE, 25, "for the agent of another host")

enum err {
#define ERR_ENUM(name, value, text) ERR_##name = (value),
    ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
};

/* Function results of this type must be looked at. */
#define ERR_CHECKED __attribute__((warn_unused_result))

/* One sentence in English; "unknown error" for a value outside the list. Static storage. */
const char *err_text(enum err err);

/* The enumerator's name without ERR_, for logs and JSON. */
const char *err_name(enum err err);

#endif
