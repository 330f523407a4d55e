/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The key store. keys/vault.bin is a row of 128-byte records, a fraction of a disk sector, so that a torn write never
 * spoils a neighbour in another sector; record 0 is the header, record n is slot n:
 *
 *   0 magic "FVK1" | 4 state | 8 slot, 8 bytes | 16 nonce, 24 | 40 sealed key, 32 + 16 | 88 zero | 124 CRC-32 of 0..123
 *
 *   zero bytes --seal()--> live --destroy()--> destroyed (nonce and key overwritten with zeros)
 *
 * The file grows by a chunk of zeroed, fsynced records at a time, so that the fdatasync of a commit writes data only and
 * no metadata. The next slot is the first record that is all zeros, found under flock, as another process may have
 * appended. Integers are little-endian.
 */
#include "ledger/vault.h"

#include "base/file.h"
#include "base/rng.h"
#include "ledger/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    RECORD = 128,
    CHUNK = 1024, /* records the file grows by: 128 KiB */
    AT_STATE = 4,
    AT_SLOT = 8,
    AT_NONCE = 16,
    AT_KEY = 40,
    AT_CRC = 124,
    KEY_BYTES = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    STATE_LIVE = 1,
    STATE_DESTROYED = 2,
    PATH_SIZE = 4096
};
static const char MAGIC_HEAD[] = "FVH1", MAGIC_KEY[] = "FVK1";
static const uint8_t ZERO[RECORD];

struct vault {
    int fd;
    char path[PATH_SIZE];
    uint8_t master[32], wrap[KEY_BYTES];
    pthread_mutex_t lock; /* flock is per open file: between threads this one counts */
    int64_t next;         /* under lock: no slot below it is free */
    int64_t end;          /* under lock: records the file held when last looked */
    atomic_bool is_dirty; /* something was appended since the last fdatasync */
    atomic_bool is_broken;
};

static void slot_write(uint8_t *r, int64_t slot)
{
    for (int i = 0; i < 8; i++)
        r[AT_SLOT + i] = (uint8_t)((uint64_t)slot >> (8 * i));
}

static int64_t slot_of(const uint8_t *r)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)r[AT_SLOT + i] << (8 * i);
    return (int64_t)v;
}

static void crc_write(uint8_t *r)
{
    uint32_t c = (uint32_t)crc32(0, r, AT_CRC);
    for (int i = 0; i < 4; i++)
        r[AT_CRC + i] = (uint8_t)(c >> (8 * i));
}

static bool is_crc_good(const uint8_t *r)
{
    uint32_t c = (uint32_t)crc32(0, r, AT_CRC);
    for (int i = 0; i < 4; i++)
        if (r[AT_CRC + i] != (uint8_t)(c >> (8 * i)))
            return false;
    return true;
}

static enum rc record_read(const struct vault *v, int64_t at, uint8_t *r, struct err *err)
{
    ssize_t n = pread(v->fd, r, RECORD, (off_t)at * RECORD);
    if (n < 0)
        return err_set(err, RC_IO, "cannot read %s: %s", v->path, strerror(errno));
    memset(r + n, 0, (size_t)(RECORD - n)); /* past the end, or a cut tail */
    return RC_OK;
}

static enum rc record_write(const struct vault *v, int64_t at, const uint8_t *r, struct err *err)
{
    if (pwrite(v->fd, r, RECORD, (off_t)at * RECORD) != RECORD)
        return err_set(err, RC_IO, "cannot write %s: %s", v->path, errno ? strerror(errno) : "short write");
    return RC_OK;
}

static bool is_free(const uint8_t *r)
{
    return memcmp(r, ZERO, RECORD) == 0;
}

static struct sha256 derive(const uint8_t master[32], const char *label, const char *purpose)
{
    char text[256];
    int n = snprintf(text, sizeof text, "fane %s v1: %s", label, purpose);
    ENSURE(n > 0 && (size_t)n < sizeof text);
    return hmac_sha256(master, 32, text, (size_t)n);
}

/* master.key: 64 hex digits and a newline. */
static enum rc master_read(struct vault *v, const char *path, struct err *err)
{
    char text[128];
    size_t n = 0;
    enum rc rc = secret_file_read(path, text, sizeof text, &n, err);
    if (rc == RC_OK && !str_unhex(str_trim((struct str){text, n}), v->master, sizeof v->master))
        rc = err_set(err, RC_DAMAGED, "%s is not a master key; restore it from your copy of keys/", path);
    sodium_memzero(text, sizeof text);
    return rc;
}

static enum rc master_make(struct vault *v, const char *path, struct err *err)
{
    char text[66];
    uint8_t key[32];
    rng_bytes(key, sizeof key);
    sodium_bin2hex(text, sizeof text, key, sizeof key);
    text[64] = '\n';
    enum rc rc = secret_file_make(path, (struct str){text, 65}, err);
    sodium_memzero(key, sizeof key);
    sodium_memzero(text, sizeof text);
    return rc == RC_OK || rc == RC_CONFLICT ? master_read(v, path, err) : rc;
}

