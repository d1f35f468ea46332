/* sim/live/http_result.c -- what came of a request: one of our statuses, and the cause in words.
 *
 * Reasons name the server as the scenario does, not the relay that stands before it, and never a
 * user or password; they name no phone, so that the same trouble reads the same for all. */
#include "sim/live/http_parts.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/err.h"

static const char *shown_url(const struct live_http_fetch *fetch, char *out)
{
    return http_url_text(fetch->redirect_url != NULL ? fetch->redirect_url : fetch->target.url,
                         out);
}

/* Its host and port. */
static const char *shown_server(const struct live_http_fetch *fetch, char *out)
{
    if (fetch->redirect_url == NULL) {
        snprintf(out, HTTP_TEXT_MAX, "%.120s:%u", fetch->place.host, (unsigned)fetch->place.port);
        return out;
    }
    char url[HTTP_TEXT_MAX];
    const char *authority = strstr(shown_url(fetch, url), "://");

    authority = authority == NULL ? url : authority + 3;
    snprintf(out, HTTP_TEXT_MAX, "%.*s", (int)strcspn(authority, "/?#"), authority);
    return out;
}

static int status_of_code(long code)
{
    switch (code) {
    case 401:
    case 403:
    case 407:
        return SIM_EACCES;
    case 404:
    case 410:
        return SIM_ENOTFOUND;
    case 429:
    case 503:
        return SIM_EBUSY;
    default:
        return code >= 400 ? SIM_ESERVER : SIM_EPROTO;
    }
}

/* The answer was complete, and not the file. */
static int of_code(struct live_http_fetch *fetch, long code, char *why)
{
    char url[HTTP_TEXT_MAX];
    uint64_t offset = fetch->target.offset;

    shown_url(fetch, url);
    if (code == 416 && offset > 0) {
        struct curl_header *header;
        struct http_range range;

        if (curl_easy_header(fetch->easy, "Content-Range", 0, CURLH_HEADER, -1, &header) ==
                CURLHE_OK &&
            http_range_read(header->value, &range) && range.from == UINT64_MAX &&
            range.total == offset) {
            return 0; /* nothing was missing */
        }
        snprintf(why, SIM_WORLD_REASON_MAX, "HTTP 416 from %s: no byte %" PRIu64 " in it", url,
                 offset);
        return SIM_EPROTO;
    }
    snprintf(why, SIM_WORLD_REASON_MAX, "HTTP %ld from %s", code, url);
    return status_of_code(code);
}

/* All that was promised, and what the offset left out, must have come. */
static int of_body(struct live_http_fetch *fetch, char *why)
{
    char url[HTTP_TEXT_MAX];

    shown_url(fetch, url);
    if (fetch->promised != UINT64_MAX && fetch->received < fetch->promised) {
        snprintf(why, SIM_WORLD_REASON_MAX,
                 "closed half way: %" PRIu64 " of %" PRIu64 " bytes of %.120s", fetch->received,
                 fetch->promised, url);
        return SIM_ESHORT;
    }
    if (!fetch->head_whole) { /* which libcurl takes for an empty file */
        snprintf(why, SIM_WORLD_REASON_MAX, "closed half way: in the header of %s", url);
        return SIM_ESHORT;
    }
    if (fetch->skip > 0) {
        snprintf(why, SIM_WORLD_REASON_MAX,
                 "%" PRIu64 " bytes of %.100s, which had %" PRIu64 " or more before",
                 fetch->received, url, fetch->target.offset);
        return SIM_ESHORT;
    }
    return 0;
}

