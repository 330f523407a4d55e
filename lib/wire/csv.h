/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * CSV (RFC 4180) as a stream, and a writer. Separated by , ; tab or |, lines ended by LF, CRLF or CR, a byte order mark
 * skipped, line breaks inside quotes kept. Memory does not grow with the file.
 *
 * What is wrong with one row is that row's fault (row.fault; the caller rejects it by line and goes on): another number
 * of fields than the first row, text after a closing quote, bytes that are not UTF-8. What makes the rest of the file
 * doubtful fails the file: NUL (with line and column), a quote never closed, and every cap.
 * A quote inside a field that did not begin with one is an ordinary character. Empty lines are no rows.
 */
#ifndef WIRE_CSV_H
#define WIRE_CSV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "wire/gzip.h"

enum { CSV_FIELD_MAX = 1 << 20, CSV_ROW_MAX = 16 << 20, CSV_COLUMNS_MAX = 500 };
#define CSV_ROWS_MAX INT64_C(100000000)

struct csv_options {
    char delimiter;   /* 0: sniffed in the first 64 KB among , ; tab | */
    bool no_header;   /* the first row is data; columns are then known by number only */
    int64_t rows_max; /* 0: CSV_ROWS_MAX */
};

struct csv_row {
    const struct str *fields; /* borrowed until the next call; unquoted */
    size_t n;
    int64_t line;      /* where the row begins, from 1 */
    int64_t row;       /* 1 for the first row after the header */
    const char *fault; /* NULL, or why this row is refused; borrowed */
};

struct csv;
/* Reads as far as the header. Errors: RC_INVALID when there is no header row or two columns have one name. */
MUST_CHECK enum rc csv_open(struct byte_source src, const struct csv_options *opt, struct csv **out, struct err *err);
void csv_close(struct csv *c);
size_t csv_columns(const struct csv *c);                   /* of the header, or of the first row without one */
struct str csv_column_name(const struct csv *c, size_t i); /* trimmed */
int csv_column_find(const struct csv *c, struct str name); /* exactly, else ignoring ASCII case; -1 when none */
char csv_delimiter(const struct csv *c);
/* *more = false at the end; row is then untouched. */
MUST_CHECK enum rc csv_next(struct csv *c, struct csv_row *row, bool *more, struct err *err);

/* Writer. CRLF line ends. With `guard` a text field that a spreadsheet would run as a formula (first character
 * = + - @ TAB CR, and not a plain number) gets an apostrophe in front: our exports are opened in spreadsheets by people
 * who did not write the names in them. Without it what is read back is what was written. */
struct csv_out {
    struct buf *b;
    char delimiter;
    bool guard;
    bool in_row;
};
void csv_out_init(struct csv_out *c, struct buf *b, char delimiter, bool guard);
void csv_out_str(struct csv_out *c, struct str s);
void csv_out_i64(struct csv_out *c, int64_t v);
void csv_out_f64(struct csv_out *c, double v, int decimals); /* empty when not finite */
void csv_out_end(struct csv_out *c);

#endif
