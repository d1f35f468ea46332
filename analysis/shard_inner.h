/* analysis/shard_inner.h -- what writing and reading of shard.txt must agree on. Nobody else
 * includes it.
 *
 * Sections in this order; a list has its length in front. "-" is SIM_NEVER, a text is its length, a
 * colon and its bytes.
 *
 *   pfsim shard FORMAT VERSION           VERSION: a text
 *   run WORLD METHOD SEED INDEX OF       WORLD, METHOD: numbers
 *   scenario PATH TEXT                   texts; PATH: as seen from the folder of shard.txt
 *   end ENDED WALL INTERRUPTED HASHED HASH
 *   server KNOWN, then its fields
 *   validity, then its fields, ratios in billionths; reasons: a list of texts
 *   usage, totals: their fields
 *   wan, under-way: bins: WIDTH, list of (bins skipped, amount)
 *   reasons: list of texts
 *   sites: list of the fields of struct sim_site_stats
 *   phones: list of OUTCOME PHASE FALLBACKS REASON PEER SERVER RETRIES CONFIG DONE BACK
 *   trees: list of SITE FIRMWARE FILE ROOT ROOT_AT ROOTS DEPTH PHONES CHILDREN COPIES SOURCE SHARED
 *   durations: list of FIRMWARE FILE VIA MIN MAX SUM_HIGH SUM_LOW, list of (buckets skipped, count)
 *   transfers: for each TAG END NODE LENGTH FROM BYTES STATUS FILE, then "."
 *       END: nanoseconds after the one before; BYTES: "-" unknown; FILE: a text
 *   tables: list of NAME BYTES CRC
 *   sum CRC                              of all bytes before "sum" */
#ifndef ANALYSIS_SHARD_INNER_H
#define ANALYSIS_SHARD_INNER_H

/* Fields in their order; X() is for 64 bits, Y() for 32. */
#define SHARD_SITE(X, Y)                                                                           \
    X(wan_bytes)                                                                                   \
    X(wan_up_bytes)                                                                                \
    X(wan_payload_bytes)                                                                           \
    X(wan_config_bytes)                                                                            \
    X(wan_resent_bytes)                                                                            \
    X(wan_busy)                                                                                    \
    X(wan_first)                                                                                   \
    X(wan_last)                                                                                    \
    X(wan_peak_bit_s)                                                                              \
    X(wan_drops)                                                                                   \
    X(lan_payload_bytes)                                                                           \
    X(lan_broadcasts)                                                                              \
    X(lan_datagrams)                                                                               \
    X(lan_foreign)                                                                                 \
    X(fetches)                                                                                     \
    X(fetch_errors)                                                                                \
    X(fetch_refused)                                                                               \
    Y(fetches_now)                                                                                 \
    Y(fetches_peak)

/* Of the server: sums; the peak is the largest. */
#define SHARD_SERVER_SUMS(X)                                                                       \
    X(requests)                                                                                    \
    X(payload_bytes)                                                                               \
    X(bytes)                                                                                       \
    X(errors)                                                                                      \
    X(not_found)                                                                                   \
    X(refused)                                                                                     \
    X(queued)

#define SHARD_TOTALS(X)                                                                            \
    X(peer_transfers)                                                                              \
    X(server_transfers)                                                                            \
    X(resumed)                                                                                     \
    X(rejected)                                                                                    \
    X(fallbacks)                                                                                   \
    X(claims)                                                                                      \
    X(records)                                                                                     \
    X(hash)

#define SHARD_RATIO_ONE 1000000000.0 /* ratios are written in billionths */

enum {
    SHARD_TEXT_MAX = 64 * 1024 * 1024, /* bytes of a scenario; ours */
    SHARD_NAME_MAX = 1023,             /* of any other text */
};

#endif /* ANALYSIS_SHARD_INNER_H */
