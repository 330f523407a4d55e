/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SQL of organisations, accounts, sessions and throttles; and the digests of their rows.
 */
#include "people/people_int.h"

#include <string.h>

static void digest_field(struct sha256_state *s, const void *p, size_t n)
{
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
    sha256_add(s, length, sizeof length);
    sha256_add(s, p, n);
}

static void digest_i64(struct sha256_state *s, int64_t v)
{
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
    digest_field(s, b, sizeof b);
}

/* Every column: whoever edits a role or a password hash in the database is noticed. */
struct sha256 account_digest(const struct account_row *r)
{
    struct sha256_state s;
    sha256_begin(&s);
    digest_field(&s, "account", 7);
    digest_field(&s, r->a.id.b, 16);
    digest_field(&s, r->a.public_id.b, 16);
    digest_field(&s, r->a.org.b, 16);
    digest_field(&s, r->a.name.p, r->a.name.n);
    digest_i64(&s, r->a.role);
    digest_i64(&s, r->a.is_disabled);
    digest_i64(&s, r->a.created.us);
    digest_field(&s, r->password.p, r->password.n);
    return sha256_end(&s);
}

struct sha256 org_digest(const struct org *o)
{
    struct sha256_state s;
    sha256_begin(&s);
    digest_field(&s, "org", 3);
    digest_field(&s, o->id.b, 16);
    digest_field(&s, o->public_id.b, 16);
    digest_field(&s, o->name.p, o->name.n);
    digest_i64(&s, o->created.us);
    return sha256_end(&s);
}

