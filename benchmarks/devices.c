/* Boards that have dialled in, as cheap as they can be made, so that it is the server that is measured.

       devices PORT FPS PICTURE BOARDS

   Each line of the file BOARDS is a kind (esp32cam or pico) and a key; each becomes a connection to 127.0.0.1:PORT. Every
   camera sends FPS pictures a second, which is the file PICTURE (see board.py) with the present time in its stamp; what
   the socket does not take is sent before the next one, which is then skipped. Every board answers pings, acknowledges
   commands, says after a move where its head is, and sends a heartbeat every second, so that a minute fills what the
   server remembers of them.
   Each line on standard input is answered with one line of JSON: what has happened so far. Ends with its standard input. */

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

/* BEFORE: a picture's bytes before the digits of its stamp, which are a number and microseconds. */
enum { MOST = 4096, BUFFER = 1 << 14, BEFORE = 15, SEQ = 8, MICROS = 16, HEAD = 8, BEAT_EVERY = 1 };
enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

struct board {
    int fd, is_camera;
    long pictures, due, beat_due;   /* due: microseconds */
    unsigned char heard[BUFFER];
    size_t length, left;            /* left: of the last picture, which is still to be sent */
    unsigned char *picture;         /* framed and masked, its own */
};

static struct board boards[MOST];
static int count;
static size_t size;                 /* of a framed picture */
static long ended, sent, skipped, commands;
static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};

