/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * usage: with_postgres COMMAND [ARGUMENT...]
 *
 * Runs the command with one PostgreSQL server for all its tests (pg_server.h) and ends with its status. Without
 * PostgreSQL the command runs all the same, and its tests say what they skip.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pg_server.h"

int main(int argc, char **argv)
{
    int status;
    if (argc < 2) {
        fprintf(stderr, "usage: with_postgres COMMAND [ARGUMENT...]\n");
        return 2;
    }
    if (pg_server_is_there()) {
        pg_server_make_template();
        setenv(PG_SERVER_SHARED, pg_server_socket(), 1);
    }
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
