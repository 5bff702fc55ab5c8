/* smtp_sync: CURLOPT_CONNECT_ONLY ends libcurl's part behind the login. Its own NOOP would be
 * followed by a QUIT whose reply it waits for up to two minutes, whatever the deadline. */
#include "common/io/smtp_sync.h"

#include <stdio.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"
#include "common/io/http_curl.h"
#include "common/io/net.h"
#include "common/io/smtp_reply.h"

#define URL_SIZE 640
#define COMMAND_SIZE 320
#define CODE_LOGGED_IN 235

/* What libcurl's header callback saw: the newest code, and whether a login was accepted. Without a
 * word of AUTH from the server libcurl would go on as if none had been asked for. */
struct smtp_seen {
    unsigned code;
    bool logged_in;
};

static size_t line_take(char *line, size_t one, size_t n, void *context) {
    struct smtp_seen *seen = context;
    unsigned code = 0;
    size_t used = 0;
    if (smtp_reply_read(line, one * n, &code, &used) == ERR_OK && used > 0) {
        seen->code = code;
        seen->logged_in = seen->logged_in || code == CODE_LOGGED_IN;
    }
    return one * n;
}

const char *smtp_stage_text(enum smtp_stage stage) {
    switch (stage) {
    case SMTP_GREETING: return "greeting";
    case SMTP_LOGIN: return "login";
    case SMTP_NOOP: return "NOOP";
    case SMTP_SENDER: return "sender";
    case SMTP_RESET: return "RSET";
    case SMTP_RECIPIENT: return "every recipient";
    case SMTP_DATA: return "DATA";
    case SMTP_TAKEN: return "the mail";
    case SMTP_DONE:
    default: return "done";
    }
}

/* Nothing of what a topology says may end a line early. */
static bool word_fits(const char *word) {
    for (size_t i = 0; word[i] != '\0'; i++) {
        if ((unsigned char)word[i] <= 0x20 || word[i] == 0x7f || word[i] == '<' || word[i] == '>') {
            return false;
        }
    }
    return word[0] != '\0';
}

static enum err url_make(const struct smtp_sync_request *request, char ret_url[URL_SIZE],
                         char ret_connect[URL_SIZE], struct text256 *reterr) {
    struct net_address address;
    enum err err = net_address_parse(request->address, &address, reterr);
    if (err != ERR_OK) {
        return err;
    }
    bool six = strchr(address.host, ':') != NULL;
    const char *host = request->server_name != NULL ? request->server_name : address.host;
    bool bracket = strchr(host, ':') != NULL;
    if (!word_fits(host) || (request->ehlo != NULL && !word_fits(request->ehlo)) ||
        (request->from != NULL && !word_fits(request->from)) ||
        !text_format(ret_url, URL_SIZE, "%s://%s%s%s:%u/%s",
                     request->security == SMTP_TLS ? "smtps" : "smtp", bracket ? "[" : "", host,
                     bracket ? "]" : "", address.port,
                     request->ehlo != NULL ? request->ehlo : "") ||
        !text_format(ret_connect, URL_SIZE, "::%s%s%s:%u", six ? "[" : "", address.host,
                     six ? "]" : "", address.port)) {
        text_say(reterr, "server_name, ehlo and from are words without spaces, < and >");
        return ERR_CONFIG;
    }
    return ERR_OK;
}

static void curl_set(CURL *curl, const struct smtp_sync_request *request, uint64_t left_ms,
                     struct smtp_seen *seen, char error[CURL_ERROR_SIZE]) {
    http_curl_set(curl, left_ms, error);
    http_curl_set_tls(curl, request->tls13_only, request->ca_file);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    (void)curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, line_take);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, seen);
    (void)curl_easy_setopt(curl, CURLOPT_USE_SSL,
                           request->security == SMTP_PLAIN ? (long)CURLUSESSL_NONE
                                                           : (long)CURLUSESSL_ALL);
    if (request->user != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_SASL_IR, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_USERNAME, request->user);
        (void)curl_easy_setopt(curl, CURLOPT_PASSWORD,
                               request->password != NULL ? request->password : "");
    }
}

/* A reply that says no is an answer; the rest is an error of its own. */
static enum err connected(CURL *curl, const struct smtp_sync_request *request,
                          const struct smtp_seen *seen, CURLcode code, const char *error,
                          struct smtp_sync_answer *ret_answer, struct text256 *reterr) {
    bool denied = code == CURLE_LOGIN_DENIED;
    bool refused = code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_REMOTE_ACCESS_DENIED;
    if (denied || (code == CURLE_OK && request->user != NULL && !seen->logged_in)) {
        ret_answer->stage = SMTP_LOGIN;
        ret_answer->code = seen->code >= 400 ? seen->code : 0;
        return ERR_OK;
    }
    if (refused && seen->code >= 400) {
        ret_answer->stage = SMTP_GREETING;
        ret_answer->code = seen->code;
        return ERR_OK;
    }
    if (code == CURLE_USE_SSL_FAILED) {
        text_say(reterr, "the server offers no STARTTLS");
        return ERR_UNSUPPORTED;
    }
    if (code != CURLE_OK) {
        text_say(reterr, "%s", curl_easy_strerror(code));
        return http_curl_err(curl, code, error);
    }
    return ERR_OK;
}

