#include "common/io/http_curl.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "common/io/clock.h"

#define LEFT_MAX_MS 3600000

static pthread_once_t http_curl_once = PTHREAD_ONCE_INIT;

static void http_curl_begin(void) {
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

CURL *http_curl_open(void) {
    (void)pthread_once(&http_curl_once, http_curl_begin);
    return curl_easy_init();
}

enum err http_curl_left(uint64_t deadline_boot_ms, uint64_t *ret_left_ms, struct text256 *reterr) {
    uint64_t now_ms = clock_boot_ms();
    if (now_ms >= deadline_boot_ms) {
        text_say(reterr, "no time left");
        return ERR_TIMEOUT;
    }
    uint64_t left_ms = deadline_boot_ms - now_ms;
    *ret_left_ms = left_ms < LEFT_MAX_MS ? left_ms : LEFT_MAX_MS;
    return ERR_OK;
}

void http_curl_set(CURL *curl, uint64_t left_ms, char error[CURL_ERROR_SIZE]) {
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    /* A name lookup that hangs is left behind at the deadline, not waited for. */
    (void)curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)left_ms);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
}

void http_curl_set_tls(CURL *curl, bool tls13_only, const char *ca_file) {
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION,
                           tls13_only ? (long)CURL_SSLVERSION_TLSv1_3
                                      : (long)CURL_SSLVERSION_TLSv1_2);
    if (ca_file != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
        (void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
}

static enum err connect_err(CURL *curl) {
    long reason = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &reason);
    return reason == ECONNREFUSED || reason == ECONNRESET ? ERR_REFUSED : ERR_UNREACHABLE;
}

/* OpenSSL's own words are the only way to tell a version that nobody shares from plain garbage. */
static enum err handshake_err(const char *error) {
    if (strstr(error, "protocol version") != NULL ||
        strstr(error, "unsupported protocol") != NULL ||
        strstr(error, "no protocols available") != NULL) {
        return ERR_UNSUPPORTED;
    }
    if (strstr(error, "certificate required") != NULL || strstr(error, "alert") != NULL) {
        return ERR_AUTH;
    }
    return strstr(error, "SSL_ERROR_SYSCALL") != NULL || strstr(error, "eof") != NULL ? ERR_CLOSED
                                                                                      : ERR_FORMAT;
}

enum err http_curl_err(CURL *curl, CURLcode code, const char *error) {
    const struct {
        CURLcode code;
        enum err err;
    } known[] = {
        {CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT},
        {CURLE_COULDNT_RESOLVE_HOST, ERR_UNREACHABLE},
        {CURLE_PEER_FAILED_VERIFICATION, ERR_AUTH},
        {CURLE_SSL_ISSUER_ERROR, ERR_AUTH},
        {CURLE_LOGIN_DENIED, ERR_AUTH},
        {CURLE_GOT_NOTHING, ERR_CLOSED},
        {CURLE_RECV_ERROR, ERR_CLOSED},
        {CURLE_SEND_ERROR, ERR_CLOSED},
        {CURLE_PARTIAL_FILE, ERR_CLOSED},
        {CURLE_WEIRD_SERVER_REPLY, ERR_FORMAT},
        {CURLE_BAD_CONTENT_ENCODING, ERR_FORMAT},
        {CURLE_UNSUPPORTED_PROTOCOL, ERR_FORMAT}, /* "HTTP/0.9 when not allowed": not HTTP */
        {CURLE_TOO_MANY_REDIRECTS, ERR_FAILED},
        {CURLE_URL_MALFORMAT, ERR_CONFIG},
        {CURLE_SSL_CERTPROBLEM, ERR_CONFIG},
        {CURLE_SSL_CACERT_BADFILE, ERR_CONFIG},
        {CURLE_OUT_OF_MEMORY, ERR_NO_MEMORY},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].code == code) {
            return known[i].err;
        }
    }
    if (code == CURLE_COULDNT_CONNECT) {
        return connect_err(curl);
    }
    return code == CURLE_SSL_CONNECT_ERROR ? handshake_err(error) : ERR_IO;
}
