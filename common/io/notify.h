/* notify: tells systemd how this process is (Type=notify), without libsystemd. */
#ifndef DROVER_NOTIFY_H
#define DROVER_NOTIFY_H

/* state: "READY=1", "WATCHDOG=1", lines of sd_notify(3). Does nothing when systemd did not ask for
 * it (no NOTIFY_SOCKET). Never blocks. */
void notify_systemd(const char *state);

#endif
