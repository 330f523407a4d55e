/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Raw tiles: every site of a tile as a feature of its own with id, name, religion and kind, at zooms 8, 10, 12 and 14,
 * one core, beside ST_AsMVT of PostGIS on a GiST index over the same points and tiles (one backend, asked in a loop
 * inside the server, so that no round trip counts against it). The tiles agree when the features of all of them add up
 * to the same number, but for points within a metre of a tile's edge: the boxes of GiST hold float32, and PostGIS gives
 * such a point to both sides.
 */
#include "bench_util.h"
#include "pg_server.h"
#include "sites/atlas_int.h"
#include "tiles/tiles.h"
#include "wire/mvt.h"

enum { MOST = 3000 };
#define EDGE_SHARE 5e-3 /* of the sites of a tile of zoom 14 that lie within a metre of its edge, at most */

struct question {
    uint32_t x, y;
};

static const struct {
    int z;
    size_t ours, theirs; /* tiles asked for */
} ZOOMS[] = {{8, 200, 60}, {10, 600, 150}, {12, 3000, 500}, {14, 3000, 1500}};

static struct atlas *build(const struct bench_point *p, size_t n)
{
    struct atlas_builder *b = atlas_builder_new();
    struct atlas *a;
    struct err err;
    struct prng r;
    char path[1024], name[40];
    prng_seed(&r, 1);
    bench_path(path, "raw.atlas");
    for (size_t i = 0; i < n; i++) {
        struct atlas_site s = {.lat_deg = p[i].lat,
                               .lon_deg = p[i].lon,
                               .religion = STR("christian"),
                               .kind = STR("CHU"),
                               .class_code = STR("place_of_worship")};
        s.name = (struct str){name, (size_t)snprintf(name, sizeof name, "Place of worship %zu", i + 1)};
        for (size_t k = 0; k < 16; k++)
            s.public_id.b[k] = (uint8_t)prng_u64(&r);
        ENSURE(atlas_builder_add(b, &s, &err) == RC_OK);
    }
    ENSURE(atlas_builder_write(b, path, STR("bench"), 0, &err) == RC_OK);
    atlas_builder_free(b);
    ENSURE(atlas_open(path, &a, &err) == RC_OK);
    unlink(path);
    return a;
}

/* What the atlas and the encoder can do where nothing is joined; the product's own tiles do this at zoom 14. */
static struct str raw_tile(struct mvt *m, const struct atlas *a, int z, struct question q, uint64_t *features)
{
    uint64_t first, last;
    const int shift = 31 - 12 - z;
    mvt_tile_begin(m);
    mvt_layer_begin(m, STR("sites"), ATLAS_EXTENT);
    uint32_t keys[] = {mvt_key(m, STR("id")), mvt_key(m, STR("name")), mvt_key(m, STR("religion")),
                       mvt_key(m, STR("kind"))};
    uint32_t combo = UINT32_MAX, religion = 0, kind = 0; /* of the site before: most share them */
    geo_tile_range(z, q.x, q.y, &first, &last);
    for (struct atlas_walk w = atlas_walk_from(a, first, last); atlas_walk_next(&w);) {
        struct atlas_site s;
        char id[UUID_TEXT_BYTES];
        struct geo_merc at = geo_cell_merc(w.cell);
        atlas_site_text(a, w.index, &s);
        uuid_text(s.public_id, id);
        if (s.combo != combo) {
            combo = s.combo;
            religion = mvt_str(m, s.religion);
            kind = mvt_str(m, s.kind);
        }
        uint32_t tags[] = {keys[0], mvt_str_once(m, (struct str){id, sizeof id}),
                           keys[1], mvt_str_once(m, s.name),
                           keys[2], religion,
                           keys[3], kind};
        mvt_point(m, (int32_t)((at.x >> shift) & (ATLAS_EXTENT - 1)), (int32_t)((at.y >> shift) & (ATLAS_EXTENT - 1)),
                  tags, 8);
        ++*features;
    }
    mvt_layer_end(m);
    return mvt_tile_end(m);
}

static double run(const struct atlas *a, int z, const struct question *q, size_t n, bool gzip)
{
    struct mvt *m = mvt_new();
    struct tiles_maker *t = tiles_maker_new();
    double rates[BENCH_RUNS], bytes = 0;
    uint64_t features = 0;
    for (int i = 0; i < BENCH_RUNS; i++) {
        int64_t from = clock_monotonic_us();
        for (size_t k = 0; k < n; k++) {
            struct str s = raw_tile(m, a, z, q[k], &features);
            bytes += (double)(gzip ? tiles_gzip(t, s, TILES_GZIP_LEVEL) : s).n;
        }
        rates[i] = (double)n / ((double)(clock_monotonic_us() - from) / 1e6);
    }
    fprintf(stderr, "raw z%d%s: %.0f features, %.0f bytes in the mean\n", z, gzip ? ", gzip" : "",
            (double)features / BENCH_RUNS / (double)n, bytes / BENCH_RUNS / (double)n);
    tiles_maker_free(t);
    mvt_free(m);
    return bench_median(rates, BENCH_RUNS);
}

/* --- PostGIS -------------------------------------------------------------------------------------------------------- */

static bool psql(const char *url, const char *input)
{
    char command[4096];
    snprintf(command, sizeof command, "psql -q -v ON_ERROR_STOP=1 '%s' -f %s >&2", url, input);
    return system(command) == 0;
}

