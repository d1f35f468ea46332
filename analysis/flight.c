/* analysis/flight.c -- one open transfer, and the sum of what the server gave. */
#include "analysis/flight.h"

#include "sim/err.h"

void analysis_flight_begin(struct analysis_flight *f, uint16_t file,
                           const struct sim_record *record)
{
    bool goes_on = f->has_file && f->file == file && record->b > 0;

    *f = (struct analysis_flight){
        .began = record->at,
        .offset = record->b,
        .server_bytes = goes_on ? f->server_bytes : 0,
        .peer = record->peer,
        .file = file,
        .is_open = true,
        .has_file = true,
    };
}

bool analysis_flight_end(struct analysis_flight *f, uint16_t file, uint64_t size,
                         const struct sim_record *record)
{
    bool is_ours = f->is_open && f->file == file;
    uint64_t offset = is_ours ? f->offset : 0;

    if (!is_ours) { /* its beginning was not told */
        *f = (struct analysis_flight){.file = file, .has_file = true};
    }
    f->is_open = false;
    if (record->peer != 0) {
        return false;
    }
    f->server_bytes += record->b;
    if (record->a == 0 || record->a == (uint32_t)-SIM_EDIGEST) {
        uint64_t end = offset + record->b;
        size = size == 0 || end < size ? end : size;
    } else if (size == 0) {
        return false;
    }
    if (f->server_bytes < size) {
        return false;
    }
    f->server_bytes = 0;
    return true;
}

bool analysis_flight_cut(struct analysis_flight *f)
{
    bool was_open = f->is_open;

    f->is_open = false;
    return was_open;
}

void analysis_flight_forget(struct analysis_flight *f)
{
    *f = (struct analysis_flight){.is_open = false};
}
