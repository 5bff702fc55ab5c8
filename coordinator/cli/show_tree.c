/* PostgreSQL's replication tree, within 80 columns: a server a line, under it the connections that
 * its checks look at, under those who follows it. */
#include <string.h>

#include "coordinator/cli/show_parts.h"

#define COLUMNS_MAX 80
#define INDENT_MAX 24 /* deeper cascades stay there: their line says whom they follow */

void say_within(unsigned indent, const char *lead, int mark, const char *text) {
    size_t hang = indent + strlen(lead), left = COLUMNS_MAX - hang;
    (void)printf("%*s%s%s", (int)indent, "", lead, colour(mark));
    while (*text != '\0') {
        size_t size = strlen(text), next;
        if (size > left) {
            size = left;
            while (size > 0 && text[size] != ' ') {
                size--;
            }
            size = size == 0 ? left : size;
        }
        next = size + (text[size] == ' ');
        (void)printf("%.*s", (int)size, text);
        text += next;
        if (*text != '\0') {
            (void)printf("\n%*s", (int)hang, "");
        }
    }
    (void)printf("%s\n", colour_off());
}

static void show_look(const json_t *look, unsigned indent) {
    const char *end = text_in(look, "end"), *status = text_in(look, "status");
    const char *standby = text_in(look, "standby"), *detail = text_in(look, "detail");
    bool stale = yes_in(look, "stale") || text_equal(status, "stale");
    char lag[40] = "", text[400];
    if (has(look, "lag_ms")) {
        (void)text_format(lag, sizeof lag, ", lag %s", span_text(number_in(look, "lag_ms")).at);
    } else if (!text_equal(end, "server")) {
        (void)text_copy(lag, sizeof lag, ", lag unknown");
    }
    if (!has(look, "age_ms")) {
        (void)text_format(text, sizeof text, "UNKNOWN: %s never told of it (check %s)",
                          text_in(look, "from"), text_in(look, "check"));
        say_within(indent, "- ", BAD, text);
        return;
    }
    (void)text_format(text, sizeof text, "%s%s%s%s: %s%s (%s ago by %s, check %s)%s%s%s",
                      stale ? "STALE, " : "", text_equal(end, "unknown") ? "its end" : end,
                      standby[0] == '\0' ? "" : " to ", standby, stale ? "was " : "",
                      stale && text_equal(status, "stale") ? "seen" : status,
                      span_text(number_in(look, "age_ms")).at, text_in(look, "from"),
                      text_in(look, "check"), lag, detail[0] == '\0' ? "" : "; ", detail);
    say_within(indent, "- ", stale ? BAD : mark_of_status(status), text);
}

static void show_server(const json_t *server, unsigned indent) {
    const char *told = text_in(server, "told"), *role = text_in(server, "role");
    const char *follows = text_in(server, "follows");
    const json_t *looks = json_object_get(server, "looks");
    bool now = text_equal(told, "now"), stale = text_equal(told, "stale");
    bool bad = !now || text_equal(role, "disagreed");
    char text[600], after[120] = "";
    size_t i;
    json_t *look;
    if (follows[0] != '\0') {
        (void)text_format(after, sizeof after, "; %s %s%s",
                          yes_in(server, "follows_stale") ? "followed" : "follows", follows,
                          yes_in(server, "follows_watched") ? "" : ", where no check looks");
    } else if (now && text_equal(role, "standby")) {
        (void)text_copy(after, sizeof after, "; whom it follows is unknown");
    }
    (void)text_format(text, sizeof text, "%s %s  %s%s%s%s%s", text_in(server, "region"),
                      text_in(server, "address"), stale ? "STALE, was " : "",
                      now || stale ? role : "unknown: no server's word",
                      text_equal(role, "disagreed") ? ": its checks name two roles" : "",
                      yes_in(server, "writable") ? ", writable" : "", after);
    say_within(indent, indent == 0 ? "" : "`- ", bad ? BAD : PLAIN, text);
    json_array_foreach(looks, i, look) {
        show_look(look, indent + (indent == 0 ? 2 : 5));
    }
}

void show_trees(const json_t *trees) {
    const char *component = "";
    size_t i;
    json_t *server;
    json_array_foreach(trees, i, server) {
        long long depth = number_in(server, "depth");
        if (depth <= 0 && !text_equal(component, text_in(server, "component"))) {
            component = text_in(server, "component");
            (void)printf("\n%s's replication, as its servers tell it\n", component);
        }
        depth = depth < 0 ? 0 : depth > INDENT_MAX / 3 ? INDENT_MAX / 3 : depth;
        show_server(server, (unsigned)depth * 3);
    }
}
