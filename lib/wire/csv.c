/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The CSV reader of csv.h. A row's fields lie one after the other in one buffer, each ended by NUL, which no field can
 * hold; they are turned into pointers when the row is complete, as the buffer may have moved.
 */
#include "wire/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 1 << 16, SNIFF_LINES = 20 };

struct csv {
    struct byte_source src;
    char *block;
    size_t at, have;
    uint64_t base; /* offset of the block's first byte */
    bool ended;
    char delimiter;
    int64_t line;
    uint64_t line_start; /* offset of the current line's first byte */
    int64_t rows, rows_max;
    struct buf text;
    size_t starts[CSV_COLUMNS_MAX + 1];
    struct str fields[CSV_COLUMNS_MAX];
    size_t n;
    bool has_columns;
    size_t columns;
    struct arena mem; /* column names */
    struct str *names;
    char fault[160];
};

enum stop { STOP_FIELD, STOP_ROW, STOP_END };

static long long column_of(const struct csv *c)
{
    return (long long)(c->base + c->at - c->line_start + 1);
}

static enum rc fail(const struct csv *c, enum rc rc, const char *what, struct err *err)
{
    return err_set(err, rc, "line %lld, column %lld: %s", (long long)c->line, column_of(c), what);
}

static enum rc fill(struct csv *c, struct err *err)
{
    if (c->ended)
        return RC_OK;
    size_t got = 0;
    TRY(c->src.read(c->src.ctx, c->block, BLOCK_SIZE, &got, err));
    c->base += c->have;
    c->at = 0;
    c->have = got;
    c->ended = got == 0;
    return RC_OK;
}

static enum rc current(struct csv *c, int *ch, struct err *err)
{
    if (c->at == c->have)
        TRY(fill(c, err));
    *ch = c->at < c->have ? (unsigned char)c->block[c->at] : -1;
    return *ch == 0 ? fail(c, RC_DAMAGED, "a NUL byte: this is no text file, or a damaged one", err) : RC_OK;
}

static enum rc add(struct csv *c, const char *p, size_t n, struct err *err)
{
    buf_add(&c->text, p, n);
    if (c->text.n - c->starts[c->n] > CSV_FIELD_MAX)
        return fail(c, RC_TOO_LARGE, "a field is longer than 1 MB (is a quote missing?)", err);
    if (c->text.n > CSV_ROW_MAX)
        return fail(c, RC_TOO_LARGE, "a row is longer than 16 MB", err);
    return RC_OK;
}

/* Takes a line end (LF, CRLF or CR) whose first byte is current. */
static enum rc take_line_end(struct csv *c, bool keep, struct err *err)
{
    int ch;
    TRY(current(c, &ch, err));
    bool was_cr = ch == '\r';
    for (int i = 0; i < 2; i++) {
        char byte = (char)ch;
        if (keep)
            TRY(add(c, &byte, 1, err));
        c->at++;
        if (!was_cr || i == 1)
            break;
        TRY(current(c, &ch, err));
        if (ch != '\n')
            break;
    }
    c->line++;
    c->line_start = c->base + c->at;
    return RC_OK;
}

static bool is_line_end(int ch)
{
    return ch == '\n' || ch == '\r';
}

static enum rc quoted(struct csv *c, struct err *err)
{
    int64_t line = c->line;
    long long column = column_of(c);
    c->at++;
    for (;;) {
        size_t from = c->at;
        while (c->at < c->have && !strchr("\"\r\n", c->block[c->at])) /* strchr finds NUL too */
            c->at++;
        TRY(add(c, c->block + from, c->at - from, err));
        int ch;
        TRY(current(c, &ch, err));
        if (ch < 0)
            return err_set(err, RC_DAMAGED, "line %lld, column %lld: the quote that begins here is never closed",
                           (long long)line, column);
        if (is_line_end(ch)) {
            TRY(take_line_end(c, true, err));
        } else if (ch == '"') {
            c->at++;
            TRY(current(c, &ch, err));
            if (ch != '"')
                return RC_OK;
            TRY(add(c, "\"", 1, err));
            c->at++;
        }
    }
}

static void set_fault(struct csv *c, const char *what)
{
    if (!c->fault[0])
        snprintf(c->fault, sizeof c->fault, "%s (line %lld, column %lld)", what, (long long)c->line, column_of(c));
}

