/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane bench NAME: what this machine does with this data directory. The benchmarks of bench/ compare with other programs;
 * these need nothing but the binary.
 */
#include "fane/cli.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "flow/atlas.h"
#include "tiles/tiles.h"
#include "watch/watch.h"
#include "wire/json_out.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct figure {
    const char *name;
    int64_t n;
    double seconds;
    const char *note;
};

static enum rc figure_print(struct cli *cli, const struct figure *f, struct err *err)
{
    struct buf b;
    struct json_out j;
    buf_init(&b, 0);
    if (cli->json) {
        json_out_init(&j, &b);
        json_begin_object(&j);
        json_put_str(&j, "name", str_of(f->name));
        json_put_i64(&j, "n", f->n);
        json_put_f64(&j, "ns_op", f->seconds * 1e9 / (double)f->n, 1);
        json_put_f64(&j, "seconds", f->seconds, 6);
        json_put_str(&j, "note", str_of(f->note));
        json_end_object(&j);
        buf_add_char(&b, '\n');
    } else {
        buf_printf(&b, "%s: %lld in %.3f s, %.0f per second (%s)\n", f->name, (long long)f->n, f->seconds,
                   (double)f->n / f->seconds, f->note);
    }
    enum rc rc = cli_print(buf_str(&b), err);
    buf_fini(&b);
    return rc;
}

static double since(int64_t began_us)
{
    return (double)(clock_monotonic_us() - began_us) / 1e6;
}

/* A place near some site of the atlas: queries of people are where sites are. */
static struct geo_point random_place(const struct atlas *a, size_t sites, struct prng *r)
{
    struct atlas_site s;
    atlas_site(a, prng_below(r, sites), &s);
    double lat = s.lat_deg + prng_normal(r) * 0.05, lon = s.lon_deg + prng_normal(r) * 0.05;
    return (struct geo_point){lat > 85    ? 85
                              : lat < -85 ? -85
                                          : lat,
                              lon > 180    ? lon - 360
                              : lon < -180 ? lon + 360
                                           : lon};
}

static enum rc bench_near(struct cli *cli, const struct atlas *a, size_t sites, struct err *err)
{
    enum { QUERIES = 200000, NEAREST = 10 };
    struct geo_near found[NEAREST];
    struct prng r;
    prng_seed(&r, 1);
    struct geo_point *places = ARENA_NEW_N(&cli->mem, struct geo_point, QUERIES);
    for (size_t i = 0; i < QUERIES; i++)
        places[i] = random_place(a, sites, &r);
    int64_t began = clock_monotonic_us();
    size_t total = 0;
    for (size_t i = 0; i < QUERIES; i++)
        total += atlas_near(a, places[i], NEAREST, found);
    struct figure f = {"near", QUERIES, since(began), "nearest 10, one thread"};
    if (total == 0)
        return err_set(err, RC_DAMAGED, "no site was found");
    return figure_print(cli, &f, err);
}

static enum rc bench_tiles(struct cli *cli, const struct atlas *a, size_t sites, struct err *err)
{
    enum { TILES = 50000 };
    struct tiles_maker *t = tiles_maker_new();
    struct prng r;
    size_t bytes = 0;
    prng_seed(&r, 1);
    int64_t began = clock_monotonic_us();
    for (size_t i = 0; i < TILES; i++) {
        struct geo_merc m = geo_merc_of(random_place(a, sites, &r));
        int z = (int)prng_below(&r, TILES_ZOOM_MAX + 1);
        struct tiles_query q = {
            .z = z, .x = (uint32_t)((uint64_t)m.x >> (31 - z)), .y = (uint32_t)((uint64_t)m.y >> (31 - z))};
        tiles_begin(t, &q);
        tiles_add_sites(t, a);
        bytes += tiles_end(t).n;
    }
    struct figure f = {"tiles", TILES, since(began), "cold tiles of zoom 0 to 14, not compressed, one thread"};
    tiles_maker_free(t);
    if (bytes == 0)
        return err_set(err, RC_DAMAGED, "every tile was empty");
    return figure_print(cli, &f, err);
}

static enum rc bench_atlas(struct cli *cli, const char *which, struct err *err)
{
    struct instance in;
    struct atlas *a;
    struct atlas_info info;
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    in.is_looking = true;
    enum rc rc = flow_atlas_open(in.store, in.dir, &a, NULL, err);
    if (rc == RC_OK) {
        atlas_info(a, &info);
        if (info.sites == 0)
            rc = err_set(err, RC_NOT_FOUND, "there are no sites; try fane seed --synthetic 100000");
        else
            rc = which[0] == 'n' ? bench_near(cli, a, info.sites, err) : bench_tiles(cli, a, info.sites, err);
        atlas_close(a);
    }
    instance_close(&in);
    return rc;
}

