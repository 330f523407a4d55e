/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Result codes and error texts. A function that can fail returns `enum rc` and takes `struct err *err` last.
 * The text is recorded once, where it broke (err_set); callers may add context (err_add). The err lives on the
 * caller's stack. Outputs are untouched on failure. rc is the world's fault, assert is ours.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* At most 12 values; the table in err.c gives each its name, HTTP status and exit code. */
enum rc {
    RC_OK = 0,
    RC_INVALID,         /* what was given is wrong: say what, where, what to do     400  exit 2 */
    RC_UNAUTHENTICATED, /* nobody is signed in, or the session is over              401  exit 3 */
    RC_DENIED,          /* the policy says no                                       403  exit 3 */
    RC_NOT_FOUND,       /* no such thing, or none that this viewer may know of      404  exit 4 */
    RC_CONFLICT,        /* another change came first, or the state forbids it       409  exit 5 */
    RC_TOO_LARGE,       /* over a named cap                                         413  exit 6 */
    RC_UNSUPPORTED,     /* understood, refused by name                              415  exit 7 */
    RC_DAMAGED,         /* stored or sent data does not verify or is cut short      422  exit 8 */
    RC_IO,              /* a file, socket or database failed                        500  exit 9 */
    RC_NOMEM,           /* memory ran out                                           507  exit 10 */
    RC_BUSY,            /* try again: lock, deadline, overload                      503  exit 11 */
    RC_COUNT_
};

struct err {
    enum rc rc;
    char text[1024];
};

const char *rc_name(enum rc rc);
int rc_http_status(enum rc rc);
int rc_exit_code(enum rc rc);

/* Records rc and text (truncated to fit) and returns rc, so that `return err_set(...)` reads well. err may be NULL. */
enum rc err_set(struct err *err, enum rc rc, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Puts context before the text: "line 7: " + what was there. Returns err->rc. */
enum rc err_add(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* For functions that own nothing: passes a failure straight on. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        enum rc try_rc_ = (call);                                                                                      \
        if (try_rc_ != RC_OK)                                                                                          \
            return try_rc_;                                                                                            \
    } while (0)

/* An invariant of ours, checked in release too. Prints and aborts. */
#define ENSURE(cond) ((cond) ? (void)0 : ensure_failed(#cond, __FILE__, __LINE__))
_Noreturn void ensure_failed(const char *cond, const char *file, int line);

#endif
