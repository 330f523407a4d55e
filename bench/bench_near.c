/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The 10 nearest on the sphere, one core, beside geokdbush (npm) on the same points and questions. The answers agree
 * when the sums of all distances do; and some of the questions, with others at the poles and on the antimeridian, are
 * answered by looking at every point.
 */
#include "bench_util.h"

enum { QUESTIONS = 20000, WANT = 10, CHECKED = 20 };

static double run(const struct geo_index *ix, const struct bench_point *q, double *sum_m)
{
    struct geo_near out[WANT];
    int64_t from = clock_monotonic_us();
    *sum_m = 0;
    for (size_t i = 0; i < QUESTIONS; i++) {
        size_t n = geo_index_near(ix, (struct geo_point){q[i].lat, q[i].lon}, WANT, INFINITY, NULL, NULL, out);
        for (size_t k = 0; k < n; k++)
            *sum_m += out[k].distance_m;
    }
    return QUESTIONS / ((double)(clock_monotonic_us() - from) / 1e6);
}

/* The distances of the nearest, by every point's. */
static bool is_nearest(const struct geo_index *ix, struct geo_point p)
{
    struct geo_near got[WANT];
    double best[WANT + 1];
    size_t n = 0, found = geo_index_near(ix, p, WANT, INFINITY, NULL, NULL, got);
    for (size_t i = 0; i < ix->n; i++) {
        double d = geo_distance_m(p, geo_index_point(ix, i));
        size_t k = n < WANT ? n++ : WANT;
        for (; k > 0 && best[k - 1] > d; k--)
            best[k] = best[k - 1];
        best[k] = d;
    }
    for (size_t k = 0; k < found; k++)
        if (got[k].distance_m != best[k])
            return false;
    return found == n;
}

static bool check(const struct geo_index *ix, const struct bench_point *q)
{
    static const struct geo_point hard[] = {{90, 0},   {-90, 12},      {89.99, 170}, {0, 180},
                                            {0, -180}, {-17, 179.999}, {65, -179.9}};
    bool ok = true;
    for (size_t i = 0; i < CHECKED; i++)
        ok = ok && is_nearest(ix, (struct geo_point){q[i].lat, q[i].lon});
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
        ok = ok && is_nearest(ix, hard[i]);
    return ok;
}

int main(void)
{
    static struct bench_point q[QUESTIONS];
    static const char *const names[] = {"rate", "sum_m"};
    struct bench_index b;
    struct prng rng;
    size_t n;
    struct bench_point *p = bench_points(&n);
    bench_index_make(p, n, &b);
    prng_seed(&rng, 7);
    for (size_t i = 0; i < QUESTIONS; i++) { /* where people are: half a degree around a site */
        struct bench_point c = p[prng_below(&rng, n)];
        q[i].lon = fmax(-180, fmin(180, c.lon + 0.5 * prng_normal(&rng)));
        q[i].lat = fmax(-85, fmin(85, c.lat + 0.5 * prng_normal(&rng)));
    }
    bench_save("near_questions.bin", q, sizeof q);
    if (!check(&b.ix, q)) {
        fprintf(stderr, "bench_near: an answer is not that of looking at every point\n");
        return 1;
    }
    double rates[BENCH_RUNS], sum = 0, peer[2] = {0};
    for (int i = 0; i < BENCH_RUNS; i++)
        rates[i] = run(&b.ix, q, &sum);
    bool has_peer = bench_peer("geokdbush.mjs", "", names, peer, 2);
    if (has_peer && fabs(peer[1] / sum - 1) > 1e-6) {
        fprintf(stderr, "bench_near: sums of distances differ: %.6f and %.6f\n", sum, peer[1]);
        return 1;
    }
    bench_line("near_10", "per_s", bench_median(rates, BENCH_RUNS), has_peer ? "geokdbush" : NULL, peer[0]);
    return 0;
}
