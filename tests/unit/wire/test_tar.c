/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Headers of tar: there and back at the edges of sizes and names; any bit turned is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/tar.h"

static void test_there_and_back(void **state)
{
    (void)state;
    static const int64_t SIZES[] = {
        0, 1, 511, 512, 513, (INT64_C(1) << 33) - 1, INT64_C(1) << 33, INT64_C(1) << 40, TAR_SIZE_MAX};
    static char longest[TAR_NAME_MAX + 1];
    memset(longest, 'n', TAR_NAME_MAX);
    const char *names[] = {"a", "ledger/checkpoint", longest};
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++)
        for (size_t k = 0; k < 3; k++) {
            uint8_t block[TAR_BLOCK];
            char name[TAR_NAME_MAX + 1];
            int64_t size = -1;
            tar_header_write(str_of(names[k]), SIZES[i], block);
            assert_true(tar_header_read(block, name, &size));
            assert_string_equal(name, names[k]);
            assert_true(size == SIZES[i]);
            assert_true((SIZES[i] + tar_padding(SIZES[i])) % TAR_BLOCK == 0 && tar_padding(SIZES[i]) < TAR_BLOCK);
        }
}

/* Written by GNU tar 1.34 (--format=ustar --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0600): its fields as they
 * lie there. */
static void test_fields(void **state)
{
    (void)state;
    uint8_t b[TAR_BLOCK];
    tar_header_write(STR("fane.db"), 1118208, b);
    assert_memory_equal(b, "fane.db\0", 8);
    assert_memory_equal(b + 100,
                        "0000600\0"
                        "0000000\0"
                        "0000000\0"
                        "00004210000\0"
                        "00000000000\0",
                        48);
    assert_memory_equal(b + 148,
                        "010412\0 "
                        "0\0",
                        10);
    assert_memory_equal(b + 257,
                        "ustar\0"
                        "00",
                        8);
}

static void test_every_bit_counts(void **state)
{
    (void)state;
    static const int64_t SIZES[] = {4096, INT64_C(1) << 35};
    for (size_t s = 0; s < 2; s++) {
        uint8_t good[TAR_BLOCK];
        tar_header_write(STR("keys/vault.bin"), SIZES[s], good);
        for (size_t bit = 0; bit < TAR_BLOCK * 8; bit++) {
            uint8_t bad[TAR_BLOCK];
            char name[TAR_NAME_MAX + 1] = "untouched";
            int64_t size = 7;
            memcpy(bad, good, sizeof bad);
            bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(tar_header_read(bad, name, &size));
            assert_true(size == 7 && strcmp(name, "untouched") == 0);
        }
    }
}

static void test_nothing_is_no_header(void **state)
{
    (void)state;
    uint8_t zero[TAR_BLOCK] = {0}, full[TAR_BLOCK];
    char name[TAR_NAME_MAX + 1];
    int64_t size;
    memset(full, 0xff, sizeof full);
    assert_false(tar_header_read(zero, name, &size));
    assert_false(tar_header_read(full, name, &size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_every_bit_counts),
        cmocka_unit_test(test_nothing_is_no_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