static enum err socket_wait(CURL *curl, bool for_writing, uint64_t deadline_boot_ms) {
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD) {
        return ERR_CLOSED;
    }
    return net_wait(fd, for_writing, deadline_boot_ms);
}

static enum err bytes_send(CURL *curl, const char *bytes, size_t size, uint64_t deadline_boot_ms) {
    for (size_t at = 0; at < size;) {
        size_t n = 0;
        if (clock_boot_ms() >= deadline_boot_ms) {
            return ERR_TIMEOUT;
        }
        CURLcode code = curl_easy_send(curl, bytes + at, size - at, &n);
        enum err err = code == CURLE_AGAIN ? socket_wait(curl, true, deadline_boot_ms)
                       : code == CURLE_OK  ? ERR_OK
                                           : ERR_CLOSED;
        if (err != ERR_OK) {
            return err;
        }
        at += n;
    }
    return ERR_OK;
}

static enum err command_send(CURL *curl, const char *command, uint64_t deadline_boot_ms) {
    return bytes_send(curl, command, strlen(command), deadline_boot_ms);
}

/* One reply, and nothing behind it: nothing else was asked. */
static enum err reply_take(CURL *curl, uint64_t deadline_boot_ms, unsigned *ret_code) {
    char text[SMTP_REPLY_SIZE];
    size_t used = 0, reply_size = 0;
    enum err err = ERR_OK;
    while (err == ERR_OK && reply_size == 0) {
        size_t n = 0;
        if (used == sizeof text) {
            return ERR_TOO_BIG;
        }
        if (clock_boot_ms() >= deadline_boot_ms) {
            return ERR_TIMEOUT; /* a byte now and then does not make it longer */
        }
        CURLcode code = curl_easy_recv(curl, text + used, sizeof text - used, &n);
        if (code == CURLE_AGAIN) {
            err = socket_wait(curl, false, deadline_boot_ms);
        } else if (code != CURLE_OK || n == 0) {
            err = ERR_CLOSED;
        } else {
            used += n;
            err = smtp_reply_read(text, used, ret_code, &reply_size);
        }
    }
    return err == ERR_OK && reply_size != used ? ERR_FORMAT : err;
}

/* False: an error, or a refusal; *ret_err tells which. */
static bool stage_pass(CURL *curl, enum smtp_stage stage, const char *command,
                       uint64_t deadline_boot_ms, struct smtp_sync_answer *answer,
                       enum err *ret_err) {
    unsigned code = 0;
    *ret_err = command_send(curl, command, deadline_boot_ms);
    if (*ret_err == ERR_OK) {
        *ret_err = reply_take(curl, deadline_boot_ms, &code);
    }
    if (*ret_err == ERR_OK && code / 100 != (stage == SMTP_DATA ? 3u : 2u)) {
        answer->stage = stage;
        answer->code = code;
        return false;
    }
    return *ret_err == ERR_OK;
}

/* False: an error. Each recipient that is refused is noted. */
static bool recipients_pass(CURL *curl, const struct smtp_sync_request *request,
                            struct smtp_sync_answer *answer, size_t *ret_taken_n,
                            enum err *ret_err) {
    char command[COMMAND_SIZE];
    *ret_taken_n = 0;
    for (size_t i = 0; i < request->to_n; i++) {
        struct smtp_sync_answer one = {.stage = SMTP_DONE};
        if (!text_format(command, sizeof command, "RCPT TO:<%s>\r\n", request->to[i])) {
            *ret_err = ERR_CONFIG;
            return false;
        }
        if (stage_pass(curl, SMTP_RECIPIENT, command, request->deadline_boot_ms, &one, ret_err)) {
            ++*ret_taken_n;
        } else if (*ret_err != ERR_OK) {
            return false;
        }
        answer->refused[i] = one.code;
    }
    return true;
}

/* Line by line: a dot at a line's beginning is doubled, so that none of them ends the mail. */
static enum err message_send(CURL *curl, const struct smtp_sync_request *request) {
    enum err err = ERR_OK;
    for (size_t at = 0; err == ERR_OK && at < request->message_size;) {
        const char *line = request->message + at;
        const char *end = memchr(line, '\n', request->message_size - at);
        size_t n = end != NULL ? (size_t)(end - line) + 1 : request->message_size - at;
        if (line[0] == '.') {
            err = command_send(curl, ".", request->deadline_boot_ms);
        }
        if (err == ERR_OK) {
            err = bytes_send(curl, line, n, request->deadline_boot_ms);
        }
        at += n;
    }
    return err;
}

