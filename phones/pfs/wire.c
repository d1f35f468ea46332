/* phones/pfs/wire.c -- codec of the peer messages: a list of its fields for each type, and
 * from it the code that writes and the code that reads. */
#include "phones/pfs/wire.h"

#include <assert.h>
#include <string.h>

#include "sim/err.h"

enum {
    NO_DIGEST = 255,
};

/* The fields of each type, in their order on the wire. Each list is expanded twice: into code that
 * writes and into code that reads. NAMES is the model and the path, always side by side. */
#define OFFER_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON) N32(strength) N32(map) NAMES
#define AD_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON) N32(strength) N32(count) NAMES
#define ROOT_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON)                             \
    N32(strength) N32(root) STATE(state) N64(size) DIGEST NAMES
#define WHOHAS_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON) NAMES
#define FAILED_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON) N32(count) NAMES REASON
#define LEAVE_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON) N32(root) NAMES
#define REPORT_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON)                           \
    N8(what) N32(subject) N32(place) N32(epoch)
#define ACK_FIELDS REPORT_FIELDS
#define JOIN_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON)                             \
    N8(flags) N32(place) N32(epoch) N32(parent_epoch) N64(offset) DIGEST N8(what)                  \
    AVOID NAMES
#define ASSIGN_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON)                           \
    N8(flags)                                                                                      \
    N32(place) N32(epoch) N32(parent) N32(parent_epoch) N32(depth) N32(root) N64(size) DIGEST
#define WELCOME_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON)                          \
    STATE(state) STATE(root_state) N32(serial) N32(depth)
#define FULL_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON)
#define REFUSE_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON)                           \
    N8(what) N32(root) N32(next_xid) REASON
#define PROGRESS_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON)                         \
    STATE(state) STATE(root_state) N64(offset) N32(serial) N32(depth) N32(root) DIGEST
#define BODY_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON)                             \
    N64(offset) N64(length) N64(size) DIGEST
#define NEXT_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON) N64(offset) DIGEST NAMES
#define DONE_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON)
#define BYE_FIELDS(N8, N32, N64, STATE, DIGEST, AVOID, NAMES, REASON)                              \
    N8(what) N32(root) N32(next_xid) N32(count) REASON

struct layout {
    bool known, stream;
    const char *name;
};

static const struct layout layouts[] = {
#define X(name, value, stream) [PFS_WIRE_##name] = {true, stream, #name},
    PFS_WIRE_TYPES(X)
#undef X
};

static const struct layout *layout_of(uint8_t type)
{
    return type < sizeof(layouts) / sizeof(layouts[0]) && layouts[type].known ? &layouts[type]
                                                                              : NULL;
}

bool pfs_wire_is_stream(enum pfs_wire_type type)
{
    const struct layout *layout = layout_of((uint8_t)type);
    return layout != NULL && layout->stream;
}

const char *pfs_wire_type_name(enum pfs_wire_type type)
{
    const struct layout *layout = layout_of((uint8_t)type);
    return layout == NULL ? "?" : layout->name;
}

uint32_t pfs_wire_hash(const char *text)
{
    uint32_t h = UINT32_C(0x811c9dc5);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        h = (h ^ *c) * UINT32_C(0x01000193);
    }
    return h;
}

const char *pfs_wire_file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* ---- Writing: `at` is where the next field goes ---- */

static uint8_t *put8(uint8_t *at, uint8_t value)
{
    *at = value;
    return at + 1;
}

static uint8_t *put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
    return at + 4;
}

static uint8_t *put64(uint8_t *at, uint64_t value)
{
    return put32(put32(at, (uint32_t)(value >> 32)), (uint32_t)value);
}

static uint8_t *put_text(uint8_t *at, const char *text, size_t cap)
{
    size_t len = strnlen(text, cap - 1);
    *at = (uint8_t)len;
    memcpy(at + 1, text, len);
    return at + 1 + len;
}

static uint8_t *put_digest(uint8_t *at, const struct pfs_wire *m)
{
    if (m->has_digest) {
        *at = (uint8_t)m->digest_source;
        memcpy(at + 1, m->digest.bytes, SIM_DIGEST_LEN);
    } else {
        *at = NO_DIGEST;
        memset(at + 1, 0, SIM_DIGEST_LEN);
    }
    return at + 1 + SIM_DIGEST_LEN;
}

