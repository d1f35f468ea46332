/* sim/virtual/fetch_text.c -- what requests and answers say: how long they are, and a result's
 * cause in words. See inner.h.
 *
 * Lengths are those of sim/live's requests (libcurl's, with the embedded server's address for Host)
 * and of sim/server's answers (libmicrohttpd's), counted byte by byte; a server elsewhere says more
 * or less than that. Reasons are worded as sim/live words them. Credentials are left out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/virtual/inner.h"

enum {
    TEXT_MAX = 120,       /* bytes of an address shown: leaves room for what is said of it */
    HTTP_REQUEST = 73,    /* "GET / HTTP/1.1", Host: 127.0.0.1:12345, User-Agent: pfsim, Accept */
    HTTP_RANGE = 16,      /* "Range: bytes=-" and its line's end */
    HTTP_HEAD = 136,      /* of 200: Date, Content-Type, Accept-Ranges, Content-Length without
                             its digits */
    HTTP_HEAD_PART = 149, /* of 206: the same with the longer status */
    HTTP_CONTENT_RANGE = 25, /* "Content-Range: bytes -/" and its line's end */
    HTTP_404 = 135,          /* the whole answers, their texts too */
    HTTP_403 = 125,
    HTTP_416 = 180, /* without its digits */
    HTTP_503 = 151,
    TFTP_REQUEST = 9,        /* opcode, "octet", and the ends of both strings */
    TFTP_OPTION_TSIZE = 8,   /* "tsize", "0", and both ends */
    TFTP_OPTION_BLKSIZE = 9, /* "blksize" and both ends, without digits */
    TFTP_OPTION_WINDOWSIZE = 12,
    TFTP_ERROR = 5,   /* opcode, code, the text's end */
    TFTP_PLAIN = 512, /* a block size that is not asked for (RFC 1350) */
};

static uint32_t digits(uint64_t number)
{
    uint32_t count = 1;

    for (; number >= 10; number /= 10) {
        count++;
    }
    return count;
}

/* As a URL has it: all but '/' and what RFC 3986 leaves alone takes three bytes. */
static uint64_t encoded_len(const char *path)
{
    uint64_t len = 0;

    for (; *path != '\0'; path++) {
        unsigned char c = (unsigned char)*path;
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     c == '-' || c == '.' || c == '_' || c == '~' || c == '/';

        len += plain ? 1 : 3;
    }
    return len;
}

bool virtual_text_has_options(const struct sim_server_setup *server)
{
    return server->block_size != TFTP_PLAIN || server->window > 1;
}

/* The options that both sides name in equal words, but for the digits of tsize. */
static uint64_t option_bytes(const struct sim_server_setup *server)
{
    uint64_t len = 0;

    if (!virtual_text_has_options(server)) {
        return 0;
    }
    if (server->block_size != TFTP_PLAIN) {
        len += TFTP_OPTION_BLKSIZE + digits(server->block_size);
    }
    if (server->window > 1) {
        len += TFTP_OPTION_WINDOWSIZE + digits(server->window);
    }
    return len + TFTP_OPTION_TSIZE;
}

uint64_t virtual_text_request_bytes(const struct sim_virtual *v, const struct virtual_fetch *f)
{
    if (f->protocol == SIM_PROTOCOL_TFTP) {
        return TFTP_REQUEST + strlen(f->path) + option_bytes(v->config.server);
    }
    return HTTP_REQUEST + encoded_len(f->path) +
           (f->offset > 0 ? HTTP_RANGE + digits(f->offset) : 0);
}

static uint64_t http_head_bytes(const struct virtual_fetch *f)
{
    switch (f->code) {
    case 206:
        return HTTP_HEAD_PART + digits(f->total) + HTTP_CONTENT_RANGE + digits(f->offset) +
               digits(f->offset + f->total - 1) + digits(f->offset + f->total);
    case 403:
        return HTTP_403;
    case 404:
        return HTTP_404;
    case 416:
        return HTTP_416 + digits(f->offset);
    case 503:
        return HTTP_503;
    default:
        return HTTP_HEAD + digits(f->total);
    }
}

static const char *tftp_text(int code)
{
    return code == 1 ? "File not found" : code == 2 ? "Access violation" : "Server busy";
}

uint64_t virtual_text_head_bytes(const struct sim_virtual *v, const struct virtual_fetch *f)
{
    if (f->protocol != SIM_PROTOCOL_TFTP) {
        return http_head_bytes(f);
    }
    if (f->code >= 0) {
        return TFTP_ERROR + strlen(tftp_text(f->code));
    }
    uint64_t options = option_bytes(v->config.server);

    return options > 0 ? options + 1 + digits(f->total) : 0; /* OACK: opcode; tsize's digits */
}

/* ---- Reasons ---- */

/* Host and port, and what lies before the path; "server" for the embedded one. */
static void authority(const struct sim_virtual *v, const struct virtual_fetch *f, char *out,
                      bool with_base)
{
    const char *url = v->config.server->url, *at;
    size_t len;

    if (f->place == SIM_SERVER_LAN || url == NULL) {
        snprintf(out, TEXT_MAX, "%s", f->place == SIM_SERVER_LAN ? "load-server" : "server");
        return;
    }
    at = strstr(url, "://");
    url = at != NULL ? at + 3 : url;
    len = strcspn(url, "/?#");
    at = memchr(url, '@', len); /* never a user or password */
    if (at != NULL) {
        len -= (size_t)(at + 1 - url);
        url = at + 1;
    }
    if (with_base) {
        len = strlen(url);
        len -= len > 0 && url[len - 1] == '/' ? 1 : 0;
    }
    snprintf(out, TEXT_MAX, "%.*s", (int)(len < TEXT_MAX ? len : TEXT_MAX - 1), url);
}

