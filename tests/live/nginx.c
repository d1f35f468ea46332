/* tests/live/nginx.c -- see nginx.h. Leaves out: other servers. */
#include "tests/live/nginx.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ATTEMPTS_MAX = 5,     /* a port may be taken between our look and nginx's bind */
    UP_TRIES_MAX = 500,   /* of 10 ms: 5 s to come up */
    CONFIG_MAX = 16384,   /* bytes of the configuration */
    CERTIFICATE_DAYS = 2, /* of validity */
};

uint8_t test_nginx_byte(size_t index)
{
    return (uint8_t)(index * 31 + (index >> 8) * 7 + (index >> 16));
}

uint16_t test_free_port(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint16_t port = 0;

    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
        getsockname(fd, (struct sockaddr *)&addr, &len) == 0) {
        port = ntohs(addr.sin_port);
    }
    close(fd);
    return port;
}

static int write_file(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    int rc;

    if (file == NULL) {
        return -1;
    }
    rc = fwrite(bytes, 1, len, file) == len ? 0 : -1;
    return fclose(file) == 0 ? rc : -1;
}

/* ---- The certificate ---- */

static int write_pem(const char *folder, X509 *certificate, EVP_PKEY *key)
{
    char path[128];
    FILE *file;
    int ok;

    snprintf(path, sizeof(path), "%s/tls/cert.pem", folder);
    file = fopen(path, "w");
    ok = file != NULL && PEM_write_X509(file, certificate) == 1;
    if (file != NULL) {
        fclose(file);
    }
    snprintf(path, sizeof(path), "%s/tls/key.pem", folder);
    file = ok ? fopen(path, "w") : NULL;
    ok = file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (file != NULL) {
        fclose(file);
    }
    return ok ? 0 : -1;
}

static int make_certificate(const char *folder)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1,DNS:phones.test");
    int rc = -1;

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), CERTIFICATE_DAYS * 24L * 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"pfsim test", -1,
                               -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    if (names != NULL && X509_add_ext(certificate, names, -1) == 1 &&
        X509_sign(certificate, key, EVP_sha256()) > 0) {
        rc = write_pem(folder, certificate, key);
    }
    X509_EXTENSION_free(names);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return rc;
}

/* ---- The configuration ---- */

/* Replaces every `from` in `text` (of CONFIG_MAX bytes). -1: not there or no room. */
static int substitute(char *text, const char *from, const char *to)
{
    size_t from_len = strlen(from), to_len = strlen(to);
    char *at = strstr(text, from);

    if (at == NULL) {
        return -1;
    }
    for (; at != NULL; at = strstr(at + to_len, from)) {
        if (strlen(text) + to_len - from_len >= CONFIG_MAX) {
            return -1;
        }
        memmove(at + to_len, at + from_len, strlen(at + from_len) + 1);
        memcpy(at, to, to_len);
    }
    return 0;
}

static int write_config(const struct test_nginx *nginx)
{
    char text[CONFIG_MAX], value[128], path[128];
    FILE *file = fopen(PFSIM_SOURCE_DIR "/docker/nginx.conf", "r");
    size_t len;

    if (file == NULL) {
        return -1;
    }
    len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    snprintf(value, sizeof(value), "listen 127.0.0.1:%u", (unsigned)nginx->http_port);
    if (substitute(text, "listen 6970", value) != 0) {
        return -1;
    }
    snprintf(value, sizeof(value), "listen 127.0.0.1:%u", (unsigned)nginx->https_port);
    if (substitute(text, "listen 6971", value) != 0) {
        return -1;
    }
    snprintf(value, sizeof(value), "%s/www", nginx->folder);
    if (substitute(text, "/srv/firmware", value) != 0) {
        return -1;
    }
    snprintf(value, sizeof(value), "%s/tls", nginx->folder);
    if (substitute(text, "/srv/tls", value) != 0) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/nginx.conf", nginx->folder);
    return write_file(path, text, strlen(text));
}

static int write_content(const char *path, size_t size)
{
    FILE *file = fopen(path, "w");
    int rc = 0;

    if (file == NULL) {
        return -1;
    }
    for (size_t i = 0; i < size && rc == 0; i++) {
        rc = putc_unlocked(test_nginx_byte(i), file) == EOF ? -1 : 0;
    }
    return fclose(file) == 0 ? rc : -1;
}

static int write_files(const struct test_nginx *nginx, const struct test_nginx_file *files,
                       size_t count)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        char path[256];

        snprintf(path, sizeof(path), "%s/www/%s", nginx->folder, files[i].name);
        rc = write_content(path, files[i].size);
    }
    return rc;
}

/* ---- The process ---- */

static void become_nginx(const struct test_nginx *nginx)
{
    char config[96], errors[96];
    int fd;

    snprintf(config, sizeof(config), "%s/nginx.conf", nginx->folder);
    snprintf(errors, sizeof(errors), "%s/errors", nginx->folder);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    fd = open(errors, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd >= 0) {
        dup2(fd, 2);
        dup2(fd, 1);
    }
    execlp("nginx", "nginx", "-p", nginx->folder, "-c", config, (char *)NULL);
    execl("/usr/sbin/nginx", "nginx", "-p", nginx->folder, "-c", config, (char *)NULL);
    _exit(127);
}

static void end_process(struct test_nginx *nginx)
{
    if (nginx->pid > 0) {
        kill(nginx->pid, SIGTERM);
        waitpid(nginx->pid, NULL, 0);
    }
    nginx->pid = 0;
}

static int wait_until_up(struct test_nginx *nginx)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons(nginx->https_port)};

    for (int i = 0; i < UP_TRIES_MAX; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int rc = connect(fd, (struct sockaddr *)&addr, sizeof(addr));

        close(fd);
        if (rc == 0) {
            return 0;
        }
        if (waitpid(nginx->pid, NULL, WNOHANG) == nginx->pid) {
            nginx->pid = 0;
            return -1;
        }
        poll(NULL, 0, 10);
    }
    return -1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static int prepare(struct test_nginx *nginx, const struct test_nginx_file *files, size_t count)
{
    char path[96];

    strcpy(nginx->folder, "/tmp/pfsim-nginx-XXXXXX");
    if (mkdtemp(nginx->folder) == NULL) {
        return -1;
    }
    chmod(nginx->folder, 0755); /* nginx's workers drop root */
    snprintf(path, sizeof(path), "%s/www", nginx->folder);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/tls", nginx->folder);
    mkdir(path, 0755);
    snprintf(nginx->ca_file, sizeof(nginx->ca_file), "%s/tls/cert.pem", nginx->folder);
    return write_files(nginx, files, count) == 0 ? make_certificate(nginx->folder) : -1;
}

int test_nginx_start(struct test_nginx *nginx, const struct test_nginx_file *files, size_t count)
{
    memset(nginx, 0, sizeof(*nginx));
    if (prepare(nginx, files, count) != 0) {
        test_nginx_stop(nginx);
        return -1;
    }
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        nginx->http_port = test_free_port();
        nginx->https_port = test_free_port();
        if (write_config(nginx) != 0) {
            break;
        }
        nginx->pid = fork();
        if (nginx->pid == 0) {
            become_nginx(nginx);
        }
        if (nginx->pid > 0 && wait_until_up(nginx) == 0) {
            return 0;
        }
        end_process(nginx);
    }
    test_nginx_stop(nginx);
    return -1;
}

void test_nginx_stop(struct test_nginx *nginx)
{
    end_process(nginx);
    if (nginx->folder[0] != '\0') {
        nftw(nginx->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    }
    memset(nginx, 0, sizeof(*nginx));
}
