/* sentinel: the region's Sentinels, each asked by itself. They can fail over when a majority of the
 * listed ones answers and says its quorum is reachable. */
#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/reading.h"
#include "agent/probes/redis_client.h"
#include "common/base/bits.h"
#include "common/io/clock.h"

static const struct parameter parameters[] = {
    {.name = "address", .type = PARAMETER_ADDRESSES, .needed = true},
    {.name = "name", .type = PARAMETER_TEXT, .needed = true},
    {.name = "sentinels", .type = PARAMETER_NUMBER, .min = 1, .max = 32},
    {.name = "expect_primary", .type = PARAMETER_ADDRESS},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
};

/* What one Sentinel said. */
struct sentinel_view {
    bool quorum;
    uint64_t known_n; /* Sentinels it knows, itself included */
    char primary[ADDRESS_SIZE];
    char refusal[64]; /* when there is no quorum: its own words */
};

/* What all of them said together. */
struct sentinels_view {
    unsigned listed_n, answered_n, quorum_n;
    uint64_t known_min;
    bool agree; /* on the primary's address */
    char primary[ADDRESS_SIZE];
    char refusal[64];
    enum err first_err;
    struct text256 first_why;
};

enum err sentinel_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments,
                             reterr);
}

static enum err quorum_ask(struct redis_client *client, const char *name,
                           struct sentinel_view *view, struct text256 *reterr) {
    struct redis_reply reply;
    const char *words[3] = {"SENTINEL", "CKQUORUM", name};
    enum err err = redis_ask(client, 3, words, &reply, reterr);
    if (err != ERR_OK) {
        return err;
    }
    view->quorum = reply.kind == REDIS_TEXT;
    if (!view->quorum) {
        (void)text_copy(view->refusal, sizeof view->refusal, redis_reply_text(&reply));
    }
    return ERR_OK;
}

static enum err primary_ask(struct redis_client *client, const char *name,
                            struct sentinel_view *view, struct text256 *reterr) {
    struct redis_reply reply;
    const char *words[3] = {"SENTINEL", "MASTER", name};
    uint64_t others_n = 0;
    enum err err = redis_ask(client, 3, words, &reply, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (reply.kind != REDIS_LIST ||
        !text_to_u64(redis_reply_field(&reply, "num-other-sentinels"), 1000, &others_n)) {
        text_say(reterr, "%.60s",
                 reply.kind == REDIS_ERROR ? redis_reply_text(&reply) : "not a Sentinel's answer");
        return reply.kind == REDIS_ERROR ? ERR_NOT_FOUND : ERR_FORMAT;
    }
    view->known_n = others_n + 1;
    (void)text_format(view->primary, sizeof view->primary, "%.64s:%.8s",
                      redis_reply_field(&reply, "ip"), redis_reply_field(&reply, "port"));
    return ERR_OK;
}

static enum err sentinel_ask(const struct probe_input *input, const char *address,
                             uint64_t deadline_boot_ms, struct sentinel_view *ret_view,
                             struct text256 *reterr) {
    const char *name = arguments_get(input->arguments, "name");
    struct redis_client client;
    struct sentinel_view view = {.quorum = false};
    enum err err = redis_open_input(input, address, deadline_boot_ms, &client, reterr);
    if (err != ERR_OK) {
        return err;
    }
    err = primary_ask(&client, name, &view, reterr);
    if (err == ERR_OK) {
        err = quorum_ask(&client, name, &view, reterr);
    }
    redis_close(&client);
    if (err == ERR_OK) {
        *ret_view = view;
    }
    return err;
}

static void sentinels_take(struct sentinels_view *all, const struct sentinel_view *one) {
    if (all->answered_n == 0) {
        (void)text_copy(all->primary, sizeof all->primary, one->primary);
        all->known_min = one->known_n;
        all->agree = true;
    }
    all->answered_n++;
    all->quorum_n += one->quorum ? 1 : 0;
    all->agree = all->agree && text_equal(all->primary, one->primary);
    all->known_min = one->known_n < all->known_min ? one->known_n : all->known_min;
    if (!one->quorum && all->refusal[0] == '\0') {
        (void)text_copy(all->refusal, sizeof all->refusal, one->refusal);
    }
}

static struct reading judge(const struct arguments *arguments, const struct sentinels_view *all) {
    uint64_t expected_n = parameter_number(arguments, "sentinels", all->known_min);
    const char *primary = arguments_get(arguments, "expect_primary");
    struct reading reading;
    if (all->quorum_n < majority_of(all->listed_n)) {
        reading = reading_judged(false, "%u/%u say quorum, %u answered%s%.48s", all->quorum_n,
                                 all->listed_n, all->answered_n,
                                 all->refusal[0] != '\0' ? ": " : "", all->refusal);
    } else if (primary != NULL && !text_equal(primary, all->primary)) {
        reading = reading_judged(false, "primary %.40s, expected %.36s", all->primary, primary);
    } else {
        reading = reading_judged(true, "%u/%u say quorum, %llu/%llu known, primary %.40s%s",
                                 all->quorum_n, all->listed_n, (unsigned long long)all->known_min,
                                 (unsigned long long)expected_n, all->primary,
                                 all->agree ? "" : ", they disagree");
        if (all->answered_n < all->listed_n || all->known_min < expected_n || !all->agree ||
            all->quorum_n < all->answered_n) {
            reading_warn(&reading);
        }
    }
    reading.value = all->quorum_n;
    if (all->agree) {
        (void)text_copy(reading.leader, sizeof reading.leader, all->primary);
    }
    return reading;
}

struct reading sentinel_run(const struct probe_input *input) {
    const char *list = arguments_get(input->arguments, "address");
    struct sentinels_view all = {.first_err = ERR_OK};
    char address[ADDRESS_SIZE];
    uint64_t start_ms = clock_boot_ms();
    for (const char *at = list; *at != '\0' && list_next(&at, address, sizeof address);) {
        all.listed_n++;
    }
    unsigned left_n = all.listed_n;
    for (const char *at = list; left_n > 0 && list_next(&at, address, sizeof address); left_n--) {
        struct sentinel_view one;
        struct text256 why = {""};
        enum err err = sentinel_ask(
            input, address, probe_deadline_share_ms(input->deadline_boot_ms, left_n), &one, &why);
        if (err == ERR_OK) {
            sentinels_take(&all, &one);
        } else if (all.first_err == ERR_OK) {
            all.first_err = err;
            all.first_why = why;
        }
    }
    if (all.answered_n == 0) {
        return reading_failed(all.first_err != ERR_OK ? all.first_err : ERR_CONFIG, "%s",
                              all.first_why.at);
    }
    struct reading reading = judge(input->arguments, &all);
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
