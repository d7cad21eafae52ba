/* A load generator for HTTP/1.1 proxies: closed loop or open loop, absolute-form or CONNECT + TLS, keep-alive.
 *
 * Why not wrk: wrk cannot speak to a proxy that terminates TLS, and it has no open loop. Here the latency of an
 * open-loop request is measured from its scheduled time, so a stalled proxy cannot hide its stall (no coordinated
 * omission). One thread, epoll, non-blocking OpenSSL; it prints one JSON object.
 *
 * Closed loop: every connection sends its next request when the answer is there.
 * Open loop (--rate): request i is due at start + i/rate; it takes an idle connection or waits for one.
 * Several --path and --body, in pairs: the requests of a mix, in turn. --vary MARK: every MARK in a body becomes the
 * number of the request in as many digits, so that no two requests are the same; --first N: numbers begin there, so
 * that no request of this run is one of an earlier run.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { RECEIVE_SIZE = 64 * 1024, MOST_KINDS = 16 };

struct settings {
    const char *proxy, *target, *trust, *name, *credentials, *vary;
    const char *paths[MOST_KINDS], *body_files[MOST_KINDS];
    int connections, port, path_count, body_count;
    double seconds, warmup, rate;
    long requests, first;
    bool tls, fresh;
};

/* One request of the mix. marks: where the number of the request goes. */
struct kind {
    char *text;
    size_t size, mark_count, *marks;
};

struct connection {
    int socket;
    char *text;               /* the request that is on its way, this connection's own when it varies */
    char *own;
    size_t size;
    SSL *tls;
    bool busy, dead;
    size_t sent;              /* bytes of the request already written */
    char buffer[RECEIVE_SIZE];
    size_t filled;
    int64_t due;              /* when this request should have started, ns */
    int64_t left;             /* body bytes still expected; -1: head not complete; -2: chunked */
    int status;
};

static struct settings settings = {
    .connections = 16, .seconds = 3, .warmup = 0.5, .requests = 0,
};
static struct kind kinds[MOST_KINDS];
static int kind_count;
static long begun;
static size_t largest;
static SSL_CTX *trust_context;
static uint32_t *latencies; /* microseconds */
static size_t latency_count, latency_room;
static long answered, partial, refused, failed, reconnects;

static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "no further reason");
    ERR_print_errors_fp(stderr);
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct sockaddr_in parse_address(const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host) fail("an address is HOST:PORT with an IPv4 host");
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = 0;
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("an address is HOST:PORT with an IPv4 host");
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    return address;
}

static void write_all(int socket, const char *data, size_t size) {
    while (size) {
        ssize_t done = write(socket, data, size);
        if (done <= 0) fail("write");
        data += done;
        size -= (size_t)done;
    }
}

static void ask_for_tunnel(int socket) {
    char text[512], answer[1024];
    int size = snprintf(text, sizeof text, "CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n%s%s%s\r\n", settings.name,
                        settings.port, settings.name, settings.port,
                        settings.credentials ? "Proxy-Authorization: Basic " : "",
                        settings.credentials ? settings.credentials : "", settings.credentials ? "\r\n" : "");
    write_all(socket, text, (size_t)size);
    size_t filled = 0;
    while (filled < sizeof answer - 1) {
        if (read(socket, answer + filled, 1) != 1) fail("the proxy closed during CONNECT");
        answer[++filled] = 0;
        if (filled >= 4 && !memcmp(answer + filled - 4, "\r\n\r\n", 4)) break;
    }
    if (strncmp(answer, "HTTP/1.1 200", 12) && strncmp(answer, "HTTP/1.0 200", 12)) {
        errno = 0;
        fail(answer);
    }
}

