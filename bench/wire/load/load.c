// load PORT RATE SECONDS CONNECTIONS FILE: sends the request in FILE at a fixed
// rate, whatever the answers do, and prints what visitors waited, from the time a
// request was due (so that a stall is not left out), as key=value. With EVERY and
// FILE2 each EVERYth request is the one in FILE2, whose own waits are printed too;
// @@@@ in it is a number below 5000 that differs from one to the next.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUF = 1 << 17 };
typedef struct { int fd, busy, have, other; long need; long due; char buf[BUF]; } conn;

static long now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}
static int order(const void *a, const void *b) { long x = *(long *)a, y = *(long *)b; return x < y ? -1 : x > y; }
static char *slurp(const char *name, int *n) {
	FILE *f = fopen(name, "rb");
	char *b = malloc(1 << 20);
	if (!f) exit(2);
	*n = fread(b, 1, 1 << 20, f);
	fclose(f);
	return b;
}

int main(int argc, char **argv) {
	if (argc != 6 && argc != 8) return fprintf(stderr, "usage: load PORT RATE SECONDS CONNECTIONS FILE [EVERY FILE2]\n"), 2;
	prctl(PR_SET_TIMERSLACK, 1);
	double rate = atof(argv[2]), secs = atof(argv[3]);
	int conns = atoi(argv[4]), reqn, altn = 0, every = argc == 8 ? atoi(argv[6]) : 0, one = 1;
	char *req = slurp(argv[5], &reqn), *alt = every ? slurp(argv[7], &altn) : NULL;
	long total = rate * secs, sent = 0, got = 0, *took = malloc(sizeof(long) * (total + 1)), late = 0;
	long *took2 = malloc(sizeof(long) * (total + 1)), got2 = 0;
	char *marks[16];
	int nmarks = 0;
	for (char *m = alt; alt && nmarks < 16 && (m = memmem(m, alt + altn - m, "@@@@", 4)); m += 4) marks[nmarks++] = m;
	conn *cs = calloc(conns, sizeof *cs);
	int ep = epoll_create1(0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	for (int i = 0; i < conns; i++) {
		cs[i].fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(cs[i].fd, (void *)&a, sizeof a)) return perror("connect"), 1;
		setsockopt(cs[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = &cs[i]};
		epoll_ctl(ep, EPOLL_CTL_ADD, cs[i].fd, &e);
	}
	long start = now() + 10000000, step = 1e9 / rate;
	int next = 0;
	while (got < total) {
		long t = now();
		while (sent < total && start + sent * step <= t) {
			conn *c = NULL;
			for (int k = 0; k < conns; k++) {
				conn *x = &cs[(next + k) % conns];
				if (!x->busy) { c = x; next = (next + k + 1) % conns; break; }
			}
			if (!c) { late++; break; }
			c->busy = 1; c->have = 0; c->need = -1; c->due = start + sent * step;
			int other = every && sent % every == 0;
			c->other = other;
			for (int k = 0; other && k < nmarks; k++) {
				char digits[8];
				snprintf(digits, sizeof digits, "%04ld", sent / every % 5000);
				memcpy(marks[k], digits, 4);
			}
			if (write(c->fd, other ? alt : req, other ? altn : reqn) < 0) return perror("write"), 1;
			sent++;
			t = now();
		}
		long wait = sent < total ? start + sent * step - now() : 1000000000L;
		if (wait < 0) wait = 0;
		struct timespec ts = {wait / 1000000000L, wait % 1000000000L};
		struct epoll_event list[128];
		int n = epoll_pwait2(ep, list, 128, &ts, NULL);
		if (n == 0 && sent == total) return fprintf(stderr, "no answer for a second\n"), 1;
		for (int i = 0; i < n; i++) {
			conn *c = list[i].data.ptr;
			int d = 0;
			while (d == 0) {
				ssize_t r = recv(c->fd, c->buf + c->have, BUF - c->have, MSG_DONTWAIT);
				if (r < 0) break;
				if (r == 0) { d = -1; break; }
				c->have += r;
				if (c->need < 0) {
					char *e = memmem(c->buf, c->have, "\r\n\r\n", 4);
					if (!e) continue;
					*e = 0;
					char *l = strcasestr(c->buf, "\ncontent-length:");
					if (!l || memcmp(c->buf + 9, "200", 3)) { fprintf(stderr, "%.200s\n", c->buf); return 1; }
					c->need = (e + 4 - c->buf) + atol(l + 16);
					*e = '\r';
				}
				if (c->have >= c->need) d = 1;
			}
			if (d < 0) return fprintf(stderr, "closed early\n"), 1;
			if (d == 1) {
				took[got++] = now() - c->due;
				if (c->other) took2[got2++] = took[got - 1];
				c->busy = 0;
			}
		}
	}
	qsort(took, got, sizeof(long), order);
	qsort(took2, got2, sizeof(long), order);
	if (got2) printf("every_p50=%.1f every_p95=%.1f every_p99=%.1f ", took2[got2 / 2] / 1e3, took2[got2 * 95 / 100] / 1e3, took2[got2 * 99 / 100] / 1e3);
	printf("n=%ld p50=%.1f p95=%.1f p99=%.1f late=%ld\n", got, took[got / 2] / 1e3, took[got * 95 / 100] / 1e3, took[got * 99 / 100] / 1e3, late);
	return 0;
}