static void header_make(const struct vault *v, uint8_t r[RECORD])
{
    struct sha256 check = derive(v->master, "vault", "check");
    memset(r, 0, RECORD);
    memcpy(r, MAGIC_HEAD, 4);
    memcpy(r + AT_KEY, check.b, 32); /* says whose file this is, nothing about the key itself */
    crc_write(r);
}

static enum rc grow(struct vault *v, struct err *err)
{
    uint8_t *zeros = mem_alloc((size_t)CHUNK * RECORD);
    ssize_t n = pwrite(v->fd, zeros, (size_t)CHUNK * RECORD, (off_t)v->end * RECORD);
    int e = errno;
    free(zeros);
    if (n != (ssize_t)CHUNK * RECORD || fsync(v->fd) != 0)
        return err_set(err, RC_IO, "cannot extend %s: %s", v->path, n < 0 ? strerror(e) : "disk full");
    v->end += CHUNK;
    return RC_OK;
}

/* Callers hold v->lock and the flock. A cut tail (not a whole record) is overwritten by the next growth. */
static enum rc end_read(struct vault *v, struct err *err)
{
    struct stat st;
    if (fstat(v->fd, &st) != 0)
        return err_set(err, RC_IO, "cannot stat %s: %s", v->path, strerror(errno));
    v->end = st.st_size / RECORD;
    return RC_OK;
}