static bool open_connection(struct connection *connection) {
    struct sockaddr_in address = parse_address(settings.proxy ? settings.proxy : settings.target);
    int one = 1;
    connection->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->socket < 0) fail("socket");
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(connection->socket, (struct sockaddr *)&address, sizeof address)) return false;
    if (settings.tls) {
        if (settings.proxy) ask_for_tunnel(connection->socket);
        connection->tls = SSL_new(trust_context);
        SSL_set_tlsext_host_name(connection->tls, settings.name);
        SSL_set1_host(connection->tls, settings.name);
        SSL_set_fd(connection->tls, connection->socket);
        errno = 0;
        if (SSL_connect(connection->tls) != 1) fail("TLS handshake");
    }
    fcntl(connection->socket, F_SETFL, O_NONBLOCK);
    connection->busy = connection->dead = false;
    connection->filled = 0;
    return true;
}

static void close_connection(struct connection *connection) {
    if (connection->tls) SSL_free(connection->tls);
    connection->tls = NULL;
    if (connection->socket >= 0) close(connection->socket);
    connection->socket = -1;
    connection->dead = true;
}

static ssize_t transfer(struct connection *connection, bool writing, char *data, size_t size) {
    if (!connection->tls)
        return writing ? send(connection->socket, data, size, MSG_NOSIGNAL) : recv(connection->socket, data, size, 0);
    errno = 0;
    int done = writing ? SSL_write(connection->tls, data, (int)size) : SSL_read(connection->tls, data, (int)size);
    if (done > 0) return done;
    int why = SSL_get_error(connection->tls, done);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        errno = EAGAIN;
        return -1;
    }
    ERR_clear_error();
    errno = ECONNRESET;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

/* Returns false when the connection is broken. */
static bool push(struct connection *connection) {
    while (connection->sent < connection->size) {
        char *rest = connection->text + connection->sent;
        ssize_t done = transfer(connection, true, rest, connection->size - connection->sent);
        if (done < 0) return errno == EAGAIN;
        connection->sent += (size_t)done;
    }
    return true;
}

static void choose(struct connection *connection) {
    const struct kind *kind = &kinds[begun % kind_count];
    long number = settings.first + begun++;
    connection->size = kind->size;
    if (!kind->mark_count) {
        connection->text = kind->text;
        return;
    }
    if (!connection->own && !(connection->own = malloc(largest))) fail("memory");
    connection->text = memcpy(connection->own, kind->text, kind->size);
    char digits[24];
    int width = (int)strlen(settings.vary);
    snprintf(digits, sizeof digits, "%0*ld", width, number);
    for (size_t i = 0; i < kind->mark_count; i++) memcpy(connection->text + kind->marks[i], digits, (size_t)width);
}

static bool start(struct connection *connection, int64_t due) {
    choose(connection);
    connection->busy = true;
    connection->sent = 0;
    connection->filled = 0;
    connection->left = -1;
    connection->due = due;
    return push(connection);
}

static const char *header(const char *head, const char *end, const char *name) {
    size_t size = strlen(name);
    for (const char *line = head; line < end;) {
        if ((size_t)(end - line) > size && line[size] == ':' && !strncasecmp(line, name, size)) return line + size + 1;
        const char *next = memmem(line, (size_t)(end - line), "\r\n", 2);
        if (!next) return NULL;
        line = next + 2;
    }
    return NULL;
}

/* Looks at what has arrived. 1: the answer is complete, 0: more is needed, -1: it is not HTTP. */
static int judge(struct connection *connection) {
    char *data = connection->buffer;
    if (connection->left == -1) {
        char *end = memmem(data, connection->filled, "\r\n\r\n", 4);
        if (!end) return connection->filled == sizeof connection->buffer ? -1 : 0;
        if (strncmp(data, "HTTP/1.", 7)) return -1;
        connection->status = atoi(data + 9);
        const char *length = header(data, end + 2, "content-length");
        size_t head = (size_t)(end - data) + 4;
        if (length) {
            connection->left = atoll(length) - (int64_t)(connection->filled - head);
        } else {
            if (!header(data, end + 2, "transfer-encoding")) return -1;
            connection->left = -2;
        }
    }
    if (connection->left == -2) {
        if (connection->filled >= 5 && !memcmp(data + connection->filled - 5, "0\r\n\r\n", 5)) return 1;
        if (connection->filled > sizeof connection->buffer / 2) { /* keep the tail, the terminator may be split */
            memmove(data, data + connection->filled - 8, 8);
            connection->filled = 8;
        }
        return 0;
    }
    return connection->left <= 0 ? 1 : 0;
}