static void url_text(const struct sim_virtual *v, const struct virtual_fetch *f, char *out)
{
    char base[TEXT_MAX];

    authority(v, f, base, true);
    if (snprintf(out, TEXT_MAX, "%s://%s/%s", f->protocol == SIM_PROTOCOL_HTTPS ? "https" : "http",
                 base, f->path) >= TEXT_MAX) {
        strcpy(out + TEXT_MAX - 4, "...");
    }
}

static void duration_text(sim_duration d, char out[32])
{
    if (d % SIM_S == 0) {
        snprintf(out, 32, "%" PRIu64 " s", d / SIM_S);
    } else {
        snprintf(out, 32, "%" PRIu64 " ms", d / SIM_MS);
    }
}

static void tftp_reason(const struct sim_virtual *v, const struct virtual_fetch *f, char *out)
{
    const struct sim_server_setup *server = v->config.server;
    char name[TEXT_MAX];
    uint64_t tries = virtual_text_tries(server, v->now - f->moved_at);
    uint64_t blocks = f->got / server->block_size;

    authority(v, f, name, false);
    if (f->code >= 0) {
        snprintf(out, SIM_WORLD_REASON_MAX, "TFTP error %d (%s) from %s", f->code,
                 tftp_text(f->code), name);
    } else if (f->status == SIM_ETIMEDOUT && f->first_byte > v->now) {
        snprintf(out, SIM_WORLD_REASON_MAX, "no answer from %s after %" PRIu64 " tries", name,
                 tries);
    } else if (f->status == SIM_ETIMEDOUT) {
        snprintf(out, SIM_WORLD_REASON_MAX,
                 "no answer from %s to block %" PRIu64 " after %" PRIu64 " tries", name, blocks,
                 tries);
    } else if (f->status == SIM_ESTALLED) {
        snprintf(out, SIM_WORLD_REASON_MAX,
                 "no progress for %" PRIu64 " s behind block %" PRIu64 " from %s",
                 server->stall / SIM_S, blocks, name);
    } else {
        snprintf(out, SIM_WORLD_REASON_MAX, "TFTP from %s: %s", name, sim_err_text(f->status));
    }
}

static void http_reason(const struct sim_virtual *v, const struct virtual_fetch *f, char *out)
{
    char url[TEXT_MAX], name[TEXT_MAX], took[32];

    url_text(v, f, url);
    authority(v, f, name, false);
    duration_text(v->config.server->stall, took);
    if (f->status == SIM_ESTALLED) {
        snprintf(out, SIM_WORLD_REASON_MAX, "no byte for %s from %s", took, url);
    } else if (f->status == SIM_EREFUSED) {
        snprintf(out, SIM_WORLD_REASON_MAX, "connection refused by %s", name);
    } else if (f->status == SIM_ERESET && f->first_byte > v->now) {
        snprintf(out, SIM_WORLD_REASON_MAX, "connection reset by %s before it answered", name);
    } else if (f->status == SIM_ERESET) {
        snprintf(out, SIM_WORLD_REASON_MAX,
                 "connection reset: %" PRIu64 " of %" PRIu64 " bytes of %s", f->got, f->total, url);
    } else if (f->status == SIM_ELIMIT) {
        snprintf(out, SIM_WORLD_REASON_MAX, "more than %d bytes from %s", (int)SIM_WORLD_SMALL_MAX,
                 url);
    } else if (f->code == 416) {
        snprintf(out, SIM_WORLD_REASON_MAX, "HTTP 416 from %s: no byte %" PRIu64 " in it", url,
                 f->offset);
    } else if (f->code >= 400) {
        snprintf(out, SIM_WORLD_REASON_MAX, "HTTP %d from %s", f->code, url);
    } else {
        snprintf(out, SIM_WORLD_REASON_MAX, "%s after %" PRIu64 " bytes of %s",
                 sim_err_text(f->status), f->got, url);
    }
}

void virtual_text_reason(const struct sim_virtual *v, const struct virtual_fetch *f,
                         char out[SIM_WORLD_REASON_MAX])
{
    if (f->why != NULL) {
        snprintf(out, SIM_WORLD_REASON_MAX, "%.*s", (int)f->why->len, (const char *)f->why->bytes);
    } else if (f->status == 0) {
        out[0] = '\0';
    } else if (f->protocol == SIM_PROTOCOL_TFTP) {
        tftp_reason(v, f, out);
    } else {
        http_reason(v, f, out);
    }
}

/* ---- TFTP's patience, as sim/tftp has it: the wait doubles up to four times the first ---- */

enum { BACKOFF_MAX = 4 };

static sim_duration timeout_of(const struct sim_server_setup *server)
{
    return server->timeout > 0 ? server->timeout : SIM_S;
}

sim_duration virtual_text_try_at(const struct sim_server_setup *server, uint64_t number)
{
    sim_duration timeout = timeout_of(server);
    uint64_t times = number < 2 ? number : 3 + (number - 2) * BACKOFF_MAX;
    unsigned __int128 wait = (unsigned __int128)timeout * times;

    return wait > SIM_NEVER ? SIM_NEVER : (sim_duration)wait;
}

uint64_t virtual_text_tries(const struct sim_server_setup *server, sim_duration silence)
{
    sim_duration timeout = timeout_of(server);
    uint64_t tries = silence <= timeout       ? 1
                     : silence <= 3 * timeout ? 2
                                              : 3 + (silence - 3 * timeout - 1) / (4 * timeout);

    return tries <= server->retries ? tries : (uint64_t)server->retries + 1;
}

sim_duration virtual_text_patience(const struct sim_server_setup *server)
{
    sim_duration all = virtual_text_try_at(server, (uint64_t)server->retries + 1);

    return server->stall > 0 && server->stall < all ? server->stall : all;
}
