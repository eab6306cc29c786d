/*
 * load: many HTTP/1.1 clients in one process, for the benchmark of package caches.
 *
 *   load -a ADDRESS -p PORT -c CLIENTS [-t MS] [-s MS] [-d MS] [-h HOST] [-u PREFIX] [-k | -z] <PATHS
 *
 * Every client keeps a connection and asks for one path at a time. With -t all clients go round the paths for so long, each
 * beginning at another one, and what has come by then is counted; without it every client fetches every path once, in order.
 *   -s  client N begins N times so many milliseconds after the first
 *   -d  give up after so many milliseconds (120000)
 *   -u  what stands before the path in the request: a proxy's `http://HOST`
 *   -k  compare the bodies of *.deb with what files.ts says that they are
 *   -z  throw bodies away inside the kernel (MSG_TRUNC): then nothing but the server is measured, and what it sends without
 *       copying it is never copied at all
 * Prints one JSON object.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { head_max = 2048, buffer_bytes = 1 << 20, turn_bytes = 4 << 20 };

struct client {
	int fd, number;
	int connected, waiting; /* waiting: a request is out */
	long next;              /* of the paths, in `once`; requests so far */
	int head_length, in_body;
	int64_t left, offset;
	uint32_t seed;
	int check, wrong, closing; /* closing: the server said that it will */
	double begins, asked, first, done;
	char head[head_max];
};

static struct sockaddr_in server;
static const char *host = "mirror.lab", *prefix = "";
static char **paths;
static long path_count;
static int checking, discarding, epoll;
static double begin;
static char buffer[buffer_bytes + 8];

static long requests, broken, refused, wrong, bad_status, unfinished;
static int last_status;
static int64_t bytes;
static double *firsts;
static long first_count, first_room;

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *grown(void *old, size_t size)
{
	void *space = realloc(old, size);
	if (!space) die("memory");
	return space;
}

/* The same as in files.ts: a file's bytes follow from its name. */
static uint32_t mixed(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x85ebca6bu;
	x ^= x >> 13;
	x *= 0xc2b2ae35u;
	return x ^ x >> 16;
}

static uint32_t seed_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	uint32_t hash = 2166136261u;
	for (const char *c = slash ? slash + 1 : path; *c; c++) hash = (hash ^ (unsigned char)*c) * 16777619u;
	return hash;
}

static int differs(uint32_t seed, int64_t offset, const char *data, ssize_t length)
{
	ssize_t at = 0;
	for (; at < length && (offset + at) % 4; at++)
		if ((unsigned char)data[at] != (mixed(seed + (uint32_t)((offset + at) / 4)) >> 8 * ((offset + at) % 4) & 255)) return 1;
	for (; at + 4 <= length; at += 4) {
		uint32_t word;
		memcpy(&word, data + at, 4);
		if (word != mixed(seed + (uint32_t)((offset + at) / 4))) return 1;
	}
	for (; at < length; at++)
		if ((unsigned char)data[at] != (mixed(seed + (uint32_t)((offset + at) / 4)) >> 8 * ((offset + at) % 4) & 255)) return 1;
	return 0;
}

static void note_first(double ms)
{
	if (first_count == first_room) firsts = grown(firsts, (first_room = first_room ? 2 * first_room : 1024) * sizeof *firsts);
	firsts[first_count++] = ms;
}

static void open_connection(struct client *c)
{
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd == -1) die("socket");
	int one = 1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(c->fd, (struct sockaddr *)&server, sizeof server) == -1 && errno != EINPROGRESS) die("connect");
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) die("epoll_ctl");
	c->connected = c->waiting = c->in_body = c->head_length = 0;
}

static void request(struct client *c)
{
	char text[4096];
	const char *path = paths[c->next % path_count];
	int length = snprintf(text, sizeof text, "GET %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n",
			      prefix, path, host);
	size_t path_length = strlen(path);
	c->check = checking && path_length > 4 && !strcmp(path + path_length - 4, ".deb");
	c->seed = seed_of(path);
	c->wrong = 0;
	c->asked = now_ms();
	c->waiting = 1;
	/* A few hundred bytes into an empty socket buffer: all or an error, which reading will find. */
	if (send(c->fd, text, length, MSG_NOSIGNAL) != length && errno != EPIPE && errno != ECONNRESET) die("send");
}

static int finished(const struct client *c, double until)
{
	return until ? 0 : c->next >= path_count;
}

/* Goes on to the next path, on a new connection after an error. */
static void next_path(struct client *c, double until, int again)
{
	c->next++;
	c->waiting = c->in_body = c->head_length = 0;
	if (finished(c, until)) {
		c->done = now_ms();
		close(c->fd);
		c->fd = -1;
		return;
	}
	if (again) {
		close(c->fd);
		open_connection(c);
		return;
	}
	request(c);
}

/* Reads the head; 1 when the body may come, 0 when more is needed, -1 when it's no good. */
static int head_complete(struct client *c)
{
	c->head[c->head_length] = 0;
	if (!strstr(c->head, "\r\n\r\n")) return c->head_length < head_max - 1 ? 0 : -1;
	int status = 0;
	if (sscanf(c->head, "HTTP/1.%*d %d", &status) != 1) return -1;
	char *length = strcasestr(c->head, "\r\ncontent-length:");
	if (status != 200 || !length) {
		bad_status++;
		last_status = status;
		return -2;
	}
	c->left = strtoll(length + 17, NULL, 10);
	c->offset = 0;
	c->in_body = 1;
	c->closing = strcasestr(c->head, "\r\nconnection: close") != NULL;
	return 1;
}

