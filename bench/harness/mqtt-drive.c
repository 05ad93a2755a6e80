// Drives an MQTT 3.1.1 broker with what mqtt-load cannot say: QoS 2 on both sides, kept sessions, many topics for each
// publisher and many filters for each subscriber. One thread, epoll, packets joined into one write per turn. It answers
// one line of JSON and knows nothing of the broker.
//   cc -O2 -o mqtt-drive mqtt-drive.c
//   mqtt-drive port=N publishers=N messages=N(each) topics=N(each) subscribers=N filters=N(each) qos=0|1|2 window=N clean=0|1
//     rate=N(a second, of all; 0 = as fast as it is taken) stop=N(seconds after which nothing more is sent; 0 = never)
//     seconds=N(the longest run)
// environment: TOPIC (printf format: publisher, topic), FILTER (the same, or of the publisher alone, or without numbers),
//   PUBLISHER_USER (printf format: publisher), PASSWORD_FILE (one a line, by publisher), SUBSCRIBER_USER, SUBSCRIBER_PASSWORD
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 65536, PAYLOAD_BYTES = 128, PACKET_MAX_BYTES = 1024, FILTERS_PER_SUBSCRIBE = 50, EVENTS = 256 };
// A broker that is silent for so long has lost something.
static const double SILENCE_S = 6;

typedef struct {
  int fd, number, subscriber, wants_write;
  long all, sent, due, done;  // all: will be sent; due: may be sent by now; done: QoS 0 sent, QoS 1 acknowledged, QoS 2 completed
  unsigned id;
  size_t in, out, out_at;
  unsigned char input[BUFFER_BYTES], output[BUFFER_BYTES];
} Client;

static int epoll_fd;
static long port, publishers, messages, topics = 1, subscribers, filters = 1, qos, window_size = 20, clean = 1, rate, stop_s, run_max_s = 80;
static long received, acknowledged, pongs;
static unsigned char payload[PAYLOAD_BYTES];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "mqtt-drive: %s: %s\n", what, errno ? strerror(errno) : "refused");
  exit(1);
}

static size_t put_length(unsigned char *to, size_t length) {
  size_t n = 0;
  do {
    to[n] = length & 127;
    length >>= 7;
    if (length) to[n] |= 128;
    n++;
  } while (length);
  return n;
}

static size_t put_text(unsigned char *to, const char *text) {
  size_t length = strlen(text);
  to[0] = length >> 8;
  to[1] = length;
  memcpy(to + 2, text, length);
  return length + 2;
}

static void send_packet(int fd, int header, const unsigned char *body, size_t length) {
  unsigned char head[5] = {header};
  size_t n = 1 + put_length(head + 1, length);
  if (send(fd, head, n, MSG_MORE | MSG_NOSIGNAL) != (ssize_t)n || send(fd, body, length, MSG_NOSIGNAL) != (ssize_t)length)
    fail("send");
}

// Blocking: only before the run.
static size_t receive_packet(int fd, int type, unsigned char *body, size_t room) {
  unsigned char byte;
  size_t length = 0;
  if (recv(fd, &byte, 1, MSG_WAITALL) != 1 || byte >> 4 != type) fail("another packet was expected");
  for (int shift = 0;; shift += 7) {
    if (recv(fd, &byte, 1, MSG_WAITALL) != 1) fail("receive");
    length |= (size_t)(byte & 127) << shift;
    if (!(byte & 128)) break;
  }
  if (length > room || recv(fd, body, length, MSG_WAITALL) != (ssize_t)length) fail("receive");
  return length;
}

static void open_client(Client *client, const char *id, const char *user, const char *password, int is_clean) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  unsigned char body[4096] = "\0\4MQTT\4";
  client->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(client->fd, (struct sockaddr *)&to, sizeof to)) fail("connect");
  setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  body[7] = 0xc0 | (is_clean ? 2 : 0);
  size_t n = 10;
  n += put_text(body + n, id);
  n += put_text(body + n, user);
  n += put_text(body + n, password);
  send_packet(client->fd, 0x10, body, n);
  if (receive_packet(client->fd, 2, body, sizeof body) != 2 || body[1] != 0) fail("CONNACK");
}

