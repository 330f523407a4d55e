/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Accounts, log-in and sessions on both engines. Hashing is made cheap here; one test uses the real cost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "people/people.h"
#include "pg_server.h"

struct world {
    enum store_engine engine;
    struct store *store;
    struct ledger *ledger;
    struct vault *vault;
    struct people *people;
    struct arena mem;
    struct err err;
};

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        w->err.text[0] = 0;                                                                                            \
        enum rc ok_rc_ = (call);                                                                                       \
        if (ok_rc_ != RC_OK)                                                                                           \
            fail_msg("%s: %s: %s", #call, rc_name(ok_rc_), w->err.text);                                               \
    } while (0)
#define FAILS(rc, call) assert_int_equal((call), (rc))

static const struct viewer SYSTEM = {.role = ROLE_ADMINISTRATOR}; /* VIEWER_SYSTEM */
static const struct str PASSWORD = {"correct horse battery", 21};

static struct uuid account_add(struct world *w, const char *name, enum role role)
{
    struct uuid id;
    struct account_new n = {.name = str_of(name), .password = PASSWORD, .role = role};
    OK(people_add_account(w->people, &SYSTEM, &n, &id, &w->err));
    return id;
}

static struct viewer viewer_of(struct world *w, const char *name)
{
    struct viewer v;
    OK(people_find_viewer(w->people, str_of(name), &v, &w->err));
    return v;
}

static enum rc login(struct world *w, const char *name, struct str password, struct session *s)
{
    return people_login(w->people, str_of(name), password, &w->mem, s, &w->err);
}

static enum rc session(struct world *w, const char *token, struct session *s)
{
    return people_session_find(w->people, str_of(token), &w->mem, s, &w->err);
}

static int64_t verify_entries(struct world *w)
{
    struct ledger_report r;
    OK(ledger_verify(w->ledger, &r, &w->err));
    return r.entries;
}

static void test_names(struct world *w)
{
    static const char *const GOOD[][2] = {
        {"Alice", "alice"},
        {"a.b-c_d@example.org", "a.b-c_d@example.org"},
        {"\xd9\x81\xd8\xa7\xd8\xb7\xd9\x85\xd8\xa9", "\xd9\x81\xd8\xa7\xd8\xb7\xd9\x85\xd8\xa9"},
        {"Stra\xc3\x9f"
         "e",
         "strasse"},
        {"\xef\xbc\xa2\xef\xbc\xaf\xef\xbc\xa2", "bob"},
        {"\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\xe0\xa5\x8d", "\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\xe0\xa5\x8d"}};
    static const char *const BAD[] = {
        "",      "a",        "two words", "semi;colon",
        "tab\t", "\xff\xff", "a/b",       "0123456789012345678901234567890123456789012345678901234567890123456789",
        "<b>"};
    struct account a;
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        OK(people_find_account(w->people, &SYSTEM, account_add(w, GOOD[i][0], ROLE_REVIEWER), &w->mem, &a, &w->err));
        assert_string_equal(a.name.p, GOOD[i][1]);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct account_new n = {.name = str_of(BAD[i]), .password = PASSWORD, .role = ROLE_REVIEWER};
        struct uuid id;
        FAILS(RC_INVALID, people_add_account(w->people, &SYSTEM, &n, &id, &w->err));
    }
    struct account_new n = {.name = STR("ALICE"), .password = PASSWORD, .role = ROLE_REVIEWER};
    struct uuid id;
    FAILS(RC_CONFLICT, people_add_account(w->people, &SYSTEM, &n, &id, &w->err));
    assert_non_null(strstr(w->err.text, "alice"));
    n.name = STR("carol");
    n.role = ROLE_PUBLIC;
    FAILS(RC_INVALID, people_add_account(w->people, &SYSTEM, &n, &id, &w->err));
    n.role = ROLE_REVIEWER;
    n.org = (struct uuid){{5}};
    FAILS(RC_NOT_FOUND, people_add_account(w->people, &SYSTEM, &n, &id, &w->err));
}

