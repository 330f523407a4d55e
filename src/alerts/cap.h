/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * CAP 1.2 documents: written, and checked against the structure of the OASIS schema and what the schema does not enforce
 * (characters of identifiers, times without Z, a language and an expiry in each info, restriction and addresses, the
 * reference chain, equal judgements in every language). Only the profile that Fane sends; reading others' alerts is not
 * this file's.
 * Source: Common Alerting Protocol Version 1.2, OASIS Standard, 1 July 2010.
 */
#ifndef ALERTS_CAP_H
#define ALERTS_CAP_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

enum { CAP_INFOS_MAX = 16, CAP_PARAMETERS_MAX = 16, CAP_BYTES_MAX = 1 << 20 };
#define CAP_NAMESPACE "urn:oasis:names:tc:emergency:cap:1.2"

struct cap_parameter {
    struct str name, value;
};
struct cap_info {
    struct str language; /* BCP 47 */
    struct str event, headline, description, instruction;
};
/* One area and one judgement for all infos. */
struct cap_alert {
    struct str identifier, sender;
    struct instant sent, expires;
    const char *status;     /* Actual, Exercise, System, Test, Draft */
    const char *message;    /* Alert, Update, Cancel */
    const char *scope;      /* Public, Restricted, Private */
    struct str restriction; /* with Restricted */
    struct str addresses;   /* with Private */
    struct str note;
    struct str references; /* with Update and Cancel */
    const char *urgency, *severity, *certainty;
    struct str sender_name, web, area;
    double lat_deg, lon_deg, radius_km;
    struct cap_info infos[CAP_INFOS_MAX];
    size_t infos_n;
    struct cap_parameter parameters[CAP_PARAMETERS_MAX];
    size_t parameters_n;
};

/* Writes and checks what was written. RC_INVALID names the element that would be wrong. */
MUST_CHECK enum rc cap_write(const struct cap_alert *a, struct arena *mem, struct str *xml, struct err *err);
/* The structural validator, over bytes from anywhere. RC_INVALID or RC_DAMAGED with the line and the element. */
MUST_CHECK enum rc cap_check(struct str xml, struct err *err);

#endif
