/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Byte streams of gzip.h: a file descriptor or memory, through zlib when the first bytes say so (RFC 1952).
 */
#include "wire/gzip.h"

#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { RAW_SIZE = 1 << 16 };

struct input {
    int fd;          /* -1: memory */
    struct str rest; /* memory not taken yet */
    uint64_t raw_size, raw_taken, plain_taken, cap;
    unsigned char *raw; /* what was read and not used yet: raw[raw_at..raw_n) */
    size_t raw_at, raw_n;
    bool raw_end;
    bool is_gzip, in_member, plain_end;
    z_stream z;
    char *ahead; /* plain bytes shown by a peek: ahead[ahead_at..ahead_n) */
    size_t ahead_at, ahead_n;
};

static enum rc raw_read(struct input *in, struct err *err)
{
    if (in->raw_end)
        return RC_OK;
    ssize_t got;
    if (in->fd < 0) {
        got = (ssize_t)(in->rest.n < RAW_SIZE ? in->rest.n : RAW_SIZE);
        if (got > 0)
            memcpy(in->raw, in->rest.p, (size_t)got);
        in->rest = str_slice(in->rest, (size_t)got, in->rest.n);
    } else {
        do
            got = read(in->fd, in->raw, RAW_SIZE);
        while (got < 0 && errno == EINTR);
        if (got < 0)
            return err_set(err, RC_IO, "reading failed after %llu bytes: %s", (unsigned long long)in->raw_taken,
                           strerror(errno));
    }
    in->raw_at = 0;
    in->raw_n = (size_t)got;
    in->raw_taken += (uint64_t)got;
    in->raw_end = got == 0;
    return RC_OK;
}

/* A pipe may give the two magic bytes one at a time. */
static enum rc look_at_start(struct input *in, struct err *err)
{
    TRY(raw_read(in, err));
    if (in->raw_n == 1 && in->fd >= 0) {
        unsigned char first = in->raw[0];
        ssize_t got;
        do
            got = read(in->fd, in->raw + 1, RAW_SIZE - 1);
        while (got < 0 && errno == EINTR);
        in->raw[0] = first;
        in->raw_n += got > 0 ? (size_t)got : 0;
        in->raw_taken += got > 0 ? (uint64_t)got : 0;
    }
    in->is_gzip = in->raw_n >= 2 && in->raw[0] == 0x1F && in->raw[1] == 0x8B;
    if (in->is_gzip && inflateInit2(&in->z, 15 + 16) != Z_OK)
        return err_set(err, RC_NOMEM, "no memory to inflate");
    in->in_member = in->is_gzip;
    return RC_OK;
}

static enum rc open_any(int fd, struct str bytes, uint64_t size, const struct input_options *opt, struct input **out,
                        struct err *err)
{
    struct input *in = mem_alloc(sizeof *in);
    in->fd = fd;
    in->rest = bytes;
    in->raw_size = size;
    in->cap = opt ? opt->cap : 0;
    in->raw = mem_alloc(RAW_SIZE);
    enum rc rc = look_at_start(in, err);
    if (rc != RC_OK) {
        input_close(in);
        return rc;
    }
    *out = in;
    return RC_OK;
}

enum rc input_open(const char *path, const struct input_options *opt, struct input **out, struct err *err)
{
    struct stat st;
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "cannot open %s: %s", path, strerror(errno));
    bool is_sized = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    enum rc rc = open_any(fd, STR_NONE, is_sized ? (uint64_t)st.st_size : 0, opt, out, err);
    return rc == RC_OK ? rc : err_add(err, "%s: ", is_stdin ? "standard input" : path);
}

enum rc input_open_memory(struct str bytes, const struct input_options *opt, struct input **out, struct err *err)
{
    return open_any(-1, bytes, bytes.n, opt, out, err);
}

void input_close(struct input *in)
{
    if (!in)
        return;
    if (in->is_gzip)
        inflateEnd(&in->z);
    if (in->fd > STDIN_FILENO)
        close(in->fd);
    free(in->raw);
    free(in->ahead);
    free(in);
}

static enum rc damaged(const struct input *in, const char *what, struct err *err)
{
    uint64_t at = in->raw_taken - (in->raw_n - in->raw_at);
    return err_set(err, RC_DAMAGED, "gzip data: %s at compressed byte %llu", what, (unsigned long long)at);
}

/* After a member: another one, zero padding (tapes, block devices), or the end. */
static enum rc next_member(struct input *in, struct err *err)
{
    for (;;) {
        if (in->raw_at == in->raw_n)
            TRY(raw_read(in, err));
        if (in->raw_end) {
            in->plain_end = true;
            return RC_OK;
        }
        if (in->raw[in->raw_at] != 0)
            break;
        in->raw_at++;
    }
    if (in->raw[in->raw_at] != 0x1F)
        return damaged(in, "something that is not gzip follows the data", err);
    inflateReset(&in->z);
    in->in_member = true;
    return RC_OK;
}

static enum rc inflate_some(struct input *in, unsigned char *out, size_t n, size_t *got, struct err *err)
{
    if (in->raw_at == in->raw_n)
        TRY(raw_read(in, err));
    if (in->raw_end)
        return damaged(in, "the file is cut short", err);
    in->z.next_in = in->raw + in->raw_at;
    in->z.avail_in = (uInt)(in->raw_n - in->raw_at);
    in->z.next_out = out;
    in->z.avail_out = (uInt)n;
    int z = inflate(&in->z, Z_NO_FLUSH);
    in->raw_at = in->raw_n - in->z.avail_in;
    *got = n - in->z.avail_out;
    if (z == Z_STREAM_END)
        in->in_member = false;
    else if (z != Z_OK && z != Z_BUF_ERROR)
        return damaged(in, in->z.msg ? in->z.msg : "not valid", err);
    return RC_OK;
}

