/* wire: ZeroMQ with CURVE on the libuv loop. wire_parts.h is the only includer of zmq.h.
 *
 * One context and one owner thread a process. A wire_server is a ROUTER that binds one address and
 * accepts only public keys that its allow-list knows (ZAP, enforced: libzmq's CURVE alone admits
 * everybody); the sender of each frame is the key's owner, never what the frame says. A wire_client
 * is a DEALER to one server whose public key is pinned. Nothing here blocks; nothing is queued to a
 * peer that is not connected (ZMQ_IMMEDIATE). Traps and reasons: docs/protocol.md, "ZeroMQ". */
#ifndef DROVER_WIRE_H
#define DROVER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/limits.h"

#define WIRE_KEYS_MAX 256 /* that may talk to one server; an identity may have two */

enum wire_identity_kind { WIRE_MEMBER = 1, WIRE_AGENT = 2, WIRE_OPERATOR = 3 };

/* Who may connect, by public key. */
struct wire_identity {
    uint8_t kind; /* enum wire_identity_kind */
    uint8_t index;
    char name[NAME_SIZE];
    uint8_t curve_key[KEY_SIZE];
    bool next; /* not its key but its next one, while it exchanges them */
    bool revoked;
    uint64_t session; /* of the frame's sender, for wire_server_answer; 0 in an allow-list */
};

struct wire; /* the process's one context, ZAP handler and loop glue */
struct wire_server;
struct wire_client;

struct wire_counters {
    uint64_t unknown_key_n, revoked_key_n, wrong_mechanism_n, handshake_failed_n;
    uint64_t received_n, sent_n, dropped_send_n, no_identity_n;
    uint64_t oversize_n;     /* frames a little above the limit; those far above only disconnect */
    uint64_t flood_n;        /* frames beyond what one peer may send: 1000 a second, 2000 at once */
    uint64_t disconnected_n; /* sessions that ended, for whatever reason: libzmq does not tell */
    uint64_t accept_failed_n; /* connections refused for want of descriptors */
};

/* Opens the context and starts the ZAP handler; proves with a known-bad key on an inproc or
 * loopback endpoint that strangers are refused before anything is bound (FAILED otherwise). */
enum err wire_open(uv_loop_t *loop, struct wire **ret_wire, struct text256 *reterr) ERR_CHECKED;
/* Closes every socket and the context; the loop must run until uv_loop_close succeeds. NULL is
 * fine. */
void wire_close(struct wire *wire);

/* Replaces the allow-list of every server of this process. Sessions of keys that are no longer
 * allowed get nothing through from the next frame on. One identity may have several keys (while
 * they are exchanged): its newest session counts, whichever key that came by. A key of zeros is
 * nobody's and is passed over. TOO_BIG beyond WIRE_KEYS_MAX; EXISTS when one key is given twice;
 * the list is untouched then. */
enum err wire_allow(struct wire *wire, const struct wire_identity *identities,
                    size_t identities_n) ERR_CHECKED;

const struct wire_counters *wire_counters(const struct wire *wire);

/* A rate-limited line a human should see ("connection with an unknown key from 10.0.0.9", at most
 * one a second a reason, with the count since the last). Set by the shell; may be NULL. */
void wire_on_notice(struct wire *wire, void (*notice)(void *owner, const char *text), void *owner);

/* Called with one whole frame from an allowed identity (on a client: `from` is NULL, it is the
 * pinned server). The frame is borrowed until the callback returns. */
#define WIRE_ON_FRAME(name)                                                                        \
    void (*(name))(void *owner, const struct wire_identity *from, const uint8_t *frame,            \
                   size_t frame_size)

/* Binds (tcp://IP:PORT). frame_max: larger frames disconnect the peer. */
enum err wire_serve(struct wire *wire, const char *address, const uint8_t secret[KEY_SIZE],
                    const uint8_t public_key[KEY_SIZE], size_t frame_max, WIRE_ON_FRAME(on_frame),
                    void *owner, struct wire_server **ret_server,
                    struct text256 *reterr) ERR_CHECKED;

/* To the newest live session of that identity. BUSY when its queue is full, UNREACHABLE when it has
 * no session. Never blocks. */
enum err wire_server_send(struct wire_server *server, enum wire_identity_kind kind, uint8_t index,
                          const uint8_t *frame, size_t frame_size);

/* To the very session that a frame came by (`from->session`): one operator may have two command
 * lines open. UNREACHABLE when that session is gone. */
enum err wire_server_answer(struct wire_server *server, uint64_t session, const uint8_t *frame,
                            size_t frame_size);

/* True when a frame from that identity came within the last `within_ms`. */
bool wire_server_heard(const struct wire_server *server, enum wire_identity_kind kind,
                       uint8_t index, uint64_t within_ms);
/* What it is bound to, for "tcp://127.0.0.1:*". Borrowed. */
const char *wire_server_address(const struct wire_server *server);
void wire_server_close(struct wire_server *server);

/* Connects to one pinned server, reconnects for ever with jittered back-off (100..2100 ms), notices
 * half-open connections by heartbeats (1 s, 3 s), and starts afresh after a refused handshake
 * (0.5..8 s). Frames above frame_max from the server end the session. */
enum err wire_connect(struct wire *wire, const char *address, const uint8_t server_key[KEY_SIZE],
                      const uint8_t secret[KEY_SIZE], const uint8_t public_key[KEY_SIZE],
                      size_t frame_max, WIRE_ON_FRAME(on_frame), void *owner,
                      struct wire_client **ret_client, struct text256 *reterr) ERR_CHECKED;

/* The server may hold this key instead, while it exchanges them: where a handshake fails by one the
 * other is tried, each a second after the other at the latest. Zeros: it has one key. */
void wire_client_next_key(struct wire_client *client, const uint8_t next_key[KEY_SIZE]);
/* Is it the next key that the server holds, as far as is known? */
bool wire_client_on_next(const struct wire_client *client);

/* UNREACHABLE when not connected now (nothing is kept for later), BUSY when the queue is full. */
enum err wire_client_send(struct wire_client *client, const uint8_t *frame, size_t frame_size);
bool wire_client_connected(const struct wire_client *client);
void wire_client_close(struct wire_client *client);

#endif