/* Reads what is there. 1: answered, 0: not yet, -1: broken. */
static int pull(struct connection *connection) {
    for (;;) {
        bool in_body = connection->left >= 0;
        char *place = in_body ? connection->buffer : connection->buffer + connection->filled;
        size_t room = in_body ? sizeof connection->buffer : sizeof connection->buffer - connection->filled;
        ssize_t done = transfer(connection, false, place, room);
        if (done == 0) return -1;
        if (done < 0) return errno == EAGAIN ? 0 : -1;
        if (in_body) connection->left -= done;
        else connection->filled += (size_t)done;
        int verdict = judge(connection);
        if (verdict) return verdict;
    }
}

static void keep_latency(int64_t due, int64_t moment, int64_t measured_from) {
    if (due < measured_from) return;
    if (latency_count == latency_room) {
        latency_room = latency_room ? latency_room * 2 : 1 << 16;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
        if (!latencies) fail("memory");
    }
    latencies[latency_count++] = (uint32_t)((moment - due) / 1000);
}

static void note(struct connection *connection, int64_t measured_from) {
    connection->busy = false;
    answered++;
    if (connection->status == 207) partial++; /* multi-status: a part of what was sent was refused */
    else if (connection->status != 200) refused++;
    keep_latency(connection->due, now(), measured_from);
}

/* Requests that were due and have no answer yet waited at least until now: leaving them out would flatter a stall. */
static void keep_waiting(struct connection *connections, int64_t begin, int64_t due_count, int64_t measured_from) {
    int64_t moment = now();
    for (int i = 0; i < settings.connections; i++)
        if (connections[i].busy) keep_latency(connections[i].due, moment, measured_from);
    for (;; due_count++) {
        int64_t due = begin + (int64_t)((double)due_count * 1e9 / settings.rate);
        if (due >= moment) return;
        keep_latency(due, moment, measured_from);
    }
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile(double share) {
    if (!latency_count) return 0;
    size_t at = (size_t)(share * (double)(latency_count - 1) + 0.5);
    return latencies[at] / 1000.0;
}

static void watch(int epoll, struct connection *connection) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->socket, &event)) fail("epoll_ctl");
}

static void reopen(int epoll, struct connection *connection, bool was_failure) {
    if (was_failure) failed++;
    close_connection(connection);
    for (int attempt = 0; attempt < 200; attempt++) {
        if (open_connection(connection)) {
            reconnects++;
            watch(epoll, connection);
            return;
        }
        close_connection(connection);
        usleep(50000);
    }
    fail("cannot connect again");
}