static enum rc gzip_read(struct input *in, void *out, size_t n, size_t *got, struct err *err)
{
    *got = 0;
    if (n > 1 << 30)
        n = 1 << 30; /* zlib counts in unsigned int */
    while (*got == 0 && !in->plain_end)
        TRY(in->in_member ? inflate_some(in, out, n, got, err) : next_member(in, err));
    uint64_t used = in->raw_taken - (in->raw_n - in->raw_at), made = in->plain_taken + *got;
    if (made > INPUT_RATIO_FREE && made / INPUT_RATIO_MAX > used)
        return err_set(err, RC_TOO_LARGE,
                       "gzip data: %llu compressed bytes became %llu, over %d to 1: refused as a bomb",
                       (unsigned long long)used, (unsigned long long)made, INPUT_RATIO_MAX);
    return RC_OK;
}

static enum rc plain_read(struct input *in, void *out, size_t n, size_t *got, struct err *err)
{
    if (in->raw_at == in->raw_n)
        TRY(raw_read(in, err));
    size_t have = in->raw_n - in->raw_at;
    *got = have < n ? have : n;
    memcpy(out, in->raw + in->raw_at, *got);
    in->raw_at += *got;
    return RC_OK;
}

static enum rc produce(struct input *in, void *out, size_t n, size_t *got, struct err *err)
{
    TRY(in->is_gzip ? gzip_read(in, out, n, got, err) : plain_read(in, out, n, got, err));
    in->plain_taken += *got;
    if (in->cap && in->plain_taken > in->cap)
        return err_set(err, RC_TOO_LARGE, "over %llu bytes%s, the most that is read", (unsigned long long)in->cap,
                       in->is_gzip ? " when unpacked" : "");
    return RC_OK;
}

enum rc input_read(struct input *in, void *out, size_t n, size_t *got, struct err *err)
{
    size_t ahead = in->ahead_n - in->ahead_at;
    if (ahead == 0)
        return n ? produce(in, out, n, got, err) : (*got = 0, RC_OK);
    *got = ahead < n ? ahead : n;
    memcpy(out, in->ahead + in->ahead_at, *got);
    in->ahead_at += *got;
    return RC_OK;
}

enum rc input_peek(struct input *in, size_t n, struct str *out, struct err *err)
{
    if (!in->ahead)
        in->ahead = mem_alloc(INPUT_PEEK_MAX);
    if (in->ahead_at > 0) {
        memmove(in->ahead, in->ahead + in->ahead_at, in->ahead_n - in->ahead_at);
        in->ahead_n -= in->ahead_at;
        in->ahead_at = 0;
    }
    n = n < INPUT_PEEK_MAX ? n : INPUT_PEEK_MAX;
    while (in->ahead_n < n) {
        size_t got;
        TRY(produce(in, in->ahead + in->ahead_n, n - in->ahead_n, &got, err));
        if (got == 0)
            break;
        in->ahead_n += got;
    }
    *out = (struct str){in->ahead, in->ahead_n < n ? in->ahead_n : n};
    return RC_OK;
}

static enum rc read_input(void *ctx, void *out, size_t n, size_t *got, struct err *err)
{
    return input_read(ctx, out, n, got, err);
}

struct byte_source input_source(struct input *in)
{
    return (struct byte_source){read_input, in};
}

bool input_is_gzip(const struct input *in)
{
    return in->is_gzip;
}

uint64_t input_taken(const struct input *in)
{
    return in->raw_taken - (in->raw_n - in->raw_at);
}

uint64_t input_size(const struct input *in)
{
    return in->raw_size;
}

static enum rc read_str(void *ctx, void *out, size_t n, size_t *got, struct err *err)
{
    struct str *left = ctx;
    (void)err;
    *got = left->n < n ? left->n : n;
    if (*got)
        memcpy(out, left->p, *got);
    *left = str_slice(*left, *got, left->n);
    return RC_OK;
}

struct byte_source str_source(struct str *left)
{
    return (struct byte_source){read_str, left};
}

struct str gzip_pack(struct str plain, int level, struct arena *mem)
{
    struct str out = STR_NONE;
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(level);
    ENSURE(c != NULL);
    if (plain.n > 0) {
        char *p = arena_alloc(mem, plain.n);
        size_t n = libdeflate_gzip_compress(c, plain.p, plain.n, p, plain.n); /* 0: would be larger */
        out = n ? (struct str){p, n} : STR_NONE;
    }
    libdeflate_free_compressor(c);
    return out;
}

enum rc gzip_unpack(struct str packed, size_t cap, struct arena *mem, struct str *plain, struct err *err)
{
    struct input *in;
    struct buf all;
    struct input_options opt = {.cap = cap};
    TRY(input_open_memory(packed, &opt, &in, err));
    buf_init(&all, 0);
    enum rc rc = in->is_gzip ? RC_OK : err_set(err, RC_DAMAGED, "not gzip data");
    for (size_t got = 1; rc == RC_OK && got > 0;) {
        char *to = buf_reserve(&all, RAW_SIZE);
        rc = input_read(in, to, RAW_SIZE, &got, err);
        if (rc == RC_OK)
            buf_commit(&all, got);
    }
    if (rc == RC_OK)
        *plain = str_copy(mem, buf_str(&all));
    buf_fini(&all);
    input_close(in);
    return rc;
}
