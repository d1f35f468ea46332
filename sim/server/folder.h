/* sim/server/folder.h -- files below one folder, and none outside it.
 *
 * The second door behind name.h: the kernel resolves names below the folder's descriptor and
 * refuses whatever leaves it (openat2 with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS, Linux 5.6);
 * on older kernels each part is opened by itself and no link is followed at all. Only regular
 * files; no listing. Left out: writing over a file that exists, and making sub-folders. */
#ifndef SIM_SERVER_FOLDER_H
#define SIM_SERVER_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_SERVER_UPLOAD_MAX (UINT64_C(1) << 30) /* bytes of one uploaded file; our choice */

/* 0 and a descriptor of the folder, the caller's to close; SIM_ENOTFOUND, SIM_EACCES, SIM_EIO, ...
 */
int sim_server_folder_open(const char *path, int *out);

/* Opens the regular file `name` (checked by sim_server_name_check() first: asserted) for reading.
 * 0, `*fd` (the caller's to close) and `*size` in bytes; or SIM_ENOTFOUND; SIM_EACCES (not
 * readable, not a regular file, or it leads outside); SIM_ELIMIT (no descriptors); SIM_EIO. */
int sim_server_folder_file(int folder, const char *name, int *fd, uint64_t *size);

/* A file that is being uploaded: it has its name only once it is complete. */
struct sim_server_upload;

/* 0; or SIM_EEXIST, SIM_EACCES, SIM_ENOTFOUND (no such sub-folder), SIM_ENOSPC, SIM_ELIMIT,
 * SIM_ENOMEM, SIM_EIO. */
int sim_server_upload_new(struct sim_server_upload **out, int folder, const char *name);
/* Appends. 0; or SIM_ENOSPC (the disk, or over SIM_SERVER_UPLOAD_MAX), SIM_EIO. */
int sim_server_upload_write(struct sim_server_upload *upload, const void *bytes, size_t len);
/* Gives the file its name when `complete` (SIM_EEXIST when it was taken meanwhile), removes it when
 * not; frees in any case. */
int sim_server_upload_close(struct sim_server_upload *upload, bool complete);

/* For tests: as if the kernel had no openat2. */
void sim_server_folder_use_fallback(bool on);

#endif /* SIM_SERVER_FOLDER_H */
