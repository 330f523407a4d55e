/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Structured log lines on standard error: time level event key=value... Never a secret, a receipt, a report's
 * text, or a client's address. Values are quoted and control characters escaped.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level least);
/* event is a short dotted name ("store.commit"); fmt gives the key=value part. One line, one write(2). */
void log_line(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
