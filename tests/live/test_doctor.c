/* Goal: doctor finds each shortage and names what mends it, and finds none where there is none.
 * Method: scenarios made too big for any machine, one need at a time. */
#include "tests/live/bed.h"

static struct bed bed;
static struct sim_live_need needs[SIM_LIVE_NEEDS_MAX];
static size_t needs_len;

static const struct sim_live_need *ask(enum sim_live_fetch_mode fetch, const char *what)
{
    needs_len = sim_live_doctor(&bed.config, fetch, needs);
    cr_assert_leq(needs_len, SIM_LIVE_NEEDS_MAX);
    for (size_t i = 0; i < needs_len; i++) {
        cr_assert(needs[i].enough == (needs[i].mend[0] == '\0'), "%s", needs[i].what);
        if (strcmp(needs[i].what, what) == 0) {
            return &needs[i];
        }
    }
    return NULL;
}

Test(doctor, finds_nothing_short_for_a_small_site)
{
    bed_init(&bed, 1);
    ask(SIM_LIVE_FETCH_ROOTS, "");
    cr_assert_geq(needs_len, 6);
    for (size_t i = 0; i < needs_len; i++) {
        cr_assert(needs[i].enough, "%s: %s", needs[i].what, needs[i].mend);
        cr_assert(!needs[i].fatal);
    }
}

Test(doctor, says_how_many_descriptors_are_missing)
{
    const struct sim_live_need *need;

    bed_init(&bed, 1);
    bed.sites[0].bits = 8;
    bed.sites[0].base = 0x7F000000;
    bed.sites[0].phones = 2000000000;
    need = ask(SIM_LIVE_FETCH_ALL, "descriptors");
    cr_assert(!need->enough && need->fatal);
    cr_assert(strstr(need->mend, "ulimit -Hn 4000000") == need->mend + 9, "%s", need->mend);
    cr_assert(!ask(SIM_LIVE_FETCH_ALL, "memory")->enough);
    need = ask(SIM_LIVE_FETCH_ALL, "receive buffer");
    cr_assert(!need->enough && !need->fatal);
    cr_assert(strstr(need->mend, "sysctl -w net.core.rmem_max=") != NULL, "%s", need->mend);
}

Test(doctor, five_thousand_phones_fit_the_promised_descriptors)
{
    bed_init(&bed, 1);
    bed.sites[0].phones = 5000;
    bed.sites[0].wan.none = false;
    cr_assert_leq(ask(SIM_LIVE_FETCH_ALL, "descriptors")->needed, 16000);
    cr_assert_leq(ask(SIM_LIVE_FETCH_ROOTS, "descriptors")->needed, 16000);
    cr_assert_leq(ask(SIM_LIVE_FETCH_ALL, "memory")->needed, UINT64_C(300) << 20);
}

Test(doctor, counts_phones_that_do_not_share_as_fetching)
{
    uint64_t before, memory;

    bed_init(&bed, 1);
    bed.sites[0].phones = 5000;
    bed.sites[0].wan.none = false;
    before = ask(SIM_LIVE_FETCH_ROOTS, "descriptors")->needed;
    memory = ask(SIM_LIVE_FETCH_ROOTS, "memory")->needed;
    bed.sites[0].alone = 4000;
    cr_assert_eq(ask(SIM_LIVE_FETCH_ROOTS, "descriptors")->needed, before + 4000 * (3 - 2));
    cr_assert_gt(ask(SIM_LIVE_FETCH_ROOTS, "memory")->needed, memory + UINT64_C(4000) * 20 * 1024);
    bed.config.wan_server.http_addr = 0x0A000001;
    cr_assert_eq(ask(SIM_LIVE_FETCH_ROOTS, "source ports")->needed, 4000 + 8);
    bed.sites[0].alone = 5000;
    cr_assert_eq(ask(SIM_LIVE_FETCH_ROOTS, "descriptors")->needed,
                 ask(SIM_LIVE_FETCH_ALL, "descriptors")->needed);
}

Test(doctor, names_the_route_that_is_missing)
{
    const struct sim_live_need *need;

    bed_init(&bed, 1);
    bed.sites[0].base = 0xC6336400; /* 198.51.100.0/24, TEST-NET-2: nobody has it */
    need = ask(SIM_LIVE_FETCH_ROOTS, "addresses");
    cr_assert(!need->enough && need->fatal);
    cr_assert(strstr(need->mend, "ip route add local 198.51.100.0/24 dev lo") != NULL, "%s",
              need->mend);
}

Test(doctor, names_who_has_the_port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const struct sim_live_need *need;
    char process[32];

    bed_init(&bed, 1);
    addr.sin_port = htons(bed.config.peer_port);
    cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    need = ask(SIM_LIVE_FETCH_ROOTS, "peer port");
    cr_assert(!need->enough && need->fatal);
    snprintf(process, sizeof(process), "(process %d)", (int)getpid());
    cr_assert(strstr(need->mend, process) != NULL, "%s", need->mend);
    close(fd);
}

Test(doctor, compares_ports_with_what_loopback_carries)
{
    bed_init(&bed, 1);
    bed.sites[0].phones = 1000;
    bed.sites[0].lan.rate_bit_s = UINT64_C(100) * 1000 * 1000;
    cr_assert(!ask(SIM_LIVE_FETCH_ROOTS, "LAN capacity")->enough);
    bed.sites[0].phones = 300; /* 75 parents at 12.5 MB/s */
    cr_assert(ask(SIM_LIVE_FETCH_ROOTS, "LAN capacity")->enough);
    cr_assert_null(ask(SIM_LIVE_FETCH_ALL, "LAN capacity"));
}

Test(doctor, counts_source_ports_only_towards_other_machines)
{
    const struct sim_live_need *need;

    bed_init(&bed, 1);
    bed.sites[0].phones = 60000;
    bed.sites[0].wan.none = false;
    cr_assert_null(ask(SIM_LIVE_FETCH_ALL, "source ports"));
    bed.config.wan_server.http_addr = 0x0A000001;
    need = ask(SIM_LIVE_FETCH_ALL, "source ports");
    cr_assert(!need->enough);
    cr_assert(strstr(need->mend, "name 5 addresses") == need->mend, "%s", need->mend);
    bed.server.sources_len = 5;
    cr_assert(ask(SIM_LIVE_FETCH_ALL, "source ports")->enough);
}

Test(doctor, does_not_advise_more_threads_than_cores)
{
    const struct sim_live_need *need;

    bed_init(&bed, 1);
    bed.config.threads = SIM_LIVE_THREADS_MAX;
    need = ask(SIM_LIVE_FETCH_ROOTS, "cores");
    if (need->available < SIM_LIVE_THREADS_MAX) {
        cr_assert(!need->enough && !need->fatal);
        cr_assert(strstr(need->mend, "\"threads\": ") == need->mend);
    }
}
