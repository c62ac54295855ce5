/* An independent Modbus server for the tests, on libmodbus (Debian: libmodbus-dev).
 *
 * usage: libmodbus_server tcp | rtutcp | pty
 * Prints the port or the path of the serial line, then serves unit 17 until it is killed.
 * Every word differs from its neighbours in both bytes: holding register n is
 * (n * 7919 + 4660) mod 65536, input register n its complement; coil n is set if n is a
 * multiple of 3, discrete input n if it is a multiple of 5. There are 1000 of each.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

enum { UNIT = 17, COUNT = 1000 };

static modbus_mapping_t *make_mapping(void) {
  modbus_mapping_t *map = modbus_mapping_new(COUNT, COUNT, COUNT, COUNT);
  if (map == NULL) exit(1);
  for (int n = 0; n < COUNT; n++) {
    map->tab_registers[n] = (uint16_t)(n * 7919 + 4660);
    map->tab_input_registers[n] = (uint16_t)~(n * 7919 + 4660);
    map->tab_bits[n] = n % 3 == 0;
    map->tab_input_bits[n] = n % 5 == 0;
  }
  return map;
}

static modbus_t *make_context(int tcp, int fd) {
  modbus_t *ctx = tcp ? modbus_new_tcp("127.0.0.1", 0) : modbus_new_rtu("/dev/null", 19200, 'N', 8, 1);
  if (ctx == NULL) exit(1);
  modbus_set_slave(ctx, UNIT);
  modbus_set_socket(ctx, fd);
  return ctx;
}

/* Serve one descriptor until its other end goes away. */
static void serve(int tcp, int fd, modbus_mapping_t *map, int keep) {
  uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
  modbus_t *ctx = make_context(tcp, fd);
  for (;;) {
    int length = modbus_receive(ctx, query);
    if (length > 0) {
      modbus_reply(ctx, query, length, map);
    } else if (length == 0) {
      /* A request for another unit: libmodbus would now take the next request for that
       * unit's answer, which never comes here. */
      modbus_free(ctx);
      ctx = make_context(tcp, fd);
    } else if (length < 0 && keep) {
      usleep(1000); /* bad frame, or nobody has opened the line yet */
    } else if (length < 0) {
      return;
    }
  }
}

static int listen_any(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 8) < 0) exit(1);
  getsockname(fd, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static int open_pty(void) {
  struct termios raw;
  int fd = posix_openpt(O_RDWR | O_NOCTTY);
  if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0) exit(1);
  int line = open(ptsname(fd), O_RDWR | O_NOCTTY); /* kept open: no EIO between two openers */
  if (line < 0) exit(1);
  tcgetattr(line, &raw);
  cfmakeraw(&raw);
  tcsetattr(line, TCSANOW, &raw);
  printf("%s\n", ptsname(fd));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  const char *mode = argc == 2 ? argv[1] : "";
  int tcp = strcmp(mode, "tcp") == 0, rtutcp = strcmp(mode, "rtutcp") == 0;
  if (!tcp && !rtutcp && strcmp(mode, "pty") != 0) return 2;
  modbus_mapping_t *map = make_mapping();
  if (!tcp && !rtutcp) {
    serve(0, open_pty(), map, 1);
    return 0;
  }
  int listener = listen_any();
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) return 1;
    if (fork() == 0) { /* one process for each connection; they die with the group */
      serve(tcp, connection, map, 0);
      _exit(0);
    }
    close(connection);
  }
}
