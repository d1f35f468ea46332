/* Goal: sim/digest.c computes SHA-256, whole and in any pieces, and reads and writes it as text.
 * Method: the examples published with FIPS 180-4, every cut of a short message, bad texts. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sim/digest.h"
#include "sim/err.h"

struct vector {
    const char *message;
    const char *digest;
};

static const struct vector vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void expect(const struct sim_digest *d, const char *want, const char *what)
{
    char text[SIM_DIGEST_TEXT_MAX];
    cr_assert_str_eq(sim_digest_format(d, text), want, "%s: %s", what, text);
}

Test(digest, knows_the_published_examples)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct sim_digest d;
        sim_digest_of(vectors[i].message, strlen(vectors[i].message), &d);
        expect(&d, vectors[i].digest, vectors[i].message);
    }
}

Test(digest, of_a_million_a_is_right_in_any_piece_size)
{
    static const size_t pieces[] = {1000000, 65536, 997, 64, 63, 1};
    char *message = malloc(1000000);
    memset(message, 'a', 1000000);
    for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
        struct sim_digest d;
        struct sim_digest_run *run = sim_digest_run_new();
        for (size_t at = 0; at < 1000000; at += pieces[p]) {
            size_t len = 1000000 - at < pieces[p] ? 1000000 - at : pieces[p];
            sim_digest_run_update(run, message + at, len);
        }
        sim_digest_run_value(run, &d);
        expect(&d, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", "pieces");
        sim_digest_run_free(run);
    }
    free(message);
}

Test(digest, does_not_care_where_the_bytes_are_cut)
{
    const char *message = vectors[2].message;
    for (size_t cut = 0; cut <= strlen(message); cut++) {
        struct sim_digest d;
        struct sim_digest_run *run = sim_digest_run_new();
        sim_digest_run_update(run, message, cut);
        sim_digest_run_update(run, NULL, 0);
        sim_digest_run_update(run, message + cut, strlen(message) - cut);
        sim_digest_run_value(run, &d);
        expect(&d, vectors[2].digest, "cut");
        sim_digest_run_free(run);
    }
}

Test(digest, goes_on_after_a_value_and_starts_over_after_a_reset)
{
    struct sim_digest d;
    struct sim_digest_run *run = sim_digest_run_new();
    sim_digest_run_value(run, &d);
    expect(&d, vectors[0].digest, "empty");
    sim_digest_run_update(run, "abc", 3);
    sim_digest_run_value(run, &d);
    sim_digest_run_value(run, &d);
    expect(&d, vectors[1].digest, "abc");
    sim_digest_run_update(run, vectors[2].message + 3, strlen(vectors[2].message) - 3);
    sim_digest_run_value(run, &d);
    expect(&d, vectors[2].digest, "went on");
    sim_digest_run_reset(run);
    sim_digest_run_update(run, "abc", 3);
    sim_digest_run_value(run, &d);
    expect(&d, vectors[1].digest, "after reset");
    sim_digest_run_free(run);
    sim_digest_run_free(NULL);
}

Test(digest, text_comes_back_in_either_case)
{
    struct sim_digest d, e;
    char upper[SIM_DIGEST_TEXT_MAX];
    cr_assert_eq(sim_digest_parse(vectors[1].digest, &d), 0);
    strcpy(upper, vectors[1].digest);
    for (char *c = upper; *c != '\0'; c++) {
        *c = *c >= 'a' && *c <= 'f' ? (char)(*c - 32) : *c;
    }
    cr_assert_eq(sim_digest_parse(upper, &e), 0);
    cr_assert(sim_digest_equal(&d, &e));
    expect(&e, vectors[1].digest, "parsed");
    e.bytes[SIM_DIGEST_LEN - 1] ^= 1;
    cr_assert(!sim_digest_equal(&d, &e), "the last bit counts");
}

Test(digest, text_that_is_not_64_hexadecimal_digits_is_refused)
{
    struct sim_digest d, before;
    char text[80];
    memset(&d, 0x5a, sizeof(d));
    before = d;
    for (size_t len = 0; len < 70; len++) {
        memset(text, 'a', len);
        text[len] = '\0';
        if (len != 64) {
            cr_assert_eq(sim_digest_parse(text, &d), SIM_EINVAL, "length %zu", len);
        }
    }
    for (size_t at = 0; at < 64; at++) {
        memset(text, '0', 64);
        text[64] = '\0';
        text[at] = "g/:@G`x "[at % 8];
        cr_assert_eq(sim_digest_parse(text, &d), SIM_EINVAL, "'%c' at %zu", text[at], at);
    }
    cr_assert(sim_digest_equal(&d, &before), "left alone on failure");
}
