/* load_redis SOCKET CPU CALLS DEPTH CONNECTIONS KEY: GETs on a Redis server, DEPTH of them under way on each
 * connection, by hiredis; this process on processor CPU. Writes JSON: GETs a second, and with one under way
 * their latencies in microseconds. */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "tests/bench/load.h"

#define CONNECTIONS_MAX 64

static redisContext *contexts[CONNECTIONS_MAX];

static void finish_one(redisContext *context) {
        void *reply = NULL;

        if (redisGetReply(context, &reply) != REDIS_OK || !reply)
                errx(1, "redis: %s", context->errstr);
        if (((redisReply *) reply)->type != REDIS_REPLY_STRING)
                errx(1, "redis: no such key");
        freeReplyObject(reply);
}

/* Each connection gets its DEPTH calls at once, as it has had the answers of the last ones. */
static double run_batches(size_t calls, size_t depth, size_t connections, const char *key) {
        double begin = load_now();

        for (size_t done = 0; done < calls; done += depth * connections) {
                for (size_t c = 0; c < connections; c++) {
                        int flushed = 0;

                        for (size_t i = 0; i < depth; i++)
                                redisAppendCommand(contexts[c], "GET %s", key);
                        while (!flushed)
                                if (redisBufferWrite(contexts[c], &flushed) != REDIS_OK)
                                        errx(1, "redis: %s", contexts[c]->errstr);
                }
                for (size_t c = 0; c < connections; c++)
                        for (size_t i = 0; i < depth; i++)
                                finish_one(contexts[c]);
        }
        return (double) calls / (load_now() - begin);
}

int main(int argc, char **argv) {
        struct load_times times;
        size_t calls, depth, connections;

        if (argc != 7)
                errx(2, "load_redis SOCKET CPU CALLS DEPTH CONNECTIONS KEY");
        calls = load_number(argv[3], 1 << 24);
        depth = load_number(argv[4], 1024);
        connections = load_number(argv[5], CONNECTIONS_MAX);
        load_pin(argv[2]);
        for (size_t c = 0; c < connections; c++) {
                contexts[c] = redisConnectUnix(argv[1]);
                if (!contexts[c] || contexts[c]->err)
                        errx(1, "redis: cannot connect to %s", argv[1]);
        }
        load_times_make(&times, calls);
        if (depth == 1 && connections == 1)
                for (size_t i = 0; i < calls; i++) {
                        double begin = load_now();

                        redisAppendCommand(contexts[0], "GET %s", argv[6]);
                        finish_one(contexts[0]);
                        load_times_add(&times, load_now() - begin);
                }
        else
                times.rate = run_batches(calls, depth, connections, argv[6]);
        load_times_print(&times);
        for (size_t c = 0; c < connections; c++)
                redisFree(contexts[c]);
        return 0;
}
