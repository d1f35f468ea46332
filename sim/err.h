/* sim/err.h -- operating errors: 0 or a negative SIM_E*, with a text for people.
 *
 * Programmer errors are asserted, never returned. errno does not travel past the function that saw
 * it: sim_err_from_errno() translates it at once. */
#ifndef SIM_ERR_H
#define SIM_ERR_H

#define SIM_ERRORS(X)                                                                              \
    X(EINVAL, 1, "invalid value")                                                                  \
    X(ENOMEM, 2, "out of memory")                                                                  \
    X(EIO, 3, "input/output error")                                                                \
    X(EPROTO, 4, "protocol violation")                                                             \
    X(ETIMEDOUT, 5, "timed out")                                                                   \
    X(EREFUSED, 6, "connection refused")                                                           \
    X(ECLOSED, 7, "closed by the other side")                                                      \
    X(ENOTFOUND, 8, "not found")                                                                   \
    X(EDIGEST, 9, "wrong digest")                                                                  \
    X(ESHORT, 10, "shorter than promised")                                                         \
    X(ETLS, 11, "TLS refused")                                                                     \
    X(EUNREACHABLE, 12, "unreachable")                                                             \
    X(EBUSY, 13, "server busy")                                                                    \
    X(ECANCELED, 14, "cancelled")                                                                  \
    X(ENOSPC, 15, "no space left")                                                                 \
    X(EACCES, 16, "access denied")                                                                 \
    X(ELIMIT, 17, "limit reached")                                                                 \
    X(EEXIST, 18, "already exists")                                                                \
    X(ESERVER, 19, "server error")                                                                 \
    X(EADDRINUSE, 20, "address in use")                                                            \
    X(ESTALLED, 21, "no progress")                                                                 \
    X(ERESET, 22, "connection reset")                                                              \
    X(EUNSUPPORTED, 23, "not supported")                                                           \
    X(EFULL, 24, "full")

enum sim_err {
#define X(name, value, text) SIM_##name = -(value),
    SIM_ERRORS(X)
#undef X
};

/* Static text for people ("timed out"); 0 gives "success", an unknown code "unknown error". */
const char *sim_err_text(int err);
/* Static name ("SIM_ETIMEDOUT"). */
const char *sim_err_name(int err);
/* The SIM_E* that says most about an errno value; 0 for 0, SIM_EIO for what has no better. */
int sim_err_from_errno(int errnum);

#endif /* SIM_ERR_H */
