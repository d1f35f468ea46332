/* analysis/story.c -- which records are worth a line, and what it says. */
#include "analysis/story.h"

#include "sim/err.h"

static const char *or_nothing(const char *text)
{
    return text == NULL ? "" : text;
}

static void tell(const struct analysis_story *s, const struct analysis_phone *phone,
                 const struct sim_record *record, const char *what, const char *text)
{
    char addr[SIM_ADDR_TEXT_MAX];

    analysis_progress_line(s->progress, s->verbose_to, "%10.3f s  %-15s %s%s%s%s%s",
                           sim_time_seconds(record->at),
                           phone->is_phone ? sim_addr_format(phone->addr, addr) : "-", what,
                           record->name == NULL ? "" : " ", or_nothing(record->name),
                           text == NULL || text[0] == '\0' ? "" : ": ", or_nothing(text));
}

static void tell_verbose(const struct analysis_story *s, const struct analysis_phone *phone,
                         const struct sim_record *record)
{
    switch (record->kind) {
    case SIM_RECORD_FAULT:
        tell(s, phone, record, "fault", record->text);
        break;
    case SIM_RECORD_ROLE:
        if (record->a == SIM_ROLE_ROOT_WAITING) {
            tell(s, phone, record, "is root of", NULL);
        }
        break;
    case SIM_RECORD_DETACH:
        tell(s, phone, record, "lost its parent for",
             record->a == 0 || record->a > INT16_MAX ? NULL : sim_err_text(-(int)record->a));
        break;
    case SIM_RECORD_REJECT:
        tell(s, phone, record, "rejected", record->text);
        break;
    case SIM_RECORD_FALLBACK:
        tell(s, phone, record, "turns to the server for", record->text);
        break;
    case SIM_RECORD_RETRY:
        tell(s, phone, record, "tries again", record->text);
        break;
    case SIM_RECORD_OUTCOME:
        if (record->a == SIM_OUTCOME_FAILED) {
            tell(s, phone, record, "failed", record->text);
        }
        break;
    case SIM_RECORD_PHASE:
    case SIM_RECORD_TRANSFER_BEGIN:
    case SIM_RECORD_TRANSFER_END:
    case SIM_RECORD_CLAIM:
    case SIM_RECORD_ATTACH:
    case SIM_RECORD_CHILDREN:
    case SIM_RECORD_HOLD:
    case SIM_RECORD_RESUME:
    case SIM_RECORD_BACK:
    case SIM_RECORD_LOG:
        break;
    }
}

void analysis_story_tell(const struct analysis_story *s, const struct analysis_phone *phone,
                         const struct sim_record *record)
{
    if (record->kind == SIM_RECORD_LOG) {
        if (s->has_phone_log && phone->is_phone && phone->addr == s->phone_log) {
            analysis_progress_line(s->progress, s->phone_log_to, "%s", or_nothing(record->text));
        }
    } else if (s->verbose) {
        tell_verbose(s, phone, record);
    }
}
