#include "coordinator/core/codec.h"

#include <string.h>

#include "common/base/bytes.h"
#include "common/base/ensure.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "snapshots store the core as it lies in memory, little-endian");

static void write_view(struct bytes_out *out, const struct event *event) {
    bytes_put_u8(out, event->view.member);
    bytes_put_u8(out, event->view.attesting);
    bytes_put_u64(out, event->view.heard);
    for (unsigned a = 0; a < AGENTS_MAX; a++) {
        bytes_put_u32(out, event->view.ago_ms[a]);
    }
}

static void write_body(struct bytes_out *out, const struct fact *fact) {
    const struct event *event = &fact->event;
    ensure(event->kind < EVENT_KINDS_N);
    switch ((enum event_kind)event->kind) {
    case EVENT_TIMEKEEPER:
        bytes_put_u8(out, event->timekeeper.member);
        bytes_put_u64(out, event->timekeeper.term);
        bytes_put_u32(out, event->timekeeper.gap_ms);
        break;
    case EVENT_TICK:
        bytes_put_u8(out, event->tick.member);
        bytes_put_u32(out, event->tick.elapsed_ms);
        bytes_put_u64(out, event->tick.wall_ms);
        break;
    case EVENT_VIEW: write_view(out, event); break;
    case EVENT_LAG:
        bytes_put_u8(out, event->lag.link);
        bytes_put_u8(out, event->lag.known);
        bytes_put_u32(out, event->lag.lag_ms);
        bytes_put_u64(out, event->lag.lag_bytes);
        bytes_put_u64(out, event->lag.epoch);
        break;
    case EVENT_OPEN:
        bytes_put_u64(out, event->open.epoch);
        bytes_put_u8(out, event->open.region);
        break;
    case EVENT_CLOSE:
        bytes_put_u64(out, event->close.epoch);
        bytes_put_u8(out, event->close.why);
        break;
    case EVENT_CONFIG:
        bytes_put_u32(out, event->config.version);
        bytes_put_u32(out, (uint32_t)fact->text_size);
        bytes_put_raw(out, fact->text, fact->text_size);
        bytes_put_raw(out, fact->frame, fact->frame_size);
        break;
    case EVENT_REPORT:
    case EVENT_OUTCOME:
    case EVENT_REQUEST:
    case EVENT_KINDS_N:
    default: bytes_put_raw(out, fact->frame, fact->frame_size); break;
    }
}

size_t fact_write(const struct fact *fact, uint8_t *out, size_t out_size) {
    struct bytes_out writer = bytes_writer(out, out_size);
    bytes_put_u8(&writer, CODEC_VERSION);
    bytes_put_u8(&writer, fact->event.kind);
    bytes_put_u8(&writer, fact->member);
    bytes_put_u64(&writer, fact->wall_ms);
    write_body(&writer, fact);
    return writer.failed ? 0 : writer.used;
}

static void read_view(struct bytes_in *in, struct event *event) {
    event->view.member = bytes_get_u8(in);
    event->view.attesting = bytes_get_u8(in);
    event->view.heard = bytes_get_u64(in);
    for (unsigned a = 0; a < AGENTS_MAX; a++) {
        event->view.ago_ms[a] = bytes_get_u32(in);
    }
}

static void read_frame(struct bytes_in *in, struct fact *fact) {
    fact->frame = in->at + in->used;
    fact->frame_size = in->size - in->used;
    in->used = in->size;
}

static void read_config(struct bytes_in *in, struct fact *fact) {
    fact->event.config.version = bytes_get_u32(in);
    fact->text_size = bytes_get_u32(in);
    fact->text = in->at + in->used;
    if (in->failed || fact->text_size > in->size - in->used ||
        fact->text_size > TOPOLOGY_BYTES_MAX) {
        in->failed = true;
        return;
    }
    in->used += fact->text_size;
    read_frame(in, fact);
}

static void read_body(struct bytes_in *in, struct fact *fact) {
    struct event *event = &fact->event;
    ensure(event->kind < EVENT_KINDS_N); /* fact_read has looked */
    switch ((enum event_kind)event->kind) {
    case EVENT_TIMEKEEPER:
        event->timekeeper.member = bytes_get_u8(in);
        event->timekeeper.term = bytes_get_u64(in);
        event->timekeeper.gap_ms = bytes_get_u32(in);
        break;
    case EVENT_TICK:
        event->tick.member = bytes_get_u8(in);
        event->tick.elapsed_ms = bytes_get_u32(in);
        event->tick.wall_ms = bytes_get_u64(in);
        break;
    case EVENT_VIEW: read_view(in, event); break;
    case EVENT_LAG:
        event->lag.link = bytes_get_u8(in);
        event->lag.known = bytes_get_u8(in);
        event->lag.lag_ms = bytes_get_u32(in);
        event->lag.lag_bytes = bytes_get_u64(in);
        event->lag.epoch = bytes_get_u64(in);
        break;
    case EVENT_OPEN:
        event->open.epoch = bytes_get_u64(in);
        event->open.region = bytes_get_u8(in);
        break;
    case EVENT_CLOSE:
        event->close.epoch = bytes_get_u64(in);
        event->close.why = bytes_get_u8(in);
        break;
    case EVENT_CONFIG: read_config(in, fact); break;
    case EVENT_REPORT:
    case EVENT_OUTCOME:
    case EVENT_REQUEST:
    case EVENT_KINDS_N:
    default: read_frame(in, fact); break;
    }
}

