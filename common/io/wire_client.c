/* The connecting end: a DEALER to one pinned server. libzmq reconnects by itself after most
 * failures; a session that died of a protocol error or a final refusal it gives up for ever, so
 * the client is watched and started afresh. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"
#include "common/io/wire_parts.h"
#include "common/topology/topology.h"

#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS 8000
#define TURN_MAX_MS 1000 /* the same, where the server may hold either of two keys */
/* Longer than libzmq's own longest pause (2.1 s) and connect timeout (2 s) together. */
#define STUCK_MS 6000

struct wire_client {
    struct wire *wire;
    struct loop_socket dealer, monitor;
    unsigned handles_n;
    size_t frame_max;
    WIRE_ON_FRAME(on_frame);
    void *owner;
    char address[WIRE_ADDRESS_SIZE];
    bool connected;
    uint64_t active_ms; /* libzmq was last seen trying, or connected */
    uint64_t retry_ms;  /* start afresh then; 0: not planned */
    uint32_t back_off_ms;
    uint8_t server_keys[2][KEY_SIZE]; /* its key, and its next one or zeros */
    uint8_t server_key;               /* which of them the dealer was connected with last */
    struct budget budget;
    struct wire_client *next;
};

static bool client_receive(struct wire_client *client) {
    struct wire *wire = client->wire;
    zmq_msg_t frame;
    int rc = zmq_msg_init(&frame);
    ensure(rc == 0);
    if (zmq_msg_recv(&frame, client->dealer.zmq, ZMQ_DONTWAIT) < 0) {
        (void)zmq_msg_close(&frame);
        return false;
    }
    bool single = zmq_msg_more(&frame) == 0;
    while (!single && zmq_msg_more(&frame) != 0) {
        if (zmq_msg_recv(&frame, client->dealer.zmq, ZMQ_DONTWAIT) < 0) {
            break;
        }
    }
    size_t size = zmq_msg_size(&frame);
    if (!single || size > client->frame_max) {
        wire->counters.oversize_n++;
        wire_tell(wire, NOTICE_OVERSIZE, "message of %zu bytes or several frames from %s dropped",
                  size, client->address);
    } else if (!budget_spend(&client->budget, clock_boot_ms())) {
        wire->counters.flood_n++;
        wire_tell(wire, NOTICE_FLOOD, "more than %d frames a second from %s: dropped",
                  1000 * BUDGET_FRAMES_MS, client->address);
    } else {
        wire->counters.received_n++;
        client->on_frame(client->owner, NULL, zmq_msg_data(&frame), size);
    }
    (void)zmq_msg_close(&frame);
    return client->dealer.zmq != NULL;
}

static bool client_drain(void *owner) {
    struct wire_client *client = owner;
    for (size_t i = 0; i < DRAIN_MAX; i++) {
        if (!client_receive(client)) {
            return false;
        }
    }
    return true;
}

/* Half of the back-off is certain, half is chance: a thousand agents must not come back
 * together. */
static void client_plan_retry(struct wire_client *client) {
    if (client->retry_ms != 0) {
        return;
    }
    uint64_t pause_ms =
        client->back_off_ms / 2 + rng_below(&client->wire->rng, client->back_off_ms / 2 + 1);
    client->retry_ms = clock_boot_ms() + pause_ms;
    uint32_t most_ms = key_is_set(client->server_keys[1]) ? TURN_MAX_MS : RETRY_MAX_MS;
    client->back_off_ms *= 2;
    if (client->back_off_ms > most_ms) {
        client->back_off_ms = most_ms;
    }
}

