/* analysis/caution.h -- where a fluid line is known to be off, told from the scenario alone.
 *
 * A fluid line shares its rate evenly at every instant and loses nothing. Linux's TCP is off that
 *
 *  - when packets are lost;
 *  - when the queue is shorter than the bandwidth-delay product (the line runs dry after a drop);
 *  - when (bandwidth-delay product + queue) / competing flows is under 20 segments: flows then
 *    finish far apart, and even sharing is 13 to 50 % off in the mean (measured against Linux), and
 *    some go without a byte for so long that they give up;
 *  - when several flows fetch files of less than 10 of their shares of the bandwidth-delay product:
 *    they leave slow start early, and up to 15 % are missing (measured against Linux);
 *  - when the line's way up is too thin for the ACKs of what comes down.
 *
 * TFTP is lock-step: loss matters, and windows that do not all fit into line and queue. Competing
 * are all phones of a site that need firmware and fetch it from the server: without sharing all of
 * them, with sharing one root a model and those that do not share. Not here: the packet machine,
 * which has none of this. */
#ifndef ANALYSIS_CAUTION_H
#define ANALYSIS_CAUTION_H

#include "scenarios/scenario.h"

enum {
    ANALYSIS_CAUTION_SEGMENTS = 20, /* a flow, see above */
    ANALYSIS_CAUTION_PIPES = 10,    /* shares of the bandwidth-delay product in a file */
    ANALYSIS_CAUTION_CLASSES = 8,   /* classes of sites that get sentences of their own */
    ANALYSIS_CAUTION_TEXT_MAX = 512,
};

/* Calls `say` with a sentence for each of these that holds, class of sites by class. Nothing for a
 * packet network or a line that is none. */
void analysis_caution_fluid(const struct scenario *s, enum scenario_method method,
                            void (*say)(void *context, const char *text), void *context);

#endif /* ANALYSIS_CAUTION_H */