static enum err mail_send(CURL *curl, const struct smtp_sync_request *request,
                          struct smtp_sync_answer *answer) {
    uint64_t deadline_boot_ms = request->deadline_boot_ms;
    enum err err = ERR_OK;
    size_t taken_n = 0;
    if (!recipients_pass(curl, request, answer, &taken_n, &err)) {
        return err;
    }
    if (taken_n == 0) {
        answer->stage = SMTP_RECIPIENT;
        answer->code = answer->refused[0];
        return ERR_OK;
    }
    if (!stage_pass(curl, SMTP_DATA, "DATA\r\n", deadline_boot_ms, answer, &err)) {
        return err;
    }
    answer->handed_over = true;
    err = message_send(curl, request);
    if (err == ERR_OK) {
        (void)stage_pass(curl, SMTP_TAKEN, ".\r\n", deadline_boot_ms, answer, &err);
    }
    return err;
}

/* QUIT is said and its reply not waited for. */
static enum err conversation(CURL *curl, const struct smtp_sync_request *request,
                             struct smtp_sync_answer *answer, struct text256 *reterr) {
    char sender[COMMAND_SIZE];
    uint64_t deadline_boot_ms = request->deadline_boot_ms;
    enum err err = ERR_OK;
    bool mail = request->to_n > 0;
    bool passed = mail || stage_pass(curl, SMTP_NOOP, "NOOP\r\n", deadline_boot_ms, answer, &err);
    if (passed && request->from != NULL) {
        if (!text_format(sender, sizeof sender, "MAIL FROM:<%s>\r\n", request->from)) {
            text_say(reterr, "the sender is too long");
            return ERR_CONFIG;
        }
        passed = stage_pass(curl, SMTP_SENDER, sender, deadline_boot_ms, answer, &err) &&
                 (mail || stage_pass(curl, SMTP_RESET, "RSET\r\n", deadline_boot_ms, answer, &err));
    }
    if (passed && mail) {
        err = mail_send(curl, request, answer);
    }
    if (err != ERR_OK) {
        text_say(reterr, "after the login: %s%s", err_text(err),
                 answer->handed_over ? "; whether the mail was taken is not known" : "");
        return err;
    }
    (void)passed; /* a refusal stands in the answer */
    err = command_send(curl, "QUIT\r\n", deadline_boot_ms);
    (void)err; /* everything that was asked has been answered */
    return ERR_OK;
}

static enum err curl_talk(CURL *curl, const struct smtp_sync_request *request, uint64_t left_ms,
                          struct smtp_sync_answer *answer, struct text256 *reterr) {
    char error[CURL_ERROR_SIZE] = "";
    struct smtp_seen seen = {.code = 0};
    curl_set(curl, request, left_ms, &seen, error);
    CURLcode code = curl_easy_perform(curl);
    enum err err = connected(curl, request, &seen, code, error, answer, reterr);
    return err == ERR_OK && answer->stage == SMTP_DONE ? conversation(curl, request, answer, reterr)
                                                       : err;
}

enum err smtp_sync(const struct smtp_sync_request *request, struct smtp_sync_answer *ret_answer,
                   struct text256 *reterr) {
    char url[URL_SIZE], connect[URL_SIZE];
    struct smtp_sync_answer answer = {.stage = SMTP_DONE};
    ensure(request->address != NULL && request->to_n <= SMTP_RECIPIENTS_MAX);
    ensure(request->to_n == 0 || (request->from != NULL && request->message != NULL));
    if (request->security == SMTP_PLAIN && request->user != NULL) {
        text_say(reterr, "a password is not sent without TLS");
        return ERR_CONFIG;
    }
    enum err err = url_make(request, url, connect, reterr);
    if (err != ERR_OK) {
        return err;
    }
    uint64_t start_ms = clock_boot_ms(), left_ms = 0;
    err = http_curl_left(request->deadline_boot_ms, &left_ms, reterr);
    if (err != ERR_OK) {
        return err;
    }
    CURL *curl = http_curl_open();
    struct curl_slist *connect_to = curl_slist_append(NULL, connect);
    if (curl == NULL || connect_to == NULL) {
        text_say(reterr, "out of memory");
        err = ERR_NO_MEMORY;
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_URL, url);
        (void)curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect_to);
        err = curl_talk(curl, request, left_ms, &answer, reterr);
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(connect_to);
    answer.took_ms = (uint32_t)(clock_boot_ms() - start_ms);
    *ret_answer = answer;
    return err;
}
