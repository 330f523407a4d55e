/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Organisations and accounts: the rules. Hashing happens before the transaction, which is short and may run again (S2).
 */
#include "people/people_int.h"

#include "base/rng.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 9106 section 4, second recommended option: 3 passes over 64 MiB (libsodium has one lane, not four). */
enum { OPS = 3, MEMORY = 64 * 1024 * 1024, PARALLEL = 4 };

static const struct {
    enum role role;
    const char *name;
} ROLES[] = {{ROLE_PUBLIC, "public"},
             {ROLE_REVIEWER, "reviewer"},
             {ROLE_COORDINATOR, "coordinator"},
             {ROLE_ADMINISTRATOR, "administrator"}};

const char *role_name(enum role r)
{
    for (size_t i = 0; i < sizeof ROLES / sizeof *ROLES; i++)
        if (ROLES[i].role == r)
            return ROLES[i].name;
    return "unknown";
}

bool role_parse(struct str name, enum role *out)
{
    for (size_t i = 1; i < sizeof ROLES / sizeof *ROLES; i++)
        if (str_is_equal(name, str_of(ROLES[i].name))) {
            *out = ROLES[i].role;
            return true;
        }
    return false;
}

/* A well-formed hash that no password matches: verifying against it takes as long as against a real one. */
static void dummy_make(struct people *p)
{
    uint8_t salt[16], hash[32];
    char salt64[25], hash64[45];
    rng_bytes(salt, sizeof salt);
    rng_bytes(hash, sizeof hash);
    sodium_bin2base64(salt64, sizeof salt64, salt, sizeof salt, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    sodium_bin2base64(hash64, sizeof hash64, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    snprintf(p->dummy, sizeof p->dummy, "$argon2id$v=19$m=%zu,t=%llu,p=1$%s$%s", p->opt.password_bytes / 1024,
             p->opt.password_ops, salt64, hash64);
}

enum rc people_open(struct store *st, struct vault *v, const struct people_options *opt, struct people **out,
                    struct err *err)
{
    if (sodium_init() < 0)
        return err_set(err, RC_IO, "libsodium cannot start");
    struct people *p = mem_alloc(sizeof *p);
    p->store = st;
    p->vault = v;
    if (opt)
        p->opt = *opt;
    if (!p->opt.password_ops)
        p->opt.password_ops = OPS;
    if (!p->opt.password_bytes)
        p->opt.password_bytes = MEMORY;
    if (p->opt.password_parallel <= 0)
        p->opt.password_parallel = PARALLEL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->is_free, NULL);
    dummy_make(p);
    *out = p;
    return RC_OK;
}

void people_close(struct people *p)
{
    if (!p)
        return;
    pthread_cond_destroy(&p->is_free);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static enum rc may_manage(const struct viewer *actor, struct err *err)
{
    return policy_may(actor, ACT_MANAGE_PEOPLE) ? RC_OK
                                                : err_set(err, RC_DENIED, "only an administrator manages accounts");
}

/* --- organisations -------------------------------------------------------------------------------------------------- */

struct add_org {
    struct org o;
    struct uuid actor;
};

static enum rc add_org(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct add_org *a = ctx;
    struct ledger_event ev = {.action = "org.create",
                              .object_kind = "org",
                              .object = a->o.id,
                              .actor = a->actor,
                              .at = a->o.created,
                              .digest = org_digest(&a->o)};
    TRY(org_insert(tx, &a->o, err));
    return ledger_append(tx, &ev, err);
}

enum rc people_add_org(struct people *p, const struct viewer *actor, struct str name, struct uuid *id, struct err *err)
{
    struct arena mem;
    TRY(may_manage(actor, err));
    arena_init(&mem);
    struct instant now = clock_now();
    struct add_org a = {.o = {.id = uuid_v7(now), .public_id = uuid_random(), .created = now}, .actor = actor->account};
    enum rc rc = org_name_check(name, &mem, &a.o.name, err);
    if (rc == RC_OK)
        rc = store_write(p->store, add_org, &a, err);
    if (rc == RC_OK)
        *id = a.o.id;
    arena_fini(&mem);
    return rc;
}

/* --- accounts ------------------------------------------------------------------------------------------------------- */

static struct ledger_event account_event(const char *action, const struct account_row *r, struct uuid actor)
{
    return (struct ledger_event){.action = action,
                                 .object_kind = "account",
                                 .object = r->a.id,
                                 .actor = actor,
                                 .at = clock_now(),
                                 .digest = account_digest(r)};
}

struct add_account {
    struct account_row r;
    struct uuid actor;
};

static enum rc add_account(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct add_account *a = ctx;
    struct arena mem;
    struct account_row other;
    bool has_org = true;
    arena_init(&mem);
    enum rc rc = account_find_name(tx, a->r.a.name, &mem, &other, NULL);
    arena_fini(&mem);
    if (rc == RC_OK)
        return err_set(err, RC_CONFLICT, "there is an account \"" STR_FMT "\" already", STR_ARG(a->r.a.name));
    if (!uuid_is_nil(a->r.a.org))
        TRY(org_is_there(tx, a->r.a.org, &has_org, err));
    if (!has_org)
        return err_set(err, RC_NOT_FOUND, "there is no such organisation");
    TRY(account_insert(tx, &a->r, err));
    char detail[64];
    snprintf(detail, sizeof detail, "{\"role\":\"%s\"}", role_name(a->r.a.role));
    struct ledger_event ev = account_event("account.create", &a->r, a->actor);
    ev.detail = str_of(detail);
    return ledger_append(tx, &ev, err);
}

static enum rc role_check(enum role role, struct err *err)
{
    return role >= ROLE_REVIEWER && role <= ROLE_ADMINISTRATOR
               ? RC_OK
               : err_set(err, RC_INVALID, "an account is a reviewer, a coordinator or an administrator");
}

enum rc people_add_account(struct people *p, const struct viewer *actor, const struct account_new *n, struct uuid *id,
                           struct err *err)
{
    struct arena mem;
    char hash[HASH_TEXT_MAX];
    TRY(may_manage(actor, err));
    TRY(role_check(n->role, err));
    arena_init(&mem);
    struct instant now = clock_now();
    struct add_account a = {
        .r = {.a = {.id = uuid_v7(now), .public_id = uuid_random(), .org = n->org, .role = n->role, .created = now}},
        .actor = actor->account};
    enum rc rc = name_fold(n->name, &mem, &a.r.a.name, err);
    if (rc == RC_OK)
        rc = password_check(n->password, a.r.a.name, err);
    if (rc == RC_OK)
        rc = password_hash(p, n->password, hash, err);
    if (rc == RC_OK) {
        a.r.password = str_of(hash);
        rc = store_write(p->store, add_account, &a, err);
    }
    if (rc == RC_OK)
        *id = a.r.a.id;
    arena_fini(&mem);
    return rc;
}

/* One change of one account; `to` says which. */
enum change_kind { CHANGE_PASSWORD, CHANGE_ROLE, CHANGE_DISABLED };
struct change {
    const struct people *p;
    enum change_kind kind;
    struct uuid id, actor;
    struct str password; /* hash */
    struct str expected; /* hash it must still have, or empty */
    enum role role;
    bool is_disabled;
};

/* P5 */
static enum rc keep_one_administrator(struct store_tx *tx, const struct account_row *now, struct err *err)
{
    int64_t others;
    TRY(administrators_count(tx, now->a.id, &others, err));
    return others > 0 ? RC_OK : err_set(err, RC_CONFLICT, "this is the last administrator; make another one first");
}

static enum rc change_apply(struct store_tx *tx, const struct change *c, struct account_row *r, struct ledger_event *ev,
                            struct err *err)
{
    bool was_admin = r->a.role == ROLE_ADMINISTRATOR && !r->a.is_disabled;
    const char *action = "account.password";
    switch (c->kind) {
    case CHANGE_PASSWORD:
        r->password = c->password;
        break;
    case CHANGE_ROLE:
        r->a.role = c->role;
        action = "account.role";
        break;
    case CHANGE_DISABLED:
        r->a.is_disabled = c->is_disabled;
        action = c->is_disabled ? "account.disable" : "account.enable";
        break;
    }
    if (was_admin && (r->a.role != ROLE_ADMINISTRATOR || r->a.is_disabled))
        TRY(keep_one_administrator(tx, r, err));
    *ev = account_event(action, r, c->actor);
    return account_update(tx, r, err);
}

static enum rc change_run(struct store_tx *tx, const struct change *c, struct arena *mem, struct err *err)
{
    struct account_row r;
    struct ledger_event ev;
    TRY(account_find(tx, c->id, mem, &r, err));
    if (c->expected.n && !str_is_equal(c->expected, r.password))
        return err_set(err, RC_CONFLICT, "the password was changed meanwhile");
    TRY(change_apply(tx, c, &r, &ev, err));
    if (c->kind == CHANGE_ROLE)
        ev.detail = str_printf(mem, "{\"role\":\"%s\"}", role_name(c->role));
    if (c->kind == CHANGE_PASSWORD || (c->kind == CHANGE_DISABLED && c->is_disabled))
        TRY(sessions_remove_of(tx, c->id, err));
    if (c->kind == CHANGE_PASSWORD)
        TRY(throttle_remove(tx, throttle_key(c->p, r.a.name), err));
    return ledger_append(tx, &ev, err);
}

static enum rc change(struct store_tx *tx, void *ctx, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    enum rc rc = change_run(tx, ctx, &mem, err);
    arena_fini(&mem);
    return rc;
}

struct find {
    struct uuid id;
    struct str name;
    struct arena *mem;
    struct account_row r;
};

static enum rc find(struct store_tx *tx, void *ctx, struct err *err)
{
    struct find *f = ctx;
    return f->name.n ? account_find_name(tx, f->name, f->mem, &f->r, err) : account_find(tx, f->id, f->mem, &f->r, err);
}

/* Checks the new password against the account's name, hashes it, stores it. expected: the hash so far, or empty. */
static enum rc password_put(struct people *p, const struct account_row *r, struct uuid actor, struct str password,
                            struct str expected, struct err *err)
{
    char hash[HASH_TEXT_MAX];
    TRY(password_check(password, r->a.name, err));
    TRY(password_hash(p, password, hash, err));
    struct change c = {
        .p = p, .kind = CHANGE_PASSWORD, .id = r->a.id, .actor = actor, .password = str_of(hash), .expected = expected};
    return store_write(p->store, change, &c, err);
}

enum rc people_set_password(struct people *p, const struct viewer *actor, struct uuid account, struct str password,
                            struct err *err)
{
    struct arena mem;
    TRY(may_manage(actor, err));
    arena_init(&mem);
    struct find f = {.id = account, .mem = &mem};
    enum rc rc = store_read(p->store, find, &f, err);
    if (rc == RC_OK)
        rc = password_put(p, &f.r, actor->account, password, STR_NONE, err);
    arena_fini(&mem);
    return rc;
}

static enum rc change_own(struct people *p, const struct viewer *self, struct str old_password, struct str password,
                          struct arena *mem, struct err *err)
{
    struct find f = {.id = self->account, .mem = mem};
    bool is_right = false;
    TRY(store_read(p->store, find, &f, err));
    TRY(password_verify(p, old_password, f.r.password.p, &is_right, err));
    if (!is_right || f.r.a.is_disabled)
        return err_set(err, RC_DENIED, "the password so far is not that");
    return password_put(p, &f.r, self->account, password, f.r.password, err);
}

enum rc people_change_password(struct people *p, const struct viewer *self, struct str old_password,
                               struct str password, struct err *err)
{
    struct arena mem;
    if (uuid_is_nil(self->account))
        return err_set(err, RC_UNAUTHENTICATED, "nobody is signed in");
    arena_init(&mem);
    enum rc rc = change_own(p, self, old_password, password, &mem, err);
    arena_fini(&mem);
    return rc;
}

enum rc people_set_role(struct people *p, const struct viewer *actor, struct uuid account, enum role role,
                        struct err *err)
{
    TRY(may_manage(actor, err));
    TRY(role_check(role, err));
    struct change c = {.p = p, .kind = CHANGE_ROLE, .id = account, .actor = actor->account, .role = role};
    return store_write(p->store, change, &c, err);
}

enum rc people_disable(struct people *p, const struct viewer *actor, struct uuid account, bool is_disabled,
                       struct err *err)
{
    TRY(may_manage(actor, err));
    struct change c = {
        .p = p, .kind = CHANGE_DISABLED, .id = account, .actor = actor->account, .is_disabled = is_disabled};
    return store_write(p->store, change, &c, err);
}

/* --- finding and listing -------------------------------------------------------------------------------------------- */

enum rc people_find_account(struct people *p, const struct viewer *viewer, struct uuid account, struct arena *mem,
                            struct account *out, struct err *err)
{
    struct policy_object object = {.kind = POLICY_ACCOUNT, .owner = account};
    struct find f = {.id = account, .mem = mem};
    if (policy_view(viewer, &object) != VIEW_FULL)
        return err_set(err, RC_NOT_FOUND, "there is no such account");
    TRY(store_read(p->store, find, &f, err));
    *out = f.r.a;
    return RC_OK;
}

enum rc people_find_viewer(struct people *p, struct str name, struct viewer *out, struct err *err)
{
    struct arena mem;
    arena_init(&mem);
    struct find f = {.mem = &mem};
    enum rc rc = name_fold(name, &mem, &f.name, err);
    if (rc == RC_OK)
        rc = store_read(p->store, find, &f, err);
    if (rc == RC_OK && f.r.a.is_disabled)
        rc = err_set(err, RC_DENIED, "the account \"" STR_FMT "\" is disabled", STR_ARG(f.name));
    if (rc == RC_OK)
        *out = (struct viewer){.account = f.r.a.id, .org = f.r.a.org, .role = f.r.a.role};
    arena_fini(&mem);
    return rc;
}

struct list {
    struct str after;
    struct uuid after_id;
    size_t max, n;
    struct arena *mem;
    struct account_row *rows;
    struct org *orgs;
};

static enum rc list_accounts(struct store_tx *tx, void *ctx, struct err *err)
{
    struct list *l = ctx;
    return accounts_find(tx, l->after, l->max, l->mem, l->rows, &l->n, err);
}

static size_t page_size(size_t limit)
{
    return limit == 0 || limit > PEOPLE_PAGE_MAX ? PEOPLE_PAGE_MAX : limit;
}

enum rc people_list_accounts(struct people *p, const struct viewer *viewer, struct str cursor, size_t limit,
                             struct arena *mem, struct account_page *out, struct err *err)
{
    TRY(may_manage(viewer, err));
    size_t size = page_size(limit);
    struct list l = {.after = cursor, .max = size + 1, .mem = mem}; /* one more tells whether there is a next page */
    l.rows = ARENA_NEW_N(mem, struct account_row, l.max);
    TRY(store_read(p->store, list_accounts, &l, err));
    struct account_page page = {.n = l.n > size ? size : l.n};
    page.items = ARENA_NEW_N(mem, struct account, size);
    for (size_t i = 0; i < page.n; i++)
        page.items[i] = l.rows[i].a;
    if (l.n > size)
        page.next = page.items[page.n - 1].name;
    *out = page;
    return RC_OK;
}

static enum rc list_orgs(struct store_tx *tx, void *ctx, struct err *err)
{
    struct list *l = ctx;
    struct org last = {.name = STR("")};
    if (!uuid_is_nil(l->after_id))
        TRY(org_find_public(tx, l->after_id, l->mem, &last, err));
    return orgs_find(tx, last.name, last.id, l->max, l->mem, l->orgs, &l->n, err);
}

enum rc people_list_orgs(struct people *p, const struct viewer *viewer, struct str cursor, size_t limit,
                         struct arena *mem, struct org_page *out, struct err *err)
{
    TRY(may_manage(viewer, err));
    size_t size = page_size(limit);
    struct list l = {.max = size + 1, .mem = mem};
    if (cursor.n && !uuid_parse(cursor, &l.after_id))
        return err_set(err, RC_INVALID, "the cursor is not one of ours");
    l.orgs = ARENA_NEW_N(mem, struct org, l.max);
    TRY(store_read(p->store, list_orgs, &l, err));
    struct org_page page = {.items = l.orgs, .n = l.n > size ? size : l.n};
    if (l.n > size)
        page.next = uuid_format(mem, page.items[page.n - 1].public_id);
    *out = page;
    return RC_OK;
}

/* --- what verify compares ------------------------------------------------------------------------------------------- */

static enum rc check_accounts(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    struct arena mem;
    struct account_row rows[64];
    size_t n = 0;
    char last[NAME_BYTES_MAX];
    struct str after = STR("");
    enum rc rc = RC_OK;
    (void)ctx;
    arena_init(&mem);
    do {
        arena_reset(&mem);
        rc = accounts_find(tx, after, 64, &mem, rows, &n, err);
        for (size_t i = 0; i < n && rc == RC_OK; i++)
            rc = put(sink, rows[i].a.id, account_digest(&rows[i]), err);
        if (rc == RC_OK && n) {
            after = (struct str){last, rows[n - 1].a.name.n < sizeof last ? rows[n - 1].a.name.n : sizeof last};
            memcpy(last, rows[n - 1].a.name.p, after.n);
        }
    } while (rc == RC_OK && n == 64);
    arena_fini(&mem);
    return rc;
}

static enum rc check_orgs(struct store_tx *tx, void *ctx, ledger_digest_fn put, void *sink, struct err *err)
{
    struct arena mem;
    struct org rows[64];
    size_t n = 0;
    char last[4 * ORG_NAME_MAX];
    struct str after = STR("");
    struct uuid after_id = {{0}};
    enum rc rc = RC_OK;
    (void)ctx;
    arena_init(&mem);
    do {
        arena_reset(&mem);
        rc = orgs_find(tx, after, after_id, 64, &mem, rows, &n, err);
        for (size_t i = 0; i < n && rc == RC_OK; i++)
            rc = put(sink, rows[i].id, org_digest(&rows[i]), err);
        if (rc == RC_OK && n) {
            after = (struct str){last, rows[n - 1].name.n < sizeof last ? rows[n - 1].name.n : sizeof last};
            memcpy(last, rows[n - 1].name.p, after.n);
            after_id = rows[n - 1].id;
        }
    } while (rc == RC_OK && n == 64);
    arena_fini(&mem);
    return rc;
}

void people_add_checkers(struct people *p, struct ledger *l)
{
    ledger_add_checker(l, "account", check_accounts, p);
    ledger_add_checker(l, "org", check_orgs, p);
}
