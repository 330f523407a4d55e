/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The vault: what is sealed comes back, what is destroyed does not; crashes, other processes, spoilt files.
 */
#include "ledger_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"

enum { RECORD = 128 };
static const struct uuid ID = {{1, 2, 3}};

static struct str seal(struct world *w, struct str plain, int64_t *slot)
{
    struct str cipher;
    OK(vault_seal(w->vault, ID, plain, &w->mem, &cipher, slot, &w->err));
    return cipher;
}

static enum rc unseal(struct world *w, int64_t slot, struct str cipher, struct str *plain)
{
    return vault_unseal(w->vault, ID, slot, cipher, &w->mem, plain, &w->err);
}

static void test_seal_and_destroy(struct world *w)
{
    static const char *const TEXTS[] = {"", "x", "what somebody wrote in fear"};
    struct str cipher[3], plain;
    int64_t slot[3];
    for (int i = 0; i < 3; i++) {
        cipher[i] = seal(w, str_of(TEXTS[i]), &slot[i]);
        assert_int_equal(slot[i], i + 1);
        /* one byte may well stand in a cipher by chance */
        assert_false(strlen(TEXTS[i]) > 4 && str_contains(cipher[i], str_of(TEXTS[i])));
    }
    assert_false(str_is_equal(seal(w, STR("x"), &slot[0]), cipher[1])); /* a key and a nonce of its own each time */
    slot[0] = 1;
    world_stop(w);
    world_start(w);
    for (int i = 0; i < 3; i++) {
        OK(unseal(w, slot[i], cipher[i], &plain));
        assert_true(str_is_equal(plain, str_of(TEXTS[i])));
    }
    OK(vault_destroy(w->vault, slot[2], &w->err));
    OK(vault_destroy(w->vault, slot[2], &w->err));
    assert_int_equal(unseal(w, slot[2], cipher[2], &plain), RC_NOT_FOUND);
    OK(unseal(w, slot[1], cipher[1], &plain)); /* the neighbour stays */
    struct vault_report r;
    OK(vault_check(w->vault, &r, &w->err));
    assert_int_equal(r.live, 3);
    assert_int_equal(r.destroyed, 1);
    assert_int_equal(r.torn, 0);
    static const int64_t STRANGE[] = {0, -1, 5, 999999, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof STRANGE / sizeof *STRANGE; i++) {
        assert_int_equal(unseal(w, STRANGE[i], cipher[1], &plain), RC_NOT_FOUND);
        assert_int_equal(vault_destroy(w->vault, STRANGE[i], &w->err), RC_NOT_FOUND);
    }
}

static void test_spoilt_cipher(struct world *w)
{
    int64_t slot, other;
    struct str cipher = seal(w, STR("content"), &slot), plain = STR("untouched");
    seal(w, STR("content"), &other);
    for (size_t i = 0; i < cipher.n; i++) {
        struct str bad = str_copy(&w->mem, cipher);
        ((char *)(uintptr_t)bad.p)[i] ^= 0x10;
        assert_int_equal(unseal(w, slot, bad, &plain), RC_DAMAGED);
    }
    for (size_t n = 0; n < cipher.n; n++)
        assert_int_equal(unseal(w, slot, (struct str){cipher.p, n}, &plain), RC_DAMAGED);
    assert_int_equal(unseal(w, other, cipher, &plain), RC_DAMAGED);
    assert_int_equal(vault_unseal(w->vault, (struct uuid){{9}}, slot, cipher, &w->mem, &plain, &w->err), RC_DAMAGED);
    assert_true(str_is_equal(plain, STR("untouched")));
}

static struct str file_bytes(struct world *w, const char *path)
{
    struct str bytes;
    OK(file_read(path, 64 << 20, &w->mem, &bytes, &w->err));
    return bytes;
}

static void put_bytes(const char *path, off_t at, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0 && pwrite(fd, p, n, at) == (ssize_t)n);
    close(fd);
}

