/* analysis/report/view_parts.h -- the parts of view.c that each read one file; for view*.c and
 * tests only.
 *
 * All functions that add something: 0, or SIM_ENOMEM. A file that is not there or damaged is no
 * error: a sentence goes to "missing" and its part of the view stays empty. */
#ifndef ANALYSIS_REPORT_VIEW_PARTS_H
#define ANALYSIS_REPORT_VIEW_PARTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/report/csv_read.h"
#include "analysis/report/view.h"
#include "analysis/report/words.h"

enum {
    VIEW_CURVES_MAX = 12, /* classes and models with a curve of their own; our choices, all */
    VIEW_BARS_MAX = 40000,
    VIEW_SITES_MAX = 1000000, /* of sites.csv: SCENARIO_COPIES_MAX */
    VIEW_TREES_MAX = 400,
    VIEW_FILES_MAX = 200,  /* names in transfers.csv; entries of the result */
    VIEW_REASONS_MAX = 12, /* of failures; the rest is one line */
    VIEW_EXAMPLES_MAX = 5, /* phones named for a reason */
};

/* A site, from sites.csv (or, without that, phones.csv). */
struct view_site {
    uint32_t class_number; /* in view_run.classes */
    uint32_t phones;
    uint32_t bad;    /* failed or unfinished */
    double last;     /* completion, seconds after start.at; NAN: none */
    uint32_t files;  /* most files that one phone got */
    uint32_t rank;   /* of the choice: 0 the first */
    bool with_trees; /* chosen for "trees" */
};

/* One run while its view is made. */
struct view_run {
    const char *folder; /* of its CSV files; "" is the present one */
    const cJSON *result;
    const cJSON *scenario; /* as it stands beside the result; NULL: it doesn't */
    cJSON *view;           /* RUN */
    cJSON *missing;        /* in it */
    double start_at;
    bool knows_start;
    struct analysis_words_table site_names, classes, models;
    struct view_site *sites; /* by number in site_names */
    size_t sites_cap;
    /* Phones that the timeline or a tree shows, by number in phone_names: from phones.csv. */
    struct analysis_words_table phone_names;
    struct view_phone *phones;
    size_t phones_cap;
    uint32_t gantt_phones, gantt_every; /* of them the first so many, every n-th, are a row there */
};

struct view_phone {
    uint32_t site, model; /* ANALYSIS_WORDS_NONE: not in phones.csv */
    uint8_t outcome;      /* index into view_outcomes */
};

/* "upgraded", "failed", "current", "unfinished", "" (not known). */
extern const char *const view_outcomes[5];
enum { VIEW_OUTCOME_UNKNOWN = 4 };

/* ---- Helpers (view.c) ---- */

/* FOLDER/NAME; false when it is too long. */
bool view_path(const struct view_run *run, const char *name, char out[ANALYSIS_PATH_MAX]);
int view_missing(struct view_run *run, const char *why, const char *consequence);
/* Opens a CSV beside the result; when that fails says so in "missing" and gives NULL. */
struct analysis_csv *view_csv(struct view_run *run, const char *name, const char *const *columns,
                              const char *consequence);
/* The site's entry, made when it is new; NULL when out of memory. */
struct view_site *view_site(struct view_run *run, const char *name, uint32_t *number);
/* The phone's entry, made when it is new (outcome unknown); NULL when out of memory. */
struct view_phone *view_phone(struct view_run *run, const char *name, uint32_t *number);
/* Rounded to milliseconds, or to microseconds: what is seen. */
double view_ms(double seconds);
double view_us(double seconds);
/* An empty list in `object`; NULL when out of memory. */
cJSON *view_list(cJSON *object, const char *key);
/* One more number; NAN gives null. */
int view_add(cJSON *list, double value);
int view_add_text(cJSON *list, const char *text);
/* PART.KEY of the result; NAN. */
double view_number(const cJSON *result, const char *part, const char *key);
/* "150,000", as the page's own numbers are written; from 0 on. Returns `out`. */
enum { VIEW_WHOLE_MAX = 32 };
char *view_whole(double count, char out[VIEW_WHOLE_MAX]);
/* "30 phones", "1 phone". Returns `out`. */
char *view_count(double count, const char *noun, char out[48]);

/* ---- The parts ---- */

int view_sites_read(struct view_run *run);    /* view_phones.c: sites.csv */
int view_phones_read(struct view_run *run);   /* completion, classes, models; marks the phones of
                                                 with_trees sites; after the gantt and the choice */
int view_phones_choose(struct view_run *run); /* sites whose trees are shown */
int view_series_read(struct view_run *run);   /* view_series.c: wan, states */
/* view_capacity.c: wan.configured, in means over `width` seconds each until `end`, as the rates */
int view_capacity_add(const struct view_run *run, cJSON *wan, double width, double end);
int view_lag_read(struct view_run *run);     /* lag */
int view_gantt_read(struct view_run *run);   /* view_gantt.c: phases.csv; before phones_read */
int view_gantt_phones(struct view_run *run); /* outcomes; after phones_read */
int view_trees_read(struct view_run *run);   /* view_trees.c: files and trees; last */
int view_failures(struct view_run *run);     /* view_verdict.c */

#endif /* ANALYSIS_REPORT_VIEW_PARTS_H */
