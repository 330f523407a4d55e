/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Sites applied to a fresh SQLite registry, from the first draft to the last fsync: names in two scripts, every fourth
 * with a footprint. Then the same again, all unchanged. Usage: bench_import_sites [N] [postgresql://URL]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "ledger/ledger.h"
#include "sites/import.h"
#include "sites/sites.h"

static void must(enum rc rc, const struct err *err)
{
    if (rc == RC_OK)
        return;
    fprintf(stderr, "bench_import_sites: %s\n", err->text);
    exit(1);
}

static void drafts(struct sites_import *im, long n, struct err *err)
{
    static const char *const RELIGION[] = {"christian", "muslim", "hindu", "buddhist", "jewish", "sikh"};
    struct site_sink *sink = sites_import_sink(im);
    struct prng r;
    unsigned char wkb[13 + 80] = {1, 3, 0, 0, 0, 1, 0, 0, 0, 5};
    prng_seed(&r, 7);
    for (long i = 0; i < n; i++) {
        char id[32], name[64], local[64];
        snprintf(id, sizeof id, "way/%ld", (i * 7919) % n);
        snprintf(name, sizeof name, "Place of prayer number %ld", i);
        snprintf(local, sizeof local, "دار العبادة رقم %ld", i);
        struct site_name names[] = {{STR_NONE, str_of(name)}, {STR("ar"), str_of(local)}};
        struct site_draft d = {.external_id = str_of(id),
                               .line = i + 1,
                               .class_code = STR("place_of_worship"),
                               .religion = str_of(RELIGION[i % 6]),
                               .names = names,
                               .names_n = 2,
                               .has_place = true,
                               .lat_deg = 35 + 20 * prng_unit(&r),
                               .lon_deg = -5 + 45 * prng_unit(&r),
                               .wikidata = STR("Q12345")};
        if (i % 4 == 0)
            d.footprint_wkb = (struct str){(char *)wkb, sizeof wkb};
        must(sink->draft(sink->ctx, &d, err), err);
    }
}

static void run(struct store *st, const char *dir, const char *what, long n)
{
    struct sites_import_options o = {
        .source = STR("bench"), .licence = STR("none"), .label = STR("bench"), .temp_dir = dir};
    struct sites_import_report p;
    struct sites_import *im;
    struct err err;
    int64_t began = clock_monotonic_us();
    must(sites_import_begin(st, &o, &im, &err), &err);
    int64_t ready = clock_monotonic_us();
    drafts(im, n, &err);
    int64_t staged = clock_monotonic_us();
    must(sites_import_finish(im, &p, &err), &err);
    int64_t end = clock_monotonic_us();
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    if (p.added + p.unchanged != n) {
        fprintf(stderr, "bench_import_sites: %lld sites instead of %ld\n", (long long)(p.added + p.unchanged), n);
        exit(1);
    }
    printf("{\"name\":\"import_sites_%s\",\"n\":%ld,\"ns_op\":%.0f,\"peak_bytes\":%lld,\"per_s\":%.0f,\"load_areas_"
           "ms\":%.0f,"
           "\"stage_ms\":%.0f,\"apply_ms\":%.0f}\n",
           what, n, (double)(end - ready) * 1000 / (double)n, (long long)usage.ru_maxrss * 1024,
           (double)n * 1e6 / (double)(end - ready), (double)(ready - began) / 1000, (double)(staged - ready) / 1000,
           (double)(end - staged) / 1000);
    fflush(stdout);
    sites_import_free(im);
}

int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 300000;
    char dir[] = "/tmp/fane-bench-XXXXXX", where[600], keys[600];
    struct store *st;
    struct ledger *ledger;
    struct err err;
    if (n < 1 || !mkdtemp(dir))
        return 1;
    snprintf(where, sizeof where, "%s/fane.db", dir);
    snprintf(keys, sizeof keys, "%s/keys", dir);
    must(file_make_dir(keys, 0700, &err), &err);
    snprintf(keys, sizeof keys, "%s/ledger", dir);
    must(file_make_dir(keys, 0700, &err), &err);
    must(store_open(argc > 2 ? argv[2] : where, NULL, &st, &err), &err);
    must(store_migrate(st, &err), &err);
    must(ledger_open(st, dir, "bench.example/ledger", &ledger, &err), &err);
    run(st, dir, "added", n);
    run(st, dir, "unchanged", n);
    store_close(st);
    ledger_close(ledger);
    snprintf(keys, sizeof keys, "rm -rf %s", dir);
    return system(keys) == 0 ? 0 : 1;
}
