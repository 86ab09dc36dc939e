/* The yardstick: what it costs to write a frame to many sockets when nothing else is done.

       reference FPS FILE

   FILE holds one frame as it goes over the wire. Prints its port on 127.0.0.1, then writes the frame FPS times a second
   to everyone who has connected and asked for something. The newest frame wins: who has not taken the last one yet
   skips this one, nobody waits for anybody. Ends when its standard input does. */

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
#include <unistd.h>

enum { RING = 32, LARGEST = 1 << 20, SEND_BUFFER = 128 * 1024 };

struct viewer {
    int fd;
    int watching;        /* it has asked */
    long seq;            /* of the frame that it got last */
    const char *rest;    /* what of it is still to be sent */
    size_t left;
    struct viewer *next, **link;
};

static char frame[LARGEST], *ring[RING];
static size_t size;
static long newest;
static struct viewer *viewers;

static void drop(struct viewer *v) {
    close(v->fd);
    *v->link = v->next;
    if (v->next)
        v->next->link = v->link;
    free(v);
}

/* Send as much as the socket takes now. False when the viewer has gone. */
static int push(struct viewer *v) {
    for (;;) {
        if (!v->left) {
            if (v->seq == newest)
                return 1;
            v->seq = newest;
            v->rest = ring[newest % RING];
            v->left = size;
        }
        ssize_t sent = send(v->fd, v->rest, v->left, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN;
        v->rest += sent;
        v->left -= sent;
    }
}

static void accept_all(int listener, int poller) {
    int fd, one = 1, buffer = SEND_BUFFER;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        struct viewer *v = calloc(1, sizeof *v);
        *v = (struct viewer){.fd = fd, .next = viewers, .link = &viewers};
        if (viewers)
            viewers->link = &v->next;
        viewers = v;
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &(struct epoll_event){EPOLLIN | EPOLLOUT | EPOLLET, {.ptr = v}});
    }
}

/* What a viewer says is not looked at; its first word is its request. False when it has gone. */
static int hear(struct viewer *v) {
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
    char said[4096];
    ssize_t got;
    while ((got = recv(v->fd, said, sizeof said, 0)) > 0)
        if (!v->watching) {
            v->watching = 1;
            v->seq = newest;
            if (send(v->fd, head, sizeof head - 1, MSG_NOSIGNAL) < 0)
                return 0;
        }
    return got < 0 && errno == EAGAIN;
}

static void tick(int timer) {
    uint64_t times;
    if (read(timer, &times, sizeof times) != sizeof times)
        return;
    newest++;
    /* A copy, because a server has every frame in memory that is new to its processor's cache. */
    memcpy(ring[newest % RING], frame, size);
    for (struct viewer *v = viewers, *next; v; v = next) {
        next = v->next;
        if (v->watching && !v->left && !push(v))
            drop(v);
    }
}

int main(int argc, char **argv) {
    double fps = argc == 3 ? atof(argv[1]) : 0;
    FILE *file = fps > 0 ? fopen(argv[2], "rb") : NULL;
    if (!file || !(size = fread(frame, 1, sizeof frame, file)))
        errx(2, "usage: reference FPS FILE");
    fclose(file);
    for (int i = 0; i < RING; i++)
        ring[i] = malloc(size);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(listener, (void *)&address, length) || listen(listener, 512))
        err(1, "cannot listen");
    getsockname(listener, (void *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);

    long period = 1e9 / fps;
    struct timespec every = {period / 1000000000, period % 1000000000};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), poller = epoll_create1(0);
    timerfd_settime(timer, 0, &(struct itimerspec){every, every}, NULL);
    int fixed[] = {listener, timer, STDIN_FILENO};
    for (int i = 0; i < 3; i++)
        epoll_ctl(poller, EPOLL_CTL_ADD, fixed[i], &(struct epoll_event){EPOLLIN, {.ptr = &fixed[i]}});

    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(poller, events, 256, -1), ticked = 0;
        for (int i = 0; i < count; i++) {
            struct viewer *v = events[i].data.ptr;
            if (events[i].data.ptr == &fixed[0])
                accept_all(listener, poller);
            else if (events[i].data.ptr == &fixed[1])
                ticked = 1;  /* after the viewers, because it may drop one that has an event here */
            else if (events[i].data.ptr == &fixed[2])
                return 0;
            else if ((events[i].events & EPOLLIN && !hear(v)) || (v->left && !push(v)))
                drop(v);
        }
        if (ticked)
            tick(timer);
    }
}
