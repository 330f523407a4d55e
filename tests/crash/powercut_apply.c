/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The cut itself: powercut_apply JOURNAL SEED. Takes back every write that no fsync covered, newest first, then puts some
 * in again, oldest first: each one whole, in part (cut or started at a sector), or not at all, by the seed's dice.
 */
#include "powercut.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t dice_state;

static uint64_t dice(uint64_t sides)
{
    dice_state = dice_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (dice_state >> 33) % sides;
}

static void put(const struct powercut_journal *j, const struct powercut_record *r, const unsigned char *bytes,
                uint64_t n, uint64_t at)
{
    int fd = open(j->files[r->file].path, O_WRONLY);
    if (fd < 0)
        return; /* unlinked since */
    if (n && pwrite(fd, bytes, n, (off_t)at) != (ssize_t)n)
        abort();
    close(fd);
}

static void resize(const struct powercut_journal *j, const struct powercut_record *r, uint64_t size)
{
    if (truncate(j->files[r->file].path, (off_t)size) != 0 && access(j->files[r->file].path, F_OK) == 0)
        abort();
}

static int redo(const struct powercut_journal *j, const struct powercut_record *r, const unsigned char *new_bytes)
{
    uint64_t luck = dice(4), sectors = r->new_n / POWERCUT_SECTOR, cut;
    if (luck < 2)
        return 0; /* lost */
    if (r->is_truncate) {
        resize(j, r, r->offset);
        return 1;
    }
    if (luck == 2 || sectors == 0) {
        put(j, r, new_bytes, r->new_n, r->offset);
        return 1;
    }
    cut = dice(sectors + 1) * POWERCUT_SECTOR;
    if (dice(2))
        put(j, r, new_bytes, cut, r->offset);
    else
        put(j, r, new_bytes + cut, r->new_n - cut, r->offset + cut);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    dice_state = strtoull(argv[2], NULL, 10);
    int fd = open(argv[1], O_RDONLY);
    struct powercut_journal *j = fd < 0 ? MAP_FAILED : mmap(NULL, POWERCUT_JOURNAL_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (j == MAP_FAILED || j->magic != POWERCUT_MAGIC) {
        fprintf(stderr, "no journal at %s\n", argv[1]);
        return 1;
    }
    unsigned char *base = (unsigned char *)(j + 1);
    size_t n = 0, size = 1024, kept = 0;
    const unsigned char **at = malloc(size * sizeof *at);
    for (uint64_t i = 0; at && i < j->used;) {
        struct powercut_record r;
        memcpy(&r, base + i, sizeof r);
        if (n == size)
            at = realloc(at, (size *= 2) * sizeof *at);
        at[n++] = base + i;
        i += powercut_record_bytes(&r);
    }
    for (size_t i = n; i-- > 0;) {
        struct powercut_record r;
        memcpy(&r, at[i], sizeof r);
        put(j, &r, at[i] + sizeof r, r.old_n, r.offset);
        resize(j, &r, r.size_before);
    }
    for (size_t i = 0; i < n; i++) {
        struct powercut_record r;
        memcpy(&r, at[i], sizeof r);
        kept += (size_t)redo(j, &r, at[i] + sizeof r + r.old_n);
    }
    printf("%llu writes, %llu syncs; at the cut %zu unsynced, %zu of them kept in whole or part\n",
           (unsigned long long)j->writes, (unsigned long long)j->syncs, n, kept);
    free(at);
    return 0;
}
