/* wire_parts: inside of wire; nobody else includes this. loop.c puts libzmq's sockets on the
 * libuv loop, zap.c says who may come in, wire_server.c and wire_client.c are the two ends,
 * wire_proof.c is the test at start, wire.c the context and what all share. The only includer of
 * zmq.h. */
#ifndef DROVER_WIRE_PARTS_H
#define DROVER_WIRE_PARTS_H

#include <uv.h>
#include <zmq.h>

#include "common/base/rng.h"
#include "common/io/wire.h"

/* Fails closed: without it a CURVE server whose ZAP handler is missing admits every key. Debian's
 * header hides it behind the draft API, the library has it. */
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif
#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_DOMAIN "drover"

#define DRAIN_MAX 64           /* frames of one socket in one turn of the loop */
#define SWEEP_MS 250           /* supervision: retries, late notices */
#define CURVE_OVERHEAD 64      /* a frame grows by 33 bytes when it is sealed */
#define BUDGET_FRAMES_MS 1     /* frames a millisecond that one peer may send for long ... */
#define BUDGET_FRAMES_MAX 2000 /* ... and at once. An agent sends some ten a second */
#define WIRE_ADDRESS_SIZE (ADDRESS_SIZE + 32)
#define USER_ID_SIZE (2 * KEY_SIZE + 1)

/* One libzmq socket on the loop. `drain` takes at most DRAIN_MAX and says whether more may be
 * there. */
struct loop_socket {
    struct wire *wire;
    void *zmq; /* NULL once closed */
    void *owner;
    bool (*drain)(void *owner);
    void (*gone)(void *owner); /* the memory may be given back */
    bool pending;
    uv_poll_t poll;
    struct loop_socket *next;
};

/* What one peer may still send. Zeros at first. */
struct budget {
    uint64_t since_ms;
    uint32_t frames_n;
};

enum notice_reason {
    NOTICE_UNKNOWN_KEY,
    NOTICE_REVOKED_KEY,
    NOTICE_MECHANISM,
    NOTICE_HANDSHAKE,
    NOTICE_IDENTITY,
    NOTICE_OVERSIZE,
    NOTICE_FLOOD,
    NOTICE_ACCEPT,
    NOTICE_REFUSED_US,
    NOTICES_N
};

struct notice {
    uint64_t told_ms; /* 0: never */
    uint64_t held_n;  /* not told since */
    char text[200];   /* the last one */
};

struct wire {
    uv_loop_t *loop;
    void *context;
    struct rng rng;
    bool closing;
    unsigned handles_n; /* libuv handles not yet closed, with those of sockets */
    unsigned pending_n;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    uv_timer_t sweep;
    struct loop_socket *sockets;
    struct loop_socket zap;
    size_t identities_n;
    struct wire_identity identities[WIRE_KEYS_MAX];
    struct wire_server *servers;
    struct wire_client *clients;
    struct wire_counters counters;
    struct notice notices[NOTICES_N];
    void (*notice)(void *owner, const char *text);
    void *notice_owner;
};

/* loop.c. The socket belongs to the loop_socket from an OK on. */
enum err loop_socket_open(struct wire *wire, struct loop_socket *socket, void *zmq, void *owner,
                          bool (*drain)(void *owner), void (*gone)(void *owner)) ERR_CHECKED;
void loop_socket_close(struct loop_socket *socket);
/* After every own call on the socket: it may have swallowed the wake-up of an incoming frame. */
void loop_socket_touch(struct loop_socket *socket);
enum err loop_start(struct wire *wire) ERR_CHECKED;
void loop_stop(struct wire *wire);

/* wire.c */
void wire_tell(struct wire *wire, enum notice_reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void wire_sweep(struct wire *wire);
void wire_handle_gone(struct wire *wire);
/* NULL when nobody has this key. */
const struct wire_identity *wire_identity_of(const struct wire *wire, const uint8_t key[KEY_SIZE]);
/* False when the peer has used up what it may send. */
bool budget_spend(struct budget *budget, uint64_t now_ms);
bool socket_set_int(void *zmq, int option, int value);
/* What both ends have in common: queues, heartbeats, linger, sizes. */
bool socket_set_common(void *zmq, const char *address, size_t frame_max);
/* CURVE server, ZAP domain enforced. */
bool socket_set_server(void *zmq, const uint8_t secret[KEY_SIZE]);
bool socket_set_client(void *zmq, const uint8_t server_key[KEY_SIZE],
                       const uint8_t secret[KEY_SIZE], const uint8_t public_key[KEY_SIZE]);
/* The receiving end of a socket's monitor, or NULL. */
void *monitor_open(void *context, void *zmq, int events);
/* The next event of a monitor; false when there is none. */
bool monitor_next(void *monitor, uint16_t *ret_event, uint32_t *ret_value);
/* The key of the session that a frame came by; false when libzmq gave none. */
bool frame_key(zmq_msg_t *frame, uint8_t ret_key[KEY_SIZE]);

/* zap.c */
bool zap_drain(void *owner);

/* wire_server.c, wire_client.c */
void servers_prune(struct wire *wire);
void client_sweep(struct wire_client *client, uint64_t now_ms);
struct wire_client *client_next(const struct wire_client *client);

/* wire_proof.c: strangers are refused and known keys are let in, seen with real sockets. */
enum err wire_prove(struct wire *wire, struct text256 *reterr) ERR_CHECKED;

#endif
