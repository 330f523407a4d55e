/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The 10 nearest on the sphere, one core, beside geokdbush (npm) on the same points and questions. The answers agree
 * when the sums of all distances do.
 */
#include "bench_util.h"

enum { QUESTIONS = 20000, WANT = 10 };

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
