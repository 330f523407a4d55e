/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Folding of names in many scripts.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text/fold.h"

static void names_of_many_scripts_fold(void **state)
{
    (void)state;
    static const char *const PAIRS[][2] = {
        {"Saint-Étienne  (Église)", "saint etienne eglise"},
        {"Храм Христа Спасителя", "hram hrista spasitela"},
        {"Teir Ma'la", "teir mala"},
        {"ΑΓΙΑ ΣΟΦΙΑ", "agia sophia"},
        {"Łódź", "lodz"},
        {"", ""},
        {"---", ""},
    };
    struct arena mem;
    struct text_folder *f;
    struct err err;
    arena_init(&mem);
    assert_int_equal(text_folder_new(&f, &err), RC_OK);
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        struct str got = text_fold(f, str_of(PAIRS[i][0]), &mem);
        assert_string_equal(got.p, PAIRS[i][1]);
    }
    /* Arabic, Hebrew, Han, Devanagari: something of Latin letters comes out, and the same each time. */
    static const char *const OTHERS[] = {"المسجد الأقصى", "בית הכנסת", "少林寺", "काशी विश्वनाथ", "วัดพระแก้ว"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        struct str a = text_fold(f, str_of(OTHERS[i]), &mem), b = text_fold(f, str_of(OTHERS[i]), &mem);
        assert_true(a.n > 3 && str_is_equal(a, b));
        for (size_t k = 0; k < a.n; k++)
            assert_true((unsigned char)a.p[k] < 0x80);
    }
    text_folder_free(f);
    arena_fini(&mem);
}

static void bad_and_long_input_is_taken(void **state)
{
    (void)state;
    struct arena mem;
    struct text_folder *f;
    struct err err;
    static char longest[3 * TEXT_FOLD_MAX];
    arena_init(&mem);
    assert_int_equal(text_folder_new(&f, &err), RC_OK);
    for (size_t i = 0; i + 3 <= sizeof longest; i += 3)
        memcpy(longest + i, "少", 3);
    assert_true(text_fold(f, (struct str){longest, sizeof longest}, &mem).n > 0);
    text_fold(f, STR("\xff\xfe broken \xe6"), &mem);
    text_folder_free(f);
    arena_fini(&mem);
}

static void words_come_one_by_one(void **state)
{
    (void)state;
    struct str rest = STR(" al  aqsa "), word;
    assert_true(text_next_word(&rest, &word) && str_is_equal(word, STR("al")));
    assert_true(text_next_word(&rest, &word) && str_is_equal(word, STR("aqsa")));
    assert_false(text_next_word(&rest, &word));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_many_scripts_fold),
        cmocka_unit_test(bad_and_long_input_is_taken),
        cmocka_unit_test(words_come_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