static uint8_t *put_avoid(uint8_t *at, const struct pfs_wire *m)
{
    assert(m->avoid_len <= PFS_WIRE_AVOID);
    *at++ = (uint8_t)m->avoid_len;
    for (uint32_t i = 0; i < m->avoid_len; i++) {
        at = put32(at, m->avoid[i]);
    }
    return at;
}

static uint8_t *put_names(uint8_t *at, const struct pfs_wire *m)
{
    return put_text(put_text(at, m->model, sizeof(m->model)), m->path, sizeof(m->path));
}

#define PUT8(field) at = put8(at, m->field);
#define PUT32(field) at = put32(at, m->field);
#define PUT64(field) at = put64(at, m->field);
#define PUT_DIGEST at = put_digest(at, m);
#define PUT_AVOID at = put_avoid(at, m);
#define PUT_NAMES at = put_names(at, m);
#define PUT_REASON at = put_text(at, m->reason, sizeof(m->reason));

size_t pfs_wire_encode(const struct pfs_wire *m, uint8_t *out)
{
    uint8_t *at = put32(out, (uint32_t)PFS_WIRE_MAGIC << 16 | PFS_WIRE_VERSION << 8 | m->type);

    at = put32(at, 0); /* the length, below */
    at = put32(put32(put32(at, m->xid), m->file_hash), m->model_hash);
    switch (m->type) {
#define X(name, value, stream)                                                                     \
    case PFS_WIRE_##name:                                                                          \
        name##_FIELDS(PUT8, PUT32, PUT64, PUT8, PUT_DIGEST, PUT_AVOID, PUT_NAMES, PUT_REASON) break;
        PFS_WIRE_TYPES(X)
#undef X
    }
    size_t len = (size_t)(at - out);
    assert(len <= PFS_WIRE_MAX);
    put16(out + 4, (uint32_t)len);
    return len;
}

/* ---- Reading: a cursor that never passes the end ---- */

struct cursor {
    const uint8_t *at, *end;
};

static size_t left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

static uint32_t read32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool get8(struct cursor *c, uint8_t *value)
{
    if (left(c) < 1) {
        return false;
    }
    *value = *c->at++;
    return true;
}

static bool get_state(struct cursor *c, uint8_t *value)
{
    return get8(c, value) && *value < PFS_WIRE_STATES_LEN;
}

static bool get32(struct cursor *c, uint32_t *value)
{
    if (left(c) < 4) {
        return false;
    }
    *value = read32(c->at);
    c->at += 4;
    return true;
}

static bool get64(struct cursor *c, uint64_t *value)
{
    if (left(c) < 8) {
        return false;
    }
    *value = (uint64_t)read32(c->at) << 32 | read32(c->at + 4);
    c->at += 8;
    return true;
}

static bool get_text(struct cursor *c, char *text, size_t cap)
{
    uint8_t len;
    unsigned bad = 0;

    if (!get8(c, &len) || len >= cap || left(c) < len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        bad |= c->at[i] < 0x20 || c->at[i] == 0x7f;
        text[i] = (char)c->at[i];
    }
    c->at += len;
    text[len] = '\0';
    return bad == 0;
}

static bool get_digest(struct cursor *c, struct pfs_wire *m)
{
    if (left(c) < 1 + SIM_DIGEST_LEN) {
        return false;
    }
    uint8_t source = *c->at;
    m->has_digest = source != NO_DIGEST;
    m->digest_source = m->has_digest ? (enum sim_digest_source)source : SIM_DIGEST_FIRST_USE;
    memcpy(m->digest.bytes, c->at + 1, SIM_DIGEST_LEN);
    c->at += 1 + SIM_DIGEST_LEN;
    return source == NO_DIGEST || source <= SIM_DIGEST_FIRST_USE;
}

static bool get_avoid(struct cursor *c, struct pfs_wire *m)
{
    uint8_t count;
    if (!get8(c, &count) || count > PFS_WIRE_AVOID || left(c) < (size_t)count * 4) {
        return false;
    }
    m->avoid_len = count;
    for (uint32_t i = 0; i < count; i++) {
        get32(c, &m->avoid[i]);
    }
    return true;
}

