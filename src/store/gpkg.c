/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See gpkg.h. Names of tables and columns, and the rule behind each, are of OGC 12-128r18, annex C and F.
 */
#include "store/gpkg.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WGS84                                                                                                          \
    "GEOGCS[\"WGS 84\",DATUM[\"WGS_1984\",SPHEROID[\"WGS 84\",6378137,298.257223563,AUTHORITY[\"EPSG\",\"7030\"]],"    \
    "AUTHORITY[\"EPSG\",\"6326\"]],PRIMEM[\"Greenwich\",0,AUTHORITY[\"EPSG\",\"8901\"]],UNIT[\"degree\","              \
    "0.0174532925199433,AUTHORITY[\"EPSG\",\"9122\"]],AXIS[\"Latitude\",NORTH],AXIS[\"Longitude\",EAST],"              \
    "AUTHORITY[\"EPSG\",\"4326\"]]"
enum { SRS_WGS84 = 4326, HEADER_POINT = 8, HEADER_BOX = 40, WKB_POINT = 21 };

/* application_id "GPKG", user_version 1.3.0. The journal is off: a file that was not finished is not kept. */
static const char SETUP[] =
    "PRAGMA page_size = 4096; PRAGMA application_id = 1196444487; PRAGMA user_version = 10300; PRAGMA journal_mode = OFF;"
    "PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;"
    "BEGIN;"
    "CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY, organization TEXT "
    "NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);"
    "CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, "
    "description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), "
    "min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER, CONSTRAINT fk_gc_r_srs_id FOREIGN KEY "
    "(srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));"
    "CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT "
    "NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL, CONSTRAINT pk_geom_cols PRIMARY KEY "
    "(table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name), CONSTRAINT fk_gc_tn FOREIGN KEY "
    "(table_name) REFERENCES gpkg_contents(table_name), CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES "
    "gpkg_spatial_ref_sys (srs_id));"
    "CREATE TABLE gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT "
    "NULL, scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));"
    "CREATE TABLE gpkg_metadata (id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL, md_scope TEXT NOT NULL DEFAULT "
    "'dataset', md_standard_uri TEXT NOT NULL, mime_type TEXT NOT NULL DEFAULT 'text/xml', metadata TEXT NOT NULL "
    "DEFAULT '');"
    "CREATE TABLE gpkg_metadata_reference (reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT, row_id_value "
    "INTEGER, timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), md_file_id INTEGER NOT NULL, "
    "md_parent_id INTEGER, CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id), CONSTRAINT "
    "crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id));"
    "INSERT INTO gpkg_spatial_ref_sys VALUES "
    "('Undefined cartesian', -1, 'NONE', -1, 'undefined', 'undefined cartesian coordinate reference system'), "
    "('Undefined geographic', 0, 'NONE', 0, 'undefined', 'undefined geographic coordinate reference system'), "
    "('WGS 84 geodetic', 4326, 'EPSG', 4326, '" WGS84 "', 'longitude and latitude in degrees on WGS 84');"
    "INSERT INTO gpkg_extensions VALUES "
    "('gpkg_metadata', NULL, 'gpkg_metadata', 'http://www.geopackage.org/spec/#extension_metadata', 'read-write'), "
    "('gpkg_metadata_reference', NULL, 'gpkg_metadata', 'http://www.geopackage.org/spec/#extension_metadata', "
    "'read-write');";

/* @: the layer. What keeps the index right when others edit the file; they bring the ST_ functions. */
static const char TRIGGERS[] =
    "CREATE TRIGGER rtree_@_geom_insert AFTER INSERT ON @ WHEN (new.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom)) "
    "BEGIN INSERT OR REPLACE INTO rtree_@_geom VALUES (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), "
    "ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;"
    "CREATE TRIGGER rtree_@_geom_update1 AFTER UPDATE OF geom ON @ WHEN OLD.fid = NEW.fid AND (NEW.geom NOTNULL AND "
    "NOT ST_IsEmpty(NEW.geom)) BEGIN INSERT OR REPLACE INTO rtree_@_geom VALUES (NEW.fid, ST_MinX(NEW.geom), "
    "ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;"
    "CREATE TRIGGER rtree_@_geom_update2 AFTER UPDATE OF geom ON @ WHEN OLD.fid = NEW.fid AND (NEW.geom ISNULL OR "
    "ST_IsEmpty(NEW.geom)) BEGIN DELETE FROM rtree_@_geom WHERE id = OLD.fid; END;"
    "CREATE TRIGGER rtree_@_geom_update3 AFTER UPDATE ON @ WHEN OLD.fid != NEW.fid AND (NEW.geom NOTNULL AND NOT "
    "ST_IsEmpty(NEW.geom)) BEGIN DELETE FROM rtree_@_geom WHERE id = OLD.fid; INSERT OR REPLACE INTO "
    "rtree_@_geom VALUES (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;"
    "CREATE TRIGGER rtree_@_geom_update4 AFTER UPDATE ON @ WHEN OLD.fid != NEW.fid AND (NEW.geom ISNULL OR "
    "ST_IsEmpty(NEW.geom)) BEGIN DELETE FROM rtree_@_geom WHERE id IN (OLD.fid, NEW.fid); END;"
    "CREATE TRIGGER rtree_@_geom_delete AFTER DELETE ON @ WHEN old.geom NOT NULL BEGIN DELETE FROM rtree_@_geom "
    "WHERE id = OLD.fid; END;";