/* Up to the next delimiter or line end, as it stands. */
static enum rc bare(struct csv *c, struct err *err)
{
    for (;;) {
        int ch;
        TRY(current(c, &ch, err));
        size_t from = c->at;
        while (c->at < c->have && (ch = (unsigned char)c->block[c->at]) != (unsigned char)c->delimiter &&
               !is_line_end(ch) && ch != 0)
            c->at++;
        TRY(add(c, c->block + from, c->at - from, err));
        TRY(current(c, &ch, err));
        if (ch < 0 || ch == (unsigned char)c->delimiter || is_line_end(ch))
            return RC_OK;
    }
}

static enum rc field(struct csv *c, enum stop *stop, struct err *err)
{
    int ch;
    if (c->n == CSV_COLUMNS_MAX)
        return fail(c, RC_TOO_LARGE, "a row has more than 500 fields", err);
    c->starts[c->n] = c->text.n;
    TRY(current(c, &ch, err));
    if (ch == '"') {
        TRY(quoted(c, err));
        TRY(current(c, &ch, err));
        if (ch >= 0 && ch != (unsigned char)c->delimiter && !is_line_end(ch))
            set_fault(c, "text after a closing quote");
    }
    TRY(bare(c, err));
    buf_add_char(&c->text, '\0');
    c->n++;
    TRY(current(c, &ch, err));
    *stop = ch < 0 ? STOP_END : is_line_end(ch) ? STOP_ROW : STOP_FIELD;
    if (*stop == STOP_FIELD)
        c->at++;
    return *stop == STOP_ROW ? take_line_end(c, false, err) : RC_OK;
}

/* Skips empty lines; *more = false at the end of the file. */
static enum rc find_row(struct csv *c, bool *more, struct err *err)
{
    for (;;) {
        int ch;
        TRY(current(c, &ch, err));
        *more = ch >= 0;
        if (!*more || !is_line_end(ch))
            return RC_OK;
        TRY(take_line_end(c, false, err));
    }
}

static void check_row(struct csv *c)
{
    if (!str_is_utf8(buf_str(&c->text)) && !c->fault[0])
        snprintf(c->fault, sizeof c->fault, "not UTF-8 text: save the file as UTF-8");
    if (c->has_columns && c->n != c->columns && !c->fault[0])
        snprintf(c->fault, sizeof c->fault, "%zu fields where the first row has %zu", c->n, c->columns);
}

static enum rc read_row(struct csv *c, bool *more, int64_t *line, struct err *err)
{
    TRY(find_row(c, more, err));
    if (!*more)
        return RC_OK;
    *line = c->line;
    c->n = 0;
    c->fault[0] = '\0';
    buf_clear(&c->text);
    for (enum stop stop = STOP_FIELD; stop == STOP_FIELD;)
        TRY(field(c, &stop, err));
    c->starts[c->n] = c->text.n;
    for (size_t i = 0; i < c->n; i++)
        c->fields[i] = (struct str){c->text.p + c->starts[i], c->starts[i + 1] - c->starts[i] - 1};
    check_row(c);
    return RC_OK;
}

enum rc csv_next(struct csv *c, struct csv_row *row, bool *more, struct err *err)
{
    int64_t line = 0;
    bool any;
    TRY(read_row(c, &any, &line, err));
    if (!any) {
        *more = false;
        return RC_OK;
    }
    if (c->rows == c->rows_max)
        return err_set(err, RC_TOO_LARGE, "line %lld: more than %lld rows", (long long)line, (long long)c->rows_max);
    if (!c->has_columns) {
        c->has_columns = true;
        c->columns = c->n;
    }
    c->rows++;
    *more = true;
    *row = (struct csv_row){c->fields, c->n, line, c->rows, c->fault[0] ? c->fault : NULL};
    return RC_OK;
}

/* Fields per line for one delimiter, quotes respected: how often the first line's count comes back. */
static int sniff_score(const char *p, size_t n, char delimiter)
{
    int first = -1, count = 0, lines = 0, same = 0;
    bool in_quotes = false;
    for (size_t i = 0; i < n && lines < SNIFF_LINES; i++) {
        if (p[i] == '"')
            in_quotes = !in_quotes;
        else if (!in_quotes && p[i] == delimiter)
            count++;
        if (in_quotes || p[i] != '\n')
            continue;
        if (first < 0)
            first = count;
        same += count == first;
        lines++;
        count = 0;
    }
    if (first < 0) /* one line, or lines ended by CR */
        return count;
    return first == 0 ? 0 : first + 1000 * same / lines;
}

