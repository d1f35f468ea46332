/* phones/provisioning/cnf.c -- see cnf.h. */
#include "phones/provisioning/cnf.h"

#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/err.h"

enum {
    DEPTH_MAX = 32,
    TEXT_MAX = 512, /* longest text of an element that we care about */
};

/* What the text of the open element will become. */
enum target { TARGET_NONE, TARGET_LOAD, TARGET_MODEL_LOAD, TARGET_SHARING, TARGET_LOAD_SERVER };

struct reader {
    XML_Parser parser;
    const char *model;
    struct cnf cnf;
    int depth;
    int vendor_depth; /* of the open vendorConfig; 0: none */
    enum target target;
    bool broken;
    size_t text_len;
    char text[TEXT_MAX];
};

static void stop(struct reader *r)
{
    r->broken = true;
    XML_StopParser(r->parser, XML_FALSE);
}

/* The first run of four digits: "CP-7961G" and "Cisco 7961" both give 7961. */
static const char *digits_of(const char *text)
{
    for (; *text != '\0'; text++) {
        if (strspn(text, "0123456789") >= 4) {
            return text;
        }
    }
    return NULL;
}

static bool model_matches(const char *ours, const char *theirs)
{
    if (strcmp(ours, theirs) == 0) {
        return true;
    }
    const char *a = digits_of(ours);
    const char *b = digits_of(theirs);
    return a != NULL && b != NULL && strncmp(a, b, 4) == 0;
}

static enum target target_of(struct reader *r, const XML_Char *name, const XML_Char **attributes)
{
    if (r->vendor_depth != 0) {
        if (strcmp(name, "peerFirmwareSharing") == 0) {
            return TARGET_SHARING;
        }
        return strcmp(name, "loadServer") == 0 ? TARGET_LOAD_SERVER : TARGET_NONE;
    }
    if (strcmp(name, "loadInformation") == 0) {
        return TARGET_LOAD;
    }
    if (strncmp(name, "loadInformation", 15) == 0) {
        for (int i = 0; attributes[i] != NULL; i += 2) {
            if (strcmp(attributes[i], "model") == 0 && model_matches(r->model, attributes[i + 1])) {
                return TARGET_MODEL_LOAD;
            }
        }
    }
    return TARGET_NONE;
}

static void on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct reader *r = context;
    if (++r->depth > DEPTH_MAX) {
        stop(r);
        return;
    }
    r->target = target_of(r, name, attributes);
    r->text_len = 0;
    if (strcmp(name, "vendorConfig") == 0 && r->vendor_depth == 0) {
        r->vendor_depth = r->depth;
    }
}

static void on_text(void *context, const XML_Char *text, int len)
{
    struct reader *r = context;
    if (r->target == TARGET_NONE) {
        return;
    }
    if (r->text_len + (size_t)len >= sizeof(r->text)) {
        stop(r);
        return;
    }
    memcpy(r->text + r->text_len, text, (size_t)len);
    r->text_len += (size_t)len;
}

/* Cuts blanks at both ends; returns the text, NUL-ended. */
static char *trimmed(struct reader *r)
{
    r->text[r->text_len] = '\0';
    char *from = r->text + strspn(r->text, " \t\r\n");
    char *end = from + strlen(from);
    while (end > from && strchr(" \t\r\n", end[-1]) != NULL) {
        *--end = '\0';
    }
    return from;
}

static bool load_name_is_safe(const char *name)
{
    return strlen(name) < CNF_LOAD_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+") ==
               strlen(name) &&
           strstr(name, "..") == NULL && name[0] != '.';
}

static void take_load(struct reader *r, const char *text)
{
    if (!load_name_is_safe(text)) {
        stop(r);
        return;
    }
    snprintf(r->cnf.load, sizeof(r->cnf.load), "%s", text);
}

/* "address:port@@base=..;pfs=0": the address, and the switch when it is there. */
static void take_load_server(struct reader *r, char *text)
{
    char *options = strstr(text, "@@");
    if (options != NULL) {
        *options = '\0';
        char *pfs = strstr(options + 2, "pfs=");
        if (pfs != NULL && (pfs[4] == '0' || pfs[4] == '1')) {
            r->cnf.has_sharing = true;
            r->cnf.sharing = pfs[4] == '1';
        }
    }
    if (strlen(text) >= sizeof(r->cnf.load_server)) {
        stop(r);
        return;
    }
    snprintf(r->cnf.load_server, sizeof(r->cnf.load_server), "%s", text);
}

