/* http_curl: what the blocking users of libcurl share: its start, and its codes in our words. */
#ifndef DROVER_HTTP_CURL_H
#define DROVER_HTTP_CURL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"

/* A new easy handle, libcurl started before the first one. NULL: out of memory. Thread-safe. */
CURL *http_curl_open(void);

/* What is left until the deadline, an hour at most. TIMEOUT: nothing. */
enum err http_curl_left(uint64_t deadline_boot_ms, uint64_t *ret_left_ms,
                        struct text256 *reterr) ERR_CHECKED;

/* What every handle has: an end to its time, no proxy and no .netrc of this machine's. `error` is
 * kept until the handle is gone. */
void http_curl_set(CURL *curl, uint64_t left_ms, char error[CURL_ERROR_SIZE]);

/* Peers are verified, by ca_file (PEM) or, with NULL, the system's roots; TLS 1.2 at least. */
void http_curl_set_tls(CURL *curl, bool tls13_only, const char *ca_file);

/* A transfer's code other than CURLE_OK. error: what CURLOPT_ERRORBUFFER holds; it is only searched
 * for OpenSSL's words, never shown. */
enum err http_curl_err(CURL *curl, CURLcode code, const char *error);

#endif