enum err fact_read(const uint8_t *bytes, size_t size, uint64_t index, struct fact *ret_fact,
                   struct text256 *reterr) {
    struct bytes_in in = bytes_reader(bytes, size);
    memset(ret_fact, 0, sizeof *ret_fact);
    uint8_t version = bytes_get_u8(&in);
    ret_fact->event.kind = bytes_get_u8(&in);
    ret_fact->event.index = index;
    ret_fact->member = bytes_get_u8(&in);
    ret_fact->wall_ms = ret_fact->event.wall_ms = bytes_get_u64(&in);
    if (in.failed || version != CODEC_VERSION || ret_fact->event.kind >= EVENT_KINDS_N) {
        text_say(reterr, "fact %llu: version %u kind %u is not known to this program",
                 (unsigned long long)index, version, ret_fact->event.kind);
        return ERR_FORMAT;
    }
    read_body(&in, ret_fact);
    if (!bytes_all_read(&in) || (ret_fact->member >= MEMBERS_MAX && ret_fact->member != NONE)) {
        text_say(reterr, "fact %llu of kind %s is cut or has too much in it",
                 (unsigned long long)index, event_text((enum event_kind)ret_fact->event.kind));
        return ERR_FORMAT;
    }
    return ERR_OK;
}

#define SNAPSHOT_MAGIC 0x6472766Eu /* "drvn" */

size_t snapshot_write(const struct snapshot *snapshot, uint8_t *out, size_t out_size) {
    struct bytes_out writer = bytes_writer(out, out_size);
    bytes_put_u32(&writer, SNAPSHOT_MAGIC);
    bytes_put_u32(&writer, CODEC_VERSION);
    bytes_put_u32(&writer, (uint32_t)sizeof snapshot->core);
    bytes_put_raw(&writer, &snapshot->core, sizeof snapshot->core);
    bytes_put_u64(&writer, snapshot->audit_height);
    bytes_put_raw(&writer, snapshot->audit_head, DIGEST_SIZE);
    bytes_put_u32(&writer, (uint32_t)snapshot->text_size);
    bytes_put_raw(&writer, snapshot->text, snapshot->text_size);
    if (!writer.failed) {
        bytes_put_u32(&writer, crc32_of(out, writer.used));
    }
    return writer.failed ? 0 : writer.used;
}

enum err snapshot_read(const uint8_t *bytes, size_t size, struct snapshot *ret_snapshot,
                       struct text256 *reterr) {
    struct bytes_in in = bytes_reader(bytes, size);
    uint32_t magic = bytes_get_u32(&in);
    uint32_t version = bytes_get_u32(&in);
    uint32_t core_size = bytes_get_u32(&in);
    if (in.failed || magic != SNAPSHOT_MAGIC || version != CODEC_VERSION ||
        core_size != sizeof ret_snapshot->core) {
        text_say(reterr, "snapshot of another format (version %u, %u bytes of state)", version,
                 core_size);
        return ERR_FORMAT;
    }
    bytes_get_raw(&in, &ret_snapshot->core, sizeof ret_snapshot->core);
    ret_snapshot->audit_height = bytes_get_u64(&in);
    bytes_get_raw(&in, ret_snapshot->audit_head, DIGEST_SIZE);
    ret_snapshot->text_size = bytes_get_u32(&in);
    ret_snapshot->text = bytes + in.used;
    bool fits = !in.failed && ret_snapshot->text_size <= TOPOLOGY_BYTES_MAX &&
                ret_snapshot->text_size <= in.size - in.used;
    if (!fits) {
        text_say(reterr, "snapshot is cut");
        return ERR_FORMAT;
    }
    in.used += ret_snapshot->text_size;
    uint32_t expected = crc32_of(bytes, in.used);
    if (bytes_get_u32(&in) != expected || !bytes_all_read(&in)) {
        text_say(reterr, "snapshot is damaged: its checksum does not fit");
        return ERR_FORMAT;
    }
    return ERR_OK;
}
