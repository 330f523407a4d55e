/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * From a path to a report: what the file is, its digest, the reader that fits, the import.
 */
#include "sites/import.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "sites/mapped.h"
#include "sites/osm.h"

enum { COPY_BYTES = 1 << 16 };
#define STDIN_BYTES_MAX (INT64_C(64) << 30)

struct file_import {
    struct arena mem;
    const struct sites_file_options *opt;
    const char *given, *path; /* path: given, or the temporary copy of standard input */
    bool is_temp;
    bool is_osm, is_change;
    enum osm_format osm;
    const char *format;
    struct mapped_options mapped;
    struct mapped_source source;
    const char *journal; /* NULL: none */
};

/* ---- standard input, laid aside: readers pass over a file more than once ---- */

static enum rc copy(int from, int to, struct err *err)
{
    static const char WRITE_FAILED[] = "cannot lay standard input aside: %s; set TMPDIR to a folder with room";
    char *buf = mem_realloc(NULL, COPY_BYTES);
    enum rc rc = RC_OK;
    int64_t total = 0;
    for (ssize_t n = 1; rc == RC_OK && n != 0;) {
        n = read(from, buf, COPY_BYTES);
        if (n < 0 && errno != EINTR)
            rc = err_set(err, RC_IO, "cannot read standard input: %s", strerror(errno));
        for (ssize_t at = 0; rc == RC_OK && at < n;) {
            ssize_t put = write(to, buf + at, (size_t)(n - at));
            if (put < 0 && errno != EINTR)
                rc = err_set(err, RC_IO, WRITE_FAILED, strerror(errno));
            at += put > 0 ? put : 0;
        }
        total += n > 0 ? n : 0;
        if (total > STDIN_BYTES_MAX)
            rc = err_set(err, RC_TOO_LARGE, "standard input is longer than %lld bytes", (long long)STDIN_BYTES_MAX);
        n = n < 0 ? 1 : n;
    }
    free(buf);
    return rc;
}

static enum rc path_take(struct file_import *f, struct err *err)
{
    f->path = f->given;
    if (strcmp(f->given, "-") != 0)
        return RC_OK;
    const char *dir = f->opt->import.temp_dir ? f->opt->import.temp_dir : getenv("TMPDIR");
    char *path = str_z(&f->mem, str_printf(&f->mem, "%s/fane-stdin-XXXXXX", dir && *dir ? dir : "/tmp"));
    int fd = mkstemp(path);
    if (fd < 0)
        return err_set(err, RC_IO, "cannot make %s: %s; set TMPDIR to a folder with room", path, strerror(errno));
    f->path = path;
    f->is_temp = true;
    enum rc rc = copy(STDIN_FILENO, fd, err);
    if (close(fd) != 0 && rc == RC_OK)
        rc = err_set(err, RC_IO, "cannot write %s: %s", path, strerror(errno));
    return rc;
}

/* ---- what it is ---- */

static const struct {
    const char *name;
    bool is_osm;
    int format;
} FORMATS[] = {{"osm-pbf", true, OSM_FORMAT_PBF},    {"osm-xml", true, OSM_FORMAT_XML},
               {"osm-change", true, OSM_FORMAT_XML}, {"geojson", false, MAPPED_GEOJSON},
               {"json", false, MAPPED_JSON},         {"csv", false, MAPPED_CSV}};

static enum rc format_given(struct file_import *f, struct err *err)
{
    for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++)
        if (strcmp(FORMATS[i].name, f->opt->format) == 0) {
            f->format = FORMATS[i].name;
            f->is_osm = FORMATS[i].is_osm;
            f->osm = f->is_osm ? (enum osm_format)FORMATS[i].format : OSM_FORMAT_ANY;
            f->mapped.format = f->is_osm ? MAPPED_ANY : (enum mapped_format)FORMATS[i].format;
            return RC_OK;
        }
    return err_set(err, RC_UNSUPPORTED,
                   "no format \"%.40s\"; there are osm-pbf, osm-xml, osm-change, geojson, json, csv", f->opt->format);
}

