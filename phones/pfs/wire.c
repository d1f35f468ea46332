/* phones/pfs/wire.c -- codec of the peer messages: one table says which fields a type has. */
#include "phones/pfs/wire.h"

#include <assert.h>
#include <string.h>

#include "sim/err.h"

enum field {
    END,
    STRENGTH,
    MAP,
    COUNT,
    ROOT,
    NEXT_XID,
    STATE,
    ROOT_STATE,
    WHAT,
    FLAGS,
    SUBJECT,
    PLACE,
    EPOCH,
    PARENT,
    PARENT_EPOCH,
    DEPTH,
    SERIAL,
    SIZE,
    OFFSET,
    LENGTH,
    DIGEST, /* source (255: none), 32 bytes */
    AVOID,  /* count, addresses */
    MODEL,  /* length, bytes: so the texts */
    PATH,
    REASON,
};

enum {
    NO_DIGEST = 255,
};

struct layout {
    enum pfs_wire_type type;
    bool stream;
    const char *name;
};

static const struct layout layouts[] = {
#define X(name, value, stream) {PFS_WIRE_##name, stream, #name},
    PFS_WIRE_TYPES(X)
#undef X
};

static const uint8_t offer_fields[] = {STRENGTH, MAP, MODEL, PATH, END};
static const uint8_t ad_fields[] = {STRENGTH, COUNT, MODEL, PATH, END};
static const uint8_t root_fields[] = {STRENGTH, ROOT, STATE, SIZE, DIGEST, MODEL, PATH, END};
static const uint8_t whohas_fields[] = {MODEL, PATH, END};
static const uint8_t failed_fields[] = {COUNT, MODEL, PATH, REASON, END};
static const uint8_t leave_fields[] = {ROOT, MODEL, PATH, END};
static const uint8_t report_fields[] = {WHAT, SUBJECT, PLACE, EPOCH, END};
static const uint8_t join_fields[] = {FLAGS, PLACE, EPOCH, PARENT_EPOCH, OFFSET, DIGEST,
                                      WHAT,  AVOID, MODEL, PATH,         END};
static const uint8_t assign_fields[] = {FLAGS, PLACE, EPOCH, PARENT, PARENT_EPOCH,
                                        DEPTH, ROOT,  SIZE,  DIGEST, END};
static const uint8_t welcome_fields[] = {STATE, ROOT_STATE, SERIAL, DEPTH, END};
static const uint8_t full_fields[] = {END};
static const uint8_t refuse_fields[] = {WHAT, ROOT, NEXT_XID, REASON, END};
static const uint8_t progress_fields[] = {STATE, ROOT_STATE, OFFSET, SERIAL,
                                          DEPTH, ROOT,       DIGEST, END};
static const uint8_t body_fields[] = {OFFSET, LENGTH, SIZE, DIGEST, END};
static const uint8_t done_fields[] = {END};
static const uint8_t bye_fields[] = {WHAT, ROOT, NEXT_XID, COUNT, REASON, END};

static const uint8_t *fields_of(enum pfs_wire_type type)
{
    switch (type) {
    case PFS_WIRE_OFFER:
        return offer_fields;
    case PFS_WIRE_AD:
        return ad_fields;
    case PFS_WIRE_ROOT:
        return root_fields;
    case PFS_WIRE_WHOHAS:
        return whohas_fields;
    case PFS_WIRE_FAILED:
        return failed_fields;
    case PFS_WIRE_LEAVE:
        return leave_fields;
    case PFS_WIRE_REPORT:
    case PFS_WIRE_ACK:
        return report_fields;
    case PFS_WIRE_JOIN:
        return join_fields;
    case PFS_WIRE_ASSIGN:
        return assign_fields;
    case PFS_WIRE_WELCOME:
        return welcome_fields;
    case PFS_WIRE_FULL:
        return full_fields;
    case PFS_WIRE_REFUSE:
        return refuse_fields;
    case PFS_WIRE_PROGRESS:
        return progress_fields;
    case PFS_WIRE_BODY:
        return body_fields;
    case PFS_WIRE_DONE:
        return done_fields;
    case PFS_WIRE_BYE:
        return bye_fields;
    }
    return NULL;
}

