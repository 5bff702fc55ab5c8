/* web: GET /metrics over HTTP, without a share in the one loop.
 *
 * A thread of libmicrohttpd's own speaks HTTP: at most WEB_CONNECTIONS_MAX connections, requests of
 * a few KiB, idle ones closed. The loop does one thing only: at most once in WEB_FRESH_MS, and only
 * when somebody asks, it writes the text; the thread hands the same text to everybody who asks
 * meanwhile. When the loop does not answer within WEB_PATIENCE_MS, the answer is 503: a program
 * that hangs never looks healthy because its text was kept. */
#ifndef DROVER_WEB_H
#define DROVER_WEB_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/base/err.h"
#include "common/base/text.h"

#define WEB_CONNECTIONS_MAX 12
#define WEB_CONNECTIONS_PER_IP_MAX 6
#define WEB_REQUEST_BYTES_MAX (16 * 1024)
#define WEB_IDLE_S 10
#define WEB_FRESH_MS 900
#define WEB_PATIENCE_MS 2000

struct web;

struct web_config {
    const char *listen; /* IP:PORT, numeric; [IP]:PORT for IPv6; port 0 takes a free one */
    void *owner;
    size_t text_size; /* the most that write() may write */
    /* Called on the loop. Writes at most out_size bytes and returns how many. */
    size_t (*write)(void *owner, char *out, size_t out_size);
};

/* CONFIG for an address that cannot be read, IO when it cannot be listened on, NO_MEMORY. */
enum err web_open(uv_loop_t *loop, const struct web_config *config, struct web **ret_web,
                  struct text256 *reterr) ERR_CHECKED;
uint16_t web_port(const struct web *web);
/* Ends every connection at once; what is left is freed by the loop. NULL is fine. */
void web_close(struct web *web);

#endif
