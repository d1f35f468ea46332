/* analysis/report/words.h -- texts to small numbers, in the order in which they came: sites,
 * phones, files of a report. Bounded by whoever puts them in. */
#ifndef ANALYSIS_REPORT_WORDS_H
#define ANALYSIS_REPORT_WORDS_H

#include <stddef.h>
#include <stdint.h>

#define ANALYSIS_WORDS_NONE UINT32_MAX

struct analysis_words_table { /* zero it before first use */
    char **words;             /* by number; owned */
    uint32_t *slots;          /* number + 1 by hash; 0: empty */
    size_t len, cap, slots_len;
};

void analysis_words_deinit(struct analysis_words_table *w);
/* Its number, or ANALYSIS_WORDS_NONE. */
uint32_t analysis_words_find(const struct analysis_words_table *w, const char *word);
/* Its number, a new one when it was not there; ANALYSIS_WORDS_NONE when out of memory. */
uint32_t analysis_words_put(struct analysis_words_table *w, const char *word);

#endif /* ANALYSIS_REPORT_WORDS_H */