static enum rc flock_take(struct vault *v, struct err *err)
{
    while (flock(v->fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return err_set(err, RC_IO, "cannot lock %s: %s", v->path, strerror(errno));
    return RC_OK;
}

static enum rc header_check(struct vault *v, struct err *err)
{
    uint8_t want[RECORD], have[RECORD];
    header_make(v, want);
    TRY(end_read(v, err));
    TRY(record_read(v, 0, have, err));
    if (v->end == 0 || is_free(have)) {
        if (v->end == 0)
            TRY(grow(v, err));
        TRY(record_write(v, 0, want, err));
        if (fsync(v->fd) != 0)
            return err_set(err, RC_IO, "cannot fsync %s: %s", v->path, strerror(errno));
        return RC_OK;
    }
    if (!is_crc_good(have) || memcmp(have, MAGIC_HEAD, 4) != 0)
        return err_set(err, RC_DAMAGED, "%s does not begin with a vault's header", v->path);
    if (memcmp(want, have, RECORD) != 0)
        return err_set(err, RC_DAMAGED, "keys/master.key is not the key of %s; restore both from the same copy",
                       v->path);
    return RC_OK;
}

/* The first slot after the last record in use: looked for from the end, where the zeros are. */
static enum rc next_find(struct vault *v, struct err *err)
{
    uint8_t r[RECORD];
    int64_t at = v->end;
    for (; at > 1; at--) {
        TRY(record_read(v, at - 1, r, err));
        if (!is_free(r))
            break;
    }
    v->next = at < 1 ? 1 : at;
    return RC_OK;
}

static enum rc file_open(struct vault *v, const char *dir, struct err *err)
{
    char master[PATH_SIZE], keys[PATH_SIZE];
    if (snprintf(v->path, sizeof v->path, "%s/keys/vault.bin", dir) >= PATH_SIZE ||
        snprintf(master, sizeof master, "%s/keys/master.key", dir) >= PATH_SIZE ||
        snprintf(keys, sizeof keys, "%s/keys", dir) >= PATH_SIZE)
        return err_set(err, RC_INVALID, "the data directory's path is too long");
    TRY(file_make_dir(keys, 0700, err));
    enum rc rc = master_read(v, master, err);
    if (rc == RC_NOT_FOUND && file_is_there(v->path))
        return err_set(err, RC_DAMAGED, "%s is missing, and without it nothing in vault.bin can be read; restore it",
                       master);
    if (rc == RC_NOT_FOUND)
        rc = master_make(v, master, err);
    TRY(rc);
    struct sha256 wrap = derive(v->master, "vault", "wrap");
    memcpy(v->wrap, wrap.b, sizeof v->wrap);
    v->fd = open(v->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (v->fd < 0)
        return err_set(err, RC_IO, "cannot open %s: %s", v->path, strerror(errno));
    TRY(file_sync_dir(keys, err));
    TRY(flock_take(v, err));
    rc = header_check(v, err);
    if (rc == RC_OK)
        rc = next_find(v, err);
    flock(v->fd, LOCK_UN);
    return rc;
}

/* Commit hook (V1). After a failed fdatasync the kernel may call the pages clean: no later success means anything, so
 * the vault stays broken until it is opened anew. */
static enum rc sync_appended(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)tx;
    struct vault *v = ctx;
    if (atomic_load(&v->is_broken))
        return err_set(err, RC_IO, "%s could not be fsynced before; restart after checking the disk", v->path);
    if (!atomic_exchange(&v->is_dirty, false))
        return RC_OK;
    if (fdatasync(v->fd) != 0) {
        atomic_store(&v->is_broken, true);
        return err_set(err, RC_IO, "cannot fdatasync %s: %s", v->path, strerror(errno));
    }
    return RC_OK;
}

enum rc vault_open(struct store *st, const char *dir, struct vault **out, struct err *err)
{
    if (sodium_init() < 0)
        return err_set(err, RC_IO, "libsodium cannot start");
    struct vault *v = mem_alloc(sizeof *v);
    v->fd = -1;
    pthread_mutex_init(&v->lock, NULL);
    sodium_mlock(v->master, sizeof v->master + sizeof v->wrap); /* best effort: not into swap */
    enum rc rc = file_open(v, dir, err);
    if (rc != RC_OK) {
        vault_close(v);
        return rc;
    }
    store_add_commit_hook(st, sync_appended, v);
    *out = v;
    return RC_OK;
}

void vault_close(struct vault *v)
{
    if (!v)
        return;
    if (v->fd >= 0)
        close(v->fd);
    pthread_mutex_destroy(&v->lock);
    sodium_munlock(v->master, sizeof v->master + sizeof v->wrap); /* zeroes too */
    free(v);
}

static void record_seal(const struct vault *v, int64_t slot, const uint8_t key[KEY_BYTES], uint8_t r[RECORD])
{
    memset(r, 0, RECORD);
    memcpy(r, MAGIC_KEY, 4);
    r[AT_STATE] = STATE_LIVE;
    slot_write(r, slot);
    rng_bytes(r + AT_NONCE, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(r + AT_KEY, NULL, key, KEY_BYTES, r, AT_NONCE, NULL, r + AT_NONCE,
                                               v->wrap);
    crc_write(r);
}

/* Under both locks: the first free slot, growing the file when there is none. */
static enum rc slot_take(struct vault *v, int64_t *slot, struct err *err)
{
    uint8_t r[RECORD];
    for (;; v->next++) {
        if (v->next >= v->end) {
            TRY(end_read(v, err));
            if (v->next >= v->end)
                TRY(grow(v, err));
        }
        TRY(record_read(v, v->next, r, err));
        if (is_free(r))
            break;
    }
    *slot = v->next++;
    return RC_OK;
}

static enum rc key_append(struct vault *v, const uint8_t key[KEY_BYTES], int64_t *slot, struct err *err)
{
    uint8_t r[RECORD];
    TRY(flock_take(v, err));
    enum rc rc = slot_take(v, slot, err);
    if (rc == RC_OK) {
        record_seal(v, *slot, key, r);
        rc = record_write(v, *slot, r, err);
        atomic_store(&v->is_dirty, true);
    }
    flock(v->fd, LOCK_UN);
    return rc;
}

/* cipher = nonce || XChaCha20-Poly1305 under the slot's key, the object's id as associated data. */
enum rc vault_seal(struct vault *v, struct uuid object, struct str plain, struct arena *mem, struct str *cipher,
                   int64_t *slot, struct err *err)
{
    uint8_t key[KEY_BYTES];
    int64_t at = -1;
    if (plain.n > VAULT_PLAIN_MAX)
        return err_set(err, RC_TOO_LARGE, "content of %zu bytes is over %d", plain.n, VAULT_PLAIN_MAX);
    rng_bytes(key, sizeof key);
    pthread_mutex_lock(&v->lock);
    enum rc rc = key_append(v, key, &at, err);
    pthread_mutex_unlock(&v->lock);
    if (rc == RC_OK) {
        unsigned char *out = arena_alloc(mem, NONCE_BYTES + plain.n + TAG_BYTES);
        rng_bytes(out, NONCE_BYTES);
        crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_BYTES, NULL, (const unsigned char *)plain.p, plain.n,
                                                   object.b, sizeof object.b, NULL, out, key);
        *cipher = (struct str){(const char *)out, NONCE_BYTES + plain.n + TAG_BYTES};
        *slot = at;
    }
    sodium_memzero(key, sizeof key);
    return rc;
}

static enum rc record_check(const struct vault *v, int64_t slot, const uint8_t *r, struct err *err)
{
    if (is_free(r))
        return err_set(err, RC_NOT_FOUND, "slot %lld of the vault was never used", (long long)slot);
    if (!is_crc_good(r) || memcmp(r, MAGIC_KEY, 4) != 0 || slot_of(r) != slot ||
        (r[AT_STATE] != STATE_LIVE && r[AT_STATE] != STATE_DESTROYED))
        return err_set(err, RC_DAMAGED, "slot %lld of %s is damaged", (long long)slot, v->path);
    return RC_OK;
}

static enum rc key_find(const struct vault *v, int64_t slot, uint8_t key[KEY_BYTES], struct err *err)
{
    uint8_t r[RECORD];
    if (slot < 1 || slot > INT64_MAX / RECORD)
        return err_set(err, RC_NOT_FOUND, "slot %lld of the vault was never used", (long long)slot);
    TRY(record_read(v, slot, r, err));
    TRY(record_check(v, slot, r, err));
    if (r[AT_STATE] == STATE_DESTROYED)
        return err_set(err, RC_NOT_FOUND, "the key of this content was destroyed; the content is gone for good");
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(key, NULL, NULL, r + AT_KEY, KEY_BYTES + TAG_BYTES, r, AT_NONCE,
                                                   r + AT_NONCE, v->wrap) != 0)
        return err_set(err, RC_DAMAGED, "slot %lld of %s does not authenticate", (long long)slot, v->path);
    return RC_OK;
}

enum rc vault_unseal(struct vault *v, struct uuid object, int64_t slot, struct str cipher, struct arena *mem,
                     struct str *plain, struct err *err)
{
    uint8_t key[KEY_BYTES];
    if (cipher.n < NONCE_BYTES + TAG_BYTES)
        return err_set(err, RC_DAMAGED, "sealed content of %zu bytes is cut short", cipher.n);
    TRY(key_find(v, slot, key, err));
    size_t n = cipher.n - NONCE_BYTES - TAG_BYTES;
    unsigned char *out = arena_alloc(mem, n + 1);
    const unsigned char *in = (const unsigned char *)cipher.p;
    int bad = crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, in + NONCE_BYTES, n + TAG_BYTES, object.b,
                                                         sizeof object.b, in, key);
    sodium_memzero(key, sizeof key);
    if (bad)
        return err_set(err, RC_DAMAGED, "sealed content does not authenticate under its key (slot %lld)",
                       (long long)slot);
    *plain = (struct str){(const char *)out, n};
    return RC_OK;
}