static void subscribe(Client *client) {
  const char *format = getenv("FILTER"), *device = strstr(format, "%d");
  long topics_counted = device && strstr(device + 1, "%d") ? topics : 1;
  for (int from = 0; from < filters; from += FILTERS_PER_SUBSCRIBE) {
    unsigned char body[FILTERS_PER_SUBSCRIBE * 256];
    char filter[200];
    int count = 0;
    size_t n = 2;
    body[0] = 0;
    body[1] = 1;
    for (; count < FILTERS_PER_SUBSCRIBE && from + count < filters; count++) {
      long which = (long)client->number * filters + from + count;
      snprintf(filter, sizeof filter, format, (int)(which / topics_counted), (int)(which % topics_counted));
      n += put_text(body + n, filter);
      body[n++] = qos;
    }
    send_packet(client->fd, 0x82, body, n);
    n = receive_packet(client->fd, 9, body, sizeof body);
    for (size_t i = 2; i < n; i++)
      if (body[i] != qos) fail("SUBACK");
  }
}

static void watch(Client *client, int wants_write) {
  if (client->wants_write == wants_write) return;
  client->wants_write = wants_write;
  struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.ptr = client};
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
}

static void flush_output(Client *client) {
  while (client->out_at < client->out) {
    ssize_t n = send(client->fd, client->output + client->out_at, client->out - client->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) return watch(client, 1);
    if (n < 0) fail("send");
    client->out_at += n;
  }
  client->out = client->out_at = 0;
  watch(client, 0);
}

static void put_acknowledgement(Client *client, int header, const unsigned char *id) {
  unsigned char packet[4] = {header, 2, id[0], id[1]};
  if (client->out + 4 > BUFFER_BYTES) flush_output(client);
  if (client->out + 4 > BUFFER_BYTES) {
    errno = 0;
    fail("the broker does not take acknowledgements");
  }
  memcpy(client->output + client->out, packet, 4);
  client->out += 4;
}

static void put_publish(Client *client) {
  char topic[200];
  snprintf(topic, sizeof topic, getenv("TOPIC"), client->number, (int)(client->sent % topics));
  unsigned char *to = client->output + client->out;
  *to++ = 0x30 | qos << 1;
  to += put_length(to, 2 + strlen(topic) + (qos ? 2 : 0) + PAYLOAD_BYTES);
  to += put_text(to, topic);
  if (qos) {
    client->id = client->id % 65535 + 1;
    *to++ = client->id >> 8;
    *to++ = client->id;
  }
  memcpy(to, payload, PAYLOAD_BYTES);
  client->out = to + PAYLOAD_BYTES - client->output;
  client->sent++;
}

static void put_ping(Client *client) {
  memcpy(client->output + client->out, "\xc0\0", 2);
  client->out += 2;
}

// What window and buffer permit; a PINGREQ behind the last message shows that the broker has read them all.
static void publish(Client *client) {
  while (client->out_at == 0 && client->out + PACKET_MAX_BYTES <= BUFFER_BYTES && client->sent < client->due) {
    if (qos && client->sent - client->done >= window_size) break;
    put_publish(client);
    if (client->sent == client->all) put_ping(client);
  }
  flush_output(client);
}

// All in turn, so that the load is even.
static void pace(Client *all, double passed) {
  long due = passed * rate;
  for (int i = 0; i < publishers; i++) {
    Client *client = &all[i];
    long own = (due + publishers - 1 - i) / publishers;
    client->due = own < client->all ? own : client->all;
    if (client->sent < client->due) publish(client);
  }
}

// Nothing more: what is out is still waited for. Answers how many were sent.
static long stop(Client *all) {
  long sent = 0;
  for (int i = 0; i < publishers; i++) {
    Client *client = &all[i];
    sent += client->sent;
    if (client->sent == client->all) continue;
    client->all = client->due = client->sent;
    // A packet has room: publish leaves more than that.
    put_ping(client);
    flush_output(client);
  }
  return sent;
}

static void take(Client *client, int header, const unsigned char *body) {
  switch (header >> 4) {
    case 3: {
      int level = header >> 1 & 3;
      const unsigned char *id = body + 2 + (body[0] << 8 | body[1]);
      if (level) put_acknowledgement(client, level == 1 ? 0x40 : 0x50, id);
      received++;
      break;
    }
    case 5: put_acknowledgement(client, 0x62, body); break;
    case 6: put_acknowledgement(client, 0x70, body); break;
    case 4:
    case 7: client->done++; acknowledged++; break;
    case 13: pongs++; break;
  }
}

static void read_input(Client *client) {
  ssize_t n = recv(client->fd, client->input + client->in, BUFFER_BYTES - client->in, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    fprintf(stderr, "mqtt-drive: the broker closed %s %d\n", client->subscriber ? "subscriber" : "publisher", client->number);
    exit(2);
  }
  client->in += n;
  size_t at = 0;
  for (;;) {
    size_t length = 0, head = 1;
    unsigned char byte = 128;
    for (int shift = 0; byte & 128 && at + head < client->in; shift += 7) {
      byte = client->input[at + head++];
      length |= (size_t)(byte & 127) << shift;
    }
    if (byte & 128 || at + head + length > client->in) break;
    take(client, client->input[at], client->input + at + head);
    at += head + length;
  }
  memmove(client->input, client->input + at, client->in - at);
  client->in -= at;
}

