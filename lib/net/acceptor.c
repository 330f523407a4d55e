/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Accepting connections. libmicrohttpd's threads could do it themselves, but then one of them takes most of a burst and
 * serves it alone; here each gets the next one in turn. And so no client's address ever reaches it (H2): it is told of an
 * address without content.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/net_int.h"

enum { FULL_WAIT_US = 5000 };

/* One connection; false when none waits or none can be taken now. */
static bool take_one(struct acceptor *a)
{
    int on = 1, fd = accept(a->fd, NULL, NULL);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            clock_sleep_us(FULL_WAIT_US);
        return errno == EINTR || errno == ECONNABORTED;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* else small answers wait 40 ms */
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    /* closes fd when it fails */
    MHD_add_connection(a->server->daemons[a->next], fd, &nobody, sizeof nobody);
    a->next = (a->next + 1) % a->server->daemons_n;
    return true;
}

static bool is_full(const struct acceptor *a)
{
    return atomic_load(&a->server->connections.count) >= a->server->connections_max;
}

static void *accept_all(void *ctx)
{
    struct acceptor *a = ctx;
    struct pollfd wait[2] = {{.fd = a->fd, .events = POLLIN}, {.fd = a->wake[0], .events = POLLIN}};
    while (!wait[1].revents) {
        if (is_full(a)) { /* the rest waits at the socket */
            clock_sleep_us(FULL_WAIT_US);
            poll(&wait[1], 1, 0);
            continue;
        }
        poll(wait, 2, -1);
        if (wait[0].revents)
            take_one(a);
    }
    while (!is_full(a) && take_one(a))
        ;
    return NULL;
}

enum rc acceptor_start(struct acceptor *a, int fd, struct http_server *server, struct err *err)
{
    *a = (struct acceptor){.fd = fd, .server = server};
    if (pipe(a->wake) != 0)
        return err_set(err, RC_IO, "no pipe for the acceptor: %s", strerror(errno));
    fcntl(a->wake[0], F_SETFD, FD_CLOEXEC);
    fcntl(a->wake[1], F_SETFD, FD_CLOEXEC);
    if (pthread_create(&a->thread, NULL, accept_all, a) == 0)
        return RC_OK;
    close(a->wake[0]);
    close(a->wake[1]);
    return err_set(err, RC_NOMEM, "no thread to accept connections");
}

void acceptor_stop(struct acceptor *a)
{
    ENSURE(write(a->wake[1], "", 1) == 1);
    pthread_join(a->thread, NULL);
    close(a->fd);
    close(a->wake[0]);
    close(a->wake[1]);
}
