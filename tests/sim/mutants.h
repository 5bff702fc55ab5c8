/* mutants: rules that can be broken on purpose, one at a time; the judge must notice each. */
#ifndef DROVER_SIM_MUTANTS_H
#define DROVER_SIM_MUTANTS_H

#define MUTANT_LIST(X)                                                                             \
    X(NONE_, "none", "the rules as they ship")                                                     \
    X(WAIT_ZERO, "wait-zero", "members do not wait after a close")                                 \
    X(WAIT_THIS_EPOCH, "wait-this-epoch-only", "the wait counts only yeses to the closed epoch")   \
    X(YES_NOT_NOTED, "yes-not-noted", "the wait runs from the member's start, whatever it said")   \
    X(WAIT_FROM_LAST_START, "no-restart-grace", "a restarted member believes its wait is over")    \
    X(NO_CLOSE_NO_CATCHUP, "no-durable-close",                                                     \
      "a close is not noted on disk, and a restarted member speaks before it has caught up")       \
    X(NO_CLOSED_NO_CATCHUP, "no-catch-up",                                                         \
      "a restarted member speaks before it has caught up, and forgets what it closed")             \
    X(MINORITY, "minority-certificate", "one yes is enough for a certificate")                     \
    X(NO_NONCE, "no-nonce", "a yes to an older question counts for the newest one")                \
    X(FROM_RECEIPT, "lease-from-receipt", "the lease counts from the certificate's arrival")       \
    X(NO_PROMISE, "no-promise-kept", "a guard forgets its promise at once")                        \
    X(PROMISE_SHORT, "promise-too-short", "a promise binds for a quarter of a lease")              \
    X(PROMISE_VOLATILE, "promise-not-durable", "a restart forgets the promise")                    \
    X(PROMISE_ONE, "promise-of-one", "one of the standby's gate agents is enough")                 \
    X(GATE_USER_SPACE, "gate-not-in-kernel", "the gate stays open until the guard shuts it")       \
    X(PROOF_OPEN, "proof-gate-open", "the fence is proved while the gate is open")                 \
    X(PROOF_ONE, "proof-of-one", "one guard's proof ends the wait for all")                        \
    X(PROOF_VOLATILE, "proof-not-durable", "a restarted guard forgets what it refused")            \
    X(DRIFT, "drift-beyond-rho", "clocks run up to 20 % apart from true time")                     \
    X(NO_OWNER, "no-owner-check", "a member attests the open epoch to any region")                 \
    X(BOOT_OPEN, "boot-open", "a host comes up with its gate open")                                \
    X(NO_LEDGER, "no-ledger", "an agent runs a command again after a restart")                     \
    X(RERUN_INTENT, "rerun-intent", "an intent without a result is run again")                     \
    X(NO_NOTE, "no-wait-note", "the end of a wait is not noted on disk")                           \
    X(NOTE_EARLY, "wait-note-early", "the end of a wait is noted when it begins")                  \
    X(PROOF_SKIPS, "proof-skips-older", "a proof ends the waits of older epochs too")              \
    X(HOLD_WAITS, "hold-waits-only", "under hold, time ends a wait as elsewhere")

enum mutant {
#define MUTANT_ENUM(name, option, text) MUTANT_##name,
    MUTANT_LIST(MUTANT_ENUM)
#undef MUTANT_ENUM
        MUTANTS_N
};

const char *mutant_option(enum mutant mutant);
const char *mutant_text(enum mutant mutant);
/* MUTANTS_N when there is none of that name. */
enum mutant mutant_find(const char *option);

#endif