static enum rc destroy_locked(struct vault *v, int64_t slot, struct err *err)
{
    uint8_t r[RECORD];
    TRY(record_read(v, slot, r, err));
    if (is_free(r))
        return err_set(err, RC_NOT_FOUND, "slot %lld of the vault was never used", (long long)slot);
    memset(r, 0, sizeof r); /* whatever it was, a damaged record too */
    memcpy(r, MAGIC_KEY, 4);
    r[AT_STATE] = STATE_DESTROYED;
    slot_write(r, slot);
    crc_write(r);
    TRY(record_write(v, slot, r, err));
    if (fsync(v->fd) != 0) {
        atomic_store(&v->is_broken, true);
        return err_set(err, RC_IO, "cannot fsync %s: %s; the key may still be on the disk", v->path, strerror(errno));
    }
    return RC_OK;
}

enum rc vault_destroy(struct vault *v, int64_t slot, struct err *err)
{
    if (slot < 1 || slot > INT64_MAX / RECORD)
        return err_set(err, RC_NOT_FOUND, "slot %lld of the vault was never used", (long long)slot);
    pthread_mutex_lock(&v->lock);
    enum rc rc = flock_take(v, err);
    if (rc == RC_OK) {
        rc = destroy_locked(v, slot, err);
        flock(v->fd, LOCK_UN);
    }
    pthread_mutex_unlock(&v->lock);
    return rc;
}

struct sha256 vault_keyed_hash(const struct vault *v, const char *purpose, const void *data, size_t n)
{
    struct sha256 key = derive(v->master, "keyed hash", purpose);
    struct sha256 h = hmac_sha256(key.b, sizeof key.b, data, n);
    sodium_memzero(&key, sizeof key);
    return h;
}

enum rc vault_check(struct vault *v, struct vault_report *out, struct err *err)
{
    uint8_t r[RECORD], key[KEY_BYTES];
    struct vault_report report = {0};
    struct stat st;
    if (fstat(v->fd, &st) != 0)
        return err_set(err, RC_IO, "cannot stat %s: %s", v->path, strerror(errno));
    for (int64_t slot = 1; slot * RECORD < st.st_size; slot++) {
        TRY(record_read(v, slot, r, err));
        if (is_free(r))
            continue;
        if (record_check(v, slot, r, NULL) != RC_OK)
            report.torn++;
        else if (r[AT_STATE] == STATE_DESTROYED)
            report.destroyed++;
        else if (key_find(v, slot, key, NULL) == RC_OK)
            report.live++;
        else
            report.torn++;
    }
    sodium_memzero(key, sizeof key);
    *out = report;
    return RC_OK;
}