static void test_password_rules(struct world *w)
{
    struct uuid id = account_add(w, "long-enough-name", ROLE_ADMINISTRATOR);
    char longest[PASSWORD_MAX + 1];
    memset(longest, 'x', sizeof longest);
    static const char *const BAD[] = {"", "short", "elevenchars", "Long-Enough-NAME",
                                      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        FAILS(RC_INVALID, people_set_password(w->people, &SYSTEM, id, str_of(BAD[i]), &w->err));
    FAILS(RC_INVALID, people_set_password(w->people, &SYSTEM, id, (struct str){longest, PASSWORD_MAX + 1}, &w->err));
    OK(people_set_password(w->people, &SYSTEM, id, (struct str){longest, PASSWORD_MAX}, &w->err));
    struct session s;
    OK(login(w, "long-enough-name", (struct str){longest, PASSWORD_MAX}, &s));
    /* composed and decomposed spelling of the same letters */
    OK(people_set_password(w->people, &SYSTEM, id, STR("caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9"), &w->err));
    OK(login(w, "long-enough-name", STR("cafe\xcc\x81 cafe\xcc\x81 cafe\xcc\x81"), &s));
    FAILS(RC_NOT_FOUND, people_set_password(w->people, &SYSTEM, (struct uuid){{9}}, PASSWORD, &w->err));
}

static void test_login_and_session(struct world *w)
{
    struct session s, t;
    struct uuid id = account_add(w, "Dana", ROLE_COORDINATOR);
    FAILS(RC_UNAUTHENTICATED, login(w, "dana", STR("not the password"), &s));
    char wrong[1024], unknown[1024];
    snprintf(wrong, sizeof wrong, "%s", w->err.text);
    FAILS(RC_UNAUTHENTICATED, login(w, "nobody-here", PASSWORD, &s));
    snprintf(unknown, sizeof unknown, "%s", w->err.text);
    assert_string_equal(wrong, unknown); /* P2 */
    FAILS(RC_UNAUTHENTICATED, login(w, "in valid", PASSWORD, &s));
    assert_string_equal(w->err.text, wrong);
    OK(login(w, "DANA", PASSWORD, &s));
    assert_int_equal(strlen(s.token), SESSION_TOKEN_CHARS);
    assert_int_equal(s.viewer.role, ROLE_COORDINATOR);
    assert_true(uuid_is_equal(s.viewer.account, id));
    OK(session(w, s.token, &t));
    assert_true(uuid_is_equal(t.viewer.account, id));
    assert_string_equal(t.csrf, s.csrf);
    assert_true(session_is_csrf(&t, str_of(s.csrf)));
    s.csrf[5] = s.csrf[5] == 'a' ? 'b' : 'a';
    assert_false(session_is_csrf(&t, str_of(s.csrf)));
    assert_false(session_is_csrf(&t, STR("")));
    assert_int_equal(t.token[0], 0);
    FAILS(RC_UNAUTHENTICATED, session(w, "", &t));
    FAILS(RC_UNAUTHENTICATED, session(w, "00000000000000000000000000000000", &t));
    OK(people_logout(w->people, str_of(s.token), &w->err));
    OK(people_logout(w->people, str_of(s.token), &w->err));
    FAILS(RC_UNAUTHENTICATED, session(w, s.token, &t));
    assert_int_equal(verify_entries(w), 4); /* instance, account, login, logout */
}

static int64_t now_us;

static void later(int64_t s)
{
    now_us += s * 1000000;
    clock_set((struct instant){now_us});
}

static void test_session_ends(struct world *w)
{
    struct session s, t;
    account_add(w, "erin", ROLE_REVIEWER);
    OK(login(w, "erin", PASSWORD, &s));
    for (int i = 0; i < 11; i++) { /* in use all the time: until the absolute end */
        later(SESSION_IDLE_S);
        OK(session(w, s.token, &t));
    }
    later(SESSION_IDLE_S);
    FAILS(RC_UNAUTHENTICATED, session(w, s.token, &t));
    OK(login(w, "erin", PASSWORD, &s));
    later(SESSION_IDLE_S + 1);
    FAILS(RC_UNAUTHENTICATED, session(w, s.token, &t));
}

static void test_changes_end_sessions(struct world *w)
{
    struct session s, t;
    struct uuid boss = account_add(w, "boss", ROLE_ADMINISTRATOR), id = account_add(w, "frank", ROLE_REVIEWER);
    struct viewer boss_v = viewer_of(w, "boss"), frank_v = viewer_of(w, "Frank");
    OK(login(w, "frank", PASSWORD, &s));
    OK(people_set_role(w->people, &boss_v, id, ROLE_COORDINATOR, &w->err));
    OK(session(w, s.token, &t));
    assert_int_equal(t.viewer.role, ROLE_COORDINATOR); /* at once, in the running session */
    OK(people_set_password(w->people, &boss_v, id, STR("another password"), &w->err));
    FAILS(RC_UNAUTHENTICATED, session(w, s.token, &t));
    FAILS(RC_UNAUTHENTICATED, login(w, "frank", PASSWORD, &s));
    OK(login(w, "frank", STR("another password"), &s));
    FAILS(RC_DENIED, people_change_password(w->people, &frank_v, PASSWORD, STR("a third password"), &w->err));
    OK(people_change_password(w->people, &frank_v, STR("another password"), STR("a third password"), &w->err));
    OK(login(w, "frank", STR("a third password"), &s));
    OK(people_disable(w->people, &boss_v, id, true, &w->err));
    FAILS(RC_UNAUTHENTICATED, session(w, s.token, &t));
    FAILS(RC_UNAUTHENTICATED, login(w, "frank", STR("a third password"), &s));
    struct viewer v;
    FAILS(RC_DENIED, people_find_viewer(w->people, STR("frank"), &v, &w->err));
    OK(people_disable(w->people, &boss_v, id, false, &w->err));
    OK(login(w, "frank", STR("a third password"), &s));
    /* P5 */
    FAILS(RC_CONFLICT, people_disable(w->people, &boss_v, boss, true, &w->err));
    FAILS(RC_CONFLICT, people_set_role(w->people, &boss_v, boss, ROLE_REVIEWER, &w->err));
    OK(people_set_role(w->people, &boss_v, id, ROLE_ADMINISTRATOR, &w->err));
    OK(people_set_role(w->people, &boss_v, boss, ROLE_REVIEWER, &w->err));
    verify_entries(w);
}

static void test_only_administrators_manage(struct world *w)
{
    account_add(w, "gina", ROLE_COORDINATOR);
    struct viewer gina = viewer_of(w, "gina"), nobody = VIEWER_PUBLIC;
    const struct viewer *const who[] = {&gina, &nobody};
    struct account_new n = {.name = STR("henry"), .password = PASSWORD, .role = ROLE_REVIEWER};
    struct uuid id;
    struct account_page page;
    struct org_page orgs;
    struct account a;
    for (size_t i = 0; i < 2; i++) {
        FAILS(RC_DENIED, people_add_account(w->people, who[i], &n, &id, &w->err));
        FAILS(RC_DENIED, people_add_org(w->people, who[i], STR("Org"), &id, &w->err));
        FAILS(RC_DENIED, people_set_password(w->people, who[i], gina.account, PASSWORD, &w->err));
        FAILS(RC_DENIED, people_set_role(w->people, who[i], gina.account, ROLE_ADMINISTRATOR, &w->err));
        FAILS(RC_DENIED, people_disable(w->people, who[i], gina.account, true, &w->err));
        FAILS(RC_DENIED, people_list_accounts(w->people, who[i], STR_NONE, 0, &w->mem, &page, &w->err));
        FAILS(RC_DENIED, people_list_orgs(w->people, who[i], STR_NONE, 0, &w->mem, &orgs, &w->err));
    }
    OK(people_find_account(w->people, &gina, gina.account, &w->mem, &a, &w->err)); /* oneself */
    FAILS(RC_NOT_FOUND, people_find_account(w->people, &nobody, gina.account, &w->mem, &a, &w->err));
    FAILS(RC_UNAUTHENTICATED, people_change_password(w->people, &nobody, PASSWORD, PASSWORD, &w->err));
}

static void test_throttle(struct world *w)
{
    struct session s;
    account_add(w, "ivan", ROLE_REVIEWER);
    static const char *const NAMES[] = {"ivan", "there-is-none"}; /* P2: both alike */
    for (size_t k = 0; k < 2; k++) {
        for (int i = 0; i < LOGIN_FREE_FAILURES; i++)
            FAILS(RC_UNAUTHENTICATED, login(w, NAMES[k], STR("wrong wrong wrong"), &s));
        later(1);
        FAILS(RC_UNAUTHENTICATED, login(w, NAMES[k], STR("wrong wrong wrong"), &s));
        FAILS(RC_BUSY, login(w, NAMES[k], PASSWORD, &s));
        assert_non_null(strstr(w->err.text, "seconds"));
        for (int i = 0; i < 20; i++) { /* attempts within the wait do not stretch it */
            FAILS(RC_BUSY, login(w, NAMES[k], PASSWORD, &s));
        }
    }
    later(2);
    OK(login(w, "ivan", PASSWORD, &s));                                        /* the right one after the wait */
    FAILS(RC_UNAUTHENTICATED, login(w, "ivan", STR("wrong wrong wrong"), &s)); /* and the count began anew */
    for (int i = 0; i < 40; i++) {
        enum rc rc = login(w, "ivan", STR("wrong wrong wrong"), &s);
        assert_true(rc == RC_UNAUTHENTICATED || rc == RC_BUSY);
        later(LOGIN_WAIT_MAX_S);
    }
    OK(login(w, "ivan", PASSWORD, &s)); /* P4: never longer than that */
    for (int i = 0; i < 8; i++)
        (void)!login(w, "ivan", STR("wrong wrong wrong"), &s);
    OK(people_set_password(w->people, &SYSTEM, s.viewer.account, PASSWORD, &w->err));
    OK(login(w, "ivan", PASSWORD, &s)); /* an administrator's new password opens at once */
}

static void *guess(void *ctx)
{
    struct world *w = ctx;
    struct arena mem;
    struct session s;
    struct err err;
    arena_init(&mem);
    enum rc rc = people_login(w->people, STR("judy"), STR("wrong wrong wrong"), &mem, &s, &err);
    arena_fini(&mem);
    return (void *)(uintptr_t)(rc == RC_UNAUTHENTICATED);
}

/* Many at once get no more tries than one after another. */
static void test_throttle_in_parallel(struct world *w)
{
    enum { N = 24 };
    pthread_t t[N];
    account_add(w, "judy", ROLE_REVIEWER);
    size_t tried = 0;
    for (int i = 0; i < N; i++)
        pthread_create(&t[i], NULL, guess, w);
    for (int i = 0; i < N; i++) {
        void *was_tried;
        pthread_join(t[i], &was_tried);
        tried += (uintptr_t)was_tried;
    }
    assert_int_equal(tried, LOGIN_FREE_FAILURES);
}

static void test_lists(struct world *w)
{
    char name[32];
    struct uuid org, id;
    for (int i = 0; i < 25; i++) {
        snprintf(name, sizeof name, "user%02d", (i * 7) % 25);
        account_add(w, name, ROLE_REVIEWER);
        snprintf(name, sizeof name, "Org %d", i % 5); /* names repeat */
        OK(people_add_org(w->people, &SYSTEM, str_of(name), &org, &w->err));
    }
    struct account_new n = {.name = STR("with-org"), .password = PASSWORD, .role = ROLE_REVIEWER, .org = org};
    OK(people_add_account(w->people, &SYSTEM, &n, &id, &w->err));
    struct account_page page = {.next = STR_NONE};
    size_t seen = 0;
    do {
        OK(people_list_accounts(w->people, &SYSTEM, page.next, 10, &w->mem, &page, &w->err));
        for (size_t i = 0; i < page.n && seen < 25; i++, seen++) {
            snprintf(name, sizeof name, "user%02zu", seen);
            assert_string_equal(page.items[i].name.p, name);
        }
    } while (page.next.n);
    assert_int_equal(seen, 25);
    assert_true(uuid_is_equal(page.items[page.n - 1].org, org));
    struct org_page orgs = {.next = STR_NONE};
    seen = 0;
    do {
        OK(people_list_orgs(w->people, &SYSTEM, orgs.next, 10, &w->mem, &orgs, &w->err));
        seen += orgs.n;
    } while (orgs.next.n);
    assert_int_equal(seen, 25);
    FAILS(RC_INVALID, people_list_orgs(w->people, &SYSTEM, STR("x"), 10, &w->mem, &orgs, &w->err));
    FAILS(RC_INVALID, people_add_org(w->people, &SYSTEM, STR("  "), &org, &w->err));
    verify_entries(w);
}

static enum rc promote(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {.common = "UPDATE account SET role = 3 WHERE name = 'mallory'"};
    (void)ctx;
    return store_exec(tx, &SQL, NULL, 0, NULL, err);
}

static enum rc no_plain_text(struct store_tx *tx, void *ctx, struct err *err)
{
    struct str *token = ctx;
    static const struct store_sql ENTRIES = {.common = "SELECT bytes FROM ledger_entry"},
                                  HASHES = {.common = "SELECT token_hash FROM session"};
    struct store_rows *rows;
    TRY(store_query(tx, &ENTRIES, NULL, 0, &rows, err));
    while (store_next(rows))
        assert_false(str_contains(store_text(rows, 0), STR("mallory")));
    TRY(store_finish(rows, err));
    TRY(store_query(tx, &HASHES, NULL, 0, &rows, err));
    uint8_t bits[16];
    assert_true(str_unhex(*token, bits, 16));
    while (store_next(rows))
        assert_memory_not_equal(store_blob(rows, 0).p, bits, 16);
    return store_finish(rows, err);
}

/* A role edited in the database is damage; names are in no entry (L3), tokens in no table (P3). */
static void test_ledger_guards_accounts(struct world *w)
{
    struct ledger_report r;
    struct session s;
    account_add(w, "mallory", ROLE_REVIEWER);
    OK(login(w, "mallory", PASSWORD, &s));
    OK(ledger_verify(w->ledger, &r, &w->err));
    assert_int_equal(r.objects, 1);
    struct str token = str_of(s.token);
    OK(store_read(w->store, no_plain_text, &token, &w->err));
    OK(store_write(w->store, promote, NULL, &w->err));
    FAILS(RC_DAMAGED, ledger_verify(w->ledger, &r, &w->err));
    assert_int_equal(r.bad_entry, 1);
    assert_non_null(strstr(w->err.text, "account"));
}

/* Names and passwords as deployed: argon2id, 64 MiB, 3 passes, and a hash that says so. */
static enum rc hash_find(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "SELECT count(*) FROM account WHERE password LIKE '$argon2id$v=19$m=65536,t=3,p=1$%'"};
    return store_get_int(tx, &SQL, NULL, 0, ctx, err);
}