static const struct layout *layout_of(uint8_t type)
{
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
        if ((uint8_t)layouts[i].type == type) {
            return &layouts[i];
        }
    }
    return NULL;
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

/* ---- Numbers and texts: a cursor over a buffer, which writes or reads ---- */

struct cursor {
    uint8_t *out;      /* writing, else NULL */
    const uint8_t *in; /* reading */
    size_t at, len;
    bool bad; /* ran over the end, or a value that can't be */
};

static void put(struct cursor *c, uint64_t value, unsigned bytes)
{
    assert(c->at + bytes <= c->len);
    for (unsigned i = 0; i < bytes; i++) {
        c->out[c->at++] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    }
}

static uint64_t get(struct cursor *c, unsigned bytes)
{
    uint64_t value = 0;
    if (c->bad || c->len - c->at < bytes) {
        c->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++) {
        value = value << 8 | c->in[c->at++];
    }
    return value;
}

static void pass32(struct cursor *c, uint32_t *value)
{
    if (c->out != NULL) {
        put(c, *value, 4);
    } else {
        *value = (uint32_t)get(c, 4);
    }
}

static void pass64(struct cursor *c, uint64_t *value)
{
    if (c->out != NULL) {
        put(c, *value, 8);
    } else {
        *value = get(c, 8);
    }
}

static void pass8(struct cursor *c, uint8_t *value)
{
    if (c->out != NULL) {
        put(c, *value, 1);
    } else {
        *value = (uint8_t)get(c, 1);
    }
}

static void pass_state(struct cursor *c, uint8_t *value)
{
    pass8(c, value);
    c->bad = c->bad || *value >= PFS_WIRE_STATES_LEN;
}

static void pass_text(struct cursor *c, char *text, size_t cap)
{
    if (c->out != NULL) {
        size_t len = strnlen(text, cap - 1);
        put(c, len, 1);
        memcpy(c->out + c->at, text, len);
        c->at += len;
        return;
    }
    size_t len = (size_t)get(c, 1);
    if (c->bad || len >= cap || c->len - c->at < len) {
        c->bad = true;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = c->in[c->at++];
        c->bad = c->bad || byte < 0x20 || byte == 0x7f;
        text[i] = (char)byte;
    }
    text[len] = '\0';
}

static void pass_digest(struct cursor *c, struct pfs_wire *m)
{
    if (c->out != NULL) {
        static const struct sim_digest none;
        put(c, m->has_digest ? (uint64_t)m->digest_source : NO_DIGEST, 1);
        memcpy(c->out + c->at, m->has_digest ? m->digest.bytes : none.bytes, SIM_DIGEST_LEN);
        c->at += SIM_DIGEST_LEN;
        return;
    }
    uint8_t source = (uint8_t)get(c, 1);
    if (c->bad || c->len - c->at < SIM_DIGEST_LEN ||
        (source != NO_DIGEST && source > SIM_DIGEST_FIRST_USE)) {
        c->bad = true;
        return;
    }
    m->has_digest = source != NO_DIGEST;
    m->digest_source = m->has_digest ? (enum sim_digest_source)source : SIM_DIGEST_FIRST_USE;
    memcpy(m->digest.bytes, c->in + c->at, SIM_DIGEST_LEN);
    c->at += SIM_DIGEST_LEN;
}

static void pass_avoid(struct cursor *c, struct pfs_wire *m)
{
    uint8_t count = (uint8_t)m->avoid_len;
    assert(c->out == NULL || m->avoid_len <= PFS_WIRE_AVOID);
    pass8(c, &count);
    if (count > PFS_WIRE_AVOID) {
        c->bad = true;
        return;
    }
    m->avoid_len = count;
    for (uint32_t i = 0; i < count; i++) {
        pass32(c, &m->avoid[i]);
    }
}

