/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The only reader of time. Instants are UTC microseconds since 1970; dates are proleptic Gregorian day numbers.
 * Tests set the clock; nothing else in the project calls time(), gettimeofday() or clock_gettime().
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct instant {
    int64_t us;
};

struct civil_date {
    int year, month, day;
};

#define DAY_US (INT64_C(86400) * 1000000)

struct instant clock_now(void);       /* wall clock, or what clock_set said */
int64_t clock_monotonic_us(void);     /* for durations and deadlines */
double clock_cpu_s(void);             /* processor seconds of this process */
void clock_set(struct instant fixed); /* tests: freezes clock_now */
void clock_unset(void);
void clock_sleep_us(int64_t us);

int64_t date_to_days(struct civil_date d); /* days since 1970-01-01 */
struct civil_date date_from_days(int64_t days);
bool date_is_valid(struct civil_date d);               /* a real day of years 1..9999 */
bool date_parse(struct str s, struct civil_date *out); /* YYYY-MM-DD, whole string */
struct str date_format(struct arena *mem, struct civil_date d);
struct civil_date instant_date(struct instant t); /* UTC */
struct instant instant_from_date(struct civil_date d);

/* RFC 3339: 2026-11-23T10:11:12[.frac](Z|+hh:mm); also a bare date = its first instant. */
bool instant_parse(struct str s, struct instant *out);
struct str instant_format(struct arena *mem, struct instant t);     /* 2026-11-23T10:11:12.123456Z */
struct str instant_format_s(struct arena *mem, struct instant t);   /* whole seconds, Z */
struct str instant_format_cap(struct arena *mem, struct instant t); /* CAP 1.2: 2026-11-23T10:11:12-00:00 */

#endif
