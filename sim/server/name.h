/* sim/server/name.h -- may this name be asked for? Pure: no file system, no socket, no allocation.
 *
 * The first of two doors. This one refuses by the look of a name, so that what leaves the root is
 * refused whether it exists or not; the second (folder.h) has the kernel refuse links that lead
 * outside. One rule for HTTP, TFTP, the catalog and folders. Names are bytes: UTF-8 is neither
 * needed nor checked. */
#ifndef SIM_SERVER_NAME_H
#define SIM_SERVER_NAME_H

#include <stddef.h>

#include "sim/content.h"

#define SIM_SERVER_NAME_VERDICTS(X)                                                                \
    X(OK, "fine")                                                                                  \
    X(EMPTY, "no name")                                                                            \
    X(TOO_LONG, "the name is too long")                                                            \
    X(CONTROL, "a control character or NUL in the name")                                           \
    X(ESCAPE, "a broken percent escape")                                                           \
    X(ABSOLUTE, "an absolute name")                                                                \
    X(DRIVE, "a drive letter")                                                                     \
    X(BACKSLASH, "a backslash in the name")                                                        \
    X(PARENT, "the name leads out of the folder")                                                  \
    X(PART, "an empty or '.' part in the name")

enum sim_server_name_verdict {
#define X(name, text) SIM_SERVER_NAME_##name,
    SIM_SERVER_NAME_VERDICTS(X)
#undef X
};

/* Judges `len` bytes (a NUL among them is CONTROL). A name that is OK has 1 to SIM_CONTENT_NAME_MAX
 * - 1 bytes and is made of parts between single '/', none of them "", "." or "..". Absolute names
 * are refused, not stripped: a TFTP client that asks for "/x" gets error 2 (our choice; tftpd-hpa
 * without --secure would read the host's root). */
enum sim_server_name_verdict sim_server_name_check(const char *name, size_t len);

/* The name in an HTTP request target: the path behind its first '/', up to '?', percent escapes
 * decoded once (RFC 3986, 2.1). `out` gets the name and its NUL when it is OK, else it is "". A
 * target without a leading '/' (RFC 9112, 3.2.2-3.2.4) is ABSOLUTE. */
enum sim_server_name_verdict sim_server_name_of_target(const char *target, size_t len,
                                                       char out[SIM_CONTENT_NAME_MAX]);

/* Static text for people. */
const char *sim_server_name_text(enum sim_server_name_verdict verdict);

#endif /* SIM_SERVER_NAME_H */