static void run(struct connection *connections) {
    int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event timer_event = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
    bool open_loop = settings.rate > 0;
    if (epoll < 0 || timer < 0) fail("epoll");
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &timer_event);
    for (int i = 0; i < settings.connections; i++) watch(epoll, &connections[i]);

    int64_t begin = now(), measured_from = begin + (int64_t)(settings.warmup * 1e9);
    int64_t end = settings.requests ? INT64_MAX : measured_from + (int64_t)(settings.seconds * 1e9);
    int64_t due_count = 0;
    long before_measuring = -1, issued = 0;
    int64_t measuring = measured_from;
    struct rusage used;

    for (int64_t moment = begin; moment < end; moment = now()) {
        if (before_measuring < 0 && moment >= measured_from) {
            before_measuring = answered;
            measuring = moment;
        }
        if (settings.requests && answered + failed >= settings.requests) break;
        int64_t next_due = moment + 100000000;
        for (int i = 0; i < settings.connections; i++) {
            struct connection *connection = &connections[i];
            if (connection->busy) continue;
            int64_t due = moment;
            if (settings.requests && issued >= settings.requests) break;
            if (open_loop) {
                due = begin + (int64_t)((double)due_count * 1e9 / settings.rate);
                if (due > moment) {
                    next_due = due;
                    break;
                }
                due_count++;
            }
            issued++;
            if (!start(connection, due)) {
                reopen(epoll, connection, false);
                if (!start(connection, due)) reopen(epoll, connection, true);
            }
        }
        struct itimerspec alarm = {.it_value = {next_due / 1000000000, next_due % 1000000000}};
        timerfd_settime(timer, TFD_TIMER_ABSTIME, &alarm, NULL);
        int ready = epoll_wait(epoll, events, 256, 1000);
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection) {
                uint64_t expired;
                (void)!read(timer, &expired, sizeof expired);
                continue;
            }
            if (!connection->busy) {
                if (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) reopen(epoll, connection, false);
                continue;
            }
            if (connection->sent < connection->size && !push(connection)) {
                reopen(epoll, connection, true);
                continue;
            }
            int outcome = pull(connection);
            if (outcome > 0) {
                note(connection, measured_from);
                if (settings.fresh) reopen(epoll, connection, false);
            } else if (outcome < 0) {
                reopen(epoll, connection, true);
            }
        }
    }
    double took = (double)(now() - measuring) / 1e9;
    if (open_loop) keep_waiting(connections, begin, due_count, measured_from);
    if (before_measuring < 0) before_measuring = 0;
    getrusage(RUSAGE_SELF, &used);
    qsort(latencies, latency_count, sizeof *latencies, by_value);
    printf("{\"requests\": %ld, \"rps\": %.1f, \"partial\": %ld, \"not_200\": %ld, \"failed\": %ld, "
           "\"reconnects\": %ld, "
           "\"seconds\": %.3f, \"p50_ms\": %.3f, \"p95_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, "
           "\"cpu_s\": %.3f}\n",
           answered, (double)(answered - before_measuring) / took, partial, refused, failed, reconnects, took, quantile(0.50),
           quantile(0.95), quantile(0.99), quantile(1.0),
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
}

static void find_marks(struct kind *kind, size_t from) {
    size_t width = strlen(settings.vary);
    if (!width || width > 18) fail("--vary takes a mark of 1 to 18 characters");
    kind->marks = malloc((kind->size / width + 1) * sizeof *kind->marks);
    if (!kind->marks) fail("memory");
    char *end = kind->text + kind->size;
    for (char *at = kind->text + from; (at = memmem(at, (size_t)(end - at), settings.vary, width)); at += width)
        kind->marks[kind->mark_count++] = (size_t)(at - kind->text);
}

static void build_request(struct kind *kind, const char *path, const char *body_file) {
    char *body = NULL;
    long size = 0;
    if (body_file) {
        FILE *file = fopen(body_file, "rb");
        if (!file) fail(body_file);
        fseek(file, 0, SEEK_END);
        size = ftell(file);
        rewind(file);
        body = malloc((size_t)size + 1);
        if (!body || fread(body, 1, (size_t)size, file) != (size_t)size) fail("reading the body");
        fclose(file);
    }
    bool absolute = settings.proxy && !settings.tls;
    const char *authority = settings.tls ? settings.name : settings.target;
    char *request = malloc((size_t)size + 4096);
    if (!request) fail("memory");
    int head = snprintf(request, 4096, "%s %s%s%s HTTP/1.1\r\nHost: %s", body ? "POST" : "GET",
                        absolute ? "http://" : "", absolute ? settings.target : "", path, authority);
    if (settings.tls) head += snprintf(request + head, 64, ":%d", settings.port);
    head += snprintf(request + head, 256, "\r\nUser-Agent: load\r\nAccept: */*\r\n");
    if (settings.credentials && !settings.tls && settings.proxy)
        head += snprintf(request + head, 512, "Proxy-Authorization: Basic %s\r\n", settings.credentials);
    if (body) head += snprintf(request + head, 128, "Content-Type: application/json\r\nContent-Length: %ld\r\n", size);
    head += snprintf(request + head, 8, "\r\n");
    if (body) memcpy(request + head, body, (size_t)size);
    kind->text = request;
    kind->size = (size_t)head + (size_t)size;
    if (kind->size > largest) largest = kind->size;
    if (settings.vary && body) find_marks(kind, (size_t)head);
    free(body);
}

