/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Sounds of words, costs of spellings, runs of letters.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text/script.h"
#include "text/sound.h"

static void words_that_sound_alike_share_a_skeleton(void **state)
{
    (void)state;
    static const char *const PAIRS[][2] = {{"masjid", "msjd"},
                                           {"khram", "hram"},
                                           {"cathedral", "katedral"},
                                           {"suleymaniye", "sulemaniye"},
                                           {"borobudur", "borobodur"}};
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++)
        assert_int_equal(text_sound(str_of(PAIRS[i][0])), text_sound(str_of(PAIRS[i][1])));
    assert_int_not_equal(text_sound(STR("mary")), text_sound(STR("martin")));
    assert_int_equal(text_sound(STR("aeiou")), 0);
}

static void a_beginning_is_a_range_of_keys(void **state)
{
    (void)state;
    uint64_t whole = text_sound(STR("kazanskij")), part = text_sound(STR("kazan"));
    assert_true(whole >= part && whole <= text_sound_last(part));
    assert_true(text_sound(STR("notre")) < part || text_sound(STR("notre")) > text_sound_last(part));
    assert_int_equal(text_sound_length(part), 3);
    assert_int_equal(text_sound_without(part, 0), text_sound(STR("zan")));
    assert_int_equal(text_sound_without(part, 2), text_sound(STR("kaza")));
}

static void edits_cost_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        unsigned cost;
    } CASES[] = {{"angkor", "angkor", 0}, {"ankor", "angkor", 2}, {"brogna", "borgna", 2}, {"sofia", "sofa", 1},
                 {"abc", "", 5},          {"djenne", "jenne", 2}, {"kazan", "kazon", 1},   {"kazan", "tazan", 2}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(text_edits(str_of(CASES[i].a), str_of(CASES[i].b), 20), CASES[i].cost);
        assert_int_equal(text_edits(str_of(CASES[i].b), str_of(CASES[i].a), 20), CASES[i].cost);
    }
    size_t used;
    assert_int_equal(text_edits(STR("cathedral"), STR("mosque"), 3), 4);
    assert_int_equal(text_edits_prefix(STR("katedr"), STR("kathedrale"), 6, &used), 1);
    assert_int_equal(used, 7);
    assert_true(text_is_unvowelled(STR("hsyn")) && !text_is_unvowelled(STR("hussein")));
    assert_int_equal(text_edits_consonants(STR("hussein"), STR("hsyn"), 4), 0);
}

static void runs_are_cut_by_script(void **state)
{
    (void)state;
    struct str rest = STR("St. Mary, 少林寺ABC วัด" TEXT_HYPHEN "พระ");
    static const struct {
        const char *text;
        enum text_spacing spacing;
    } RUNS[] = {{"St", TEXT_SPACED},  {"Mary", TEXT_SPACED}, {"少林寺", TEXT_HAN},
                {"ABC", TEXT_SPACED}, {"วัด", TEXT_UNSPACED}, {"พระ", TEXT_UNSPACED}};
    struct text_run run;
    for (size_t i = 0; i < sizeof RUNS / sizeof RUNS[0]; i++) {
        assert_true(text_next_run(&rest, &run));
        assert_true(str_is_equal(run.text, str_of(RUNS[i].text)) && run.spacing == RUNS[i].spacing);
    }
    assert_true(run.is_hyphened);
    assert_false(text_next_run(&rest, &run));
    assert_int_equal(text_characters(STR("少林寺")), 3);
    assert_int_equal(text_offset(STR("少林寺"), 2), 6);
}

static void traditional_characters_become_simplified(void **state)
{
    (void)state;
    struct text_simplifier *t;
    struct arena mem;
    struct err err;
    arena_init(&mem);
    assert_int_equal(text_simplifier_new(&t, &err), RC_OK);
    assert_true(str_is_equal(text_simplify(t, STR("靈隱寺"), &mem), STR("灵隐寺")));
    assert_true(str_is_equal(text_simplify(t, STR("Dom"), &mem), STR("Dom")));
    text_simplifier_free(t);
    arena_fini(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_that_sound_alike_share_a_skeleton),
        cmocka_unit_test(a_beginning_is_a_range_of_keys),
        cmocka_unit_test(edits_cost_what_they_say),
        cmocka_unit_test(runs_are_cut_by_script),
        cmocka_unit_test(traditional_characters_become_simplified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