static void pass_field(struct cursor *c, enum field field, struct pfs_wire *m)
{
    switch (field) {
    case STRENGTH:
        pass32(c, &m->strength);
        return;
    case MAP:
        pass32(c, &m->map);
        return;
    case COUNT:
        pass32(c, &m->count);
        return;
    case ROOT:
        pass32(c, &m->root);
        return;
    case NEXT_XID:
        pass32(c, &m->next_xid);
        return;
    case STATE:
        pass_state(c, &m->state);
        return;
    case ROOT_STATE:
        pass_state(c, &m->root_state);
        return;
    case WHAT:
        pass8(c, &m->what);
        return;
    case FLAGS:
        pass8(c, &m->flags);
        return;
    case SUBJECT:
        pass32(c, &m->subject);
        return;
    case PLACE:
        pass32(c, &m->place);
        return;
    case EPOCH:
        pass32(c, &m->epoch);
        return;
    case PARENT:
        pass32(c, &m->parent);
        return;
    case PARENT_EPOCH:
        pass32(c, &m->parent_epoch);
        return;
    case DEPTH:
        pass32(c, &m->depth);
        return;
    case SERIAL:
        pass32(c, &m->serial);
        return;
    case SIZE:
        pass64(c, &m->size);
        return;
    case OFFSET:
        pass64(c, &m->offset);
        return;
    case LENGTH:
        pass64(c, &m->length);
        return;
    case DIGEST:
        pass_digest(c, m);
        return;
    case AVOID:
        pass_avoid(c, m);
        return;
    case MODEL:
        pass_text(c, m->model, sizeof(m->model));
        return;
    case PATH:
        pass_text(c, m->path, sizeof(m->path));
        return;
    case REASON:
        pass_text(c, m->reason, sizeof(m->reason));
        return;
    case END:
        break;
    }
    assert(false && "not a field");
}

size_t pfs_wire_encode(const struct pfs_wire *m, uint8_t *out)
{
    struct cursor c = {.out = out, .len = PFS_WIRE_MAX};
    struct pfs_wire copy = *m; /* passing a field takes a pointer that may be written to */

    put(&c, PFS_WIRE_MAGIC, 2);
    put(&c, PFS_WIRE_VERSION, 1);
    put(&c, (uint64_t)m->type, 1);
    put(&c, 0, 2); /* the length, below */
    put(&c, 0, 2);
    put(&c, m->xid, 4);
    put(&c, m->file_hash, 4);
    put(&c, m->model_hash, 4);
    for (const uint8_t *field = fields_of(m->type); *field != END; field++) {
        pass_field(&c, (enum field) * field, &copy);
    }
    out[4] = (uint8_t)(c.at >> 8);
    out[5] = (uint8_t)c.at;
    return c.at;
}

int pfs_wire_peek(const uint8_t *bytes, size_t len, struct pfs_wire *m)
{
    struct cursor c = {.in = bytes, .len = len};

    if (len < PFS_WIRE_HEADER || get(&c, 2) != PFS_WIRE_MAGIC || get(&c, 1) != PFS_WIRE_VERSION) {
        return SIM_EPROTO;
    }
    const struct layout *layout = layout_of((uint8_t)get(&c, 1));
    uint64_t total = get(&c, 2);
    if (layout == NULL || total < PFS_WIRE_HEADER || total > PFS_WIRE_MAX || get(&c, 2) != 0) {
        return SIM_EPROTO;
    }
    m->type = layout->type;
    m->xid = (uint32_t)get(&c, 4);
    m->file_hash = (uint32_t)get(&c, 4);
    m->model_hash = (uint32_t)get(&c, 4);
    return 0;
}

int pfs_wire_decode(const uint8_t *bytes, size_t len, struct pfs_wire *m)
{
    struct cursor c = {.in = bytes, .at = PFS_WIRE_HEADER, .len = len};

    memset(m, 0, sizeof(*m));
    if (pfs_wire_peek(bytes, len, m) != 0 || (size_t)(bytes[4] << 8 | bytes[5]) != len) {
        return SIM_EPROTO;
    }
    for (const uint8_t *field = fields_of(m->type); *field != END && !c.bad; field++) {
        pass_field(&c, (enum field) * field, m);
    }
    return c.bad || c.at != len ? SIM_EPROTO : 0;
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
