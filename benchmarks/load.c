/* The people who watch, as cheap as they can be made, so that it is the server that is measured.

       load PORT COUNT SIZE HOW REQUEST GREETING ALIVE

   Connects COUNT times to 127.0.0.1:PORT and sends REQUEST; after the answer's head, GREETING; every 20 seconds, ALIVE.
   HOW is what happens to what comes back:
       discard   it is dropped inside the kernel and only its length counts
       bytes     pictures of SIZE bytes are looked for by their stamp (see board.py)
       base64    the same, for pictures that come as base64
   Each line on standard input is answered with one line of JSON: what has happened so far, and the latencies
   (microseconds from the board's stamp to the picture's last byte) since the line before. Ends with its standard input. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* The stamp is a JPEG comment right at the beginning, so that its base64 is a text of its own. */
#define MAGIC "camproxy:"
#define MAGIC64 "Y2FtcHJveHk6"
enum { SEQ = 8, MICROS = 16, BEFORE = 6, BUFFER = 1 << 17, SAMPLES = 1 << 20, ALIVE_EVERY = 20 };

struct viewer {
    int fd, streaming;        /* streaming: the answer's head is over */
    size_t at;                /* bytes of the stream before those that are in the buffer now */
    size_t done;              /* where in the stream the picture that is coming in will be complete; 0: there is none */
    long seq, stamp;
    size_t kept;              /* the end of what was read last, in which a stamp may have begun */
    char tail[64];
};

static struct viewer *viewers;
static int count, in_base64, discards;
static size_t size;
static const char *greeting, *alive;
static long answered, refused, ended, bytes, frames, lost, sampled;
static uint32_t samples[SAMPLES];

static long micros(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static void decode64(const char *text, char *out, int groups) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (; groups--; text += 4, out += 3) {
        uint32_t bits = 0;
        for (int i = 0; i < 4; i++)
            bits = bits << 6 | (strchr(letters, text[i]) ? strchr(letters, text[i]) - letters : 0);
        out[0] = bits >> 16, out[1] = bits >> 8, out[2] = bits;
    }
}

static void read_stamp(struct viewer *v, const char *text) {
    char plain[SEQ + MICROS + 1] = {0}, seq[SEQ + 1] = {0};
    if (in_base64)
        decode64(text, plain, (SEQ + MICROS) / 3);
    else
        memcpy(plain, text, SEQ + MICROS);
    memcpy(seq, plain, SEQ);
    long number = atol(seq);
    if (v->seq && number > v->seq + 1)
        lost += number - v->seq - 1;
    v->seq = number;
    v->stamp = atol(plain + SEQ);
}

/* Look for stamps, and for the ends of pictures. */
static void look(struct viewer *v, char *data, size_t length) {
    const char *magic = in_base64 ? MAGIC64 : MAGIC;
    size_t letters = strlen(magic), before = in_base64 ? BEFORE / 3 * 4 : BEFORE;
    size_t stamp = in_base64 ? (SEQ + MICROS) / 3 * 4 : SEQ + MICROS, picture = in_base64 ? (size + 2) / 3 * 4 : size;
    size_t from = 0;
    for (;;) {
        if (v->done) {
            if (v->done > v->at + length)
                break;
            from = v->done > v->at ? v->done - v->at : 0;
            v->done = 0;
            frames++;
            if (sampled < SAMPLES)
                samples[sampled++] = micros() - v->stamp;
        }
        char *found = memmem(data + from, length - from, magic, letters);
        if (!found || found + letters + stamp > data + length) {
            if (found)
                from = found - data;
            else if (length - from >= letters)
                from = length - letters + 1;
            break;
        }
        read_stamp(v, found + letters);
        v->done = v->at + (found - data) - before + picture;
    }
    if (v->done)
        from = length;
    v->kept = length - from;
    memcpy(v->tail, data + from, v->kept);
    v->at += from;
}

