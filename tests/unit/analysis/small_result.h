/* tests/unit/analysis/small_result.h -- a result document of two sites with two phones each, by
 * hand, for tests that read results. */
#ifndef TESTS_UNIT_ANALYSIS_SMALL_RESULT_H
#define TESTS_UNIT_ANALYSIS_SMALL_RESULT_H

#define SMALL_TIMES                                                                                \
    "{\"first\": 3, \"mean\": 5, \"p50\": 4, \"p90\": 9, \"p95\": 9, \"p99\": 9, \"last\": 9}"
#define SMALL_WAN(rate, used)                                                                      \
    "{\"bytes\": 5000, \"payload_bytes\": 4000, \"config_bytes\": 10, \"up_bytes\": 300, "         \
    "\"busy_s\": 2, \"mean_bit_s\": 4000, \"peak_bit_s\": 8000, \"configured_bit_s\": " rate       \
    ", \"utilisation\": " used "}"
#define SMALL_PHONES(total, upgraded, failed)                                                      \
    "{\"total\": " total ", \"upgraded\": " upgraded ", \"failed\": " failed                       \
    ", \"current\": 0, \"unfinished\": 0, \"via_peer\": 1, \"via_server\": 2, \"fallbacks\": 0}"
#define SMALL_BOUNDS "{\"wan_floor_s\": 1, \"optimum_s\": 2, \"gap\": 4.5}"
#define SMALL_SITE(name, used)                                                                     \
    "{\"name\": \"" name "\", \"class\": \"branch\", \"phones\": " SMALL_PHONES(                   \
        "2", "2", "0") ", \"completion_s\": " SMALL_TIMES                                          \
                       ", \"wan\": " SMALL_WAN("8000", used) ", \"bounds\": " SMALL_BOUNDS "}"

#define SMALL_FILE(model)                                                                          \
    "{\"model\": \"" model "\", \"file\": \"x.sbn\", \"size\": 1000, "                             \
    "\"peer\": {\"count\": 1, \"min\": 4.5, \"mean\": 4.5, \"p5\": 4.5, \"p50\": 4.5, "            \
    "\"p95\": 4.5, \"max\": 4.5}, "                                                                \
    "\"server\": {\"count\": 2, \"min\": 1, \"mean\": 2, \"p5\": 1, \"p50\": 1, "                  \
    "\"p95\": 3, \"max\": 3}}"

/* All members of a run but "validity" and the closing brace. */
#define SMALL_RESULT_HEAD(method)                                                                  \
    "{\"pfsim\": \"0.1.0\", \"scenario\": \"small\", \"world\": \"virtual\",\n"                    \
    "\"network\": \"fluid\", \"method\": \"" method "\", \"seed\": 1, \"interrupted\": false,\n"   \
    "\"phones\": " SMALL_PHONES(                                                                   \
        "4", "3",                                                                                  \
        "1") ",\n"                                                                                 \
             "\"transfers\": {\"peer\": 1, \"server\": 2, \"resumed\": 0, \"rejected\": 0},\n"     \
             "\"completion_s\": " SMALL_TIMES ", \"back_in_service_s\": " SMALL_TIMES ",\n"        \
             "\"wan\": " SMALL_WAN(                                                                \
                 "16000",                                                                          \
                 "0.25") ",\n"                                                                     \
                         "\"lan\": {\"payload_bytes\": 2000, \"broadcasts\": 7},\n"                \
                         "\"server\": {\"requests\": 3, \"payload_bytes\": 4000, "                 \
                         "\"errors\": 0, \"refused\": 0, "                                         \
                         "\"peak_transfers\": 2},\n"                                               \
                         "\"sites\": [" SMALL_SITE("branch#1", "0.2") ", " SMALL_SITE(             \
                             "branch#2",                                                           \
                             "0.6") "],\n"                                                         \
                                    "\"trees\": [{\"site\": \"branch#1\", \"model\": "             \
                                    "\"M\", \"file\": \"x.sbn\", \"root\": "                       \
                                    "\"127.1.0.2\", \"roots\": 2, \"depth\": 1, "                  \
                                    "\"phones\": 2, \"max_children\": 1, "                         \
                                    "\"digest_source\": \"synthetic\"}],\n"                        \
                                    "\"trees_summary\": {\"count\": 1, \"depth_max\": "            \
                                    "1, \"max_children\": 1, "                                     \
                                    "\"wan_copies\": 2},\n"                                        \
                                    "\"bounds\": " SMALL_BOUNDS ",\n"                              \
                                    "\"failures\": [{\"phone\": \"127.1.1.3\", "                   \
                                    "\"site\": \"branch#2\", \"reason\": "                         \
                                    "\"no progress\"}],\n"                                         \
                                    "\"failures_by_reason\": {\"no progress\": 1},\n"              \
                                    "\"thresholds\": [{\"expression\": "                           \
                                    "\"completion_s.p95 < 600\", \"value\": 9, "                   \
                                    "\"met\": true}],\n"                                           \
                                    "\"models\": [], \"files\": [" SMALL_FILE(                     \
                                        "M") "],\n"                                                \
                                             "\"caution\": [],\n"                                  \
                                             "\"engine\": {\"wall_s\": 1, \"events\": 5, "         \
                                             "\"peak_rss_bytes\": 7, \"trace_hash\": "             \
                                             "\"0123456789abcdef\"}"
#define SMALL_VALID ", \"validity\": {\"valid\": true, \"loop_lag_p99_s\": 0, \"reasons\": []}}\n"
#define SMALL_RESULT(method) SMALL_RESULT_HEAD(method) SMALL_VALID

#endif /* TESTS_UNIT_ANALYSIS_SMALL_RESULT_H */
