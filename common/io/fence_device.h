/* fence_device: one question to a machine's power switch, by one of the fence agents as Debian
 * ships them. The program, where the device is and its password are this machine's own file
 * (agent.conf, fence_devices). Their protocol: name=value lines on standard input, never arguments,
 * which all may read. From a worker thread: it waits for the program. */
#ifndef DROVER_FENCE_DEVICE_H
#define DROVER_FENCE_DEVICE_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/io/local_conf.h"
#include "common/io/secrets.h"

#define FENCE_STATUS_ON 0 /* exit codes of the action "status" */
#define FENCE_STATUS_OFF 2
#define FENCE_WORDS_SIZE 100

/* The device of that name, borrowed from `devices`, whose program may be run. DENIED: this agent's
 * own file names none, or the program could be changed by others; NOT_FOUND: no such program. */
enum err fence_device_find(const struct fence_device *devices, uint8_t devices_n, const char *name,
                           const struct fence_device **ret_device,
                           struct text256 *reterr) ERR_CHECKED;

/* Runs it once with that action ("status", "on", "off") until the deadline (CLOCK_BOOTTIME). OK: it
 * ended, *ret_code is its exit code (128 and the signal's number when it was killed), and ret_words
 * the last line that it wrote, errors before output, never one that repeats a secret. TIMEOUT: it
 * was killed. CONFIG, or what reading the secret gave: it was not run. reterr holds no secret. */
enum err fence_device_ask(const struct fence_device *device, const struct secrets *secrets,
                          const char *action, uint64_t deadline_boot_ms, int *ret_code,
                          char ret_words[FENCE_WORDS_SIZE], struct text256 *reterr) ERR_CHECKED;

#endif