/* We ended it ourselves, for fetch->verdict. */
static int of_verdict(struct live_http_fetch *fetch, char *why)
{
    char url[HTTP_TEXT_MAX];
    long code = 0;

    shown_url(fetch, url);
    curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &code);
    if (fetch->verdict == SIM_ELIMIT && fetch->judged) {
        snprintf(why, SIM_WORLD_REASON_MAX, "more than %" PRIu64 " bytes from %s",
                 fetch->target.body_max, url);
    } else if (fetch->verdict == SIM_EPROTO && fetch->head_bytes > HTTP_HEAD_MAX) {
        snprintf(why, SIM_WORLD_REASON_MAX, "more than %d bytes of header from %s", HTTP_HEAD_MAX,
                 url);
    } else if (fetch->verdict == SIM_EPROTO && code == 206 && !fetch->takes_body) {
        snprintf(why, SIM_WORLD_REASON_MAX, "HTTP 206 from %s: not from byte %" PRIu64 " on", url,
                 fetch->target.offset);
    } else if (!fetch->judged && fetch->verdict == SIM_EUNREACHABLE) {
        snprintf(why, SIM_WORLD_REASON_MAX, "this host can't send from the phone's address");
    } else if (!fetch->judged) {
        snprintf(why, SIM_WORLD_REASON_MAX, "no socket for %s: %s", url,
                 sim_err_text(fetch->verdict));
    } else {
        snprintf(why, SIM_WORLD_REASON_MAX, "%s after %" PRIu64 " bytes of %s",
                 sim_err_text(fetch->verdict), fetch->received, url);
    }
    return fetch->verdict;
}

static int of_connect(struct live_http_fetch *fetch, CURLcode rc, int errnum, char *why)
{
    int status = errnum == 0 ? SIM_EUNREACHABLE : sim_err_from_errno(errnum);
    char server[HTTP_TEXT_MAX];

    shown_server(fetch, server);
    if (rc == CURLE_INTERFACE_FAILED) {
        snprintf(why, SIM_WORLD_REASON_MAX, "this host can't send from the phone's address: %.60s",
                 errnum == 0 ? "not one of its own" : strerror(errnum));
        return SIM_EUNREACHABLE;
    }
    if (errnum == EADDRNOTAVAIL) { /* the address is ours, so it is the ports */
        snprintf(why, SIM_WORLD_REASON_MAX, "no port left to connect from to %s", server);
        return SIM_ELIMIT;
    }
    if (status == SIM_EREFUSED || status == SIM_ERESET) {
        snprintf(why, SIM_WORLD_REASON_MAX, "connection %s by %s",
                 status == SIM_EREFUSED ? "refused" : "reset", server);
        return status;
    }
    snprintf(why, SIM_WORLD_REASON_MAX, "no connection to %.130s%s%.50s", server,
             errnum == 0 ? "" : ": ", errnum == 0 ? "" : strerror(errnum));
    return status;
}

