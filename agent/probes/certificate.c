/* certificate: days until the first certificate of a TLS endpoint's chain, or of a PEM file, ends;
 * the TLS version; and with a `ca`, whether the chain verifies. By OpenSSL on a socket of net.h. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"
#include "common/io/net.h"

#define CHAIN_MAX 16
#define FILE_BYTES_MAX (256 * 1024)

static const struct parameter parameters[] = {
    {.name = "address", .type = PARAMETER_ADDRESS},
    {.name = "file", .type = PARAMETER_PATH},
    {.name = "starttls", .type = PARAMETER_CHOICE, .choices = "|no|postgresql|"},
    {.name = "server_name", .type = PARAMETER_TEXT},
    {.name = "ca", .type = PARAMETER_PATH},
    {.name = "min_days", .type = PARAMETER_NUMBER, .min = 1, .max = 3650},
    {.name = "tls", .type = PARAMETER_CHOICE, .choices = "|1.2|1.3|"},
};

/* What was seen, whatever it came from. */
struct certificate_view {
    bool found;
    int64_t left_s;  /* until the first end in the chain; negative: ended */
    bool not_yet;    /* one begins in the future */
    const char *tls; /* static text; "" for a file */
    bool tls_too_old;
    char verify[64]; /* why the chain does not verify; "" */
};

enum err certificate_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    if (err == ERR_OK && arguments_get(arguments, "file") == NULL &&
        arguments_get(arguments, "address") == NULL) {
        text_say(reterr, "argument address or file is missing");
        return ERR_CONFIG;
    }
    return err;
}

/* Seconds from now until `end`. */
static bool time_left_s(const ASN1_TIME *end, int64_t *ret_left_s) {
    int days = 0;
    int seconds = 0;
    if (end == NULL || !ASN1_TIME_diff(&days, &seconds, NULL, end)) {
        return false;
    }
    *ret_left_s = (int64_t)days * 86400 + seconds;
    return true;
}

static void view_take(struct certificate_view *view, const X509 *certificate) {
    int64_t left_s = 0;
    int64_t until_start_s = 0;
    if (!time_left_s(X509_get0_notAfter(certificate), &left_s) ||
        !time_left_s(X509_get0_notBefore(certificate), &until_start_s)) {
        return;
    }
    view->left_s = !view->found || left_s < view->left_s ? left_s : view->left_s;
    view->not_yet = view->not_yet || until_start_s > 0;
    view->found = true;
}

static enum err file_look(const char *path, struct certificate_view *view, struct text256 *reterr) {
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
        text_say(reterr, "%.60s: no such file", path);
        return ERR_NOT_FOUND;
    }
    if (status.st_size > FILE_BYTES_MAX) {
        text_say(reterr, "%.60s: larger than a certificate file", path);
        return ERR_TOO_BIG;
    }
    BIO *file = BIO_new_file(path, "r");
    if (file == NULL) {
        ERR_clear_error();
        text_say(reterr, "%.60s: cannot be read", path);
        return ERR_DENIED;
    }
    for (int i = 0; i < CHAIN_MAX; i++) {
        X509 *certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
        if (certificate == NULL) {
            break;
        }
        view_take(view, certificate);
        X509_free(certificate);
    }
    (void)BIO_free(file);
    ERR_clear_error();
    if (!view->found) {
        text_say(reterr, "%.60s: no certificate in it", path);
        return ERR_FORMAT;
    }
    return ERR_OK;
}

/* PostgreSQL speaks TLS after an eight byte request and an "S". */
static enum err postgresql_preface(int fd, uint64_t deadline_boot_ms, struct text256 *reterr) {
    static const unsigned char request[8] = {0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f};
    char answer = 0;
    size_t n = 0;
    enum err err = net_send(fd, request, sizeof request, deadline_boot_ms);
    if (err == ERR_OK) {
        err = net_receive(fd, &answer, 1, deadline_boot_ms, &n);
    }
    if (err != ERR_OK || n == 0) {
        err = err != ERR_OK ? err : ERR_CLOSED;
        text_say(reterr, "%s", err_text(err));
        return err;
    }
    if (answer == 'N') {
        text_say(reterr, "the server does not offer TLS");
        return ERR_UNSUPPORTED;
    }
    if (answer != 'S') {
        text_say(reterr, "not PostgreSQL");
        return ERR_FORMAT;
    }
    return ERR_OK;
}

static enum err handshake_err(struct text256 *reterr) {
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    ERR_clear_error();
    if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION ||
        reason == SSL_R_WRONG_SSL_VERSION) {
        text_say(reterr, "no TLS version in common");
        return ERR_UNSUPPORTED;
    }
    if (code == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        text_say(reterr, "closed during the handshake");
        return ERR_CLOSED;
    }
    if (reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
        reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE) {
        text_say(reterr, "the peer refused the handshake");
        return ERR_AUTH;
    }
    text_say(reterr, "not TLS");
    return ERR_FORMAT;
}

