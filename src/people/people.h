/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Organisations, accounts, roles, passwords, sessions. Who may see what is policy.h's.
 *   P1 every change is one transaction with its ledger entry, which names the actor and holds no name or password.
 *   P2 what is wrong at log-in (name, password, a disabled account) cannot be told from the answer or its time.
 *   P3 a session's token exists only at its holder; the database has a keyed hash of it.
 *   P4 failed attempts slow further ones down, for at most LOGIN_WAIT_MAX_S; nobody is locked out for good.
 *   P5 the last enabled administrator cannot be disabled or demoted.
 */
#ifndef PEOPLE_PEOPLE_H
#define PEOPLE_PEOPLE_H

#include "ledger/ledger.h"
#include "ledger/vault.h"
#include "people/policy.h"
#include "store/store.h"

enum {
    PEOPLE_NAME_MIN = 2, /* characters of an account's name */
    PEOPLE_NAME_MAX = 64,
    ORG_NAME_MAX = 200,  /* characters */
    PASSWORD_MIN = 12,   /* characters */
    PASSWORD_MAX = 1024, /* bytes */
    PEOPLE_PAGE_MAX = 200,
    LOGIN_FREE_FAILURES = 5, /* failures before waiting begins: then 1, 2, 4 ... seconds */
    LOGIN_WAIT_MAX_S = 30,
    LOGIN_FORGET_S = 3600, /* without an attempt the count begins anew */
    SESSION_IDLE_S = 3600,
    SESSION_MAX_S = 12 * 3600,
    SESSION_TOKEN_CHARS = 32, /* 128 random bits in hex */
    CSRF_CHARS = 64
};

/* The command line on the instance's own machine: acts for nobody in particular, with all rights. */
#define VIEWER_SYSTEM ((struct viewer){.role = ROLE_ADMINISTRATOR})

struct people;
struct people_options {
    unsigned long long password_ops; /* argon2id passes; 0: 3 */
    size_t password_bytes;           /* argon2id memory; 0: 64 MiB */
    int password_parallel;           /* hashes at a time, more wait; 0: 4 */
};
MUST_CHECK enum rc people_open(struct store *st, struct vault *v, const struct people_options *opt /* may be NULL */,
                               struct people **out, struct err *err);
void people_close(struct people *p);
/* verify then compares each account and organisation with its latest ledger entry. */
void people_add_checkers(struct people *p, struct ledger *l);

struct org {
    struct uuid id, public_id;
    struct str name;
    struct instant created;
};
struct account {
    struct uuid id, public_id, org; /* org: nil when none */
    struct str name;
    enum role role;
    bool is_disabled;
    struct instant created;
};

const char *role_name(enum role r);               /* "public", "reviewer", "coordinator", "administrator" */
bool role_parse(struct str name, enum role *out); /* not "public": no account has that role */

/* The following need ACT_MANAGE_PEOPLE: RC_DENIED. */
MUST_CHECK enum rc people_add_org(struct people *p, const struct viewer *actor, struct str name, struct uuid *id,
                                  struct err *err);
struct account_new {
    struct str name; /* letters, digits and . _ - @ of any script; compared without case */
    struct str password;
    enum role role;
    struct uuid org; /* nil: none */
};
/* RC_INVALID: name or password refused, with the reason. RC_CONFLICT: the name is taken. RC_NOT_FOUND: no such org. */
MUST_CHECK enum rc people_add_account(struct people *p, const struct viewer *actor, const struct account_new *a,
                                      struct uuid *id, struct err *err);
/* Ends the account's sessions and forgets its failed attempts. */
MUST_CHECK enum rc people_set_password(struct people *p, const struct viewer *actor, struct uuid account,
                                       struct str password, struct err *err);
MUST_CHECK enum rc people_set_role(struct people *p, const struct viewer *actor, struct uuid account, enum role role,
                                   struct err *err);
/* true ends its sessions; false lets it in again. */
MUST_CHECK enum rc people_disable(struct people *p, const struct viewer *actor, struct uuid account, bool is_disabled,
                                  struct err *err);
/* Pages in order of name; cursor: the last name of the page before, empty for the first. *next is empty at the end. */
struct account_page {
    struct account *items;
    size_t n;
    struct str next;
};
MUST_CHECK enum rc people_list_accounts(struct people *p, const struct viewer *viewer, struct str cursor, size_t limit,
                                        struct arena *mem, struct account_page *out, struct err *err);
struct org_page {
    struct org *items;
    size_t n;
    struct str next; /* public id of the last, as text */
};
MUST_CHECK enum rc people_list_orgs(struct people *p, const struct viewer *viewer, struct str cursor, size_t limit,
                                    struct arena *mem, struct org_page *out, struct err *err);

/* An administrator, or the account itself. */
MUST_CHECK enum rc people_find_account(struct people *p, const struct viewer *viewer, struct uuid account,
                                       struct arena *mem, struct account *out, struct err *err);
/* For the command line (`--as NAME`): by name, in whatever spelling. RC_DENIED when it is disabled. */
MUST_CHECK enum rc people_find_viewer(struct people *p, struct str name, struct viewer *out, struct err *err);
/* Oneself, with the password so far. */
MUST_CHECK enum rc people_change_password(struct people *p, const struct viewer *self, struct str old_password,
                                          struct str password, struct err *err);

/* Sessions. */
struct session {
    char token[SESSION_TOKEN_CHARS + 1]; /* for the cookie; only people_login fills it */
    char csrf[CSRF_CHARS + 1];           /* what the header X-CSRF-Token must carry */
    struct viewer viewer;
    struct uuid public_id;
    struct str name;
    struct instant expires;
};
/* RC_UNAUTHENTICATED: refused, whatever the reason (P2). RC_BUSY: too many attempts or too many at once; try later. */
MUST_CHECK enum rc people_login(struct people *p, struct str name, struct str password, struct arena *mem,
                                struct session *out, struct err *err);
/* RC_UNAUTHENTICATED when there is no such session any more. The viewer's role is the account's at this moment. */
MUST_CHECK enum rc people_session_find(struct people *p, struct str token, struct arena *mem, struct session *out,
                                       struct err *err);
/* In constant time. */
bool session_is_csrf(const struct session *s, struct str given);
/* RC_OK also when the session is over already. */
MUST_CHECK enum rc people_logout(struct people *p, struct str token, struct err *err);

#endif