static char sniff(const char *p, size_t n)
{
    static const char TRIED[] = {',', ';', '\t', '|'};
    char best = ',';
    int best_score = 0;
    for (size_t i = 0; i < sizeof TRIED; i++) {
        int score = sniff_score(p, n, TRIED[i]);
        if (score > best_score) {
            best_score = score;
            best = TRIED[i];
        }
    }
    return best;
}

static enum rc begin(struct csv *c, struct err *err)
{
    /* the first block whole, so that the sniffing sees lines even from a slow pipe */
    for (size_t got = 1; got > 0 && c->have < BLOCK_SIZE; c->have += got)
        TRY(c->src.read(c->src.ctx, c->block + c->have, BLOCK_SIZE - c->have, &got, err));
    if (c->have >= 2 && (memcmp(c->block, "\xFF\xFE", 2) == 0 || memcmp(c->block, "\xFE\xFF", 2) == 0))
        return err_set(err, RC_UNSUPPORTED, "line 1: the file is UTF-16: save it as UTF-8");
    if (c->have >= 3 && memcmp(c->block, "\xEF\xBB\xBF", 3) == 0)
        c->at = c->line_start = 3;
    if (!c->delimiter)
        c->delimiter = sniff(c->block + c->at, c->have - c->at);
    return RC_OK;
}

static enum rc read_header(struct csv *c, struct err *err)
{
    bool more;
    int64_t line;
    TRY(read_row(c, &more, &line, err));
    if (!more)
        return err_set(err, RC_INVALID, "the file is empty: a header row was expected");
    if (c->fault[0])
        return err_set(err, RC_INVALID, "line %lld: the header row: %s", (long long)line, c->fault);
    c->names = ARENA_NEW_N(&c->mem, struct str, c->n);
    c->has_columns = true;
    c->columns = c->n;
    for (size_t i = 0; i < c->n; i++) {
        c->names[i] = str_copy(&c->mem, str_trim(c->fields[i]));
        for (size_t k = 0; k < i; k++)
            if (c->names[i].n && str_is_equal(c->names[i], c->names[k]))
                return err_set(err, RC_INVALID, "line %lld: two columns are named \"" STR_FMT "\"", (long long)line,
                               STR_ARG(str_clip(c->names[i], 100)));
    }
    return RC_OK;
}

enum rc csv_open(struct byte_source src, const struct csv_options *opt, struct csv **out, struct err *err)
{
    struct csv *c = mem_alloc(sizeof *c);
    c->src = src;
    c->block = mem_alloc(BLOCK_SIZE);
    c->line = 1;
    c->delimiter = opt ? opt->delimiter : 0;
    c->rows_max = opt && opt->rows_max ? opt->rows_max : CSV_ROWS_MAX;
    buf_init(&c->text, 0);
    arena_init(&c->mem);
    enum rc rc = begin(c, err);
    if (rc == RC_OK && !(opt && opt->no_header))
        rc = read_header(c, err);
    if (rc != RC_OK) {
        csv_close(c);
        return rc;
    }
    *out = c;
    return RC_OK;
}

void csv_close(struct csv *c)
{
    if (!c)
        return;
    buf_fini(&c->text);
    arena_fini(&c->mem);
    free(c->block);
    free(c);
}

size_t csv_columns(const struct csv *c)
{
    return c->columns;
}

struct str csv_column_name(const struct csv *c, size_t i)
{
    return c->names && i < c->columns ? c->names[i] : STR_NONE;
}

int csv_column_find(const struct csv *c, struct str name)
{
    for (size_t i = 0; c->names && i < c->columns; i++)
        if (str_is_equal(c->names[i], name))
            return (int)i;
    for (size_t i = 0; c->names && i < c->columns; i++)
        if (str_is_equal_nocase(c->names[i], name))
            return (int)i;
    return -1;
}

char csv_delimiter(const struct csv *c)
{
    return c->delimiter;
}
