/* sim/server/places.c -- see places.h. */
#include "sim/server/places.h"

#include <assert.h>

#include "sim/line.h"

void sim_server_line_push(struct sim_server_line *line, struct sim_server_node *node, sim_time due)
{
    assert(node->line == NULL);
    assert(line->last == NULL || line->last->due <= due);
    node->line = line;
    node->due = due;
    node->prev = line->last;
    node->next = NULL;
    *(line->last == NULL ? &line->first : &line->last->next) = node;
    line->last = node;
    line->len++;
}

void sim_server_node_leave(struct sim_server_node *node)
{
    struct sim_server_line *line = node->line;
    if (line == NULL) {
        return;
    }
    *(node->prev == NULL ? &line->first : &node->prev->next) = node->next;
    *(node->next == NULL ? &line->last : &node->next->prev) = node->prev;
    node->prev = node->next = NULL;
    node->line = NULL;
    line->len--;
}

struct sim_server_node *sim_server_line_take(struct sim_server_line *line, sim_time now)
{
    struct sim_server_node *node = line->first;
    if (node == NULL || node->due > now) {
        return NULL;
    }
    sim_server_node_leave(node);
    return node;
}

sim_time sim_server_line_due(const struct sim_server_line *line)
{
    return line->first == NULL ? SIM_NEVER : line->first->due;
}

static bool has_place(const struct sim_server_places *places)
{
    return places->max == 0 || places->active < places->max;
}

static void occupy(struct sim_server_places *places)
{
    places->active++;
    if (places->active > places->peak) {
        places->peak = places->active;
    }
}

enum sim_server_place sim_server_places_ask(struct sim_server_places *places,
                                            struct sim_server_node *node)
{
    /* Nobody overtakes those who wait, even when a place is free that they have not taken yet. */
    if (has_place(places) && places->line.len == 0) {
        occupy(places);
        return SIM_SERVER_PLACE_GRANTED;
    }
    if (places->overflow == SIM_OVERFLOW_QUEUE && places->line.len < SIM_SERVER_WAITING_MAX) {
        sim_server_line_push(&places->line, node, 0);
        places->queued++;
        return SIM_SERVER_PLACE_QUEUED;
    }
    places->refused++;
    return SIM_SERVER_PLACE_REFUSED;
}

void sim_server_places_release(struct sim_server_places *places)
{
    assert(places->active > 0);
    places->active--;
}

struct sim_server_node *sim_server_places_take(struct sim_server_places *places)
{
    if (!has_place(places)) {
        return NULL;
    }
    struct sim_server_node *node = sim_server_line_take(&places->line, 0);
    if (node != NULL) {
        occupy(places);
    }
    return node;
}

sim_time sim_server_uplink_take(struct sim_server_uplink *uplink, sim_time now, uint64_t bytes)
{
    if (uplink->bit_s == SIM_RATE_NONE) {
        return now;
    }
    sim_time start = uplink->free > now ? uplink->free : now;
    uplink->free = sim_time_add(start, sim_time_of_bytes(bytes, uplink->bit_s));
    return start > now + SIM_SERVER_UPLINK_LEAD ? start - SIM_SERVER_UPLINK_LEAD : now;
}

uint64_t sim_server_uplink_tcp(uint64_t payload)
{
    uint64_t segments = payload / SIM_LINE_SEGMENT + (payload % SIM_LINE_SEGMENT != 0);
    return payload + segments * SIM_LINE_SEGMENT_HEAD;
}

uint32_t sim_server_uplink_chunk(const struct sim_server_uplink *uplink)
{
    uint64_t segments = uplink->bit_s / 500 / 8 / SIM_LINE_SEGMENT; /* in 1/500 s */
    if (segments < 1) {
        segments = 1;
    }
    return (uint32_t)(segments > 11 ? 11 : segments) * SIM_LINE_SEGMENT;
}
