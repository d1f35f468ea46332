/* sim/server/name.c -- see name.h. */
#include "sim/server/name.h"

#include <stdbool.h>
#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static enum sim_server_name_verdict check_bytes(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f) {
            return SIM_SERVER_NAME_CONTROL;
        }
    }
    return memchr(name, '\\', len) != NULL ? SIM_SERVER_NAME_BACKSLASH : SIM_SERVER_NAME_OK;
}

static enum sim_server_name_verdict check_part(const char *part, size_t len)
{
    if (len == 2 && part[0] == '.' && part[1] == '.') {
        return SIM_SERVER_NAME_PARENT;
    }
    if (len == 0 || (len == 1 && part[0] == '.')) {
        return SIM_SERVER_NAME_PART;
    }
    return SIM_SERVER_NAME_OK;
}

enum sim_server_name_verdict sim_server_name_check(const char *name, size_t len)
{
    if (len == 0) {
        return SIM_SERVER_NAME_EMPTY;
    }
    if (len >= SIM_CONTENT_NAME_MAX) {
        return SIM_SERVER_NAME_TOO_LONG;
    }
    enum sim_server_name_verdict verdict = check_bytes(name, len);
    if (verdict != SIM_SERVER_NAME_OK) {
        return verdict;
    }
    if (name[0] == '/') {
        return SIM_SERVER_NAME_ABSOLUTE;
    }
    if (len >= 2 && is_letter(name[0]) && name[1] == ':') {
        return SIM_SERVER_NAME_DRIVE;
    }
    for (size_t at = 0; at <= len && verdict == SIM_SERVER_NAME_OK;) {
        const char *slash = memchr(name + at, '/', len - at);
        size_t part_len = slash == NULL ? len - at : (size_t)(slash - name) - at;
        verdict = check_part(name + at, part_len);
        at += part_len + 1;
    }
    return verdict;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum sim_server_name_verdict sim_server_name_of_target(const char *target, size_t len,
                                                       char out[SIM_CONTENT_NAME_MAX])
{
    char name[SIM_CONTENT_NAME_MAX];
    size_t name_len = 0;

    out[0] = '\0';
    if (len == 0 || target[0] != '/') {
        return SIM_SERVER_NAME_ABSOLUTE;
    }
    for (size_t i = 1; i < len && target[i] != '?'; i++) {
        char c = target[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_value(target[i + 1]) : -1;
            int low = i + 2 < len ? hex_value(target[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return SIM_SERVER_NAME_ESCAPE;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (name_len == SIM_CONTENT_NAME_MAX - 1) {
            return SIM_SERVER_NAME_TOO_LONG;
        }
        name[name_len++] = c;
    }
    enum sim_server_name_verdict verdict = sim_server_name_check(name, name_len);
    if (verdict == SIM_SERVER_NAME_OK) {
        memcpy(out, name, name_len);
        out[name_len] = '\0';
    }
    return verdict;
}

const char *sim_server_name_text(enum sim_server_name_verdict verdict)
{
    switch (verdict) {
#define X(name, text)                                                                              \
    case SIM_SERVER_NAME_##name:                                                                   \
        return text;
        SIM_SERVER_NAME_VERDICTS(X)
#undef X
    }
    return "unknown";
}
