/* scenarios/share.c -- see share.h. */
#include "scenarios/share.h"

#include <assert.h>

/* The site at which share `index` begins: the border between sites nearest to that many parts of
 * the phones. Rises with `index`. */
static uint32_t begin_of(const struct scenario *s, uint32_t index, uint32_t of)
{
    uint64_t phone = (uint64_t)s->phones_total * index / of; /* under 2^24 x 2^20 */
    uint32_t number;

    if (index == of || phone >= s->phones_total) {
        return s->sites_total;
    }
    uint32_t site = scenario_site_of_phone(s, phone, &number);
    uint32_t phones = scenario_site_class(s, site)->phones_total;
    return number >= phones - number ? site + 1 : site;
}

struct scenario_share scenario_share(const struct scenario *s, uint32_t index, uint32_t of)
{
    struct scenario_share share = {.first = 0, .len = s->sites_total, .phones = s->phones_total};

    if (of > 0) {
        assert(index < of && of <= SCENARIO_SHARES_MAX);
        share.first = begin_of(s, index, of);
        share.len = begin_of(s, index + 1, of) - share.first;
        share.phones = (uint32_t)(scenario_site_first_phone(s, share.first + share.len) -
                                  scenario_site_first_phone(s, share.first));
    }
    return share;
}

bool scenario_is_apart(const struct scenario *s)
{
    return s->server.uplink_bit_s == SIM_RATE_NONE && s->server.max_transfers == 0;
}