static enum err handshake(SSL *ssl, int fd, uint64_t deadline_boot_ms, struct text256 *reterr) {
    ERR_clear_error();
    for (;;) {
        int done = SSL_connect(ssl);
        if (done == 1) {
            return ERR_OK;
        }
        int wanted = SSL_get_error(ssl, done);
        if (wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE) {
            return handshake_err(reterr);
        }
        enum err err = net_wait(fd, wanted == SSL_ERROR_WANT_WRITE, deadline_boot_ms);
        if (err != ERR_OK) {
            text_say(reterr, "no answer during the handshake");
            return err;
        }
    }
}

/* An old version is accepted here so that it can be seen and named; `tls` then judges it. OpenSSL
 * itself bounds a chain to 100 kB. */
static SSL_CTX *context_new(const struct arguments *arguments, struct text256 *reterr) {
    const char *ca = arguments_get(arguments, "ca");
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        text_say(reterr, "out of memory");
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    if (ca != NULL && SSL_CTX_load_verify_locations(context, ca, NULL) != 1) {
        ERR_clear_error();
        text_say(reterr, "%.60s: no certificates can be read from it", ca);
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

static void name_set(SSL *ssl, const struct arguments *arguments,
                     const struct net_address *address) {
    const char *name = parameter_text(arguments, "server_name", address->host);
    bool numeric = address->numeric && text_equal(name, address->host);
    if (numeric) {
        (void)X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
    } else {
        (void)SSL_set_tlsext_host_name(ssl, name);
        (void)SSL_set1_host(ssl, name);
    }
}

static void peer_look(SSL *ssl, const struct arguments *arguments, struct certificate_view *view) {
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    for (int i = 0; i < sk_X509_num(chain) && i < CHAIN_MAX; i++) {
        view_take(view, sk_X509_value(chain, i));
    }
    view->tls = SSL_version(ssl) == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2";
    view->tls_too_old = text_equal(parameter_text(arguments, "tls", "1.2"), "1.3") &&
                        SSL_version(ssl) != TLS1_3_VERSION;
    if (arguments_get(arguments, "ca") != NULL && SSL_get_verify_result(ssl) != X509_V_OK) {
        (void)text_copy(view->verify, sizeof view->verify,
                        X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
    }
}

static enum err endpoint_look(const struct probe_input *input, struct certificate_view *view,
                              struct text256 *reterr) {
    const struct arguments *arguments = input->arguments;
    struct net_address address;
    int fd = -1;
    enum err err = net_address_parse(arguments_get(arguments, "address"), &address, reterr);
    if (err != ERR_OK) {
        return err;
    }
    SSL_CTX *context = context_new(arguments, reterr);
    if (context == NULL) {
        return ERR_CONFIG;
    }
    err = net_connect(&address, input->deadline_boot_ms, &fd, reterr);
    if (err == ERR_OK && text_equal(parameter_text(arguments, "starttls", "no"), "postgresql")) {
        err = postgresql_preface(fd, input->deadline_boot_ms, reterr);
    }
    SSL *ssl = err == ERR_OK ? SSL_new(context) : NULL;
    if (ssl != NULL && SSL_set_fd(ssl, fd) == 1) {
        name_set(ssl, arguments, &address);
        err = handshake(ssl, fd, input->deadline_boot_ms, reterr);
        if (err == ERR_OK) {
            peer_look(ssl, arguments, view);
        }
    } else if (err == ERR_OK) {
        err = ERR_NO_MEMORY;
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    ERR_clear_error();
    if (fd >= 0) {
        (void)close(fd);
    }
    if (err == ERR_OK && !view->found) {
        text_say(reterr, "the peer showed no certificate");
        return ERR_FORMAT;
    }
    return err;
}

static struct reading judge(const struct arguments *arguments,
                            const struct certificate_view *view) {
    /* Whole days left; the last, broken one counts as 0, an ended one as negative. */
    int64_t days = view->left_s >= 0 ? view->left_s / 86400 : -(-view->left_s / 86400) - 1;
    uint64_t min_days = parameter_number(arguments, "min_days", 14);
    const char *comma = view->tls[0] != '\0' ? ", " : "";
    struct reading reading;
    if (view->left_s < 0) {
        reading =
            reading_judged(false, "ended %lld days ago%s%s", (long long)-days, comma, view->tls);
    } else if (view->not_yet) {
        reading = reading_judged(false, "not valid yet%s%s", comma, view->tls);
    } else if (view->verify[0] != '\0') {
        reading = reading_judged(false, "%s%s%s", view->verify, comma, view->tls);
    } else if (view->tls_too_old) {
        reading =
            reading_judged(false, "%lld days left, %s is too old", (long long)days, view->tls);
    } else {
        reading = reading_judged(true, "%lld days left%s%s", (long long)days, comma, view->tls);
        if (view->left_s < (int64_t)min_days * 86400) {
            reading_warn(&reading);
        }
    }
    reading.value = days;
    return reading;
}

struct reading certificate_run(const struct probe_input *input) {
    const char *file = arguments_get(input->arguments, "file");
    struct certificate_view view = {.tls = ""};
    struct text256 why = {""};
    uint64_t start_ms = clock_boot_ms();
    enum err err = file != NULL ? file_look(file, &view, &why) : endpoint_look(input, &view, &why);
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    struct reading reading = judge(input->arguments, &view);
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
