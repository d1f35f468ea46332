/* sim/server/certificate.c -- see certificate.h. */
#include "sim/server/certificate.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension != NULL && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool set_serial(X509 *x)
{
    uint64_t serial = 0;
    return RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) == 1;
}

static bool fill(X509 *x, EVP_PKEY *key, sim_addr addr)
{
    char names[64 + SIM_ADDR_TEXT_MAX];
    char text[SIM_ADDR_TEXT_MAX];
    X509_NAME *subject = X509_get_subject_name(x);

    snprintf(names, sizeof(names), "DNS:localhost,IP:127.0.0.1,IP:%s", sim_addr_format(addr, text));
    if (addr == 0x7f000001) {
        snprintf(names, sizeof(names), "DNS:localhost,IP:127.0.0.1");
    }
    return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
           X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(x), 30L * 24 * 3600) != NULL &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"pfsim server", -1, -1, 0) == 1 &&
           X509_set_issuer_name(x, subject) == 1 && X509_set_pubkey(x, key) == 1 &&
           add_extension(x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(x, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
           add_extension(x, NID_ext_key_usage, "serverAuth") &&
           add_extension(x, NID_subject_key_identifier, "hash") &&
           add_extension(x, NID_subject_alt_name, names) && X509_sign(x, key, EVP_sha256()) > 0;
}

/* The text that was written to `bio`, as a string. NULL when out of memory. */
static char *take_text(BIO *bio)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);
    return len > 0 ? strndup(bytes, (size_t)len) : NULL;
}

int sim_server_certificate_make(sim_addr addr, char **certificate, char **key)
{
    int rc = SIM_ETLS;
    char *cert_text = NULL, *key_text = NULL;
    X509 *x = X509_new();
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    BIO *cert_bio = BIO_new(BIO_s_mem());
    BIO *key_bio = BIO_new(BIO_s_secmem()); /* wiped when freed */

    if (x == NULL || pair == NULL || cert_bio == NULL || key_bio == NULL || !fill(x, pair, addr) ||
        PEM_write_bio_X509(cert_bio, x) != 1 ||
        PEM_write_bio_PrivateKey(key_bio, pair, NULL, NULL, 0, NULL, NULL) != 1) {
        goto done;
    }
    cert_text = take_text(cert_bio);
    key_text = take_text(key_bio);
    if (cert_text == NULL || key_text == NULL) {
        goto done;
    }
    *certificate = cert_text;
    *key = key_text;
    cert_text = key_text = NULL;
    rc = 0;

done:
    sim_server_pem_free(cert_text);
    sim_server_pem_free(key_text);
    BIO_free(key_bio);
    BIO_free(cert_bio);
    EVP_PKEY_free(pair);
    X509_free(x);
    return rc;
}

int sim_server_pem_read(const char *path, char **out)
{
    int rc = 0;
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return sim_err_from_errno(errno);
    }
    char *text = malloc(SIM_SERVER_PEM_MAX + 1);
    size_t len = text == NULL ? 0 : fread(text, 1, SIM_SERVER_PEM_MAX + 1, file);
    if (text == NULL) {
        rc = SIM_ENOMEM;
    } else if (ferror(file)) {
        rc = SIM_EIO;
    } else if (len == 0 || len > SIM_SERVER_PEM_MAX || memchr(text, '\0', len) != NULL) {
        rc = SIM_EINVAL;
    }
    fclose(file);
    if (rc != 0) {
        free(text);
        return rc;
    }
    text[len] = '\0';
    *out = text;
    return 0;
}

void sim_server_pem_free(char *pem)
{
    if (pem != NULL) {
        OPENSSL_cleanse(pem, strlen(pem));
        free(pem);
    }
}

int sim_server_identity_new(struct sim_server_identity **out, sim_addr addr)
{
    struct sim_server_identity *identity = calloc(1, sizeof(*identity));
    if (identity == NULL) {
        return SIM_ENOMEM;
    }
    int rc = sim_server_certificate_make(addr != 0 ? addr : 0x7f000001, &identity->certificate,
                                         &identity->key);
    if (rc != 0) {
        free(identity);
        return rc;
    }
    *out = identity;
    return 0;
}

void sim_server_identity_free(struct sim_server_identity *identity)
{
    if (identity != NULL) {
        sim_server_pem_free(identity->certificate);
        sim_server_pem_free(identity->key);
        free(identity);
    }
}