/* PBF: a length, then field 1 of BlobHeader, "OSMHeader". XML begins with <. */
static void format_seen(struct file_import *f, struct str head)
{
    struct str s = str_starts_with(head, STR("\xEF\xBB\xBF")) ? str_slice(head, 3, head.n) : head;
    bool is_pbf = str_contains(str_slice(head, 0, 64), STR("OSMHeader"));
    bool is_xml = str_starts_with(str_trim(s), STR("<"));
    f->is_osm = is_pbf || is_xml;
    f->osm = is_pbf ? OSM_FORMAT_PBF : OSM_FORMAT_XML;
    f->format = is_pbf ? "osm-pbf" : str_contains(s, STR("<osmChange")) ? "osm-change" : "osm-xml";
}

static enum rc format_find(struct file_import *f, struct input *in, struct err *err)
{
    struct str head;
    if (f->opt->format) {
        TRY(format_given(f, err));
    } else {
        TRY(input_peek(in, 4096, &head, err));
        format_seen(f, head);
    }
    f->is_change = f->format && strcmp(f->format, "osm-change") == 0;
    if (f->is_osm) {
        f->source.licence = STR("ODbL-1.0");
        f->source.attribution = STR("© OpenStreetMap contributors");
        f->source.url = STR("https://www.openstreetmap.org/copyright");
        return RC_OK;
    }
    TRY(mapped_probe(in, &f->mapped, &f->mem, &f->source, err));
    f->format = f->source.format;
    return RC_OK;
}

static enum rc probe(struct file_import *f, struct err *err)
{
    struct input *in;
    if (f->opt->map)
        TRY(file_read(f->opt->map, MAPPED_MAP_BYTES_MAX, &f->mem, &f->mapped.map, err));
    TRY(input_open(f->path, NULL, &in, err));
    enum rc rc = format_find(f, in, err);
    input_close(in);
    return rc;
}

static struct str file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return str_of(slash ? slash + 1 : path);
}

/* "andorra-2025.osm.pbf" is the source "andorra-2025": two files are two sources unless told otherwise, so that one
 * extract never makes the sites of another look gone. */
static struct str file_stem(struct str name)
{
    struct str head, rest;
    str_cut(name, '.', &head, &rest);
    head = str_is_empty(head) ? name : head;
    return str_is_equal(name, STR("-")) ? STR("stdin") : str_clip(head, IMPORT_SOURCE_MAX);
}

/* ---- reading ---- */

enum { DIGEST_CHUNK = 1 << 20 };

/* Over the file while it is read; in pieces, so that a file larger than memory is not held. */
struct digest {
    const char *path;
    pthread_t thread;
    atomic_bool stop; /* the reading failed: nobody wants it */
    struct sha256 value;
    enum rc rc;
    struct err err;
};

static enum rc digest_fd(struct digest *d, int fd)
{
    struct sha256_state s;
    char *chunk = mem_alloc(DIGEST_CHUNK);
    ssize_t n = 1;
    sha256_begin(&s);
    while (n != 0 && !atomic_load(&d->stop)) {
        n = read(fd, chunk, DIGEST_CHUNK);
        if (n < 0 && errno != EINTR)
            break;
        sha256_add(&s, chunk, n > 0 ? (size_t)n : 0);
    }
    free(chunk);
    d->value = sha256_end(&s);
    return n >= 0 ? RC_OK : err_set(&d->err, RC_IO, "cannot read %s: %s", d->path, strerror(errno));
}

static void *digest_run(void *ctx)
{
    struct digest *d = ctx;
    int fd = open(d->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        d->rc = err_set(&d->err, RC_IO, "cannot open %s: %s", d->path, strerror(errno));
        return NULL;
    }
    d->rc = digest_fd(d, fd);
    close(fd);
    return NULL;
}

/* ---- the journal of the reading ---- */

#define JOURNAL_LEAST (UINT64_C(32) << 20)