struct layer {
    const struct gpkg_layer *about;
    sqlite3_stmt *row, *index;
    int64_t rows;
    bool has_extent;
    struct gpkg_box extent;
};

struct gpkg {
    sqlite3 *db;
    char *path;
    struct layer layers[GPKG_LAYERS_MAX];
    int layers_n;
};

static enum rc failed(const struct gpkg *g, struct err *err)
{
    return err_set(err, RC_IO, "cannot write %s: %s", g->path, g->db ? sqlite3_errmsg(g->db) : "no memory");
}

static enum rc run(struct gpkg *g, const char *text, struct err *err)
{
    return sqlite3_exec(g->db, text, NULL, NULL, NULL) == SQLITE_OK ? RC_OK : failed(g, err);
}

/* text with the layer's name where @ stands. */
static enum rc run_for(struct gpkg *g, const char *text, const char *layer, struct err *err)
{
    struct buf b;
    buf_init(&b, 0);
    for (; *text; text++) {
        if (*text == '@')
            buf_add_z(&b, layer);
        else
            buf_add_char(&b, *text);
    }
    buf_add_char(&b, '\0');
    enum rc rc = run(g, b.p, err);
    buf_fini(&b);
    return rc;
}

static enum rc prepare(struct gpkg *g, struct str text, sqlite3_stmt **out, struct err *err)
{
    return sqlite3_prepare_v2(g->db, text.p, (int)text.n, out, NULL) == SQLITE_OK ? RC_OK : failed(g, err);
}

/* ---- open ---- */

