/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Time. The fixed clock of tests is the one piece of process-wide state in lib/.
 */
#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

static atomic_int_least64_t fixed_us;
static atomic_bool is_fixed;

struct instant clock_now(void)
{
    if (atomic_load(&is_fixed))
        return (struct instant){atomic_load(&fixed_us)};
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (struct instant){(int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000};
}

int64_t clock_monotonic_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

double clock_cpu_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

void clock_set(struct instant fixed)
{
    atomic_store(&fixed_us, fixed.us);
    atomic_store(&is_fixed, true);
}

void clock_unset(void)
{
    atomic_store(&is_fixed, false);
}

void clock_sleep_us(int64_t us)
{
    struct timespec ts = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    while (nanosleep(&ts, &ts) == -1 && errno == EINTR)
        ;
}

/* Days to civil and back. Source: Howard Hinnant, chrono-Compatible Low-Level Date Algorithms. */
int64_t date_to_days(struct civil_date d)
{
    int64_t y = d.year - (d.month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

struct civil_date date_from_days(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    return (struct civil_date){(int)(yoe + era * 400 + (month <= 2)), month, (int)(doy - (153 * mp + 2) / 5 + 1)};
}

bool date_is_valid(struct civil_date d)
{
    static const int DAYS[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (d.year < 1 || d.year > 9999 || d.month < 1 || d.month > 12 || d.day < 1 || d.day > DAYS[d.month - 1])
        return false;
    bool leap = (d.year % 4 == 0 && d.year % 100 != 0) || d.year % 400 == 0;
    return d.month != 2 || d.day < 29 || leap;
}

static bool digits(struct str s, size_t at, size_t n, int *out)
{
    int v = 0;
    if (at + n > s.n)
        return false;
    for (size_t i = at; i < at + n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        v = v * 10 + (s.p[i] - '0');
    }
    *out = v;
    return true;
}

bool date_parse(struct str s, struct civil_date *out)
{
    struct civil_date d;
    if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' || !digits(s, 0, 4, &d.year) || !digits(s, 5, 2, &d.month) ||
        !digits(s, 8, 2, &d.day) || !date_is_valid(d))
        return false;
    *out = d;
    return true;
}

struct str date_format(struct arena *mem, struct civil_date d)
{
    return str_printf(mem, "%04d-%02d-%02d", d.year, d.month, d.day);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

struct civil_date instant_date(struct instant t)
{
    return date_from_days(floor_div(t.us, DAY_US));
}

struct instant instant_from_date(struct civil_date d)
{
    return (struct instant){date_to_days(d) * DAY_US};
}

/* Z, +hh:mm or -hh:mm at `at`, to the end of s. */
static bool offset_parse(struct str s, size_t at, int64_t *minutes)
{
    int h, m;
    if (at + 1 == s.n && (s.p[at] == 'Z' || s.p[at] == 'z')) {
        *minutes = 0;
        return true;
    }
    if (at + 6 != s.n || (s.p[at] != '+' && s.p[at] != '-') || s.p[at + 3] != ':' || !digits(s, at + 1, 2, &h) ||
        !digits(s, at + 4, 2, &m) || h > 14 || m > 59)
        return false;
    *minutes = (h * 60 + m) * (s.p[at] == '-' ? -1 : 1);
    return true;
}

bool instant_parse(struct str s, struct instant *out)
{
    struct civil_date d;
    int h, m, sec;
    if (!date_parse(str_slice(s, 0, 10), &d))
        return false;
    if (s.n == 10) {
        *out = instant_from_date(d);
        return true;
    }
    if (s.n < 20 || (s.p[10] != 'T' && s.p[10] != 't' && s.p[10] != ' ') || s.p[13] != ':' || s.p[16] != ':' ||
        !digits(s, 11, 2, &h) || !digits(s, 14, 2, &m) || !digits(s, 17, 2, &sec) || h > 23 || m > 59 || sec > 60)
        return false;
    size_t at = 19;
    int64_t micros = 0, unit = 100000, minutes;
    if (s.p[at] == '.') {
        size_t from = ++at;
        for (; at < s.n && s.p[at] >= '0' && s.p[at] <= '9'; at++, unit /= 10)
            micros += unit * (s.p[at] - '0');
        if (at == from)
            return false;
    }
    if (at >= s.n || !offset_parse(s, at, &minutes))
        return false;
    int64_t seconds = date_to_days(d) * 86400 + h * 3600 + m * 60 + (sec > 59 ? 59 : sec) - minutes * 60;
    *out = (struct instant){seconds * 1000000 + micros};
    return true;
}

static struct str format(struct arena *mem, struct instant t, const char *tail, bool with_micros)
{
    struct civil_date d = instant_date(t);
    int64_t us = t.us - floor_div(t.us, DAY_US) * DAY_US;
    int s = (int)(us / 1000000);
    struct str head =
        str_printf(mem, "%04d-%02d-%02dT%02d:%02d:%02d", d.year, d.month, d.day, s / 3600, s / 60 % 60, s % 60);
    if (with_micros)
        return str_printf(mem, STR_FMT ".%06d%s", STR_ARG(head), (int)(us % 1000000), tail);
    return str_printf(mem, STR_FMT "%s", STR_ARG(head), tail);
}

struct str instant_format(struct arena *mem, struct instant t)
{
    return format(mem, t, "Z", true);
}

struct str instant_format_s(struct arena *mem, struct instant t)
{
    return format(mem, t, "Z", false);
}

struct str instant_format_cap(struct arena *mem, struct instant t)
{
    return format(mem, t, "-00:00", false);
}
