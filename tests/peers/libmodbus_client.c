/* Read holding registers with libmodbus and say what came and how long it took.
 *
 * Usage: libmodbus_client tcp HOST PORT UNIT ADDRESS COUNT REPEATS
 *        libmodbus_client rtu PATH BAUDRATE UNIT ADDRESS COUNT REPEATS
 *
 * Prints the words of the last answer on one line, then the seconds of each exchange. */

#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc != 8)
        return 2;
    int rtu = strcmp(argv[1], "rtu") == 0;
    int count = atoi(argv[6]), repeats = atoi(argv[7]);
    uint16_t words[MODBUS_MAX_READ_REGISTERS];
    modbus_t *link = rtu ? modbus_new_rtu(argv[2], atoi(argv[3]), 'N', 8, 1)
                         : modbus_new_tcp(argv[2], atoi(argv[3]));
    if (link == NULL || modbus_set_slave(link, atoi(argv[4])) != 0 || modbus_connect(link) != 0) {
        fprintf(stderr, "%s\n", modbus_strerror(errno));
        return 1;
    }
    modbus_set_response_timeout(link, 2, 0);
    double *spent_s = calloc(repeats, sizeof(double));
    for (int n = 0; n < repeats; n++) {
        double began_s = now_s();
        if (modbus_read_registers(link, atoi(argv[5]), count, words) != count) {
            fprintf(stderr, "%s\n", modbus_strerror(errno));
            return 1;
        }
        spent_s[n] = now_s() - began_s;
    }
    for (int n = 0; n < count; n++)
        printf("%s%u", n ? " " : "", words[n]);
    printf("\n");
    for (int n = 0; n < repeats; n++)
        printf("%s%.6f", n ? " " : "", spent_s[n]);
    printf("\n");
    free(spent_s);
    modbus_close(link);
    modbus_free(link);
    return 0;
}
