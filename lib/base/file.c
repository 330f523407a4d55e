/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Whole files. See file.h.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static enum rc read_all(int fd, const char *path, size_t cap, struct arena *mem, struct str *out, struct err *err)
{
    struct buf b;
    buf_init(&b, 0);
    enum rc rc = RC_OK;
    for (;;) {
        char *to = buf_reserve(&b, 64 * 1024);
        ssize_t n = read(fd, to, 64 * 1024);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = err_set(err, RC_IO, "cannot read %s: %s", path, strerror(errno));
        if (n <= 0)
            break;
        buf_commit(&b, (size_t)n);
        if (b.n > cap) {
            rc = err_set(err, RC_TOO_LARGE, "%s is over %zu bytes", path, cap);
            break;
        }
    }
    if (rc == RC_OK)
        *out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return rc;
}

enum rc file_read(const char *path, size_t cap, struct arena *mem, struct str *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "cannot open %s: %s", path, strerror(errno));
    enum rc rc = read_all(fd, path, cap, mem, out, err);
    close(fd);
    return rc;
}

static enum rc write_all(int fd, const char *path, struct str bytes, struct err *err)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(err, RC_IO, "cannot write %s: %s", path, strerror(errno));
        bytes = str_slice(bytes, (size_t)n, bytes.n);
    }
    if (fsync(fd) != 0)
        return err_set(err, RC_IO, "cannot fsync %s: %s", path, strerror(errno));
    return RC_OK;
}

enum rc file_sync_dir(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        int e = errno;
        if (fd >= 0)
            close(fd);
        return err_set(err, RC_IO, "cannot fsync folder %s: %s", path, strerror(e));
    }
    close(fd);
    return RC_OK;
}

enum rc file_replace(const char *path, struct str bytes, int mode, struct err *err)
{
    char tmp[4096], dir[4096];
    if ((size_t)snprintf(tmp, sizeof tmp, "%s.tmp", path) >= sizeof tmp)
        return err_set(err, RC_INVALID, "path %s is too long", path);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return err_set(err, RC_IO, "cannot create %s: %s", tmp, strerror(errno));
    enum rc rc = write_all(fd, tmp, bytes, err);
    close(fd);
    if (rc == RC_OK && rename(tmp, path) != 0)
        rc = err_set(err, RC_IO, "cannot rename %s to %s: %s", tmp, path, strerror(errno));
    if (rc != RC_OK) {
        unlink(tmp);
        return rc;
    }
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash == dir)
        slash[1] = 0;
    else if (slash)
        *slash = 0;
    return file_sync_dir(slash ? dir : ".", err);
}

enum rc file_make_dir(const char *path, int mode, struct err *err)
{
    if (mkdir(path, (mode_t)mode) == 0 || errno == EEXIST)
        return RC_OK;
    return err_set(err, RC_IO, "cannot make folder %s: %s", path, strerror(errno));
}

enum rc file_map_open(const char *path, struct file_map *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "cannot open %s: %s", path, strerror(errno));
    struct stat st;
    void *p = NULL;
    enum rc rc = RC_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rc = err_set(err, RC_IO, "%s is not a regular file", path);
    else if (st.st_size > 0 && (p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0)) == MAP_FAILED)
        rc = err_set(err, RC_IO, "cannot map %s: %s", path, strerror(errno));
    if (rc == RC_OK)
        *out = (struct file_map){p, (size_t)st.st_size};
    close(fd);
    return rc;
}

void file_map_close(struct file_map *m)
{
    if (m->p)
        munmap((void *)(uintptr_t)m->p, m->n);
    *m = (struct file_map){0};
}

enum rc file_open_alone(const char *tmp, int *out, struct err *err)
{
    for (;;) {
        struct stat mine, there;
        int fd = open(tmp, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return err_set(err, RC_IO, "cannot create %s: %s", tmp, strerror(errno));
        while (flock(fd, LOCK_EX) != 0 && errno == EINTR)
            ;
        if (fstat(fd, &mine) == 0 && stat(tmp, &there) == 0 && mine.st_ino == there.st_ino &&
            mine.st_dev == there.st_dev) {
            if (ftruncate(fd, 0) != 0) {
                close(fd);
                return err_set(err, RC_IO, "cannot empty %s: %s", tmp, strerror(errno));
            }
            *out = fd;
            return RC_OK;
        }
        close(fd);
    }
}

enum rc file_put_in_place(const char *tmp, const char *path, struct err *err)
{
    char dir[4096];
    if (rename(tmp, path) != 0)
        return err_set(err, RC_IO, "cannot rename %s to %s: %s", tmp, path, strerror(errno));
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = 0;
    return file_sync_dir(slash ? dir : ".", err);
}