static enum rc open_file(struct gpkg *g, struct err *err)
{
    int fd = open(g->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set(err, RC_IO, "cannot make %s: %s", g->path, strerror(errno));
    close(fd);
    if (sqlite3_open_v2(g->path, &g->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return failed(g, err);
    return run(g, SETUP, err);
}

enum rc gpkg_new(const char *path, struct gpkg **out, struct err *err)
{
    struct gpkg *g = mem_alloc(sizeof *g);
    size_t n = strlen(path) + 1;
    g->path = memcpy(mem_alloc(n), path, n);
    enum rc rc = open_file(g, err);
    if (rc != RC_OK) {
        if (g->db) { /* the file is ours */
            sqlite3_close(g->db);
            unlink(g->path);
        }
        free(g->path);
        free(g);
        return rc;
    }
    *out = g;
    return RC_OK;
}

/* ---- layers ---- */

static enum rc make_table(struct gpkg *g, const struct gpkg_layer *l, struct err *err)
{
    static const char *const TYPES[] = {
        [GPKG_TEXT] = "TEXT",       [GPKG_INTEGER] = "INTEGER", [GPKG_REAL] = "DOUBLE",
        [GPKG_BOOLEAN] = "BOOLEAN", [GPKG_DATE] = "DATE",       [GPKG_DATETIME] = "DATETIME"};
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "CREATE TABLE @ (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom %s", l->geometry);
    for (size_t i = 0; i < l->n; i++)
        buf_printf(&b, ", %s %s", l->columns[i].name, TYPES[l->columns[i].type]);
    buf_printf(&b, "); INSERT INTO gpkg_geometry_columns VALUES ('@', 'geom', '%s', %d, 0, 0);", l->geometry,
               SRS_WGS84);
    buf_add_z(&b, "CREATE VIRTUAL TABLE rtree_@_geom USING rtree(id, minx, maxx, miny, maxy);"
                  "INSERT INTO gpkg_extensions VALUES ('@', 'geom', 'gpkg_rtree_index', "
                  "'http://www.geopackage.org/spec/#extension_rtree', 'write-only');");
    buf_add_char(&b, '\0');
    enum rc rc = run_for(g, b.p, l->name, err);
    buf_fini(&b);
    return rc;
}

static enum rc prepare_rows(struct gpkg *g, struct layer *l, struct err *err)
{
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "INSERT INTO %s VALUES (?1, ?2", l->about->name);
    for (size_t i = 0; i < l->about->n; i++)
        buf_printf(&b, ", ?%zu", i + 3);
    buf_add_z(&b, ")");
    enum rc rc = prepare(g, buf_str(&b), &l->row, err);
    buf_clear(&b);
    buf_printf(&b, "INSERT INTO rtree_%s_geom VALUES (?1, ?2, ?3, ?4, ?5)", l->about->name);
    if (rc == RC_OK)
        rc = prepare(g, buf_str(&b), &l->index, err);
    buf_fini(&b);
    return rc;
}

enum rc gpkg_layer_add(struct gpkg *g, const struct gpkg_layer *about, int *layer, struct err *err)
{
    ENSURE(g->layers_n < GPKG_LAYERS_MAX && about->n <= GPKG_COLUMNS_MAX);
    struct layer *l = &g->layers[g->layers_n++];
    l->about = about;
    sqlite3_stmt *s = NULL;
    TRY(prepare(g,
                STR("INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id) "
                    "VALUES (?1, 'features', ?2, ?3, 4326)"),
                &s, err));
    sqlite3_bind_text(s, 1, about->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, about->title, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, about->description, -1, SQLITE_STATIC);
    bool ok = sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    if (!ok)
        return failed(g, err);
    TRY(make_table(g, about, err));
    TRY(prepare_rows(g, l, err));
    *layer = g->layers_n - 1;
    return RC_OK;
}

/* ---- rows ---- */

static void put_f64(uint8_t *to, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(bits >> (8 * i));
}

/* "GP", version 0, flags (little-endian, and whether a box follows), SRS. */
static void put_header(uint8_t *to, bool has_box)
{
    const uint8_t head[HEADER_POINT] = {'G', 'P', 0, has_box ? 3 : 1, SRS_WGS84 & 255, SRS_WGS84 >> 8, 0, 0};
    memcpy(to, head, sizeof head);
}

static void bind(sqlite3_stmt *s, int at, const struct store_arg *a)
{
    switch (a->type) {
    case STORE_NULL:
        sqlite3_bind_null(s, at);
        break;
    case STORE_INT:
        sqlite3_bind_int64(s, at, a->i);
        break;
    case STORE_REAL:
        sqlite3_bind_double(s, at, a->r);
        break;
    case STORE_TEXT:
        sqlite3_bind_text(s, at, a->s.p ? a->s.p : "", (int)a->s.n, SQLITE_STATIC);
        break;
    case STORE_BLOB:
        sqlite3_bind_blob(s, at, a->s.p ? a->s.p : "", (int)a->s.n, SQLITE_STATIC);
        break;
    }
}

static void extend(struct layer *l, const struct gpkg_box *b)
{
    struct gpkg_box *e = &l->extent;
    if (!l->has_extent)
        *e = *b;
    l->has_extent = true;
    e->west_deg = fmin(e->west_deg, b->west_deg);
    e->south_deg = fmin(e->south_deg, b->south_deg);
    e->east_deg = fmax(e->east_deg, b->east_deg);
    e->north_deg = fmax(e->north_deg, b->north_deg);
}

static enum rc insert(struct gpkg *g, struct layer *l, const uint8_t *geometry, size_t n, const struct gpkg_box *box,
                      const struct store_arg *args, struct err *err)
{
    int64_t fid = ++l->rows;
    sqlite3_bind_int64(l->row, 1, fid);
    if (geometry)
        sqlite3_bind_blob(l->row, 2, geometry, (int)n, SQLITE_STATIC);
    else
        sqlite3_bind_null(l->row, 2);
    for (size_t i = 0; i < l->about->n; i++)
        bind(l->row, (int)i + 3, &args[i]);
    bool ok = sqlite3_step(l->row) == SQLITE_DONE;
    sqlite3_reset(l->row);
    if (ok && geometry) {
        const double sides[] = {box->west_deg, box->east_deg, box->south_deg, box->north_deg};
        extend(l, box);
        sqlite3_bind_int64(l->index, 1, fid);
        for (int i = 0; i < 4; i++)
            sqlite3_bind_double(l->index, i + 2, sides[i]);
        ok = sqlite3_step(l->index) == SQLITE_DONE;
        sqlite3_reset(l->index);
    }
    return ok ? RC_OK : failed(g, err);
}

enum rc gpkg_row(struct gpkg *g, int layer, struct str wkb, const struct gpkg_box *box, const struct store_arg *args,
                 struct err *err)
{
    struct layer *l = &g->layers[layer];
    if (str_is_empty(wkb))
        return insert(g, l, NULL, 0, NULL, args, err);
    if (wkb.n > INT32_MAX - HEADER_BOX)
        return err_set(err, RC_TOO_LARGE, "a geometry of %zu bytes", wkb.n);
    const double sides[] = {box->west_deg, box->east_deg, box->south_deg, box->north_deg};
    uint8_t *b = mem_alloc(HEADER_BOX + wkb.n);
    put_header(b, true);
    for (int i = 0; i < 4; i++)
        put_f64(b + HEADER_POINT + 8 * i, sides[i]);
    memcpy(b + HEADER_BOX, wkb.p, wkb.n);
    enum rc rc = insert(g, l, b, HEADER_BOX + wkb.n, box, args, err);
    free(b);
    return rc;
}

enum rc gpkg_point_row(struct gpkg *g, int layer, bool is_there, double lat_deg, double lon_deg,
                       const struct store_arg *args, struct err *err)
{
    struct gpkg_box box = {lon_deg, lat_deg, lon_deg, lat_deg};
    uint8_t b[HEADER_POINT + WKB_POINT];
    put_header(b, false);
    b[HEADER_POINT] = 1; /* little-endian */
    memcpy(b + HEADER_POINT + 1, (const uint8_t[]){1, 0, 0, 0}, 4);
    put_f64(b + HEADER_POINT + 5, lon_deg);
    put_f64(b + HEADER_POINT + 13, lat_deg);
    return insert(g, &g->layers[layer], is_there ? b : NULL, sizeof b, &box, args, err);
}

enum rc gpkg_note(struct gpkg *g, const char *mime, const char *uri, struct str text, struct err *err)
{
    sqlite3_stmt *s = NULL;
    TRY(prepare(g,
                STR("INSERT INTO gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata) "
                    "VALUES ('dataset', ?1, ?2, ?3)"),
                &s, err));
    sqlite3_bind_text(s, 1, uri, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, mime, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, text.p ? text.p : "", (int)text.n, SQLITE_STATIC);
    bool ok = sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    if (!ok)
        return failed(g, err);
    return run(g,
               "INSERT INTO gpkg_metadata_reference (reference_scope, md_file_id) "
               "VALUES ('geopackage', last_insert_rowid())",
               err);
}

/* ---- finish ---- */

static enum rc layer_close(struct gpkg *g, struct layer *l, struct err *err)
{
    sqlite3_stmt *s = NULL;
    TRY(run_for(g, TRIGGERS, l->about->name, err));
    if (!l->has_extent)
        return RC_OK;
    const double sides[] = {l->extent.west_deg, l->extent.south_deg, l->extent.east_deg, l->extent.north_deg};
    TRY(prepare(g, STR("UPDATE gpkg_contents SET min_x = ?1, min_y = ?2, max_x = ?3, max_y = ?4 WHERE table_name = ?5"),
                &s, err));
    for (int i = 0; i < 4; i++)
        sqlite3_bind_double(s, i + 1, sides[i]);
    sqlite3_bind_text(s, 5, l->about->name, -1, SQLITE_STATIC);
    bool ok = sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    return ok ? RC_OK : failed(g, err);
}

static enum rc sync_and_digest(const struct gpkg *g, struct gpkg_done *out, struct err *err)
{
    enum { PIECE = 1 << 16 };
    struct sha256_state state;
    struct gpkg_done done = {0};
    int fd = open(g->path, O_RDWR | O_CLOEXEC);
    char *b = mem_alloc(PIECE);
    ssize_t n = fd >= 0 && fsync(fd) == 0 ? 1 : -1;
    sha256_begin(&state);
    while (n > 0 && (n = read(fd, b, PIECE)) > 0) {
        sha256_add(&state, b, (size_t)n);
        done.bytes += n;
    }
    enum rc rc = n == 0 ? RC_OK : err_set(err, RC_IO, "cannot fsync and read back %s: %s", g->path, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(b);
    done.digest = sha256_end(&state);
    if (rc == RC_OK)
        *out = done;
    return rc;
}

enum rc gpkg_finish(struct gpkg *g, bool keep, struct gpkg_done *out, struct err *err)
{
    enum rc rc = RC_OK;
    for (int i = 0; i < g->layers_n; i++) {
        sqlite3_finalize(g->layers[i].row);
        sqlite3_finalize(g->layers[i].index);
        if (keep && rc == RC_OK)
            rc = layer_close(g, &g->layers[i], err);
    }
    if (keep && rc == RC_OK)
        rc = run(g, "COMMIT", err);
    if (sqlite3_close(g->db) != SQLITE_OK && rc == RC_OK)
        rc = err_set(err, RC_IO, "cannot close %s", g->path);
    if (keep && rc == RC_OK)
        rc = sync_and_digest(g, out, err);
    if (!keep || rc != RC_OK)
        unlink(g->path);
    free(g->path);
    free(g);
    return rc;
}
