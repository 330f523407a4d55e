/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A secret is written under a name of its own and then linked into place: a crash leaves a stray file, never half a key,
 * and of two makers one wins.
 */
#include "ledger/secret_file.h"

#include "base/file.h"
#include "base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rc write_new(const char *tmp, struct str bytes, struct err *err)
{
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, RC_IO, "cannot create %s: %s", tmp, strerror(errno));
    bool is_written = write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n && fsync(fd) == 0;
    int e = errno;
    close(fd);
    if (!is_written)
        return err_set(err, RC_IO, "cannot write %s: %s", tmp, strerror(e));
    return RC_OK;
}

static enum rc link_in(const char *tmp, const char *path, struct err *err)
{
    char dir[4096];
    if (link(tmp, path) != 0)
        return err_set(err, errno == EEXIST ? RC_CONFLICT : RC_IO, "cannot make %s: %s", path, strerror(errno));
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = 0;
    return file_sync_dir(slash ? dir : ".", err);
}

enum rc secret_file_make(const char *path, struct str bytes, struct err *err)
{
    char tmp[4096];
    unsigned char r[8];
    rng_bytes(r, sizeof r);
    if ((size_t)snprintf(tmp, sizeof tmp, "%s.%02x%02x%02x%02x", path, r[0], r[1], r[2], r[3]) >= sizeof tmp)
        return err_set(err, RC_INVALID, "path %s is too long", path);
    enum rc rc = write_new(tmp, bytes, err);
    if (rc == RC_OK)
        rc = link_in(tmp, path, err);
    unlink(tmp);
    return rc;
}

enum rc secret_file_read(const char *path, char *out, size_t size, size_t *n, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "cannot open %s: %s", path, strerror(errno));
    enum rc rc = RC_OK;
    ssize_t got = -1;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rc = err_set(err, RC_IO, "%s is not a regular file", path);
    else if (st.st_mode & 077)
        rc = err_set(err, RC_DENIED, "%s may be read by others (mode %03o); run `chmod 600 %s`", path,
                     (unsigned)st.st_mode & 0777, path);
    else if ((got = read(fd, out, size)) < 0)
        rc = err_set(err, RC_IO, "cannot read %s: %s", path, strerror(errno));
    close(fd);
    if (rc == RC_OK)
        *n = (size_t)got;
    return rc;
}