static long micros(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static void finish(struct board *b) {
    if (b->fd >= 0)
        close(b->fd);
    b->fd = -1;
    ended++;
}

/* Header and mask of a message of this length; where its content begins. */
static size_t begin(unsigned char *out, int opcode, size_t length) {
    size_t at = 0;
    out[at++] = 0x80 | opcode;
    out[at++] = 0x80 | (length < 126 ? length : 126);
    if (length >= 126)
        out[at++] = length >> 8, out[at++] = length & 255;
    memcpy(out + at, mask, sizeof mask);
    return at + sizeof mask;
}

static void say(struct board *b, int opcode, const void *data, size_t length) {
    unsigned char out[1024];
    if (length > sizeof out - HEAD || b->left)  /* never into the middle of a picture: the next one will do */
        return;
    size_t at = begin(out, opcode, length);
    for (size_t i = 0; i < length; i++)
        out[at + i] = ((const unsigned char *)data)[i] ^ mask[i % 4];
    if (send(b->fd, out, at + length, MSG_NOSIGNAL) != (ssize_t)(at + length))
        finish(b);
}

static void push(struct board *b) {
    ssize_t took = send(b->fd, b->picture + size - b->left, b->left, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (took > 0)
        b->left -= took;
    else if (errno != EAGAIN)
        finish(b);
}

static void next_picture(struct board *b, long now) {
    if (b->left)
        push(b);
    if (b->fd < 0)
        return;
    if (b->left) {
        skipped++;
        return;
    }
    char digits[48];
    snprintf(digits, sizeof digits, "%08ld%016ld", ++b->pictures, now);
    for (int i = 0; i < SEQ + MICROS; i++)
        b->picture[HEAD + BEFORE + i] = digits[i] ^ mask[(BEFORE + i) % 4];
    b->left = size;
    sent++;
    push(b);
}

static void obey(struct board *b, char *text) {
    char kind[32], id[32], out[256];
    char *found = strstr(text, "\"id\": \"");
    if (!found || sscanf(found, "\"id\": \"%31[^\"]", id) != 1 || sscanf(text, "{\"type\": \"%31[^\"]", kind) != 1)
        return;
    if (!strcmp(kind, "welcome") || !strcmp(kind, "servo_command_log"))
        return;
    commands++;
    say(b, TEXT, out, snprintf(out, sizeof out,
        "{\"type\":\"ack\",\"id\":\"%s\",\"command\":\"%s\",\"status\":\"success\",\"detail\":\"\"}", id, kind));
    int pan, tilt;
    if ((found = strstr(text, "\"servo1\": ")) && sscanf(found, "\"servo1\": %d, \"servo2\": %d", &pan, &tilt) == 2)
        say(b, TEXT, out, snprintf(out, sizeof out, "{\"type\":\"position\",\"servo1\":%d,\"servo2\":%d}", pan, tilt));
}

static void hear(struct board *b) {
    ssize_t got = recv(b->fd, b->heard + b->length, BUFFER - 1 - b->length, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            finish(b);
        return;
    }
    b->length += got;
    while (b->fd >= 0 && b->length >= 2) {
        size_t head = 2, length = b->heard[1];
        if (length == 126) {
            head = 4;
            length = b->heard[2] << 8 | b->heard[3];
        }
        if (b->length < head || b->length < head + length)
            break;
        unsigned char after = b->heard[head + length];
        int opcode = b->heard[0] & 15;
        b->heard[head + length] = 0;
        if (opcode == PING)
            say(b, PONG, b->heard + head, length);
        else if (opcode == CLOSE)
            finish(b);
        else if (opcode == TEXT)
            obey(b, (char *)b->heard + head);
        b->heard[head + length] = after;
        b->length -= head + length;
        memmove(b->heard, b->heard + head + length, b->length);
    }
}

static void dial(struct board *b, int port, const char *kind, const char *key) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[1024];
    int one = 1;
    b->fd = socket(AF_INET, SOCK_STREAM, 0);
    int length = snprintf(text, sizeof text,
        "GET /ws/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n",
        kind, port, key);
    if (connect(b->fd, (void *)&address, sizeof address) || send(b->fd, text, length, 0) < 0)
        err(1, "cannot connect to port %d", port);
    setsockopt(b->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (length = 0; length < 4 || memcmp(text + length - 4, "\r\n\r\n", 4); length++)
        if (length == sizeof text - 1 || recv(b->fd, text + length, 1, 0) != 1)
            errx(1, "no answer from port %d", port);
    if (memcmp(text, "HTTP/1.1 101", 12))
        errx(1, "refused: %.60s", text);
    length = snprintf(text, sizeof text, "{\"type\":\"connect\",\"device\":\"%s\",\"version\":\"1.0\"}", kind);
    say(b, TEXT, text, length);
}

static void dial_all(int port, const char *list, const char *picture, long every) {
    static char plain[65536];
    FILE *file = fopen(picture, "r");
    size_t length = file ? fread(plain, 1, sizeof plain, file) : 0;
    if (length < 126 || length >= sizeof plain)
        errx(1, "%s is no picture", picture);
    fclose(file);
    size = HEAD + length;
    char kind[16], key[128];
    if (!(file = fopen(list, "r")))
        err(1, "%s", list);
    while (count < MOST && fscanf(file, "%15s %127s", kind, key) == 2) {
        struct board *b = &boards[count++];
        dial(b, port, kind, key);
        b->is_camera = !strcmp(kind, "esp32cam");
        b->picture = malloc(size);
        begin(b->picture, BINARY, length);
        for (size_t i = 0; i < length; i++)
            b->picture[HEAD + i] = plain[i] ^ mask[i % 4];
    }
    fclose(file);
    long now = micros();
    for (int i = 0; i < count; i++) {  /* not all at once, as cameras are not */
        boards[i].due = now + every * i / count;
        boards[i].beat_due = now + 1000000L * BEAT_EVERY * i / count;
    }
}

static void look_around(long every) {
    static const char beat[] = "{\"type\":\"heartbeat\",\"uptime_ms\":123456,\"free_heap\":98304,\"largest_block\":65536,"
                               "\"rssi\":-61,\"frames_sent\":1000,\"frames_skipped\":0}";
    long now = micros();
    for (int i = 0; i < count; i++) {
        struct board *b = &boards[i];
        if (b->fd >= 0 && b->is_camera && b->due <= now) {
            b->due += every;
            next_picture(b, now);
        }
        if (b->fd >= 0 && b->beat_due <= now) {
            b->beat_due += 1000000L * BEAT_EVERY;
            say(b, TEXT, beat, sizeof beat - 1);
        }
        if (b->fd >= 0 && b->left)
            push(b);
    }
}

int main(int argc, char **argv) {
    if (argc != 5)
        errx(2, "usage: devices PORT FPS PICTURE BOARDS");
    long every = 1000000L / atoi(argv[2]);
    int poller = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    timerfd_settime(timer, 0, &(struct itimerspec){{0, 1000000}, {0, 1000000}}, NULL);
    dial_all(atoi(argv[1]), argv[4], argv[3], every);
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &(struct epoll_event){EPOLLIN, {.ptr = &timer}});
    epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &(struct epoll_event){EPOLLIN, {.ptr = NULL}});
    for (int i = 0; i < count; i++)
        epoll_ctl(poller, EPOLL_CTL_ADD, boards[i].fd, &(struct epoll_event){EPOLLIN, {.ptr = &boards[i]}});
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            struct board *b = events[i].data.ptr;
            if (events[i].data.ptr == &timer) {
                uint64_t times;
                if (read(timer, &times, sizeof times) == sizeof times)
                    look_around(every);
            } else if (b && b->fd >= 0)
                hear(b);
            else if (!b) {
                char line[64];
                if (read(STDIN_FILENO, line, sizeof line) <= 0)
                    return 0;
                printf("{\"ended\":%ld,\"sent\":%ld,\"skipped\":%ld,\"commands\":%ld}\n", ended, sent, skipped, commands);
                fflush(stdout);
            }
        }
    }
}
