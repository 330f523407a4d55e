/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * fane backup
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "fane/bundle.h"
#include "fane/cli.h"
#include "ledger/note.h"
#include "store/backup.h"
#include "wire/json_out.h"

static void on_pages(void *ctx, int64_t done, int64_t pages)
{
    (void)ctx;
    cli_progress("copied %lld of %lld pages", (long long)done, (long long)pages);
}

static enum rc report_print(struct cli *cli, const char *path, const struct bundle *b, struct err *err)
{
    struct buf out;
    struct json_out j;
    buf_init(&out, 0);
    if (!cli->json) {
        buf_printf(&out, "%s: %lld bytes%s\n", path, (long long)b->bytes,
                   b->kind == BUNDLE_KEYS ? "; who has it can read every report: keep it apart from the other"
                                          : "; the keys are not in it: fane backup --keys");
    } else {
        json_out_init(&j, &out);
        json_begin_object(&j);
        json_put_str(&j, "file", str_of(path));
        json_put_str(&j, "kind", b->kind == BUNDLE_KEYS ? STR("keys") : STR("data"));
        json_put_i64(&j, "bytes", b->bytes);
        json_key(&j, "members");
        json_begin_array(&j);
        for (size_t i = 0; i < b->n; i++) {
            json_begin_object(&j);
            json_put_str(&j, "name", str_of(b->members[i].name));
            json_put_i64(&j, "bytes", b->members[i].bytes);
            json_put_str(&j, "sha256", sha256_hex(&cli->mem, b->members[i].digest));
            json_end_object(&j);
        }
        json_end_array(&j);
        json_end_object(&j);
        buf_add_char(&out, '\n');
    }
    enum rc rc = cli_print(buf_str(&out), err);
    buf_fini(&out);
    return rc;
}

static enum rc refuse_postgres(const char *dir, struct err *err)
{
    return err_set(
        err, RC_UNSUPPORTED,
        "the database of %s is a PostgreSQL server, which has its own tools: copy %s/ledger/checkpoint first, then "
        "run pg_dump (or pg_basebackup) on the database named in %s/store; the keys: fane backup --keys FILE",
        dir, dir, dir);
}

/* One backup to this name at a time, from the first page on. */
static enum rc snapshot_lock(const char *part, int *out, struct err *err)
{
    *out = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*out >= 0 && flock(*out, LOCK_EX | LOCK_NB) == 0)
        return RC_OK;
    if (*out >= 0)
        close(*out);
    return err_set(err, *out >= 0 ? RC_BUSY : RC_IO,
                   "cannot write %s: another backup does, or the folder cannot be written", part);
}

/* The checkpoint is read before the snapshot is taken, so that the database has every entry it speaks of. */
static enum rc pack(struct cli *cli, struct instance *in, const char *path, struct bundle *out, struct err *err)
{
    const char *snapshot = str_printf(&cli->mem, "%s.part.db", path).p,
               *note = str_printf(&cli->mem, "%s.part.note", path).p;
    const struct bundle_source sources[] = {{"fane.db", snapshot}, {"ledger/checkpoint", note}};
    struct str checkpoint = STR_NONE;
    int lock;
    if (file_is_there(path))
        return err_set(err, RC_CONFLICT, "%s is there already; a backup is never written over", path);
    TRY(ledger_checkpoint(in->ledger, err));
    const char *from = str_printf(&cli->mem, "%s/ledger/checkpoint", in->dir).p;
    bool has_note = file_is_there(from);
    if (has_note)
        TRY(file_read(from, NOTE_SIZE_MAX, &cli->mem, &checkpoint, err));
    TRY(snapshot_lock(snapshot, &lock, err));
    enum rc rc = store_backup(in->store, snapshot, on_pages, NULL, err);
    if (rc == RC_OK && has_note)
        rc = file_replace(note, checkpoint, 0600, err);
    if (rc == RC_OK)
        rc = bundle_write(path, BUNDLE_DATA, sources, has_note ? 2 : 1, out, err);
    unlink(snapshot);
    unlink(note);
    close(lock);
    return rc;
}

static enum rc backup_data(struct cli *cli, const char *path, struct bundle *out, struct err *err)
{
    struct instance in;
    TRY(instance_open(cli, INSTANCE_OPEN, &in, err));
    enum rc rc = store_engine(in.store) == STORE_SQLITE ? pack(cli, &in, path, out, err) : refuse_postgres(in.dir, err);
    instance_close(&in);
    return rc;
}

/* The files as they lie: a damaged database must not keep anybody from saving the keys. */
static enum rc backup_keys(struct cli *cli, const char *path, struct bundle *out, struct err *err)
{
    static const char *const NAMES[] = {"keys/master.key", "keys/vault.bin", "keys/ledger.key", "keys/ledger.pub"};
    struct bundle_source sources[BUNDLE_MEMBERS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < BUNDLE_MEMBERS_MAX; i++) {
        const char *from = str_printf(&cli->mem, "%s/%s", cli->data_dir, NAMES[i]).p;
        if (i == 0 || file_is_there(from)) /* without the first there is nothing to save, and reading it says so */
            sources[n++] = (struct bundle_source){NAMES[i], from};
    }
    return bundle_write(path, BUNDLE_KEYS, sources, n, out, err);
}

enum rc cmd_backup(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *path = NULL;
    bool keys = false;
    const struct cli_option options[] = {{"--keys", CLI_FLAG, &keys}};
    struct bundle b;
    size_t n;
    TRY(cli_parse(cli, argc, argv, options, 1, &path, 1, &n, err));
    if (n == 0)
        return err_set(err, RC_INVALID, "fane backup wants the file to write: fane backup [--keys] FILE");
    TRY(keys ? backup_keys(cli, path, &b, err) : backup_data(cli, path, &b, err));
    cli_progress_end();
    return report_print(cli, path, &b, err);
}
