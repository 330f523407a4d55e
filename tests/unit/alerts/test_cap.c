/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The CAP writer against the standard's own schema (where xmllint and the schema are), and the structural validator
 * against documents that are wrong in one place each.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alerts/cap.h"

static const char GOOD[] =
    "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>urn:uuid:1</identifier><sender>fane@x.org</sender>"
    "<sent>2026-01-02T03:04:05-00:00</sent><status>Exercise</status><msgType>Alert</msgType><scope>Public</scope>"
    "<info><language>en</language><category>Security</category><event>e</event><urgency>Expected</urgency>"
    "<severity>Unknown</severity><certainty>Possible</certainty><expires>2026-01-03T03:04:05-00:00</expires>"
    "<parameter><valueName>a</valueName><value>b</value></parameter>"
    "<area><areaDesc>d</areaDesc><polygon>1,1 2,2 3,1 1,1</polygon><circle>10.5,20.25 5</circle></area></info>"
    "<info><language>ar</language><category>Security</category><event>e</event><urgency>Expected</urgency>"
    "<severity>Unknown</severity><certainty>Possible</certainty><expires>2026-01-03T03:04:05-00:00</expires>"
    "<area><areaDesc>d</areaDesc><circle>10.5,20.25 5</circle></area></info></alert>";

