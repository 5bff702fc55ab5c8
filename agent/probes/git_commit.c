#include "agent/probes/git_commit.h"

#include <string.h>
#define ZLIB_CONST /* its input is only read */
#include <zlib.h>

#include "agent/probes/parse_git.h"
#include "common/base/text.h"

#define HEAD_SIZE 8192 /* of a commit: tree, parents, author and committer come first */
#define PACK_HEAD_SIZE 12
#define OBJECT_COMMIT 1
#define OBJECT_TAG 4

bool git_commit_ask(const char *commit, char *ret_body, size_t body_size) {
    char want[128];
    bool fits = text_format(want, sizeof want, "want %s%s filter ofs-delta no-progress\n", commit,
                            strlen(commit) == 64 ? " object-format=sha256" : "") &&
                text_format(ret_body, body_size,
                            "%04zx%s"
                            "000cdeepen 1"
                            "0012filter tree:0\n"
                            "0000"
                            "0009done\n",
                            strlen(want) + 4, want);
    return fits;
}

/* Behind the lines (shallow ..., a flush, NAK) the pack begins without a line of its own. */
static bool pack_find(const char **at, size_t *left) {
    struct git_lines lines = {*at, *left};
    const char *text = NULL;
    size_t n = 0;
    while (lines.left >= 4 && memcmp(lines.at, "PACK", 4) != 0) {
        if (!git_line_take(&lines, &text, &n) || (n >= 4 && memcmp(text, "ERR ", 4) == 0)) {
            return false;
        }
    }
    *at = lines.at;
    *left = lines.left;
    return lines.left > PACK_HEAD_SIZE;
}

/* Type and length of the object at the beginning: 3 bits of type in the first byte; each byte but
 * the last has its highest bit set. The length is zlib's to check. */
static bool object_open(const uint8_t **at, size_t *left, unsigned *ret_type) {
    *ret_type = (unsigned)(**at >> 4 & 7);
    for (size_t n = 0; n < *left && n < 10; n++) {
        if (((*at)[n] & 0x80) == 0) {
            *at += n + 1;
            *left -= n + 1;
            return true;
        }
    }
    return false;
}

/* As much of the object as fits: a long message is not needed. */
static bool head_inflate(const uint8_t *bytes, size_t n, char *ret_head, size_t head_size) {
    z_stream stream = {0};
    if (inflateInit(&stream) != Z_OK) {
        return false;
    }
    stream.next_in = bytes;
    stream.avail_in = (unsigned)n;
    stream.next_out = (Bytef *)ret_head;
    stream.avail_out = (unsigned)head_size - 1;
    int code = inflate(&stream, Z_SYNC_FLUSH);
    size_t made_n = head_size - 1 - stream.avail_out;
    (void)inflateEnd(&stream);
    ret_head[made_n] = '\0';
    return code == Z_STREAM_END || (code == Z_OK && stream.avail_out == 0);
}

/* "committer NAME <MAIL> SECONDS ZONE" among the lines before the empty one. */
static enum err made_find(const char *head, const char *who, uint64_t *ret_made_s) {
    size_t who_n = strlen(who);
    for (const char *line = head; line[0] != '\n' && line[0] != '\0';) {
        const char *end = strchr(line, '\n');
        if (end == NULL) {
            break;
        }
        if (strncmp(line, who, who_n) == 0) {
            const char *at = end;
            while (at > line && *at != '>') {
                at--;
            }
            char digits[24] = "";
            size_t n = at[0] == '>' && at[1] == ' ' ? strspn(at + 2, "0123456789") : 0;
            if (n == 0 || n >= sizeof digits || at[2 + n] != ' ') {
                return ERR_FORMAT;
            }
            memcpy(digits, at + 2, n);
            return text_to_u64(digits, INT64_MAX / 1000, ret_made_s) ? ERR_OK : ERR_FORMAT;
        }
        line = end + 1;
    }
    return ERR_FORMAT;
}

enum err git_commit_parse(const void *answer, size_t answer_n, uint64_t *ret_made_s) {
    const char *at = answer;
    size_t left = answer_n;
    char head[HEAD_SIZE];
    unsigned type = 0;
    if (!pack_find(&at, &left)) {
        return ERR_FORMAT;
    }
    const uint8_t *object = (const uint8_t *)at + PACK_HEAD_SIZE;
    left -= PACK_HEAD_SIZE;
    if (!object_open(&object, &left, &type) || (type != OBJECT_COMMIT && type != OBJECT_TAG) ||
        !head_inflate(object, left, head, sizeof head)) {
        return ERR_FORMAT;
    }
    return made_find(head, type == OBJECT_TAG ? "tagger " : "committer ", ret_made_s);
}