static void client_event(struct wire_client *client, uint16_t event) {
    client->active_ms = clock_boot_ms();
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        client->connected = true;
        client->retry_ms = 0;
        client->back_off_ms = RETRY_FIRST_MS;
        break;
    case ZMQ_EVENT_DISCONNECTED: client->connected = false; break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        client->connected = false;
        client->wire->counters.handshake_failed_n++;
        wire_tell(client->wire, NOTICE_REFUSED_US, "%s refused the handshake: %s", client->address,
                  event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ? "our key is not allowed there"
                                                           : "it does not keep to the protocol");
        client_plan_retry(client);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        client->connected = false;
        client->wire->counters.handshake_failed_n++;
        wire_tell(client->wire, NOTICE_REFUSED_US,
                  "%s did not finish the handshake: it is stopped, has another key than the pinned "
                  "one, or does not know ours",
                  client->address);
        if (key_is_set(client->server_keys[1])) {
            client_plan_retry(client);
        }
        break;
    default: break;
    }
}

static bool client_monitor_drain(void *owner) {
    struct wire_client *client = owner;
    for (size_t i = 0; i < DRAIN_MAX; i++) {
        uint16_t event = 0;
        uint32_t value = 0;
        if (!monitor_next(client->monitor.zmq, &event, &value)) {
            return false;
        }
        client_event(client, event);
        if (client->monitor.zmq == NULL) {
            return false;
        }
    }
    return true;
}

struct wire_client *client_next(const struct wire_client *client) {
    return client->next;
}

/* libzmq takes the server's key of a session from the socket when it is connected. */
static void client_turn_key(struct wire_client *client) {
    if (!client->connected && key_is_set(client->server_keys[1])) {
        client->server_key ^= 1;
        int rc = zmq_setsockopt(client->dealer.zmq, ZMQ_CURVE_SERVERKEY,
                                client->server_keys[client->server_key], KEY_SIZE);
        ensure(rc == 0);
    }
}

void client_sweep(struct wire_client *client, uint64_t now_ms) {
    bool stuck = !client->connected && now_ms - client->active_ms > STUCK_MS;
    bool due = client->retry_ms != 0 && now_ms >= client->retry_ms;
    if (!stuck && !due) {
        return;
    }
    client->retry_ms = 0;
    client->active_ms = now_ms;
    /* The old session may be gone already: then there is nothing to disconnect. */
    (void)zmq_disconnect(client->dealer.zmq, client->address);
    client_turn_key(client);
    (void)zmq_connect(client->dealer.zmq, client->address);
    loop_socket_touch(&client->dealer);
}

static void client_gone(void *owner) {
    struct wire_client *client = owner;
    if (--client->handles_n == 0) {
        free(client);
    }
}

static enum err client_start(struct wire_client *client, void *dealer, void *monitor) {
    enum err err =
        loop_socket_open(client->wire, &client->dealer, dealer, client, client_drain, client_gone);
    if (err != ERR_OK) {
        (void)zmq_close(monitor);
        (void)zmq_close(dealer);
        free(client);
        return err;
    }
    client->handles_n = 1;
    err = loop_socket_open(client->wire, &client->monitor, monitor, client, client_monitor_drain,
                           client_gone);
    if (err != ERR_OK) {
        (void)zmq_close(monitor);
        loop_socket_close(&client->dealer);
        return err;
    }
    client->handles_n = 2;
    client->next = client->wire->clients;
    client->wire->clients = client;
    return ERR_OK;
}

static bool dealer_set(struct wire_client *client, void *dealer, const char *address,
                       const uint8_t server_key[KEY_SIZE], const uint8_t secret[KEY_SIZE],
                       const uint8_t public_key[KEY_SIZE]) {
    struct rng *rng = &client->wire->rng;
    return socket_set_common(dealer, address, client->frame_max) &&
           socket_set_client(dealer, server_key, secret, public_key) &&
           /* A cut link swallows the first packet of a connection: without this the kernel goes on
            * for two minutes, and the healed link would stay unused as long. */
           socket_set_int(dealer, ZMQ_CONNECT_TIMEOUT, 2000) &&
           socket_set_int(dealer, ZMQ_RECONNECT_IVL, 100 + (int)rng_below(rng, 100)) &&
           socket_set_int(dealer, ZMQ_RECONNECT_IVL_MAX, 1500 + (int)rng_below(rng, 400));
}

