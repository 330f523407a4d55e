/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Years of start_date: every form of the header, and what is not understood.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/osm_date.h"

enum { NO_E = OSM_DATE_NO_EARLIEST, NO_L = OSM_DATE_NO_LATEST };

static const struct {
    const char *text;
    int earliest, latest;
    bool is_about;
} UNDERSTOOD[] = {
    {"1823", 1823, 1823, false},
    {"537", 537, 537, false},
    {" 1823 ", 1823, 1823, false},
    {"1823-05", 1823, 1823, false},
    {"1823-05-04", 1823, 1823, false},
    {"j:1700-03-01", 1700, 1700, false},
    {"j:1700-12-25", 1700, 1701, false},
    {"1850s", 1850, 1859, false},
    {"1800s", 1800, 1899, false},
    {"~1940s", 1940, 1949, true},
    {"early 1920s", 1920, 1923, true},
    {"mid 1920s", 1923, 1926, true},
    {"late 1920s", 1926, 1929, true},
    {"C18", 1701, 1800, false},
    {"c18", 1701, 1800, false},
    {"~C13", 1201, 1300, true},
    {"early C18", 1701, 1740, true},
    {"mid C14", 1331, 1370, true},
    {"Late C14", 1361, 1400, true},
    {"~1850", 1850, 1850, true},
    {"1850?", 1850, 1850, true},
    {"480 BC", -479, -479, false},
    {"480 bce", -479, -479, false},
    {"1 BC", 0, 0, false},
    {"C5 BC", -499, -400, false},
    {"C1 BC", -99, 0, false},
    {"early C5 BC", -499, -460, true},
    {"late C5 BC", -439, -400, true},
    {"AD 60", 60, 60, false},
    {"60 CE", 60, 60, false},
    {"before 1823", NO_E, 1822, false},
    {"before 1823-05", NO_E, 1823, false},
    {"before C12", NO_E, 1100, false},
    {"before 100 BC", NO_E, -100, false},
    {"after 1823", 1824, NO_L, false},
    {"After 1910-01-20", 1910, NO_L, false},
    {"after C12", 1201, NO_L, false},
    {"before ~1500", NO_E, 1499, true},
    {"1914..1918", 1914, 1918, false},
    {"1914-1918", 1914, 1918, false},
    {"2008-08-08..2008-08-24", 2008, 2008, false},
    {"mid C17..late C17", 1631, 1700, true},
    {"C1 BC..C2", -99, 200, false},
    {"500 BC..480 BC", -499, -479, false},
    {"~1500..1530", 1500, 1530, true},
};

static const char *const NOT_UNDERSTOOD[] = {"",
                                             " ",
                                             "yes",
                                             "old",
                                             "0",
                                             "0000",
                                             "12345",
                                             "1823-13",
                                             "1823-00",
                                             "1823-05-32",
                                             "1823-5",
                                             "1823-05-4",
                                             "18th",
                                             "C",
                                             "C0",
                                             "C100",
                                             "C18th",
                                             "early 1850",
                                             "1850ss",
                                             "1855s",
                                             "s",
                                             "~",
                                             "~~1850",
                                             "1850??",
                                             "before",
                                             "before ",
                                             "after",
                                             "before before 1850",
                                             "BC",
                                             "480BC",
                                             "480 BC BC",
                                             "AD",
                                             "1823-05 BC",
                                             "1918..1914",
                                             "1914...1918",
                                             "1914..",
                                             "..1918",
                                             "1875/1876",
                                             "1875;1880",
                                             "12/1850",
                                             "4.5.1850",
                                             "before 1850..1860",
                                             "480..450 BC",
                                             "2201",
                                             "C23",
                                             "jd:2455511",
                                             "1823-05-04T",
                                             "-480",
                                             "1823 or so",
                                             "1\xc3\xa9",
                                             "j:",
                                             "j:x",
                                             "1914-1918-1920",
                                             "1.."};

static void test_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof UNDERSTOOD / sizeof UNDERSTOOD[0]; i++) {
        struct osm_years y = {12345, 12345, false};
        if (!osm_date_parse(str_of(UNDERSTOOD[i].text), &y) || y.earliest != UNDERSTOOD[i].earliest ||
            y.latest != UNDERSTOOD[i].latest || y.is_about != UNDERSTOOD[i].is_about)
            fail_msg("%s: %d to %d, about %d", UNDERSTOOD[i].text, y.earliest, y.latest, y.is_about);
    }
}

static void test_not_understood(void **state)
{
    (void)state;
    struct osm_years y;
    for (size_t i = 0; i < sizeof NOT_UNDERSTOOD / sizeof NOT_UNDERSTOOD[0]; i++)
        if (osm_date_parse(str_of(NOT_UNDERSTOOD[i]), &y))
            fail_msg("\"%s\" was taken for %d to %d", NOT_UNDERSTOOD[i], y.earliest, y.latest);
}

static void test_long(void **state)
{
    (void)state;
    char text[OSM_DATE_TEXT_MAX + 2];
    struct osm_years y;
    memset(text, ' ', sizeof text);
    memcpy(text, "1823", 4);
    assert_true(osm_date_parse((struct str){text, OSM_DATE_TEXT_MAX}, &y));
    assert_false(osm_date_parse((struct str){text, OSM_DATE_TEXT_MAX + 1}, &y));
}

/* Every text of up to four bytes of those that the forms are made of: never a range that runs backwards. */
static void test_short_texts(void **state)
{
    (void)state;
    static const char BYTES[] = "01982Cs~-. ?jBeforA";
    enum { N = sizeof BYTES - 1 };
    size_t taken = 0;
    for (size_t k = 0; k < (size_t)N * N * N * N; k++) {
        char text[4] = {BYTES[k % N], BYTES[k / N % N], BYTES[k / N / N % N], BYTES[k / N / N / N]};
        struct osm_years y;
        if (osm_date_parse((struct str){text, sizeof text}, &y)) {
            assert_true(y.earliest <= y.latest);
            taken++;
        }
    }
    assert_true(taken > 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_understood), cmocka_unit_test(test_not_understood),
                                       cmocka_unit_test(test_long), cmocka_unit_test(test_short_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