enum rc org_insert(struct store_tx *tx, const struct org *o, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "INSERT INTO org (id, public_id, name, created_us) VALUES (?1, ?2, ?3, ?4)"};
    struct store_arg args[] = {SA_UUID(o->id), SA_UUID(o->public_id), SA_TEXT(o->name), SA_TIME(o->created)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc org_is_there(struct store_tx *tx, struct uuid id, bool *out, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT count(*) FROM org WHERE id = ?1"};
    struct store_arg args[] = {SA_UUID(id)};
    int64_t n;
    TRY(store_get_int(tx, &SQL, args, 1, &n, err));
    *out = n > 0;
    return RC_OK;
}

static void org_read(struct store_rows *rows, struct arena *mem, struct org *o)
{
    *o = (struct org){.id = store_uuid(rows, 0),
                      .public_id = store_uuid(rows, 1),
                      .name = str_copy(mem, store_text(rows, 2)),
                      .created = {store_int(rows, 3)}};
}

enum rc orgs_find(struct store_tx *tx, struct str after_name, struct uuid after, size_t max, struct arena *mem,
                  struct org *out, size_t *n, struct err *err)
{
    static const struct store_sql SQL = {
        .common =
            "SELECT id, public_id, name, created_us FROM org WHERE (name, id) > (?1, ?2) ORDER BY name, id LIMIT ?3"};
    struct store_arg args[] = {SA_TEXT(after_name), SA_UUID(after), SA_INT(max)};
    struct store_rows *rows;
    size_t count = 0;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (count < max && store_next(rows))
        org_read(rows, mem, &out[count++]);
    TRY(store_finish(rows, err));
    *n = count;
    return RC_OK;
}

enum rc org_find_public(struct store_tx *tx, struct uuid public_id, struct arena *mem, struct org *out, struct err *err)
{
    static const struct store_sql SQL = {.common =
                                             "SELECT id, public_id, name, created_us FROM org WHERE public_id = ?1"};
    struct store_arg args[] = {SA_UUID(public_id)};
    struct store_rows *rows;
    bool is_there = false;
    TRY(store_query(tx, &SQL, args, 1, &rows, err));
    while (store_next(rows)) {
        org_read(rows, mem, out);
        is_there = true;
    }
    TRY(store_finish(rows, err));
    return is_there ? RC_OK : err_set(err, RC_NOT_FOUND, "there is no such organisation");
}

enum rc account_insert(struct store_tx *tx, const struct account_row *r, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "INSERT INTO account (id, public_id, org, name, role, password, is_disabled, created_us)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};
    struct store_arg args[] = {SA_UUID(r->a.id),
                               SA_UUID(r->a.public_id),
                               uuid_is_nil(r->a.org) ? SA_NULL_OF(STORE_BLOB) : SA_UUID(r->a.org),
                               SA_TEXT(r->a.name),
                               SA_INT(r->a.role),
                               SA_TEXT(r->password),
                               SA_INT(r->a.is_disabled),
                               SA_TIME(r->a.created)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc account_update(struct store_tx *tx, const struct account_row *r, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "UPDATE account SET role = ?2, password = ?3, is_disabled = ?4 WHERE id = ?1"};
    struct store_arg args[] = {SA_UUID(r->a.id), SA_INT(r->a.role), SA_TEXT(r->password), SA_INT(r->a.is_disabled)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

#define ACCOUNT_COLUMNS "id, public_id, org, name, role, password, is_disabled, created_us"

static void account_read(struct store_rows *rows, struct arena *mem, struct account_row *r)
{
    *r = (struct account_row){.a = {.id = store_uuid(rows, 0),
                                    .public_id = store_uuid(rows, 1),
                                    .org = store_uuid(rows, 2),
                                    .name = str_copy(mem, store_text(rows, 3)),
                                    .role = (enum role)store_int(rows, 4),
                                    .is_disabled = store_int(rows, 6) != 0,
                                    .created = {store_int(rows, 7)}},
                              .password = str_copy(mem, store_text(rows, 5))};
}

static enum rc account_one(struct store_tx *tx, const struct store_sql *sql, struct store_arg key, struct arena *mem,
                           struct account_row *out, struct err *err)
{
    struct store_rows *rows;
    struct account_row r;
    bool is_there = false;
    TRY(store_query(tx, sql, &key, 1, &rows, err));
    while (store_next(rows)) {
        account_read(rows, mem, &r);
        is_there = true;
    }
    TRY(store_finish(rows, err));
    if (!is_there)
        return err_set(err, RC_NOT_FOUND, "there is no such account");
    *out = r;
    return RC_OK;
}

enum rc account_find(struct store_tx *tx, struct uuid id, struct arena *mem, struct account_row *out, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT " ACCOUNT_COLUMNS " FROM account WHERE id = ?1"};
    return account_one(tx, &SQL, SA_UUID(id), mem, out, err);
}

enum rc account_find_name(struct store_tx *tx, struct str name, struct arena *mem, struct account_row *out,
                          struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT " ACCOUNT_COLUMNS " FROM account WHERE name = ?1"};
    return account_one(tx, &SQL, SA_TEXT(name), mem, out, err);
}

enum rc accounts_find(struct store_tx *tx, struct str after_name, size_t max, struct arena *mem,
                      struct account_row *out, size_t *n, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT " ACCOUNT_COLUMNS
                                                   " FROM account WHERE name > ?1 ORDER BY name LIMIT ?2"};
    struct store_arg args[] = {SA_TEXT(after_name), SA_INT(max)};
    struct store_rows *rows;
    size_t count = 0;
    TRY(store_query(tx, &SQL, args, SA_N(args), &rows, err));
    while (count < max && store_next(rows))
        account_read(rows, mem, &out[count++]);
    TRY(store_finish(rows, err));
    *n = count;
    return RC_OK;
}

enum rc administrators_count(struct store_tx *tx, struct uuid except, int64_t *n, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "SELECT count(*) FROM account WHERE role = ?1 AND is_disabled = 0 AND id <> ?2"};
    struct store_arg args[] = {SA_INT(ROLE_ADMINISTRATOR), SA_UUID(except)};
    return store_get_int(tx, &SQL, args, SA_N(args), n, err);
}

enum rc throttle_find(struct store_tx *tx, struct sha256 name_hash, struct throttle *out, struct err *err)
{
    static const struct store_sql SQL = {.common = "SELECT failures, last_us FROM login_throttle WHERE name_hash = ?1"};
    struct store_arg args[] = {SA_BLOB(name_hash.b, 32)};
    struct store_rows *rows;
    struct throttle t = {0};
    TRY(store_query(tx, &SQL, args, 1, &rows, err));
    while (store_next(rows))
        t = (struct throttle){store_int(rows, 0), store_int(rows, 1)};
    TRY(store_finish(rows, err));
    *out = t;
    return RC_OK;
}

enum rc throttle_put(struct store_tx *tx, struct sha256 name_hash, struct throttle t, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "INSERT INTO login_throttle (name_hash, failures, last_us) VALUES (?1, ?2, ?3)"
                  " ON CONFLICT (name_hash) DO UPDATE SET failures = excluded.failures, last_us = excluded.last_us"};
    struct store_arg args[] = {SA_BLOB(name_hash.b, 32), SA_INT(t.failures), SA_INT(t.last_us)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc throttle_remove(struct store_tx *tx, struct sha256 name_hash, struct err *err)
{
    static const struct store_sql SQL = {.common = "DELETE FROM login_throttle WHERE name_hash = ?1"};
    struct store_arg args[] = {SA_BLOB(name_hash.b, 32)};
    return store_exec(tx, &SQL, args, 1, NULL, err);
}

enum rc throttle_forget(struct store_tx *tx, int64_t before_us, struct err *err)
{
    static const struct store_sql SQL = {.common = "DELETE FROM login_throttle WHERE last_us < ?1"};
    struct store_arg args[] = {SA_INT(before_us)};
    return store_exec(tx, &SQL, args, 1, NULL, err);
}

enum rc session_insert(struct store_tx *tx, struct sha256 token_hash, struct uuid account, int64_t now_us,
                       int64_t expires_us, struct err *err)
{
    static const struct store_sql SQL = {
        .common =
            "INSERT INTO session (token_hash, account, created_us, seen_us, expires_us) VALUES (?1, ?2, ?3, ?3, ?4)"};
    struct store_arg args[] = {SA_BLOB(token_hash.b, 32), SA_UUID(account), SA_INT(now_us), SA_INT(expires_us)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc session_find(struct store_tx *tx, struct sha256 token_hash, struct session_row *out, struct err *err)
{
    static const struct store_sql SQL = {.common =
                                             "SELECT account, seen_us, expires_us FROM session WHERE token_hash = ?1"};
    struct store_arg args[] = {SA_BLOB(token_hash.b, 32)};
    struct store_rows *rows;
    struct session_row r = {0};
    bool is_there = false;
    TRY(store_query(tx, &SQL, args, 1, &rows, err));
    while (store_next(rows)) {
        r = (struct session_row){store_uuid(rows, 0), store_int(rows, 1), store_int(rows, 2)};
        is_there = true;
    }
    TRY(store_finish(rows, err));
    if (!is_there)
        return err_set(err, RC_UNAUTHENTICATED, "the session is over; sign in again");
    *out = r;
    return RC_OK;
}

enum rc session_touch(struct store_tx *tx, struct sha256 token_hash, int64_t now_us, struct err *err)
{
    static const struct store_sql SQL = {.common =
                                             "UPDATE session SET seen_us = ?2 WHERE token_hash = ?1 AND seen_us < ?2"};
    struct store_arg args[] = {SA_BLOB(token_hash.b, 32), SA_INT(now_us)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}

enum rc session_remove(struct store_tx *tx, struct sha256 token_hash, struct err *err)
{
    static const struct store_sql SQL = {.common = "DELETE FROM session WHERE token_hash = ?1"};
    struct store_arg args[] = {SA_BLOB(token_hash.b, 32)};
    return store_exec(tx, &SQL, args, 1, NULL, err);
}

enum rc sessions_remove_of(struct store_tx *tx, struct uuid account, struct err *err)
{
    static const struct store_sql SQL = {.common = "DELETE FROM session WHERE account = ?1"};
    struct store_arg args[] = {SA_UUID(account)};
    return store_exec(tx, &SQL, args, 1, NULL, err);
}

enum rc sessions_remove_over(struct store_tx *tx, int64_t expired_before_us, int64_t idle_before_us, struct err *err)
{
    static const struct store_sql SQL = {.common = "DELETE FROM session WHERE expires_us <= ?1 OR seen_us < ?2"};
    struct store_arg args[] = {SA_INT(expired_before_us), SA_INT(idle_before_us)};
    return store_exec(tx, &SQL, args, SA_N(args), NULL, err);
}
