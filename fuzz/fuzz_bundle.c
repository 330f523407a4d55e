/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Backup files: whatever they hold they are refused or whole, and nothing outside their folder is written.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fane/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char folder[] = "/tmp/fane-fuzz-bundle.XXXXXX", file[128], dir[128];
    struct bundle checked, unpacked;
    struct err err;
    char name[TAR_NAME_MAX + 1];
    int64_t size;
    if (n >= TAR_BLOCK && tar_header_read(data, name, &size)) {
        uint8_t again[TAR_BLOCK];
        tar_header_write(str_of(name), size, again);
        ENSURE(memcmp(again, data, sizeof again) == 0);
    }
    ENSURE(mkdtemp(folder) != NULL);
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(dir, sizeof dir, "%s/to", folder);
    ENSURE(file_replace(file, (struct str){(const char *)data, n}, 0600, &err) == RC_OK);
    ENSURE(file_make_dir(dir, 0700, &err) == RC_OK);
    enum rc rc = bundle_read(file, NULL, &checked, &err), again = bundle_read(file, dir, &unpacked, &err);
    ENSURE(rc == again && (rc == RC_OK || rc == RC_DAMAGED));
    if (rc == RC_OK)
        ENSURE(checked.bytes == (int64_t)n && checked.n > 0);
    bundle_scratch_drop(dir);
    ENSURE(!file_is_there(dir));
    unlink(file);
    ENSURE(rmdir(folder) == 0);
    return 0;
}
