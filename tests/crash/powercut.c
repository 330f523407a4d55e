/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The preloaded half. See powercut.h. One lock around every call that changes a followed file: the order in the journal
 * is the order on the disk.
 */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS /* it would give pwrite and pwrite64 one name; both are defined below */
#include "powercut.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct powercut_journal *journal;
static const char *followed;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void start(void)
{
    /* POSIX gives dlsym no other way to a function pointer. */
    *(void **)&real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    *(void **)&real_write = dlsym(RTLD_NEXT, "write");
    *(void **)&real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    *(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
    *(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    followed = getenv("POWERCUT_DIR");
    const char *path = getenv("POWERCUT_JOURNAL");
    if (!followed || !path)
        return;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || real_ftruncate(fd, (off_t)POWERCUT_JOURNAL_BYTES) != 0)
        abort();
    void *p = mmap(NULL, POWERCUT_JOURNAL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (p == MAP_FAILED)
        abort();
    journal = p;
    journal->magic = POWERCUT_MAGIC;
}

/* The file's number in the journal; -1 when it is not followed. Called with the lock held. */
static int file_of(int fd)
{
    struct stat st;
    char link[64], path[POWERCUT_PATH];
    if (!journal || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return -1;
    for (uint64_t i = 0; i < journal->files_n; i++)
        if (journal->files[i].device == st.st_dev && journal->files[i].inode == st.st_ino)
            return (int)i;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return -1;
    path[n] = 0;
    size_t shm = strlen("-shm");
    if (strncmp(path, followed, strlen(followed)) != 0 || ((size_t)n > shm && strcmp(path + n - shm, "-shm") == 0))
        return -1;
    if (journal->files_n == POWERCUT_FILES)
        abort();
    struct powercut_file *f = &journal->files[journal->files_n];
    f->device = st.st_dev;
    f->inode = st.st_ino;
    memcpy(f->path, path, (size_t)n + 1);
    return (int)journal->files_n++;
}

static unsigned char *records(void)
{
    return (unsigned char *)(journal + 1);
}

/* Notes what is about to change. With the lock held. */
static void note(int file, int fd, const void *data, uint64_t n, uint64_t offset, int is_truncate)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        abort();
    uint64_t size = (uint64_t)st.st_size, old_n = 0;
    if (is_truncate)
        old_n = offset < size ? size - offset : 0;
    else if (offset < size)
        old_n = size - offset < n ? size - offset : n;
    struct powercut_record r = {.sequence = journal->next_sequence++,
                                .file = (uint32_t)file,
                                .is_truncate = (uint32_t)is_truncate,
                                .offset = offset,
                                .size_before = size,
                                .old_n = old_n,
                                .new_n = is_truncate ? 0 : n};
    uint64_t room = POWERCUT_JOURNAL_BYTES - sizeof *journal - journal->used;
    if (powercut_record_bytes(&r) > room)
        abort(); /* a gigabyte without an fsync is a defect of what is tested */
    unsigned char *to = records() + journal->used;
    int reader = open(journal->files[file].path, O_RDONLY | O_CLOEXEC); /* fd may be write-only */
    if (old_n && (reader < 0 || pread(reader, to + sizeof r, old_n, (off_t)offset) != (ssize_t)old_n))
        abort();
    if (reader >= 0)
        close(reader);
    if (r.new_n)
        memcpy(to + sizeof r + old_n, data, n);
    memcpy(to, &r, sizeof r);
    journal->used += powercut_record_bytes(&r);
    journal->writes++;
}

/* Forgets the writes of a file that came before `sequence`. With the lock held. */
static void forget(int file, uint64_t sequence)
{
    unsigned char *base = records();
    uint64_t from = 0, to = 0;
    while (from < journal->used) {
        struct powercut_record r;
        memcpy(&r, base + from, sizeof r);
        uint64_t n = powercut_record_bytes(&r);
        if (r.file != (uint32_t)file || r.sequence >= sequence) {
            if (to != from)
                memmove(base + to, base + from, n);
            to += n;
        }
        from += n;
    }
    journal->used = to;
    journal->syncs++;
}

static ssize_t write_at(int fd, const void *data, size_t n, off_t offset)
{
    pthread_mutex_lock(&lock);
    int file = file_of(fd);
    if (file >= 0)
        note(file, fd, data, n, (uint64_t)offset, 0);
    ssize_t got = real_pwrite(fd, data, n, offset);
    int e = errno;
    pthread_mutex_unlock(&lock);
    errno = e;
    return got;
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t offset);
ssize_t pwrite64(int fd, const void *data, size_t n, off_t offset);
ssize_t pwrite(int fd, const void *data, size_t n, off_t offset)
{
    return write_at(fd, data, n, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t n, off_t offset)
{
    return write_at(fd, data, n, offset);
}

ssize_t write(int fd, const void *data, size_t n)
{
    pthread_mutex_lock(&lock);
    int file = file_of(fd);
    if (file >= 0) {
        off_t at = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
        note(file, fd, data, n, (uint64_t)at, 0);
    }
    ssize_t got = real_write(fd, data, n);
    int e = errno;
    pthread_mutex_unlock(&lock);
    errno = e;
    return got;
}

static int truncate_to(int fd, off_t size)
{
    pthread_mutex_lock(&lock);
    int file = file_of(fd);
    if (file >= 0)
        note(file, fd, NULL, 0, (uint64_t)size, 1);
    int rc = real_ftruncate(fd, size);
    pthread_mutex_unlock(&lock);
    return rc;
}

int ftruncate(int fd, off_t size);
int ftruncate64(int fd, off_t size);
int ftruncate(int fd, off_t size)
{
    return truncate_to(fd, size);
}
int ftruncate64(int fd, off_t size)
{
    return truncate_to(fd, size);
}

static int sync_with(int (*real)(int), int fd)
{
    pthread_mutex_lock(&lock);
    int file = file_of(fd);
    uint64_t before = journal ? journal->next_sequence : 0;
    pthread_mutex_unlock(&lock);
    int rc = real(fd); /* only what was written before it began is covered */
    if (rc == 0 && file >= 0) {
        pthread_mutex_lock(&lock);
        forget(file, before);
        pthread_mutex_unlock(&lock);
    }
    return rc;
}

int fsync(int fd)
{
    return sync_with(real_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_with(real_fdatasync, fd);
}
