// origin PORT: an HTTP/1.1 origin that costs as little as one can, so that what
// is measured is what stands in front of it. /big answers 1 MB, everything else
// 1.5 KB. One thread, epoll.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUF = 65536 };
typedef struct { int fd, have; long skip; const char *out; size_t left; char buf[BUF]; } conn;

static char *small, *big;
static size_t smalln, bign;

static void make(char **p, size_t *n, size_t body) {
	char *b = malloc(body + 1024);
	int h = sprintf(b,
		"HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sat, 21 Nov 2026 02:00:00 GMT\r\n"
		"Content-Type: application/json; charset=utf-8\r\nCache-Control: private, no-cache, no-store\r\n"
		"ETag: W/\"5dc-8f2b1c3d\"\r\nVary: Accept-Encoding\r\nX-Content-Type-Options: nosniff\r\n"
		"Strict-Transport-Security: max-age=31536000\r\nContent-Length: %zu\r\n\r\n", body);
	for (size_t i = 0; i < body; i++) b[h + i] = "{\"k\":\"abcdefghij\",\"n\":12345}\n"[i % 29];
	*p = b;
	*n = h + body;
}

static void flush(int ep, conn *c) {
	while (c->left) {
		ssize_t n = write(c->fd, c->out, c->left);
		if (n < 0) break;
		c->out += n;
		c->left -= n;
	}
	struct epoll_event e = {.events = EPOLLIN | (c->left ? EPOLLOUT : 0), .data.ptr = c};
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static int serve(int ep, conn *c) {
	ssize_t n = read(c->fd, c->buf + c->have, BUF - c->have);
	if (n <= 0) return 0;
	c->have += n;
	for (;;) {
		if (c->skip) {
			long k = c->skip < c->have ? c->skip : c->have;
			memmove(c->buf, c->buf + k, c->have - k);
			c->have -= k;
			c->skip -= k;
			if (c->skip) return 1;
		}
		char *end = memmem(c->buf, c->have, "\r\n\r\n", 4);
		if (!end) return 1;
		char *cl = memmem(c->buf, end - c->buf, "ontent-Length: ", 15);
		int isbig = c->have > 8 && memmem(c->buf, 12, " /big", 5) != NULL;
		c->skip = cl ? atol(cl + 15) : 0;
		long used = end + 4 - c->buf;
		memmove(c->buf, c->buf + used, c->have - used);
		c->have -= used;
		c->out = isbig ? big : small;
		c->left = isbig ? bign : smalln;
		ssize_t w = write(c->fd, c->out, c->left);
		if (w < 0) w = 0;
		c->out += w;
		c->left -= w;
		if (c->left) flush(ep, c);
	}
}

int main(int argc, char **argv) {
	signal(SIGPIPE, SIG_IGN);
	if (argc != 2) return fprintf(stderr, "usage: origin PORT\n"), 2;
	make(&small, &smalln, 1500);
	make(&big, &bign, 1 << 20);
	int one = 1, ln = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0);
	setsockopt(ln, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(ln, (void *)&a, sizeof a) || listen(ln, 4096)) return perror("listen"), 1;
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, list[256];
	epoll_ctl(ep, EPOLL_CTL_ADD, ln, &e);
	for (;;) {
		int n = epoll_wait(ep, list, 256, -1);
		for (int i = 0; i < n; i++) {
			conn *c = list[i].data.ptr;
			if (!c) {
				int fd = accept4(ln, NULL, NULL, SOCK_NONBLOCK);
				if (fd < 0) continue;
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
				c = calloc(1, sizeof *c);
				c->fd = fd;
				struct epoll_event in = {.events = EPOLLIN, .data.ptr = c};
				epoll_ctl(ep, EPOLL_CTL_ADD, fd, &in);
				continue;
			}
			if (c->left) flush(ep, c);
			if ((list[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !serve(ep, c)) {
				close(c->fd);
				free(c);
			}
		}
	}
}