static void parse(int argc, char **argv) {
    static const struct option options[] = {
        {"proxy", 1, 0, 'p'},       {"target", 1, 0, 't'},   {"path", 1, 0, 'P'},     {"body", 1, 0, 'b'},
        {"tls", 1, 0, 'T'},         {"name", 1, 0, 'n'},     {"connections", 1, 0, 'c'}, {"seconds", 1, 0, 's'},
        {"warmup", 1, 0, 'w'},      {"rate", 1, 0, 'r'},     {"requests", 1, 0, 'R'}, {"credentials", 1, 0, 'u'},
        {"fresh-connections", 0, 0, 'f'}, {"vary", 1, 0, 'v'}, {"first", 1, 0, 'F'}, {0, 0, 0, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
            case 'p': settings.proxy = optarg; break;
            case 't': settings.target = optarg; break;
            case 'P':
                if (settings.path_count == MOST_KINDS) exit(64);
                settings.paths[settings.path_count++] = optarg;
                break;
            case 'b':
                if (settings.body_count == MOST_KINDS) exit(64);
                settings.body_files[settings.body_count++] = optarg;
                break;
            case 'v': settings.vary = optarg; break;
            case 'F': settings.first = atol(optarg); break;
            case 'T': settings.tls = true; settings.trust = optarg; break;
            case 'n': settings.name = optarg; break;
            case 'c': settings.connections = atoi(optarg); break;
            case 's': settings.seconds = atof(optarg); break;
            case 'w': settings.warmup = atof(optarg); break;
            case 'r': settings.rate = atof(optarg); break;
            case 'R': settings.requests = atol(optarg); break;
            case 'u': settings.credentials = optarg; break;
            case 'f': settings.fresh = true; break;
            default: exit(64);
        }
    bool pairs = settings.path_count < 2 || settings.path_count == settings.body_count;
    if (!settings.target || settings.connections < 1 || (settings.tls && !settings.name) || !pairs) {
        fprintf(stderr, "usage: load --target IP:PORT [--proxy IP:PORT] [--tls CA.pem --name HOST] [--body FILE] [--path P]\n"
                        "            [--connections N] [--seconds S | --requests N] [--warmup S] [--rate R]\n"
                        "            [--credentials BASE64] [--fresh-connections] [--vary MARK [--first N]]\n"
                        "            (--path and --body may be given several times, in pairs)\n");
        exit(64);
    }
    settings.port = atoi(strrchr(settings.target, ':') ? strrchr(settings.target, ':') + 1 : "0");
}

int main(int argc, char **argv) {
    parse(argc, argv);
    if (settings.tls) {
        trust_context = SSL_CTX_new(TLS_client_method());
        if (!SSL_CTX_load_verify_locations(trust_context, settings.trust, NULL)) fail(settings.trust);
        SSL_CTX_set_verify(trust_context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_mode(trust_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    kind_count = settings.path_count ? settings.path_count : 1;
    for (int i = 0; i < kind_count; i++)
        build_request(&kinds[i], settings.path_count ? settings.paths[i] : "/",
                      i < settings.body_count ? settings.body_files[i] : NULL);
    struct connection *connections = calloc((size_t)settings.connections, sizeof *connections);
    if (!connections) fail("memory");
    for (int i = 0; i < settings.connections; i++) {
        connections[i].socket = -1;
        if (!open_connection(&connections[i])) fail("cannot connect");
    }
    run(connections);
    return 0;
}
