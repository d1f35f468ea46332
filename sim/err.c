/* sim/err.c -- texts of the operating errors, and the way in from errno. */
#include "sim/err.h"

#include <errno.h>

const char *sim_err_text(int err)
{
    switch (err) {
    case 0:
        return "success";
#define X(name, value, text)                                                                       \
    case SIM_##name:                                                                               \
        return text;
        SIM_ERRORS(X)
#undef X
    default:
        return "unknown error";
    }
}

const char *sim_err_name(int err)
{
    switch (err) {
    case 0:
        return "SIM_OK";
#define X(name, value, text)                                                                       \
    case SIM_##name:                                                                               \
        return "SIM_" #name;
        SIM_ERRORS(X)
#undef X
    default:
        return "SIM_UNKNOWN";
    }
}

int sim_err_from_errno(int errnum)
{
    switch (errnum) {
    case 0:
        return 0;
    case EINVAL:
        return SIM_EINVAL;
    case ENOMEM:
    case ENOBUFS:
        return SIM_ENOMEM;
    case EPROTO:
        return SIM_EPROTO;
    case ETIMEDOUT:
        return SIM_ETIMEDOUT;
    case ECONNREFUSED:
        return SIM_EREFUSED;
    case ECONNRESET:
    case ECONNABORTED:
        return SIM_ERESET;
    case EPIPE:
        return SIM_ECLOSED;
    case ENOENT:
    case ENOTDIR:
        return SIM_ENOTFOUND;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
        return SIM_EUNREACHABLE;
    case EACCES:
    case EPERM:
    case EROFS:
        return SIM_EACCES;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return SIM_ENOSPC;
    case EMFILE:
    case ENFILE:
        return SIM_ELIMIT;
    case EEXIST:
        return SIM_EEXIST;
    case EADDRINUSE:
        return SIM_EADDRINUSE;
    case ECANCELED:
        return SIM_ECANCELED;
    case EOPNOTSUPP:
    case ENOSYS:
        return SIM_EUNSUPPORTED;
    default:
        return SIM_EIO;
    }
}
