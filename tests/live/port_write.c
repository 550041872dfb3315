/* port_write PORT VALUE: writes a byte to an I/O port. For guests whose kernel has no /dev/port. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>

int main(int argc, char **argv)
{
	unsigned short port;

	if (argc != 3) {
		fputs("usage: port_write PORT VALUE\n", stderr);
		return 2;
	}
	port = (unsigned short)atoi(argv[1]);
	if (ioperm(port, 1, 1) < 0) {
		perror("port_write: ioperm");
		return 1;
	}
	outb((unsigned char)atoi(argv[2]), port);
	return 0;
}