static void read_some(struct client *c, double until)
{
	for (int64_t turn = 0; turn < turn_bytes;) {
		ssize_t got;
		if (!c->in_body) {
			/* The head alone: what follows it stays in the socket. */
			got = recv(c->fd, buffer, head_max - 1 - c->head_length, MSG_PEEK);
			if (got > 0) {
				int before = c->head_length;
				memcpy(c->head + before, buffer, got);
				c->head_length += got;
				int complete = head_complete(c);
				if (complete < 0) {
					if (complete == -1) broken++;
					return next_path(c, until, 1);
				}
				ssize_t take = got;
				if (complete) {
					take = strstr(c->head, "\r\n\r\n") + 4 - c->head - before;
					double ms = now_ms();
					note_first(ms - c->asked);
				}
				if (recv(c->fd, buffer, take, 0) != take) die("recv");
				if (complete && c->left == 0) {
					requests++;
					return next_path(c, until, c->closing);
				}
				continue;
			}
		} else {
			size_t most = c->left < buffer_bytes ? (size_t)c->left : buffer_bytes;
			got = recv(c->fd, buffer, most, discarding ? MSG_TRUNC : 0);
			if (got > 0) {
				if (c->check && !c->wrong) c->wrong = differs(c->seed, c->offset, buffer, got);
				c->left -= got;
				c->offset += got;
				bytes += got;
				turn += got;
				if (c->left) continue;
				if (c->wrong)
					wrong++;
				else
					requests++;
				int closing = c->closing;
				next_path(c, until, closing);
				if (c->fd == -1 || closing) return;
				continue;
			}
		}
		if (got == -1 && (errno == EAGAIN || errno == EINTR)) return;
		broken++;
		return next_path(c, until, 1);
	}
}

static void ready(struct client *c, double until)
{
	if (c->connected) return read_some(c, until);
	int error = 0;
	socklen_t size = sizeof error;
	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		refused++;
		return next_path(c, until, 1);
	}
	c->connected = 1;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event)) die("epoll_ctl");
	request(c);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double part(const double *sorted, long count, double share)
{
	return count ? sorted[(long)(share * (count - 1))] : 0;
}

int main(int argc, char **argv)
{
	int clients = 1, option;
	double window = 0, stagger = 0, deadline = 120000;
	server.sin_family = AF_INET;
	while ((option = getopt(argc, argv, "a:p:c:t:s:d:h:u:kz")) != -1) {
		switch (option) {
		case 'a': if (inet_pton(AF_INET, optarg, &server.sin_addr) != 1) exit(2); break;
		case 'p': server.sin_port = htons(atoi(optarg)); break;
		case 'c': clients = atoi(optarg); break;
		case 't': window = atof(optarg); break;
		case 's': stagger = atof(optarg); break;
		case 'd': deadline = atof(optarg); break;
		case 'h': host = optarg; break;
		case 'u': prefix = optarg; break;
		case 'k': checking = 1; break;
		case 'z': discarding = 1; break;
		default: exit(2);
		}
	}
	char line[2048];
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		paths = grown(paths, (path_count + 1) * sizeof *paths);
		paths[path_count++] = strdup(line);
	}
	if (!path_count || clients < 1) exit(2);
	struct rlimit files = {clients + 64, clients + 64};
	struct rlimit had;
	getrlimit(RLIMIT_NOFILE, &had);
	if (had.rlim_cur < files.rlim_cur && setrlimit(RLIMIT_NOFILE, &files)) die("setrlimit");
	if ((epoll = epoll_create1(0)) == -1) die("epoll_create1");

	struct client *all = calloc(clients, sizeof *all);
	if (!all) die("memory");
	begin = now_ms();
	double until = window ? begin + window : 0, last = begin + deadline;
	int started = 0;
	for (int i = 0; i < clients; i++) {
		all[i] = (struct client){.number = i, .fd = -1, .begins = begin + i * stagger, .next = window ? i % path_count : 0};
	}
	for (;;) {
		double now = now_ms();
		if ((until && now >= until) || now >= last) break;
		while (started < clients && all[started].begins <= now) open_connection(&all[started++]);
		int alive = started < clients;
		for (int i = 0; i < started && !alive; i++) alive = all[i].fd != -1;
		if (!alive) break;
		double wake = until ? until : last;
		if (started < clients && all[started].begins < wake) wake = all[started].begins;
		struct epoll_event events[256];
		int count = epoll_wait(epoll, events, 256, (int)(wake - now) + 1);
		if (count == -1 && errno != EINTR) die("epoll_wait");
		for (int i = 0; i < count; i++) ready(events[i].data.ptr, until);
	}
	double end = now_ms(), *done = calloc(clients, sizeof *done);
	if (!done) die("memory");
	for (int i = 0; i < clients; i++) {
		if (!until && !all[i].done) unfinished++;
		done[i] = (all[i].done ? all[i].done : end) - all[i].begins;
	}
	qsort(done, clients, sizeof *done, by_size);
	qsort(firsts, first_count, sizeof *firsts, by_size);
	printf("{\"seconds\":%.4f,\"requests\":%ld,\"bytes\":%lld,"
	       "\"broken\":%ld,\"refused\":%ld,\"wrong\":%ld,\"badStatus\":%ld,\"lastStatus\":%d,\"unfinished\":%ld,"
	       "\"firstMs\":{\"least\":%.3f,\"median\":%.3f,\"p99\":%.3f,\"most\":%.3f},"
	       "\"doneMs\":{\"least\":%.1f,\"median\":%.1f,\"most\":%.1f}}\n",
	       (end - begin) / 1e3, requests, (long long)bytes, broken, refused, wrong, bad_status, last_status, unfinished,
	       part(firsts, first_count, 0), part(firsts, first_count, .5), part(firsts, first_count, .99), part(firsts, first_count, 1),
	       part(done, clients, 0), part(done, clients, .5), part(done, clients, 1));
	return 0;
}