static int of_tls(struct live_http_fetch *fetch, CURLcode rc, char *why)
{
    const char *text = fetch->error[0] != '\0' ? fetch->error : curl_easy_strerror(rc);
    long verify = 0;

    curl_easy_getinfo(fetch->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
    /* Of a name that does not match libcurl only says "unspecified" here, and more in its text. */
    if (rc == CURLE_PEER_FAILED_VERIFICATION && verify != X509_V_OK &&
        verify != X509_V_ERR_UNSPECIFIED) {
        text = X509_verify_cert_error_string(verify);
    }
    snprintf(why, SIM_WORLD_REASON_MAX, "TLS refused: %.180s", text);
    why[strcspn(why, "\r\n")] = '\0';
    return SIM_ETLS;
}

/* The connection ended before the answer did. */
static int of_end(struct live_http_fetch *fetch, long code, long errnum, char *why)
{
    bool is_reset = errnum == ECONNRESET || errnum == EPIPE;
    char text[HTTP_TEXT_MAX], promise[40] = "";

    if (code == 0) {
        snprintf(why, SIM_WORLD_REASON_MAX, "%s by %s before it answered",
                 is_reset ? "connection reset" : "closed", shown_server(fetch, text));
        return is_reset ? SIM_ERESET : SIM_ECLOSED;
    }
    if (fetch->promised != UINT64_MAX) {
        snprintf(promise, sizeof(promise), " of %" PRIu64, fetch->promised);
    }
    snprintf(why, SIM_WORLD_REASON_MAX, "%s: %" PRIu64 "%s bytes of %s",
             is_reset ? "connection reset" : "closed half way", fetch->received, promise,
             shown_url(fetch, text));
    return is_reset ? SIM_ERESET : SIM_ESHORT;
}

static int of_garbage(struct live_http_fetch *fetch, CURLcode rc, char *why)
{
    char url[HTTP_TEXT_MAX];
    const char *text = fetch->error[0] != '\0' ? fetch->error : curl_easy_strerror(rc);

    shown_url(fetch, url);
    snprintf(why, SIM_WORLD_REASON_MAX, "not HTTP from %.130s: %.50s", url, text);
    why[strcspn(why, "\r\n")] = '\0';
    return SIM_EPROTO;
}

static int of_failure(struct live_http_fetch *fetch, CURLcode rc, long code, long errnum, char *why)
{
    switch ((int)rc) { /* libcurl has a hundred codes: those that a download can meet */
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_OPERATION_TIMEDOUT:
        return of_connect(fetch, rc, (int)errnum, why);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return of_tls(fetch, rc, why);
    case CURLE_SSL_CONNECT_ERROR:
        if (errnum == ECONNRESET || errnum == EPIPE) {
            return of_end(fetch, code, errnum, why);
        }
        return of_tls(fetch, rc, why);
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
        return of_end(fetch, code, errnum, why);
    case CURLE_RECV_ERROR: /* the connection's end, and a chunk that is none */
        if (errnum == 0 && strstr(fetch->error, "chunk") != NULL) {
            return of_garbage(fetch, rc, why);
        }
        return of_end(fetch, code, errnum, why);
    case CURLE_OUT_OF_MEMORY: /* also what libcurl says of one line of more than 100 KB */
        if (fetch->first_byte != SIM_NEVER && !fetch->head_whole) {
            fetch->verdict = SIM_EPROTO;
            fetch->head_bytes = HTTP_HEAD_MAX + 1;
            return of_verdict(fetch, why);
        }
        snprintf(why, SIM_WORLD_REASON_MAX, "out of memory for a request");
        return SIM_ENOMEM;
    default:
        return of_garbage(fetch, rc, why);
    }
}

int http_result_of(struct live_http_fetch *fetch, CURLcode rc, char *why)
{
    long code = 0, errnum = 0;

    why[0] = '\0';
    curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(fetch->easy, CURLINFO_OS_ERRNO, &errnum);
    if (code != 0 && fetch->verdict == 0) {
        http_request_judge(fetch);
    }
    if (fetch->verdict != 0) {
        return of_verdict(fetch, why);
    }
    /* What a server says of a failure stands, whether or not its page came whole. */
    if (code >= 400 || (rc == CURLE_OK && !fetch->takes_body)) {
        return of_code(fetch, code, why);
    }
    return rc == CURLE_OK ? of_body(fetch, why) : of_failure(fetch, rc, code, errnum, why);
}

void http_fetch_report(struct live_http_fetch *fetch, int status, const char *why)
{
    struct sim_fetch_result result = {
        .status = status,
        .code = -1,
        .bytes = fetch->received,
        .first_byte = fetch->first_byte,
        .reason = why,
    };
    long code = 0;

    assert(fetch->state == HTTP_FETCH_DONE || fetch->state == HTTP_FETCH_RUNNING);
    curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &code);
    if (code >= 100) {
        result.code = (int)code;
    }
    live_timer_clear(fetch->http->loop, &fetch->deadline);
    fetch->state = HTTP_FETCH_DONE;
    fetch->ops->done(fetch->owner, &result, fetch->resent);
    http_fetch_recycle(fetch);
}