static void finish(struct viewer *v) {
    close(v->fd);
    v->fd = -1;
    ended++;
}

/* The answer's head: it is short, and comes in one piece or not at all. */
static void begin(struct viewer *v, char *data, size_t length) {
    char *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end)
        return;
    int good = !memcmp(data, "HTTP/1.1 200", 12) || !memcmp(data, "HTTP/1.1 101", 12);
    good ? answered++ : refused++;
    v->streaming = 1;
    send(v->fd, greeting, strlen(greeting), MSG_NOSIGNAL);
    end += 4;
    bytes += data + length - end;
    if (!discards)
        look(v, end, data + length - end);
}

static void receive(struct viewer *v) {
    static char data[BUFFER];
    ssize_t got;
    if (v->streaming && discards) {
        got = recv(v->fd, NULL, 1 << 20, MSG_TRUNC | MSG_DONTWAIT);
        bytes += got > 0 ? got : 0;
    } else {
        memcpy(data, v->tail, v->kept);
        got = recv(v->fd, data + v->kept, BUFFER - v->kept, MSG_DONTWAIT);
        if (got > 0 && v->streaming) {
            bytes += got;
            look(v, data, v->kept + got);
        } else if (got > 0)
            begin(v, data, got);
    }
    if (got == 0 || (got < 0 && errno != EAGAIN))
        finish(v);
}

static void keep_alive(int timer) {
    static int turn;
    uint64_t times;
    turn = (turn + 1) % ALIVE_EVERY;
    if (read(timer, &times, sizeof times) == sizeof times && *alive)
        for (int i = turn; i < count; i += ALIVE_EVERY)  /* not all at once, as people do not come all at once */
            if (viewers[i].fd >= 0 && viewers[i].streaming && send(viewers[i].fd, alive, strlen(alive), MSG_NOSIGNAL) < 0)
                finish(&viewers[i]);
}

static void report(void) {
    printf("{\"answered\":%ld,\"refused\":%ld,\"ended\":%ld,\"bytes\":%ld,\"frames\":%ld,\"lost\":%ld,\"latencies\":[",
           answered, refused, ended, bytes, frames, lost);
    for (long i = 0; i < sampled; i++)
        printf("%s%u", i ? "," : "", samples[i]);
    printf("]}\n");
    fflush(stdout);
    sampled = 0;
}

static void dial(int port, const char *request, int poller) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0, one = 1; i < count; i++) {
        struct viewer *v = &viewers[i];
        v->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(v->fd, (void *)&address, sizeof address) || send(v->fd, request, strlen(request), 0) < 0)
            err(1, "cannot connect to port %d", port);
        setsockopt(v->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        epoll_ctl(poller, EPOLL_CTL_ADD, v->fd, &(struct epoll_event){EPOLLIN, {.ptr = v}});
    }
}

int main(int argc, char **argv) {
    if (argc != 8)
        errx(2, "usage: load PORT COUNT SIZE HOW REQUEST GREETING ALIVE");
    count = atoi(argv[2]);
    size = atol(argv[3]);
    discards = !strcmp(argv[4], "discard");
    in_base64 = !strcmp(argv[4], "base64");
    greeting = argv[6];
    alive = argv[7];
    viewers = calloc(count, sizeof *viewers);
    int poller = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    timerfd_settime(timer, 0, &(struct itimerspec){{1, 0}, {1, 0}}, NULL);
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &(struct epoll_event){EPOLLIN, {.ptr = &timer}});
    epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &(struct epoll_event){EPOLLIN, {.ptr = NULL}});
    dial(atoi(argv[1]), argv[5], poller);
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            struct viewer *v = events[i].data.ptr;
            if (events[i].data.ptr == &timer)
                keep_alive(timer);
            else if (v && v->fd >= 0)
                receive(v);
            else if (!v) {
                char line[64];
                if (read(STDIN_FILENO, line, sizeof line) <= 0)
                    return 0;
                report();
            }
        }
    }
}