static void on_end(void *context, const XML_Char *name)
{
    struct reader *r = context;
    (void)name;
    char *text = trimmed(r);
    switch (r->target) {
    case TARGET_LOAD:
    case TARGET_MODEL_LOAD:
        take_load(r, text);
        break;
    case TARGET_SHARING:
        r->cnf.has_sharing = true;
        r->cnf.sharing = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
        break;
    case TARGET_LOAD_SERVER:
        take_load_server(r, text);
        break;
    case TARGET_NONE:
        break;
    }
    r->target = TARGET_NONE;
    if (r->vendor_depth == r->depth) {
        r->vendor_depth = 0;
    }
    r->depth--;
}

static void on_doctype(void *context, const XML_Char *name, const XML_Char *system_id,
                       const XML_Char *public_id, int has_internal)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal;
    stop(context);
}

int cnf_parse(const uint8_t *bytes, size_t len, const char *model, struct cnf *out)
{
    struct reader r = {.model = model};
    if (len > CNF_BYTES_MAX) {
        return SIM_EPROTO;
    }
    r.parser = XML_ParserCreate(NULL);
    if (r.parser == NULL) {
        return SIM_ENOMEM;
    }
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    enum XML_Status status = XML_Parse(r.parser, (const char *)bytes, (int)len, XML_TRUE);
    XML_ParserFree(r.parser);
    if (status != XML_STATUS_OK || r.broken) {
        return SIM_EPROTO;
    }
    *out = r.cnf;
    return 0;
}

struct text {
    char *out;
    size_t len, cap;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = t->len < t->cap ? t->cap - t->len : 0;
    int got = vsnprintf(room > 0 ? t->out + t->len : NULL, room, format, arguments);
    va_end(arguments);
    t->len += got > 0 ? (size_t)got : 0;
}

static void add_escaped(struct text *t, const char *value)
{
    for (; *value != '\0'; value++) {
        switch (*value) {
        case '&':
            add(t, "&amp;");
            break;
        case '<':
            add(t, "&lt;");
            break;
        case '>':
            add(t, "&gt;");
            break;
        case '"':
            add(t, "&quot;");
            break;
        default:
            add(t, "%c", *value);
            break;
        }
    }
}

static size_t ended(const struct text *t)
{
    return t->len < t->cap ? t->len : 0;
}

size_t cnf_write(const struct cnf *cnf, const char *model, uint64_t mac, char *out, size_t cap)
{
    struct text t = {out, 0, cap};
    add(&t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<device>\n"
            " <fullConfig>true</fullConfig>\n <deviceProtocol>SCCP</deviceProtocol>\n"
            " <devicePool>\n  <dateTimeSetting><dateTemplate>D-M-Y</dateTemplate>"
            "<timeZone>UTC</timeZone></dateTimeSetting>\n"
            "  <callManagerGroup><members><member priority=\"0\"><callManager><ports>"
            "<ethernetPhonePort>2000</ethernetPhonePort></ports></callManager></member></members>"
            "</callManagerGroup>\n </devicePool>\n");
    add(&t, " <name>SEP%012llX</name>\n <model>", (unsigned long long)mac);
    add_escaped(&t, model);
    add(&t, "</model>\n <loadInformation>");
    add_escaped(&t, cnf->load);
    add(&t, "</loadInformation>\n <vendorConfig>\n");
    if (cnf->has_sharing) {
        add(&t, "  <peerFirmwareSharing>%d</peerFirmwareSharing>\n", cnf->sharing ? 1 : 0);
    }
    if (cnf->load_server[0] != '\0') {
        add(&t, "  <loadServer>");
        add_escaped(&t, cnf->load_server);
        add(&t, "</loadServer>\n");
    }
    add(&t, "  <logServer></logServer>\n </vendorConfig>\n</device>\n");
    return ended(&t);
}

size_t cnf_write_default(const struct cnf_default *list, size_t list_len, char *out, size_t cap)
{
    struct text t = {out, 0, cap};
    add(&t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Default>\n");
    for (size_t i = 0; i < list_len; i++) {
        add(&t, " <loadInformation%zu model=\"", i + 1);
        add_escaped(&t, list[i].model);
        add(&t, "\">");
        add_escaped(&t, list[i].load);
        add(&t, "</loadInformation%zu>\n", i + 1);
    }
    add(&t, "</Default>\n");
    return ended(&t);
}