static void open_all(Client *clients) {
  char id[64], user[64], password[2048];
  for (int i = 0; i < subscribers; i++) {
    Client *client = &clients[i];
    client->subscriber = 1;
    client->number = i;
    snprintf(id, sizeof id, "subscriber%d", i);
    open_client(client, id, getenv("SUBSCRIBER_USER"), getenv("SUBSCRIBER_PASSWORD"), clean);
    subscribe(client);
  }
  FILE *passwords = fopen(getenv("PASSWORD_FILE"), "r");
  if (!passwords) fail("PASSWORD_FILE");
  for (int i = 0; i < publishers; i++) {
    Client *client = &clients[subscribers + i];
    client->number = i;
    snprintf(user, sizeof user, getenv("PUBLISHER_USER"), i);
    if (!fgets(password, sizeof password, passwords)) fail("PASSWORD_FILE");
    password[strcspn(password, "\r\n")] = 0;
    open_client(client, user, user, password, 1);
  }
  for (int i = 0; i < subscribers + publishers; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, clients[i].fd, &event);
  }
}

static void read_settings(int count, char **words) {
  struct { const char *name; long *value; } settings[] = {
      {"port", &port}, {"publishers", &publishers}, {"messages", &messages}, {"topics", &topics},
      {"subscribers", &subscribers}, {"filters", &filters}, {"qos", &qos}, {"window", &window_size}, {"clean", &clean},
      {"rate", &rate}, {"stop", &stop_s}, {"seconds", &run_max_s}};
  for (int i = 1; i < count; i++) {
    size_t which = 0, all = sizeof settings / sizeof *settings, length = strcspn(words[i], "=");
    while (which < all && (strncmp(settings[which].name, words[i], length) || settings[which].name[length])) which++;
    if (which == all || !words[i][length]) fail(words[i]);
    *settings[which].value = atol(words[i] + length + 1);
  }
  memset(payload, ' ', sizeof payload);
  const char *text = "{\"values\":{\"temp\":21.53,\"hum\":48.2,\"bat\":3.71,\"rssi\":-71,\"seq\":1}}";
  memcpy(payload, text, strlen(text));
}

int main(int count, char **words) {
  read_settings(count, words);
  epoll_fd = epoll_create1(0);
  Client *clients = calloc(publishers + subscribers, sizeof(Client));
  open_all(clients);
  // Filters of several subscribers do not overlap: each message goes to one of them.
  long expected = publishers * messages, deliveries = subscribers ? expected : 0, last = -1;
  int is_stopped = 0;
  double begun = now(), moved = begun, acknowledged_at = 0, ended = 0;
  for (int i = 0; i < publishers; i++) {
    Client *client = &clients[subscribers + i];
    client->all = messages;
    client->due = rate ? 0 : messages;
    publish(client);
  }
  while (!ended) {
    struct epoll_event events[EVENTS];
    int n = epoll_wait(epoll_fd, events, EVENTS, rate ? 1 : 200);
    if (rate && !is_stopped) pace(clients + subscribers, now() - begun);
    for (int i = 0; i < n; i++) {
      Client *client = events[i].data.ptr;
      if (events[i].events & ~EPOLLOUT) read_input(client);
      if (client->subscriber || client->sent == client->all) flush_output(client);
      else publish(client);
    }
    double at = now();
    if (stop_s && !is_stopped && at - begun > stop_s) {
      is_stopped = 1;
      expected = stop(clients + subscribers);
      deliveries = subscribers ? expected : 0;
    }
    if (received + acknowledged != last) moved = at;
    last = received + acknowledged;
    int all_taken = pongs >= publishers && (!qos || acknowledged >= expected);
    if (all_taken && !acknowledged_at) acknowledged_at = at;
    if (all_taken && received >= deliveries) ended = at;
    else if (at - moved > SILENCE_S || at - begun > run_max_s) ended = moved;
  }
  printf("{\"sent\":%ld,\"acknowledged\":%ld,\"received\":%ld,\"acknowledgedInS\":%.4f,\"drainedInS\":%.4f}\n", expected,
         acknowledged, received, (acknowledged_at ? acknowledged_at : ended) - begun, ended - begun);
  return 0;
}
