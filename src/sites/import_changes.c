/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See import_changes.h. Which fields changed falls out of the two raw texts of a record, its names and its footprint.
 */
#include "sites/import_changes_int.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/csv.h"
#include "wire/json_in.h"
#include "wire/json_out.h"

enum { RAW_MAX = 1 << 20, FIELDS_MAX = 32, WRITE_LEAST = 1 << 16 };

struct changes_file {
    int fd;
    char *path, *part; /* part: NULL once it has its name */
    bool is_csv;
};

/* ---- which fields ---- */

struct fields {
    const char *v[FIELDS_MAX];
    size_t n;
};

static void field_add(struct fields *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->v[i], name) == 0)
            return;
    if (f->n < FIELDS_MAX)
        f->v[f->n++] = name;
}

/* Names of the raw text's members that are called otherwise here. */
static const char *field_of(const char *key, struct arena *mem)
{
    if (strcmp(key, "lat") == 0 || strcmp(key, "lon") == 0)
        return "place";
    return str_copy(mem, str_of(key)).p;
}

/* Members of a that b lacks or has otherwise. */
static void members_compare(const json_t *a, json_t *b, bool both, struct arena *mem, struct fields *out)
{
    for (void *it = json_object_iter((json_t *)(uintptr_t)a); it;
         it = json_object_iter_next((json_t *)(uintptr_t)a, it)) {
        json_t *other = json_object_get(b, json_object_iter_key(it));
        if (!other || (both && !json_equal(json_object_iter_value(it), other)))
            field_add(out, field_of(json_object_iter_key(it), mem));
    }
}

static enum rc fields_find(const struct change_row *row, struct arena *mem, struct fields *out, struct err *err)
{
    json_t *past, *now;
    TRY(json_in_object(row->past.raw, RAW_MAX, &past, err));
    enum rc rc = json_in_object(row->now.raw, RAW_MAX, &now, err);
    if (rc == RC_OK) {
        members_compare(now, past, true, mem, out);
        members_compare(past, now, false, mem, out);
        json_decref(now);
    }
    json_decref(past);
    if (!str_is_equal(row->past.names, row->now.names))
        field_add(out, "names");
    if (!str_is_equal(row->past.footprint, row->now.footprint))
        field_add(out, "footprint");
    if (out->n == 0) /* nothing differs: it had been gone */
        field_add(out, "status");
    return rc;
}

/* ---- a line ---- */

static const char *change_of(const struct change_row *row)
{
    return row->is_gone ? "gone" : row->is_added ? "added" : "updated";
}

static void line_json(struct buf *b, const struct change_row *row, const struct fields *f, struct arena *mem)
{
    struct json_out j;
    json_out_init(&j, b);
    json_begin_object(&j);
    json_put_str(&j, "change", str_of(change_of(row)));
    json_put_str(&j, "id", row->external_id);
    json_put_str(&j, "site", uuid_format(mem, row->public_id));
    json_put_str(&j, "name", row->name);
    if (f->n) {
        json_key(&j, "fields");
        json_begin_array(&j);
        for (size_t i = 0; i < f->n; i++)
            json_str(&j, str_of(f->v[i]));
        json_end_array(&j);
    }
    json_end_object(&j);
    buf_add_char(b, '\n');
}

static void line_csv(struct buf *b, const struct change_row *row, const struct fields *f, struct arena *mem)
{
    struct csv_out c;
    struct buf all;
    csv_out_init(&c, b, ',', true);
    csv_out_str(&c, str_of(change_of(row)));
    csv_out_str(&c, row->external_id);
    csv_out_str(&c, uuid_format(mem, row->public_id));
    csv_out_str(&c, row->name);
    buf_init(&all, 0);
    for (size_t i = 0; i < f->n; i++)
        buf_printf(&all, "%s%s", i ? " " : "", f->v[i]);
    csv_out_str(&c, buf_str(&all));
    buf_fini(&all);
    csv_out_end(&c);
}

static enum rc line_put(const struct changes_file *f, struct buf *b, const struct change_row *row, struct arena *mem,
                        struct err *err)
{
    struct fields fields = {.n = 0};
    if (row->has_past && !row->is_added && !row->is_gone)
        TRY(fields_find(row, mem, &fields, err));
    (f->is_csv ? line_csv : line_json)(b, row, &fields, mem);
    return RC_OK;
}

/* ---- the file ---- */

static enum rc flush(const struct changes_file *f, struct buf *b, struct err *err)
{
    for (size_t at = 0; at < b->n;) {
        ssize_t put = write(f->fd, b->p + at, b->n - at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return err_set(err, RC_IO, "cannot write %s: %s", f->part, strerror(errno));
        at += (size_t)put;
    }
    buf_clear(b);
    return RC_OK;
}

static enum rc pages_write(const struct changes_file *f, struct store *st, struct change_page *p, struct buf *b,
                           int64_t *n, struct err *err)
{
    struct arena key;
    enum rc rc = RC_OK;
    arena_init(&key);
    while (rc == RC_OK) {
        rc = changes_page_read(st, p, err);
        if (rc != RC_OK || str_is_empty(p->last))
            break;
        for (size_t i = 0; i < p->n && rc == RC_OK; i++)
            rc = line_put(f, b, &p->rows[i], &p->mem, err);
        *n += (int64_t)p->n;
        if (rc == RC_OK && b->n >= WRITE_LEAST)
            rc = flush(f, b, err);
        struct arena next;
        arena_init(&next);
        p->after = str_copy(&next, p->last);
        arena_fini(&key);
        key = next;
        arena_reset(&p->mem);
    }
    arena_fini(&key);
    return rc;
}

enum rc changes_open(const char *path, struct changes_file **out, struct err *err)
{
    struct changes_file *f = mem_alloc(sizeof *f);
    size_t n = strlen(path);
    f->path = mem_alloc(n + 1);
    f->part = mem_alloc(n + sizeof ".part");
    memcpy(f->path, path, n + 1);
    memcpy(f->part, path, n);
    memcpy(f->part + n, ".part", sizeof ".part");
    f->is_csv = str_ends_with(str_of(path), STR(".csv"));
    f->fd = open(f->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->fd >= 0 && fchmod(f->fd, 0600) == 0) {
        *out = f;
        return RC_OK;
    }
    enum rc rc = err_set(err, RC_IO, "cannot make %s: %s", f->part, strerror(errno));
    changes_close(f);
    return rc;
}

enum rc changes_write(struct changes_file *f, struct store *st, struct uuid release, int64_t *n, struct err *err)
{
    struct change_page p = {.release = release, .after = STR("")};
    struct buf b;
    int64_t count = 0;
    TRY(changes_source_find(st, release, &p.source, err));
    buf_init(&b, WRITE_LEAST);
    arena_init(&p.mem);
    if (f->is_csv)
        buf_add_z(&b, "change,id,site,name,fields\r\n");
    enum rc rc = pages_write(f, st, &p, &b, &count, err);
    if (rc == RC_OK)
        rc = flush(f, &b, err);
    arena_fini(&p.mem);
    buf_fini(&b);
    if (rc != RC_OK)
        return rc;
    if (fsync(f->fd) != 0 || rename(f->part, f->path) != 0)
        return err_set(err, RC_IO, "cannot write %s: %s", f->path, strerror(errno));
    free(f->part);
    f->part = NULL;
    *n = count;
    return RC_OK;
}

void changes_close(struct changes_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    if (f->part && f->fd >= 0)
        unlink(f->part);
    free(f->part);
    free(f->path);
    free(f);
}