/* 5,000 places, 10,000 cases over a year, 40 more in one corner in the last six days. */
static enum rc bench_scan(struct cli *cli, struct err *err)
{
    enum { PLACES = 5000, CASES = 10000, INJECTED = 40, DAYS = 365 };
    struct prng r;
    double *lat = ARENA_NEW_N(&cli->mem, double, PLACES), *lon = ARENA_NEW_N(&cli->mem, double, PLACES);
    struct watch_case *cases = ARENA_NEW_N(&cli->mem, struct watch_case, CASES + INJECTED);
    struct watch_params params = watch_params_default();
    struct watch_result result;
    prng_seed(&r, 1);
    for (size_t i = 0; i < PLACES; i++) {
        lat[i] = 40 + 10 * prng_unit(&r);
        lon[i] = 10 * prng_unit(&r);
    }
    for (size_t i = 0; i < CASES; i++)
        cases[i] = (struct watch_case){(uint32_t)prng_below(&r, PLACES), 1, (int64_t)prng_below(&r, DAYS)};
    for (size_t i = CASES; i < CASES + INJECTED; i++)
        cases[i] = (struct watch_case){7, 1, DAYS - 1 - (int64_t)prng_below(&r, 6)};
    params.start_day = 0;
    params.end_day = DAYS - 1;
    params.max_distance = 50;
    params.max_units = 30;
    params.max_is_percent = false;
    params.replications = 999;
    int64_t began = clock_monotonic_us();
    TRY(watch_scan_stp(&(struct watch_points){WATCH_LAT_LON, PLACES, lat, lon},
                       &(struct watch_cases){CASES + INJECTED, cases}, &params, &cli->mem, &result, err));
    struct figure f = {"scan", result.replications, since(began),
                       "replications; 10,040 cases, 5,000 places, 50 km, all threads"};
    if (result.clusters_n == 0 || result.clusters[0].observed < INJECTED)
        return err_set(err, RC_DAMAGED, "the injected cluster was not found");
    return figure_print(cli, &f, err);
}

/* ---- durable commits ---- */

enum { WRITERS = 64, WRITES = 500 };

struct writer {
    struct store *store;
    pthread_t thread;
    enum rc rc;
    struct err err;
};

static enum rc write_one(struct store_tx *tx, void *ctx, struct err *err)
{
    static const struct store_sql SQL = {
        .common = "INSERT INTO outbox (id, topic, object, at_us) VALUES (?1, 'bench', ?1, ?2)"};
    struct uuid id = uuid_v7(clock_now());
    struct store_arg args[] = {SA_UUID(id), SA_INT(clock_now().us)};
    (void)ctx;
    return store_exec(tx, &SQL, args, 2, NULL, err);
}

static void *writer_run(void *arg)
{
    struct writer *w = arg;
    for (int i = 0; i < WRITES && w->rc == RC_OK; i++)
        w->rc = store_write(w->store, write_one, NULL, &w->err);
    return NULL;
}

static enum rc bench_writers(struct cli *cli, struct store *st, struct err *err)
{
    struct writer *w = ARENA_NEW_N(&cli->mem, struct writer, WRITERS);
    int64_t began = clock_monotonic_us();
    for (int i = 0; i < WRITERS; i++) {
        w[i].store = st;
        ENSURE(pthread_create(&w[i].thread, NULL, writer_run, &w[i]) == 0);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(w[i].thread, NULL);
    struct figure f = {"store", (int64_t)WRITERS * WRITES, since(began), "durable changes, 64 writers, SQLite"};
    for (int i = 0; i < WRITERS; i++)
        if (w[i].rc != RC_OK)
            return err_set(err, w[i].rc, "%s", w[i].err.text);
    return figure_print(cli, &f, err);
}

/* In a database of its own beside the data directory's, on the same disk; removed afterwards. */
static enum rc bench_store(struct cli *cli, struct err *err)
{
    static const char *const TAILS[] = {"", "-wal", "-shm"};
    const char *path = str_printf(&cli->mem, "%s/bench-%d.db", cli->data_dir, (int)getpid()).p;
    struct store *st;
    if (!file_is_there(cli->data_dir))
        return err_set(err, RC_NOT_FOUND, "no data directory at %s; make one with: fane init", cli->data_dir);
    TRY(store_open(path, NULL, &st, err));
    enum rc rc = store_migrate(st, err);
    if (rc == RC_OK)
        rc = bench_writers(cli, st, err);
    store_close(st);
    for (size_t i = 0; i < sizeof TAILS / sizeof TAILS[0]; i++)
        unlink(str_printf(&cli->mem, "%s%s", path, TAILS[i]).p);
    return rc;
}

enum rc cmd_bench(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *word = "";
    size_t n;
    TRY(cli_parse(cli, argc, argv, NULL, 0, &word, 1, &n, err));
    if (strcmp(word, "near") == 0 || strcmp(word, "tiles") == 0)
        return bench_atlas(cli, word, err);
    if (strcmp(word, "scan") == 0)
        return bench_scan(cli, err);
    if (strcmp(word, "store") == 0)
        return bench_store(cli, err);
    return err_set(err, RC_INVALID, "name one of: near, tiles, scan, store");
}