/* Named by the source: another file of the same source begins it anew. */
static enum rc journal_choose(struct file_import *f, struct str source, struct err *err)
{
    struct stat st;
    uint64_t least = f->opt->journal_least ? f->opt->journal_least : JOURNAL_LEAST;
    if (!f->opt->journal_dir || f->is_temp || f->opt->import.dry_run || !f->is_osm || f->osm != OSM_FORMAT_PBF ||
        stat(f->path, &st) != 0 || (uint64_t)st.st_size < least)
        return RC_OK;
    TRY(file_make_dir(f->opt->journal_dir, 0700, err));
    struct sha256 name = sha256_of(source.p, source.n);
    f->journal = str_printf(&f->mem, "%s/" STR_FMT ".journal", f->opt->journal_dir,
                            STR_ARG(str_slice(sha256_hex(&f->mem, name), 0, 16)))
                     .p;
    return RC_OK;
}

/* What was noted helps nobody when the input itself is at fault, or when all is done. */
static void journal_end(const struct file_import *f, enum rc rc)
{
    bool is_over = rc == RC_OK || rc == RC_DAMAGED || rc == RC_INVALID || rc == RC_UNSUPPORTED || rc == RC_TOO_LARGE;
    if (f->journal && is_over)
        unlink(f->journal);
}

static enum rc read_mapped(struct file_import *f, const struct site_sink *sink, struct err *err)
{
    struct input *in;
    struct site_read_count count;
    TRY(input_open(f->path, NULL, &in, err));
    enum rc rc = mapped_read(in, &f->mapped, sink, &count, err);
    input_close(in);
    return rc;
}

static enum rc read_osm(struct file_import *f, struct sites_import *im, struct err *err)
{
    struct site_read_count count;
    struct osm_options osm = {.threads = f->opt->threads,
                              .temp_dir = f->opt->import.temp_dir,
                              .is_change = f->is_change,
                              .journal = f->journal};
    TRY(sites_read_osm(f->path, f->osm, &osm, sites_import_sink(im), &count, err));
    sites_import_set_resumed(im, count.resumed);
    return RC_OK;
}

static enum rc read_all(struct file_import *f, struct sites_import *im, struct err *err)
{
    struct digest d = {.path = f->path};
    if (pthread_create(&d.thread, NULL, digest_run, &d) != 0)
        return err_set(err, RC_NOMEM, "cannot start a thread");
    enum rc rc = f->is_osm ? read_osm(f, im, err) : read_mapped(f, sites_import_sink(im), err);
    atomic_store(&d.stop, rc != RC_OK);
    pthread_join(d.thread, NULL);
    if (rc != RC_OK)
        return rc;
    if (d.rc != RC_OK) {
        *err = d.err;
        return d.rc;
    }
    sites_import_set_digest(im, d.value);
    return RC_OK;
}

static enum rc import(struct file_import *f, struct store *st, struct sites_import_report *out, struct err *err)
{
    struct sites_import_options o = f->opt->import;
    struct sites_import *im;
    o.label = str_clip(file_name(f->given), IMPORT_TEXT_MAX);
    o.format = str_of(f->format);
    o.is_change = f->is_change;
    if (f->is_change && str_is_empty(o.source))
        return err_set(err, RC_INVALID, "a change file is applied to a source: say which with --source");
    if (str_is_empty(o.source))
        o.source = str_is_empty(f->source.name) ? file_stem(file_name(f->given)) : f->source.name;
    if (f->source.has_visibility)
        o.visibility = f->source.visibility;
    TRY(journal_choose(f, o.source, err));
    TRY(sites_import_begin(st, &o, &im, err));
    sites_import_set_source(im, f->source.licence, f->source.attribution, f->source.url);
    enum rc rc = read_all(f, im, err);
    if (rc == RC_OK)
        rc = sites_import_finish(im, out, err);
    sites_import_free(im);
    journal_end(f, rc);
    return rc;
}

enum rc sites_import_file(struct store *st, const char *path, const struct sites_file_options *opt,
                          struct sites_import_report *out, struct err *err)
{
    struct file_import f = {.opt = opt, .given = path};
    arena_init(&f.mem);
    enum rc rc = path_take(&f, err);
    if (rc == RC_OK)
        rc = probe(&f, err);
    if (rc == RC_OK)
        rc = import(&f, st, out, err);
    if (f.is_temp)
        unlink(f.path);
    arena_fini(&f.mem);
    return rc;
}