static void test_real_cost(struct world *w)
{
    struct people *cheap = w->people;
    int64_t n = 0, before;
    struct session s;
    OK(people_open(w->store, w->vault, NULL, &w->people, &w->err));
    account_add(w, "kim", ROLE_REVIEWER);
    OK(store_read(w->store, hash_find, &n, &w->err));
    assert_int_equal(n, 1);
    before = clock_monotonic_us();
    OK(login(w, "kim", PASSWORD, &s));
    int64_t right = clock_monotonic_us() - before;
    before = clock_monotonic_us();
    FAILS(RC_UNAUTHENTICATED, login(w, "unknown", PASSWORD, &s));
    int64_t unknown = clock_monotonic_us() - before;
    print_message("log-in %lld ms, of an unknown name %lld ms\n", (long long)right / 1000, (long long)unknown / 1000);
    people_close(w->people);
    w->people = cheap;
}

struct test {
    const char *name;
    void (*fn)(struct world *w);
};

static void run(struct store_test *t, void *ctx)
{
    const struct test *test = ctx;
    struct world world = {.engine = t->engine, .store = t->st}, *w = &world;
    struct people_options cheap = {.password_ops = 1, .password_bytes = 8192};
    arena_init(&w->mem);
    now_us = INT64_C(1780000000000000);
    clock_set((struct instant){now_us});
    OK(ledger_open(w->store, t->dir, "test.example/ledger", &w->ledger, &w->err));
    OK(vault_open(w->store, t->dir, &w->vault, &w->err));
    OK(people_open(w->store, w->vault, &cheap, &w->people, &w->err));
    people_add_checkers(w->people, w->ledger);
    test->fn(w);
    store_close(w->store);
    t->st = NULL;
    people_close(w->people);
    vault_close(w->vault);
    ledger_close(w->ledger);
    arena_fini(&w->mem);
    clock_unset();
}

static void each_engine(void **state)
{
    store_test_each_engine(run, *state);
}

int main(void)
{
    static const struct test TESTS[] = {{"names", test_names},
                                        {"password_rules", test_password_rules},
                                        {"login_and_session", test_login_and_session},
                                        {"session_ends", test_session_ends},
                                        {"changes_end_sessions", test_changes_end_sessions},
                                        {"only_administrators_manage", test_only_administrators_manage},
                                        {"throttle", test_throttle},
                                        {"throttle_in_parallel", test_throttle_in_parallel},
                                        {"lists", test_lists},
                                        {"ledger_guards_accounts", test_ledger_guards_accounts},
                                        {"real_cost", test_real_cost}};
    struct CMUnitTest cm[sizeof TESTS / sizeof *TESTS];
    for (size_t i = 0; i < sizeof TESTS / sizeof *TESTS; i++)
        cm[i] = (struct CMUnitTest){TESTS[i].name, each_engine, NULL, NULL, (void *)(uintptr_t)&TESTS[i]};
    return cmocka_run_group_tests(cm, NULL, NULL);
}
