/* tests/live/nginx.h -- a real nginx for tests and benches, on free ports of 127.0.0.1.
 *
 * Runs docker/nginx.conf, which containers run too, with ports and paths put in. Everything lives
 * in a folder of its own below /tmp; nginx ends with its parent, whatever happens to that. */
#ifndef TESTS_LIVE_NGINX_H
#define TESTS_LIVE_NGINX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct test_nginx {
    pid_t pid;
    uint16_t http_port, https_port;
    char folder[64];  /* the whole: nginx.conf, www/, tls/ */
    char ca_file[96]; /* the server's certificate, self-signed, for 127.0.0.1 and "phones.test" */
};

/* Starts it with the file `www/NAME` of `size` bytes for every row; byte i of it is
 * test_nginx_byte(i). Returns 0, -1 when nginx is not installed or does not come up. */
struct test_nginx_file {
    const char *name;
    size_t size;
};
int test_nginx_start(struct test_nginx *nginx, const struct test_nginx_file *files, size_t count);
void test_nginx_stop(struct test_nginx *nginx);
uint8_t test_nginx_byte(size_t index);

/* A TCP port of 127.0.0.1 that was free a moment ago. */
uint16_t test_free_port(void);

#endif /* TESTS_LIVE_NGINX_H */