/* The document with the first `from` replaced by `to`. */
static struct str swap(const char *from, const char *to, struct arena *mem)
{
    const char *at = strstr(GOOD, from);
    assert_non_null(at);
    return str_printf(mem, "%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
}

static void one_fault_each(void **state)
{
    (void)state;
    static const char *const SWAPS[][3] = {
        {"03:04:05-00:00</sent>", "03:04:05Z</sent>", "sent"},
        {"03:04:05-00:00</sent>", "03:04:05.5-00:00</sent>", "sent"},
        {"<status>Exercise", "<status>exercise", "status"},
        {"urn:uuid:1", "a b", "identifier"},
        {"urn:uuid:1", "a,b", "identifier"},
        {"fane@x.org", "a&amp;b", "sender"},
        {"<status>Exercise</status>", "", "status"},
        {"<msgType>Alert</msgType>", "<msgType>Update</msgType>", "references"},
        {"<scope>Public</scope>", "<scope>Restricted</scope>", "restriction"},
        {"<scope>Public</scope>", "<scope>Private</scope>", "addresses"},
        {"<scope>Public</scope>", "<scope>Public</scope><restriction>x</restriction>", "restriction"},
        {"<language>en</language>", "", "language"},
        {"<language>en</language>", "<language>e_n</language>", "language"},
        {"<category>Security</category>", "", "category"},
        {"<category>Security</category>", "<category>Danger</category>", "category"},
        {"<urgency>Expected</urgency><severity>", "<severity>", "urgency"},
        {"<urgency>Expected", "<urgency>Future", "urgency"},
        {"<expires>2026-01-03", "<expires>2026-01-01", "expires"},
        {"<expires>2026-01-03T03:04:05-00:00</expires>", "", "expires"},
        {"<circle>10.5,20.25 5", "<circle>20.25 10.5 5", "circle"},
        {"<circle>10.5,20.25 5", "<circle>95,20.25 5", "circle"},
        {"1,1 2,2 3,1 1,1", "1,1 2,2 3,1 1,2", "polygon"},
        {"1,1 2,2 3,1 1,1", "1,1 2,2 1,1", "polygon"},
        {"<areaDesc>d</areaDesc>", "", "areaDesc"},
        {"<valueName>a</valueName>", "", "valueName"},
        {"<event>e</event>", "<event></event>", "event"},
        {"<event>e</event>", "<event>e</event><event>f</event>", "event"},
        {"<event>e</event>", "<evil>e</evil>", "evil"},
        {"cap:1.2", "cap:1.1", "namespace"},
    };
    struct arena mem;
    struct err err = {0};
    arena_init(&mem);
    assert_int_equal(cap_check(str_of(GOOD), &err), RC_OK);
    for (size_t i = 0; i < sizeof SWAPS / sizeof SWAPS[0]; i++) {
        err.text[0] = 0;
        enum rc rc = cap_check(swap(SWAPS[i][0], SWAPS[i][1], &mem), &err);
        if (rc != RC_INVALID || !strstr(err.text, SWAPS[i][2]))
            print_error("%s -> %s: rc %d, %s\n", SWAPS[i][0], SWAPS[i][1], rc, err.text);
        assert_int_equal(rc, RC_INVALID);
        assert_non_null(strstr(err.text, SWAPS[i][2]));
    }
    assert_int_not_equal(cap_check(str_slice(str_of(GOOD), 0, sizeof GOOD - 9), &err), RC_OK);
    assert_int_not_equal(cap_check(STR(""), &err), RC_OK);
    arena_fini(&mem);
}

static struct cap_alert alert_make(void)
{
    struct cap_alert a = {.identifier = STR("urn:uuid:2"),
                          .sender = STR("fane@example.org"),
                          .sent = {INT64_C(1700000000123456)},
                          .expires = {INT64_C(1700600000000000)},
                          .status = "Test",
                          .message = "Alert",
                          .scope = "Restricted",
                          .restriction = STR("partners"),
                          .urgency = "Expected",
                          .severity = "Unknown",
                          .certainty = "Possible",
                          .sender_name = STR("Fane <&> \"desk\""),
                          .area = STR("حلب & neighbours"),
                          .lat_deg = 36.2,
                          .lon_deg = 37.16,
                          .radius_km = 12.34};
    a.infos[a.infos_n++] =
        (struct cap_info){STR("en"), STR("event"), STR("head < line"), STR("de]]>scription"), STR("do")};
    a.infos[a.infos_n++] = (struct cap_info){STR("ar"), STR("حدث"), STR("عنوان"), STR("وصف"), STR("افعلوا")};
    a.parameters[a.parameters_n++] = (struct cap_parameter){STR("fane:p"), STR("0.001")};
    return a;
}

static void what_is_written_passes_the_schema(void **state)
{
    (void)state;
    struct arena mem;
    struct err err = {0};
    struct str xml;
    struct cap_alert a = alert_make();
    arena_init(&mem);
    enum rc rc = cap_write(&a, &mem, &xml, &err);
    if (rc != RC_OK)
        print_error("%s\n", err.text);
    assert_int_equal(rc, RC_OK);
    assert_true(str_contains(xml, STR("2023-11-14T22:13:20-00:00")));
    const char *root = getenv("FANE_SHARED");
    const char *schema = str_printf(&mem, "%s/data/schemas/CAP-v1.2.xsd", root ? root : ".").p;
    if (access(schema, R_OK) != 0 || access("/usr/bin/xmllint", X_OK) != 0) {
        print_message("SKIPPED: no CAP schema or no xmllint\n");
        arena_fini(&mem);
        return;
    }
    char name[] = "/tmp/fane-cap-XXXXXX";
    int fd = mkstemp(name);
    assert_int_equal(write(fd, xml.p, xml.n), (ssize_t)xml.n);
    close(fd);
    int status = system(str_printf(&mem, "xmllint --nonet --noout --schema %s %s >/dev/null 2>&1", schema, name).p);
    unlink(name);
    assert_int_equal(status, 0);
    arena_fini(&mem);
}

static void what_would_be_wrong_is_not_written(void **state)
{
    (void)state;
    struct arena mem;
    struct err err = {0};
    struct str xml = STR("untouched");
    arena_init(&mem);
    struct cap_alert a = alert_make();
    a.sender = STR("has space");
    assert_int_equal(cap_write(&a, &mem, &xml, &err), RC_INVALID);
    a = alert_make();
    a.restriction = STR("");
    assert_int_equal(cap_write(&a, &mem, &xml, &err), RC_INVALID);
    a = alert_make();
    a.expires = a.sent;
    assert_int_equal(cap_write(&a, &mem, &xml, &err), RC_INVALID);
    a = alert_make();
    a.message = "Cancel";
    assert_int_equal(cap_write(&a, &mem, &xml, &err), RC_INVALID);
    a.references = STR("fane@example.org,urn:uuid:1,2023-11-14T22:13:20-00:00");
    assert_int_equal(cap_write(&a, &mem, &xml, &err), RC_OK);
    arena_fini(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_fault_each),
        cmocka_unit_test(what_is_written_passes_the_schema),
        cmocka_unit_test(what_would_be_wrong_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
