/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SaTScan's own text formats, from bytes given: the parameter file (.prm), coordinates (.geo), cases (.cas); and the
 * result as text and tables. Which parameters are honoured, which may stand there because they only concern output,
 * and which are refused by name is one table in prm.c.
 *
 * Errors: RC_INVALID or RC_UNSUPPORTED with file name, line and field. Nothing is skipped silently.
 * Source of the formats: SaTScan User Guide v10, "Input data" and "Basic SaTScan features"; shared sample files.
 */
#ifndef WATCH_SATSCAN_H
#define WATCH_SATSCAN_H

#include "base/str.h"
#include "watch/watch.h"

enum {
    SATSCAN_PRM_MAX = 1 << 20, /* bytes */
    SATSCAN_DATA_MAX = 1 << 29,
    SATSCAN_ID_MAX = 256,
    SATSCAN_KEYS_MAX = 320
};

/* A parameter file read, not yet understood: values by key. */
struct prm {
    struct str name; /* of the file, for errors */
    struct str value[SATSCAN_KEYS_MAX];
    uint32_t line[SATSCAN_KEYS_MAX]; /* 0: not given; UINT32_MAX: set on the command line */
};
/* Errors: a line that is neither comment, section nor KEY=VALUE; a key SaTScan does not have; a key given twice. */
MUST_CHECK enum rc prm_read(struct str name, struct str text, struct arena *mem, struct prm *out, struct err *err);
/* "KEY=VALUE" over what the file says. */
MUST_CHECK enum rc prm_set(struct prm *p, const char *assignment, struct arena *mem, struct err *err);

/* What the parameters ask for. */
struct prm_plan {
    struct watch_params params;
    struct str case_file, coordinates_file; /* as written: relative to the parameter file's folder */
    struct str results_file;                /* never written */
    enum watch_coordinates coordinates;
    bool drop_outside_period, drop_unknown_places; /* "relaxed" data checking */
};
/* Errors: RC_UNSUPPORTED names the key and value this version does not do. */
MUST_CHECK enum rc prm_plan(const struct prm *p, struct prm_plan *out, struct err *err);

struct satscan_places {
    size_t n;
    struct str *ids; /* sorted; borrowed from the text */
    double *a, *b;
};
MUST_CHECK enum rc satscan_read_places(struct str name, struct str text, enum watch_coordinates kind, struct arena *mem,
                                       struct satscan_places *out, struct err *err);

struct satscan_cases {
    size_t n;
    struct watch_case *at;
    size_t dropped_outside_period, dropped_unknown_places; /* rows */
};
MUST_CHECK enum rc satscan_read_cases(struct str name, struct str text, const struct prm_plan *plan,
                                      const struct satscan_places *places, struct arena *mem, struct satscan_cases *out,
                                      struct err *err);

/* YYYY/MM/DD or YYYY-MM-DD, one or two digits for month and day. */
bool satscan_parse_date(struct str s, int64_t *day);

/* A report for people, and tables for --out. */
void satscan_write_report(const struct prm_plan *plan, const struct satscan_places *places,
                          const struct satscan_cases *cases, const struct watch_result *r, double seconds,
                          struct buf *out);
void satscan_write_clusters_csv(const struct satscan_places *places, const struct watch_result *r, struct buf *out);
void satscan_write_members_csv(const struct satscan_places *places, const struct watch_result *r, struct buf *out);
void satscan_write_maxima(const struct watch_result *r, struct buf *out); /* one per line, as SaTScan's .llr.txt */

#endif
