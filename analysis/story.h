/* analysis/story.h -- records as lines for people while they happen: --phone-log and --verbose. */
#ifndef ANALYSIS_STORY_H
#define ANALYSIS_STORY_H

#include "analysis/collect.h"
#include "analysis/progress.h"

struct analysis_story {
    struct analysis_progress *progress; /* set before the run */
    bool has_phone_log;
    sim_addr phone_log;
    FILE *phone_log_to; /* that phone's LOG records, nothing added: the real one's wording */
    bool verbose;       /* faults, roots, lost parents, fallbacks, retries, failures */
    FILE *verbose_to;
};

void analysis_story_tell(const struct analysis_story *story, const struct analysis_phone *phone,
                         const struct sim_record *record);

#endif /* ANALYSIS_STORY_H */
