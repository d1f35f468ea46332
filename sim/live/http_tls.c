/* sim/live/http_tls.c -- one certificate store for all connections of a loop.
 *
 * libcurl makes an SSL_CTX for every connection and would fill each one's store anew: with Debian's
 * 140 certificates that is 30 ms of parsing a handshake. We load once and lend. Leaves out:
 * sessions, which are not resumed, since a handle serves one phone after another and phones are
 * strangers to each other. */
#include "sim/live/http_parts.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "sim/err.h"

int http_tls_init(struct live_http *http)
{
    int ok;

    if (!http->config.verify) {
        return 0;
    }
    http->store = X509_STORE_new();
    if (http->store == NULL) {
        return SIM_ENOMEM;
    }
    /* As libcurl does for its own store: a certificate that was named is trusted, root or not. */
    X509_STORE_set_flags(http->store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    ok = http->config.ca_file != NULL ? X509_STORE_load_file(http->store, http->config.ca_file)
                                      : X509_STORE_set_default_paths(http->store);
    ERR_clear_error();
    if (ok != 1) {
        http_tls_free(http);
        return SIM_ENOTFOUND;
    }
    return 0;
}

void http_tls_free(struct live_http *http)
{
    X509_STORE_free(http->store);
    http->store = NULL;
}

CURLcode http_tls_context(CURL *easy, void *ssl_ctx, void *context)
{
    struct live_http *http = context;
    SSL_CTX *ctx = ssl_ctx;

    (void)easy;
    if (http->store != NULL) {
        SSL_CTX_set1_cert_store(ctx, http->store);
    }
    /* 34 KB a connection that OpenSSL otherwise keeps between records. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    return CURLE_OK;
}
