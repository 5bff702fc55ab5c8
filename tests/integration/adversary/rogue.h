/* rogue: a member, an agent or a stranger that means harm. It holds a real key file, speaks the
 * real wire, and does what it is told, a line at a time, on stdin; what it sees it says on
 * stdout.
 *
 *   rogue.c          main, the lines of stdin, what the parts share
 *   rogue_member.c   a member's stolen key: lying acks, eager answers, commands, topologies, replay
 *   rogue_agent.c    an agent's stolen key: questions and reports for others, floods, replay
 *   rogue_stranger.c unknown keys, by the hundred
 *   rogue_record.c   frames as they went by, to be played again */
#ifndef DROVER_ROGUE_H
#define DROVER_ROGUE_H

#include <uv.h>

#include "common/base/ensure.h"
#include "common/io/keyfile.h"
#include "common/io/wire.h"
#include "proto/message.h"

#define WORDS_MAX 16
#define FRAMES_MAX 40000
#define SCRATCH_SIZE (2 * 1024 * 1024)

struct record {
    bool sent;     /* by us; else heard */
    uint8_t agent; /* index in the pins */
    uint32_t size;
    uint8_t *bytes;
};

struct records {
    size_t n;
    struct record at[FRAMES_MAX];
};

struct rogue {
    uv_loop_t *loop;
    struct keys keys;
    struct topology *pins, *topology;
    const char *listen; /* member: the address of the real one */
    struct wire *wire;
    uint8_t *scratch, *inner_scratch, *frame;
    bool (*obey)(struct rogue *rogue, unsigned words_n, char *words[WORDS_MAX]);
};

/* One line on stdout, at once. */
void rogue_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Decodes; NULL when it cannot be. Valid until the next call. */
const struct message *rogue_decode(struct rogue *rogue, const uint8_t *frame, size_t frame_size);
uint64_t rogue_number(const char *word);

bool rogue_member_start(struct rogue *rogue);
bool rogue_agent_start(struct rogue *rogue);
bool rogue_stranger_start(struct rogue *rogue);

void records_add(struct records *records, bool sent, uint8_t agent, const uint8_t *bytes,
                 size_t size);
bool records_save(const struct records *records, const char *path);
bool records_load(struct records *records, const char *path);

#endif
