/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The listening socket: ADDR:PORT, IPv6 in brackets.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net_int.h"

enum { BACKLOG = 1024 };

static enum rc split(const char *where, char *host, size_t host_n, char *port, size_t port_n, struct err *err)
{
    struct str s = str_of(where), h, p;
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return err_set(err, RC_INVALID, "listen address \"%s\" has no port: write ADDR:PORT", where);
    h = str_slice(s, 0, colon - 1);
    p = str_slice(s, colon, s.n);
    if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
        h = str_slice(h, 1, h.n - 1);
    int64_t number;
    if (!str_parse_i64(p, &number) || number < 0 || number > 65535)
        return err_set(err, RC_INVALID, "listen address \"%s\": the port must be a number from 0 to 65535", where);
    if (h.n >= host_n || p.n >= port_n || h.n == 0)
        return err_set(err, RC_INVALID, "listen address \"%s\": write ADDR:PORT, as 127.0.0.1:8080", where);
    snprintf(host, host_n, STR_FMT, STR_ARG(h));
    snprintf(port, port_n, STR_FMT, STR_ARG(p));
    return RC_OK;
}

static enum rc bind_one(const struct addrinfo *a, const char *where, int *out, struct err *err)
{
    int on = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(err, RC_IO, "no socket to listen at %s: %s", where, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        enum rc rc = err_set(err, RC_IO, "cannot listen at %s: %s", where, strerror(errno));
        close(fd);
        return rc;
    }
    *out = fd;
    return RC_OK;
}

static int port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
}

enum rc listen_open(const char *where, int *fd, int *port, char *shown, size_t shown_n, struct err *err)
{
    char host[64], service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list;
    TRY(split(where, host, sizeof host, service, sizeof service, err));
    int code = getaddrinfo(host, service, &hints, &list);
    if (code != 0)
        return err_set(err, RC_INVALID, "listen address \"%s\": %s", where, gai_strerror(code));
    enum rc rc = bind_one(list, where, fd, err);
    freeaddrinfo(list);
    if (rc != RC_OK)
        return rc;
    *port = port_of(*fd);
    snprintf(shown, shown_n, strchr(host, ':') ? "http://[%s]:%d" : "http://%s:%d", host, *port);
    return RC_OK;
}
