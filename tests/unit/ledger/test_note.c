/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Signed notes against the vectors of the specification and of its first implementation (Go's sumdb/note tests).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "ledger/note.h"

#define DASH "\xe2\x80\x94 "
static const char VKEY[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char SEED[] = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
#define TEXT                                                                                                           \
    "If you think cryptography is the answer to your problem,\n"                                                       \
    "then you don't know what your problem is.\n"
#define SIG                                                                                                            \
    DASH "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
static const char SPEC_VKEY[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
static const char SPEC_NOTE[] =
    "This is an example message.\n\n" DASH
    "example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

struct fixture {
    struct arena mem;
    struct err err;
    struct note note;
};

static int setup(void **state)
{
    static struct fixture f;
    arena_init(&f.mem);
    *state = &f;
    return sodium_init() < 0;
}

static int teardown(void **state)
{
    arena_fini(&((struct fixture *)*state)->mem);
    return 0;
}

static struct note_key key_of(struct fixture *f, const char *vkey)
{
    struct note_key k;
    if (note_key_parse(str_of(vkey), &f->mem, &k, &f->err) != RC_OK)
        fail_msg("%s", f->err.text);
    return k;
}

static enum rc open_note(struct fixture *f, struct str bytes, const struct note_key *k)
{
    TRY(note_parse(bytes, &f->mem, &f->note, &f->err));
    return note_verify(&f->note, k, &f->err);
}

static void test_published_notes(void **state)
{
    struct fixture *f = *state;
    struct note_key peter = key_of(f, VKEY), spec = key_of(f, SPEC_VKEY);
    assert_int_equal(peter.id, 0xc74f20a3);
    assert_int_equal(open_note(f, STR(TEXT "\n" SIG), &peter), RC_OK);
    assert_true(str_is_equal(f->note.text, STR(TEXT)));
    assert_int_equal(open_note(f, str_of(SPEC_NOTE), &spec), RC_OK);
    assert_true(str_is_equal(f->note.text, STR("This is an example message.\n")));
    assert_int_equal(open_note(f, str_of(SPEC_NOTE), &peter), RC_DAMAGED);
}

/* Ed25519 is deterministic: signing gives the published bytes. */
static void test_sign_is_byte_exact(void **state)
{
    struct fixture *f = *state;
    struct note_key peter = key_of(f, VKEY);
    struct str seed, out;
    uint8_t pk[32], sk[64];
    assert_true(str_unbase64(str_of(SEED), &f->mem, &seed));
    crypto_sign_ed25519_seed_keypair(pk, sk, (const unsigned char *)seed.p + 1);
    assert_memory_equal(pk, peter.public_key, 32);
    assert_int_equal(note_sign(STR(TEXT), &peter, sk, &f->mem, &out, &f->err), RC_OK);
    assert_string_equal(out.p, TEXT "\n" SIG);
    assert_int_equal(note_sign(STR("no newline"), &peter, sk, &f->mem, &out, &f->err), RC_INVALID);
    assert_int_equal(note_sign(STR("tab\t\n"), &peter, sk, &f->mem, &out, &f->err), RC_INVALID);
    assert_string_equal(note_key_format(&f->mem, &peter).p, VKEY);
}

/* A signature of somebody unknown is ignored, also when it shares the name or the id. */
static void test_unknown_signers(void **state)
{
    struct fixture *f = *state;
    struct note_key peter = key_of(f, VKEY);
    static const char OTHERS[] = DASH "Someone AAAAAAAA\n" DASH "PeterNeumann AAAAAAAA\n";
    assert_int_equal(open_note(f, str_printf(&f->mem, "%s\n%s%s", TEXT, OTHERS, SIG), &peter), RC_OK);
    assert_int_equal(f->note.signatures_n, 3);
    assert_int_equal(open_note(f, str_printf(&f->mem, "%s\n%s", TEXT, OTHERS), &peter), RC_DAMAGED);
    /* one good, one bad signature of the known key */
    assert_int_equal(open_note(f, str_printf(&f->mem, "%s\n%s%sPeterNeumann x08gowAA\n", TEXT, SIG, DASH), &peter),
                     RC_DAMAGED);
}

static void test_each_bit(void **state)
{
    struct fixture *f = *state;
    struct note_key peter = key_of(f, VKEY);
    static const char NOTE[] = TEXT "\n" SIG;
    for (size_t i = 0; i < sizeof NOTE - 1; i++)
        for (int bit = 0; bit < 8; bit++) {
            struct str copy = str_copy(&f->mem, str_of(NOTE));
            ((char *)(uintptr_t)copy.p)[i] ^= (char)(1 << bit);
            assert_int_not_equal(open_note(f, copy, &peter), RC_OK);
        }
    for (size_t n = 0; n < sizeof NOTE - 1; n++)
        assert_int_not_equal(open_note(f, (struct str){NOTE, n}, &peter), RC_OK);
}

static void test_malformed(void **state)
{
    struct fixture *f = *state;
    static const char *const BAD[] = {TEXT,
                                      TEXT SIG,
                                      "\n\n",
                                      "\n" SIG,
                                      "a\n\n",
                                      "a\n\nx " SIG,
                                      "a\n\n" DASH "name\n",
                                      "a\n\n" DASH "name +\n",
                                      "a\n\n" DASH "na+me AAAAAAA=\n",
                                      "a\n\n" DASH " AAAAAAA=\n",
                                      "a\n\n" DASH "n\xc2\xa0m AAAAAAA=\n",
                                      "a\n\n" DASH "name AAAA\n",
                                      "a\n\n" DASH "name AAAAAAB=\n",
                                      "a\r\n\n" SIG,
                                      "a\n\n" DASH "name AAAAAAA=",
                                      "\xff\n\n" DASH "name AAAAAAA=\n"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        if (note_parse(str_of(BAD[i]), &f->mem, &f->note, &f->err) != RC_INVALID)
            fail_msg("accepted %zu: %s", i, BAD[i]);
    struct buf b;
    buf_init(&b, 0);
    buf_add_z(&b, "a\n\n");
    for (int i = 0; i < NOTE_SIGNATURES_MAX; i++)
        buf_add_z(&b, DASH "name AAAAAAA=\n");
    assert_int_equal(note_parse(buf_str(&b), &f->mem, &f->note, &f->err), RC_OK);
    buf_add_z(&b, DASH "name AAAAAAA=\n");
    assert_int_equal(note_parse(buf_str(&b), &f->mem, &f->note, &f->err), RC_TOO_LARGE);
    buf_fini(&b);
}

static void test_bad_keys(void **state)
{
    struct fixture *f = *state;
    struct note_key k;
    size_t n = sizeof VKEY - 1;
    for (size_t i = 0; i <= n; i++)
        for (size_t j = i; j <= n; j++)
            if (i != 0 || j != n)
                assert_int_equal(note_key_parse((struct str){VKEY + i, j - i}, &f->mem, &k, &f->err), RC_INVALID);
    assert_int_equal(note_key_parse(STR("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="),
                                    &f->mem, &k, &f->err),
                     RC_INVALID);
    assert_int_equal(
        note_key_parse(STR("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), &f->mem, &k, &f->err),
        RC_INVALID);
}

static void test_checkpoints(void **state)
{
    struct fixture *f = *state;
    static const char GOOD[] = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    struct checkpoint c;
    assert_int_equal(checkpoint_parse(str_of(GOOD), &f->mem, &c, &f->err), RC_OK);
    assert_int_equal(c.size, 20852163);
    assert_string_equal(checkpoint_format(&f->mem, &c).p, GOOD);
    assert_int_equal(checkpoint_parse(str_printf(&f->mem, "%sextension\n", GOOD), &f->mem, &c, &f->err),
                     RC_UNSUPPORTED);
    static const char NUL[] = "a\0b\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    assert_int_equal(checkpoint_parse((struct str){NUL, sizeof NUL - 1}, &f->mem, &c, &f->err), RC_INVALID);
    static const char *const BAD[] = {"",
                                      "a\n",
                                      "a\n1\n",
                                      "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
                                      "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
                                      "a\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
                                      "a\n+1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
                                      "a\n99999999999999999999\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
                                      "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
                                      "a\n1\nCsUY\n",
                                      "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        if (checkpoint_parse(str_of(BAD[i]), &f->mem, &c, &f->err) != RC_INVALID)
            fail_msg("accepted %zu: %s", i, BAD[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_notes), cmocka_unit_test(test_sign_is_byte_exact),
        cmocka_unit_test(test_unknown_signers), cmocka_unit_test(test_each_bit),
        cmocka_unit_test(test_malformed),       cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_checkpoints)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