/* The key is nowhere in the file once it is destroyed, and never in plain. */
static void test_destroyed_is_overwritten(struct world *w)
{
    int64_t slot;
    struct str path = str_printf(&w->mem, "%s/keys/vault.bin", w->dir);
    seal(w, STR("content"), &slot);
    struct str before = file_bytes(w, path.p);
    OK(vault_destroy(w->vault, slot, &w->err));
    struct str after = file_bytes(w, path.p);
    static const uint8_t ZERO[72];
    assert_memory_not_equal(before.p + slot * RECORD + 16, ZERO, 72);
    assert_memory_equal(after.p + slot * RECORD + 16, ZERO, 72);
}

static void test_spoilt_record(struct world *w)
{
    int64_t slot;
    struct str plain, cipher = seal(w, STR("content"), &slot), path = str_printf(&w->mem, "%s/keys/vault.bin", w->dir);
    struct str bytes = file_bytes(w, path.p);
    for (size_t i = 0; i < RECORD; i++) {
        char bad = (char)(bytes.p[(size_t)slot * RECORD + i] ^ 4);
        put_bytes(path.p, (off_t)slot * RECORD + (off_t)i, &bad, 1);
        assert_int_equal(unseal(w, slot, cipher, &plain), RC_DAMAGED);
        put_bytes(path.p, (off_t)slot * RECORD + (off_t)i, bytes.p + slot * RECORD + i, 1);
    }
    OK(unseal(w, slot, cipher, &plain));
}

/* What a crash leaves: half a record, half a chunk. Nothing referred to it; new slots come after it. */
static void test_torn_tail(struct world *w)
{
    int64_t slot, next;
    struct str plain, path = str_printf(&w->mem, "%s/keys/vault.bin", w->dir), cipher = seal(w, STR("content"), &slot);
    put_bytes(path.p, (slot + 1) * RECORD, "FVK1 half of a rec", 18);
    world_stop(w);
    assert_int_equal(truncate(path.p, (slot + 2) * RECORD + 50), 0);
    world_start(w);
    struct vault_report r;
    OK(vault_check(w->vault, &r, &w->err));
    assert_int_equal(r.live, 1);
    assert_int_equal(r.torn, 1);
    OK(unseal(w, slot, cipher, &plain));
    struct str after = seal(w, STR("after"), &next);
    assert_int_equal(next, slot + 2);
    OK(unseal(w, next, after, &plain));
    assert_true(str_is_equal(plain, STR("after")));
}