/* What has just the expected bytes need not be looked at one by one: those are in order. */
static bool get_names(struct cursor *c, struct pfs_wire *m, const struct pfs_wire_names *expected)
{
    m->are_names_expected = expected != NULL && left(c) >= expected->len &&
                            memcmp(c->at, expected->bytes, expected->len) == 0;
    if (m->are_names_expected) {
        c->at += expected->len;
        m->model[0] = m->path[0] = '\0';
        return true;
    }
    return get_text(c, m->model, sizeof(m->model)) && get_text(c, m->path, sizeof(m->path));
}

size_t pfs_wire_put_names(uint8_t *out, const char *model, const char *path)
{
    return (size_t)(put_text(put_text(out, model, PFS_MODEL_MAX), path, PFS_PATH_MAX) - out);
}

int pfs_wire_peek(const uint8_t *bytes, size_t len, struct pfs_wire *m)
{
    if (len < PFS_WIRE_HEADER ||
        read32(bytes) >> 8 != ((uint32_t)PFS_WIRE_MAGIC << 8 | PFS_WIRE_VERSION)) {
        return SIM_EPROTO;
    }
    const struct layout *layout = layout_of(bytes[3]);
    uint32_t total = read32(bytes + 4) >> 16;
    if (layout == NULL || total < PFS_WIRE_HEADER || total > PFS_WIRE_MAX || bytes[6] != 0 ||
        bytes[7] != 0) {
        return SIM_EPROTO;
    }
    m->type = (enum pfs_wire_type)bytes[3];
    m->xid = read32(bytes + 8);
    m->file_hash = read32(bytes + 12);
    m->model_hash = read32(bytes + 16);
    return 0;
}

#define GET(what)                                                                                  \
    if (!(what)) {                                                                                 \
        return SIM_EPROTO;                                                                         \
    }
#define GET8(field) GET(get8(&c, &m->field))
#define GET32(field) GET(get32(&c, &m->field))
#define GET64(field) GET(get64(&c, &m->field))
#define GET_STATE(field) GET(get_state(&c, &m->field))
#define GET_DIGEST GET(get_digest(&c, m))
#define GET_AVOID GET(get_avoid(&c, m))
#define GET_NAMES GET(get_names(&c, m, expected))
#define GET_REASON GET(get_text(&c, m->reason, sizeof(m->reason)))

int pfs_wire_decode_expecting(const uint8_t *bytes, size_t len,
                              const struct pfs_wire_names *expected, struct pfs_wire *m)
{
    m->model[0] = m->path[0] = m->reason[0] = '\0';
    m->are_names_expected = m->has_digest = false;
    m->avoid_len = 0;
    if (pfs_wire_peek(bytes, len, m) != 0 || (size_t)(bytes[4] << 8 | bytes[5]) != len) {
        return SIM_EPROTO;
    }
    struct cursor c = {.at = bytes + PFS_WIRE_HEADER, .end = bytes + len};
    switch (m->type) {
#define X(name, value, stream)                                                                     \
    case PFS_WIRE_##name:                                                                          \
        name##_FIELDS(GET8, GET32, GET64, GET_STATE, GET_DIGEST, GET_AVOID, GET_NAMES,             \
                      GET_REASON) break;
        PFS_WIRE_TYPES(X)
#undef X
    }
    return c.at == c.end ? 0 : SIM_EPROTO;
}

int pfs_wire_decode(const uint8_t *bytes, size_t len, struct pfs_wire *m)
{
    return pfs_wire_decode_expecting(bytes, len, NULL, m);
}

void pfs_wire_clear(struct pfs_wire *m)
{
    memset(m, 0, offsetof(struct pfs_wire, model));
    m->model[0] = m->path[0] = m->reason[0] = '\0';
}

int pfs_wire_length(const uint8_t *bytes, size_t len)
{
    static const uint8_t start[] = {PFS_WIRE_MAGIC >> 8, PFS_WIRE_MAGIC & 255, PFS_WIRE_VERSION};

    for (size_t i = 0; i < len && i < sizeof(start); i++) {
        if (bytes[i] != start[i]) {
            return SIM_EPROTO;
        }
    }
    if (len < 6) {
        return 0;
    }
    int total = bytes[4] << 8 | bytes[5];
    const struct layout *layout = layout_of(bytes[3]);
    if (layout == NULL || !layout->stream || total < PFS_WIRE_HEADER || total > PFS_WIRE_MAX) {
        return SIM_EPROTO;
    }
    return total;
}
