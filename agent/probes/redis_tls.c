/* TLS of Redis's replication. INFO says nothing of it and no command tells a connection's version.
 * But a replica that came through the TLS port has TLS, one that came through another has none; a
 * replica says whether it asks for TLS; and either end says which versions it would take. */
#include "agent/probes/parameter.h"
#include "agent/probes/parse.h"
#include "agent/probes/redis_client.h"

#define REPLICAS_MAX 256

/* The versions that this end takes, against the least one wanted; "" is Redis's own default. */
static void versions_judge(const struct arguments *arguments, const char *protocols,
                           struct redis_tls *tls) {
    bool newest_only = text_equal(parameter_text(arguments, "tls", "any"), "1.3");
    const char *taken = protocols[0] != '\0' ? protocols : "TLSv1.2 TLSv1.3";
    bool takes_2 = tls_words_have(taken, "TLSv1.2"), takes_3 = tls_words_have(taken, "TLSv1.3");
    tls->fits = takes_3 || (takes_2 && !newest_only);
    tls->proved = !tls_words_have(taken, "TLSv1") && !tls_words_have(taken, "TLSv1.1") &&
                  !(newest_only && takes_2);
    (void)text_copy(tls->text, sizeof tls->text,
                    !tls->fits     ? "older TLS only (tls-protocols)"
                    : !tls->proved ? "TLS, older accepted (tls-protocols)"
                                   : "TLS");
}

static enum err setting_ask(struct redis_client *client, const char *name,
                            struct redis_reply *ret_reply, struct text256 *reterr) {
    const char *words[3] = {"CONFIG", "GET", name};
    enum err err = redis_ask(client, 3, words, ret_reply, reterr);
    if (err == ERR_OK && (ret_reply->kind != REDIS_LIST || ret_reply->items_n != 2)) {
        text_say(reterr, "CONFIG GET %s: no such setting", name);
        return ERR_UNSUPPORTED;
    }
    return err;
}

/* How many replicas came through another port than the TLS port. */
static enum err plain_count(struct redis_client *client, struct redis_reply *reply,
                            unsigned *ret_plain_n, unsigned *ret_all_n, struct text256 *reterr) {
    uint64_t tls_port = 0;
    const char *words[4] = {"CLIENT", "LIST", "TYPE", "replica"};
    enum err err = setting_ask(client, "tls-port", reply, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (!text_to_u64(redis_reply_field(reply, "tls-port"), UINT16_MAX, &tls_port)) {
        text_say(reterr, "CONFIG GET tls-port: no port");
        return ERR_FORMAT;
    }
    err = redis_ask(client, 4, words, reply, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (reply->kind != REDIS_TEXT) {
        text_say(reterr, "CLIENT LIST TYPE replica is refused");
        return ERR_UNSUPPORTED;
    }
    for (*ret_all_n = 0, *ret_plain_n = 0; *ret_all_n < REPLICAS_MAX; (*ret_all_n)++) {
        uint16_t port = 0;
        enum err read = client_local_port(redis_reply_text(reply), *ret_all_n, &port);
        if (read == ERR_NOT_FOUND) {
            return ERR_OK;
        }
        if (read != ERR_OK) {
            text_say(reterr, "CLIENT LIST without laddr");
            return ERR_UNSUPPORTED;
        }
        *ret_plain_n += tls_port == 0 || port != tls_port ? 1 : 0;
    }
    text_say(reterr, "more than %d replicas", REPLICAS_MAX);
    return ERR_TOO_BIG;
}

static enum err plain_ask(struct redis_client *client, uint8_t role, struct redis_tls *tls,
                          struct text256 *reterr) {
    struct redis_reply reply;
    unsigned plain_n = 0, all_n = 0;
    if (role == STORE_PRIMARY) {
        enum err err = plain_count(client, &reply, &plain_n, &all_n, reterr);
        tls->fits = plain_n == 0;
        (void)text_format(tls->text, sizeof tls->text, "%u of %u without TLS", plain_n, all_n);
        return err;
    }
    enum err err = setting_ask(client, "tls-replication", &reply, reterr);
    tls->fits = err == ERR_OK && text_equal(redis_reply_field(&reply, "tls-replication"), "yes");
    (void)text_copy(tls->text, sizeof tls->text, "no TLS (tls-replication)");
    return err;
}

enum err redis_tls_ask(struct redis_client *client, const struct arguments *arguments, uint8_t role,
                       struct redis_tls *ret_tls, struct text256 *reterr) {
    struct redis_reply reply;
    *ret_tls = (struct redis_tls){.fits = true, .proved = true};
    if (text_equal(parameter_text(arguments, "tls", "any"), "any")) {
        return ERR_OK;
    }
    enum err err = plain_ask(client, role, ret_tls, reterr);
    if (err != ERR_OK || !ret_tls->fits) {
        return err;
    }
    err = setting_ask(client, "tls-protocols", &reply, reterr);
    if (err != ERR_OK) {
        return err;
    }
    versions_judge(arguments, redis_reply_field(&reply, "tls-protocols"), ret_tls);
    return ERR_OK;
}