static enum err dealer_open(struct wire_client *client, const char *address,
                            const uint8_t server_key[KEY_SIZE], const uint8_t secret[KEY_SIZE],
                            const uint8_t public_key[KEY_SIZE], void **ret_dealer,
                            void **ret_monitor, struct text256 *reterr) {
    int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_CONNECT_RETRIED |
                 ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                 ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    void *context = client->wire->context;
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    void *monitor = NULL;
    if (dealer != NULL && dealer_set(client, dealer, address, server_key, secret, public_key)) {
        monitor = monitor_open(context, dealer, events);
    }
    if (monitor == NULL || zmq_connect(dealer, address) != 0) {
        text_say(reterr, "cannot connect to %.128s: %s", address, zmq_strerror(zmq_errno()));
        if (monitor != NULL) {
            (void)zmq_close(monitor);
        }
        if (dealer != NULL) {
            (void)zmq_close(dealer);
        }
        return ERR_IO;
    }
    *ret_dealer = dealer;
    *ret_monitor = monitor;
    return ERR_OK;
}

enum err wire_connect(struct wire *wire, const char *address, const uint8_t server_key[KEY_SIZE],
                      const uint8_t secret[KEY_SIZE], const uint8_t public_key[KEY_SIZE],
                      size_t frame_max, WIRE_ON_FRAME(on_frame), void *owner,
                      struct wire_client **ret_client, struct text256 *reterr) {
    ensure(on_frame != NULL);
    struct wire_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return ERR_NO_MEMORY;
    }
    void *dealer = NULL;
    void *monitor = NULL;
    client->wire = wire;
    client->frame_max = frame_max;
    client->on_frame = on_frame;
    client->owner = owner;
    client->active_ms = clock_boot_ms();
    client->back_off_ms = RETRY_FIRST_MS;
    memcpy(client->server_keys[0], server_key, KEY_SIZE);
    if (!text_copy(client->address, sizeof client->address, address)) {
        free(client);
        return ERR_TOO_BIG;
    }
    enum err err =
        dealer_open(client, address, server_key, secret, public_key, &dealer, &monitor, reterr);
    if (err != ERR_OK) {
        free(client);
        return err;
    }
    err = client_start(client, dealer, monitor);
    if (err == ERR_OK) {
        *ret_client = client;
    } else {
        text_say(reterr, "cannot connect to %.128s: out of descriptors", address);
    }
    return err;
}

void wire_client_next_key(struct wire_client *client, const uint8_t next_key[KEY_SIZE]) {
    memcpy(client->server_keys[1], next_key, KEY_SIZE);
}

bool wire_client_on_next(const struct wire_client *client) {
    return client->server_key != 0;
}

enum err wire_client_send(struct wire_client *client, const uint8_t *frame, size_t frame_size) {
    struct wire_counters *counters = &client->wire->counters;
    enum err err = ERR_OK;
    if (frame_size > client->frame_max) {
        err = ERR_TOO_BIG;
    } else if (!client->connected) {
        err = ERR_UNREACHABLE;
    } else {
        if (zmq_send(client->dealer.zmq, frame, frame_size, ZMQ_DONTWAIT) < 0) {
            err = zmq_errno() == EAGAIN ? ERR_BUSY : ERR_UNREACHABLE;
        }
        loop_socket_touch(&client->dealer);
    }
    counters->sent_n += err == ERR_OK ? 1 : 0;
    counters->dropped_send_n += err == ERR_OK ? 0 : 1;
    return err;
}

bool wire_client_connected(const struct wire_client *client) {
    return client->connected;
}

void wire_client_close(struct wire_client *client) {
    if (client == NULL) {
        return;
    }
    struct wire_client **at = &client->wire->clients;
    while (*at != client) {
        ensure(*at != NULL);
        at = &(*at)->next;
    }
    *at = client->next;
    loop_socket_close(&client->monitor);
    loop_socket_close(&client->dealer);
}
