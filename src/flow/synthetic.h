/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Sites that do not exist, for measuring at scale: clustered around the seed's places, the same for the same random seed,
 * marked synthetic everywhere and of a source of their own.
 */
#ifndef FLOW_SYNTHETIC_H
#define FLOW_SYNTHETIC_H

#include "sites/draft.h"

enum { SYNTHETIC_MAX = 10000000 };
#define SYNTHETIC_SOURCE "synthetic"

/* Errors: RC_TOO_LARGE over SYNTHETIC_MAX, and the sink's own. */
MUST_CHECK enum rc flow_synthetic_sites(int64_t count, uint64_t random_seed, const struct site_sink *sink,
                                        struct err *err);

#endif