static bool load(const char *url, const struct bench_point *p, size_t n)
{
    char path[1024];
    bench_path(path, "raw_load.sql");
    FILE *f = fopen(path, "w");
    ENSURE(f != NULL);
    fputs(
        "CREATE EXTENSION postgis; CREATE TABLE pts (id uuid, name text, religion text, kind text, lon float8, lat float8);\n"
        "COPY pts FROM STDIN CSV;\n",
        f);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%08zx-0000-4000-8000-%012zx,Place of worship %zu,christian,CHU,%.7f,%.7f\n", i, i * 7919, i + 1,
                p[i].lon, p[i].lat);
    fputs("\\.\nALTER TABLE pts ADD COLUMN geom geometry(Point, 3857);\n"
          "UPDATE pts SET geom = ST_Transform(ST_SetSRID(ST_MakePoint(lon, lat), 4326), 3857);\n"
          "CREATE INDEX ON pts USING gist (geom); VACUUM ANALYZE pts;\n",
          f);
    ENSURE(fclose(f) == 0);
    return psql(url, path);
}

/* Tiles per second and features in all; false when it did not answer. */
static bool ask(const char *url, int z, const struct question *q, size_t n, double *rate, double *features)
{
    char path[1024], command[4096], line[256];
    bench_path(path, "raw_ask.sql");
    FILE *f = fopen(path, "w");
    ENSURE(f != NULL);
    fputs("CREATE TEMP TABLE q (x int, y int); COPY q FROM STDIN CSV;\n", f);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%u,%u\n", q[i].x, q[i].y);
    fprintf(
        f,
        "\\.\nSELECT 'features', sum((SELECT count(*) FROM pts WHERE geom && ST_TileEnvelope(%d, x, y))) FROM q;\n"
        "DO $$ DECLARE r record; t bytea; began timestamptz; took float8; best float8[] := '{}'; BEGIN FOR i IN 1..3 LOOP "
        "began := clock_timestamp(); FOR r IN SELECT * FROM q LOOP SELECT ST_AsMVT(m, 'sites', 4096, 'geom') INTO t FROM "
        "(SELECT id, name, religion, kind, ST_AsMVTGeom(geom, ST_TileEnvelope(%d, r.x, r.y), 4096, 0, false) AS geom FROM "
        "pts WHERE geom && ST_TileEnvelope(%d, r.x, r.y)) m; END LOOP; took := extract(epoch from clock_timestamp() - "
        "began); best := best || took; END LOOP; CREATE TEMP TABLE answer AS SELECT v FROM unnest(best) v; END $$;\n"
        "SELECT 'seconds', percentile_cont(0.5) WITHIN GROUP (ORDER BY v) FROM answer;\n",
        z, z, z);
    ENSURE(fclose(f) == 0);
    snprintf(command, sizeof command, "psql -q -At -F ' ' -v ON_ERROR_STOP=1 '%s' -f %s", url, path);
    f = popen(command, "r");
    double v;
    char key[64];
    *rate = *features = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%63s %lf", key, &v) == 2)
            *(key[0] == 'f' ? features : rate) = v;
    bool ok = f && pclose(f) == 0 && *rate > 0;
    *rate = ok ? (double)n / *rate : 0;
    return ok;
}

static const char *peer_url(const struct bench_point *p, size_t n)
{
    if (!pg_server_is_there() || access("/usr/share/postgresql/15/extension/postgis.control", R_OK) != 0) {
        fprintf(stderr, "bench_raw: the peer is not here; apt-get install postgresql-15-postgis-3\n");
        return NULL;
    }
    const char *url = pg_server_new_database();
    return load(url, p, n) ? url : NULL;
}

int main(void)
{
    static struct question q[MOST];
    size_t n;
    struct prng r;
    struct bench_point *p = bench_points(&n);
    bench_sort_by_cell(p, n);
    struct atlas *a = build(p, n);
    const char *url = peer_url(p, n);
    prng_seed(&r, 5);
    for (size_t k = 0; k < sizeof ZOOMS / sizeof *ZOOMS; k++) {
        int z = ZOOMS[k].z;
        char name[64];
        double theirs = 0, features = 0;
        uint64_t mine = 0;
        for (size_t i = 0; i < ZOOMS[k].ours; i++) {
            struct bench_point c = p[prng_below(&r, n)];
            struct geo_merc m = geo_merc_of((struct geo_point){c.lat, c.lon});
            q[i] = (struct question){m.x >> (31 - z), m.y >> (31 - z)};
        }
        double plain = run(a, z, q, ZOOMS[k].ours, false), packed = run(a, z, q, ZOOMS[k].ours, true);
        bool has_peer = url && ask(url, z, q, ZOOMS[k].theirs, &theirs, &features);
        struct mvt *m = mvt_new();
        for (size_t i = 0; i < ZOOMS[k].theirs; i++)
            raw_tile(m, a, z, q[i], &mine);
        mvt_free(m);
        if (has_peer && fabs(features / (double)mine - 1) > EDGE_SHARE) {
            fprintf(stderr, "bench_raw: %.0f features of ours, %.0f of theirs at zoom %d\n", (double)mine, features, z);
            return 1;
        }
        snprintf(name, sizeof name, "raw_tiles_z%d", z);
        bench_line(name, "per_s", plain, has_peer ? "PostGIS ST_AsMVT" : NULL, theirs);
        snprintf(name, sizeof name, "raw_tiles_z%d_gzip1", z);
        bench_line(name, "per_s", packed, has_peer ? "PostGIS ST_AsMVT, not packed" : NULL, theirs);
    }
    atlas_close(a);
    free(p);
    return 0;
}