static void test_keys_of_another(struct world *w)
{
    int64_t slot;
    struct vault *v = NULL;
    struct str path = str_printf(&w->mem, "%s/keys/master.key", w->dir), key;
    struct stat st;
    seal(w, STR("content"), &slot);
    assert_int_equal(stat(path.p, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(str_printf(&w->mem, "%s/keys/vault.bin", w->dir).p, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    key = file_bytes(w, path.p);
    unlink(path.p);
    assert_int_equal(vault_open(w->store, w->dir, &v, &w->err), RC_DAMAGED);
    assert_false(file_is_there(path.p)); /* no new key over content that needs the old one */
    struct str bad = str_copy(&w->mem, key);
    ((char *)(uintptr_t)bad.p)[3] ^= 1;
    OK(file_replace(path.p, bad, 0600, &w->err));
    assert_int_equal(vault_open(w->store, w->dir, &v, &w->err), RC_DAMAGED);
    OK(file_replace(path.p, STR("short"), 0600, &w->err));
    assert_int_equal(vault_open(w->store, w->dir, &v, &w->err), RC_DAMAGED);
    OK(file_replace(path.p, key, 0640, &w->err));
    assert_int_equal(vault_open(w->store, w->dir, &v, &w->err), RC_DENIED);
    OK(file_replace(path.p, key, 0600, &w->err));
    assert_null(v);
}

static void test_keyed_hash(struct world *w)
{
    struct sha256 a = vault_keyed_hash(w->vault, "receipt", "abc", 3),
                  b = vault_keyed_hash(w->vault, "receipt", "abc", 3),
                  c = vault_keyed_hash(w->vault, "session", "abc", 3),
                  d = vault_keyed_hash(w->vault, "receipt", "abd", 3), plain = sha256_of("abc", 3);
    assert_memory_equal(a.b, b.b, 32);
    assert_memory_not_equal(a.b, c.b, 32);
    assert_memory_not_equal(a.b, d.b, 32);
    assert_memory_not_equal(a.b, plain.b, 32);
    world_stop(w);
    world_start(w);
    b = vault_keyed_hash(w->vault, "receipt", "abc", 3);
    assert_memory_equal(a.b, b.b, 32);
}

enum { THREADS = 6, EACH = 300 };
struct sealer {
    struct vault *v;
    int64_t slots[EACH];
    int bad;
};

static void *seal_many(void *ctx)
{
    struct sealer *s = ctx;
    struct arena mem;
    arena_init(&mem);
    for (int i = 0; i < EACH; i++) {
        struct str cipher, plain, text = str_printf(&mem, "text %d", i);
        if (vault_seal(s->v, ID, text, &mem, &cipher, &s->slots[i], NULL) != RC_OK ||
            vault_unseal(s->v, ID, s->slots[i], cipher, &mem, &plain, NULL) != RC_OK || !str_is_equal(plain, text))
            s->bad++;
    }
    arena_fini(&mem);
    return NULL;
}

static int slot_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Threads of one process share a handle; two handles stand for two processes (flock is per open file). */
static void test_threads_and_processes(struct world *w)
{
    struct vault *second;
    pthread_t t[THREADS];
    struct sealer s[THREADS];
    static int64_t all[THREADS * EACH];
    OK(vault_open(w->store, w->dir, &second, &w->err));
    for (int i = 0; i < THREADS; i++) {
        s[i] = (struct sealer){.v = i % 2 ? second : w->vault};
        pthread_create(&t[i], NULL, seal_many, &s[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(s[i].bad, 0);
        memcpy(all + i * EACH, s[i].slots, sizeof s[i].slots);
    }
    qsort(all, THREADS * EACH, sizeof *all, slot_compare);
    for (int i = 0; i < THREADS * EACH; i++)
        assert_int_equal(all[i], i + 1); /* each slot once, none lost */
    store_close(w->store);
    vault_close(second);
    vault_close(w->vault);
    ledger_close(w->ledger);
    world_start(w);
    struct vault_report r;
    OK(vault_check(w->vault, &r, &w->err));
    assert_int_equal(r.live, THREADS * EACH);
}

static enum rc seal_in_tx(struct store_tx *tx, void *ctx, struct err *err)
{
    struct world *w = ctx;
    struct str cipher;
    int64_t slot;
    struct ledger_event ev = {.action = "toy.make", .object_kind = "toy", .object = ID, .at = {1}};
    TRY(vault_seal(w->vault, ID, STR("x"), &w->mem, &cipher, &slot, err));
    return ledger_append(tx, &ev, err);
}

static void test_in_a_transaction(struct world *w)
{
    for (int i = 0; i < 5; i++)
        OK(store_write(w->store, seal_in_tx, w, &w->err));
    struct vault_report r;
    OK(vault_check(w->vault, &r, &w->err));
    assert_true(r.live >= 5);
}

int main(void)
{
    static const struct world_test TESTS[] = {
        WORLD_TEST(test_seal_and_destroy), WORLD_TEST(test_spoilt_cipher),    WORLD_TEST(test_destroyed_is_overwritten),
        WORLD_TEST(test_spoilt_record),    WORLD_TEST(test_torn_tail),        WORLD_TEST(test_keys_of_another),
        WORLD_TEST(test_keyed_hash),       WORLD_TEST(test_in_a_transaction), WORLD_TEST(test_threads_and_processes)};
    return worlds_run(TESTS, sizeof TESTS / sizeof *TESTS);
}
