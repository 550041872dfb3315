"""front_end.py: a vhost-user front-end and the driver behind it, whose every byte is ours: it sends what no driver would.

Split rings, one pair of queues, one region of memory, whose guest addresses begin at 0.
"""
import array
import contextlib
import itertools
import mmap
import os
import signal
import socket
import struct

from rig import expect, wait_until

GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE = 1, 2, 3, 5
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL = 8, 9, 10, 12, 13
GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, SET_VRING_ENABLE = 15, 16, 18
VERSION, NEED_REPLY = 1, 8
F_CSUM, F_HOST_TSO4, F_MRG_RXBUF, F_PROTOCOL, F_VERSION_1 = 1 << 0, 1 << 11, 1 << 15, 1 << 30, 1 << 32
PROTOCOL_REPLY_ACK = 1 << 3
DESC_NEXT, DESC_WRITE = 1, 2

RX, TX = 0, 1  # queues, as the guest sees them
N = 256  # descriptors of each
BUFFER = 2048
HEADER = bytes(12)
USER = 0x7000_0000_0000  # where the front-end says that its memory begins; guest addresses begin at 0
RINGS = 0x4000  # bytes for the ring of each queue; buffers follow behind


class FrontEnd:
    """Connects to a port and starts both its rings; sends and receives on demand, and waits for nobody by itself."""

    def __init__(self, path, features=F_CSUM | F_HOST_TSO4):
        self.memfd = os.memfd_create("guest")
        os.ftruncate(self.memfd, 2 * RINGS + 2 * N * BUFFER)
        self.memory = mmap.mmap(self.memfd, 0)
        self.fds = [os.eventfd(0) for _ in range(4)]
        self.avail = [0, 0]
        self.used = [0, 0]
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.say(SET_OWNER)
        offered = self.ask(GET_FEATURES)
        expect(features & offered == features, f"the switch offers {offered:#x}")
        self.ask(GET_PROTOCOL_FEATURES)
        self.say(SET_PROTOCOL_FEATURES, struct.pack("=Q", PROTOCOL_REPLY_ACK))
        self.say(SET_FEATURES, struct.pack("=Q", features | F_VERSION_1 | F_PROTOCOL))
        size = len(self.memory)
        self.say(SET_MEM_TABLE, struct.pack("=II4Q", 1, 0, 0, size, USER, 0), self.memfd)
        for queue in (RX, TX):
            self.start(queue)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()
        self.memory.close()
        for fd in (self.memfd, *self.fds):
            os.close(fd)

    def say(self, request, payload=b"", fd=None):
        """A message, and the back-end's word that it was taken."""
        acknowledged = request > SET_PROTOCOL_FEATURES or request in (SET_MEM_TABLE, SET_VRING_KICK)
        flags = VERSION | (NEED_REPLY if acknowledged else 0)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        self.socket.sendmsg([struct.pack("=III", request, flags, len(payload)) + payload], ancillary)
        if acknowledged:
            expect(struct.unpack("=12xQ", self.socket.recv(20))[0] == 0, f"request {request} was refused")

    def ask(self, request):
        self.socket.sendall(struct.pack("=III", request, VERSION, 0))
        return struct.unpack("=12xQ", self.socket.recv(20))[0]

    def start(self, queue):
        ring = USER + self.ring(queue)
        self.say(SET_VRING_NUM, struct.pack("=II", queue, N))
        self.say(SET_VRING_BASE, struct.pack("=II", queue, 0))
        self.say(SET_VRING_ADDR, struct.pack("=II4Q", queue, 0, ring, ring + 0x2000, ring + 0x1000, 0))
        self.say(SET_VRING_CALL, struct.pack("=Q", queue), self.fds[2 * queue])
        self.say(SET_VRING_KICK, struct.pack("=Q", queue), self.fds[2 * queue + 1])
        self.enable(queue, True)

    def enable(self, queue, on):
        self.say(SET_VRING_ENABLE, struct.pack("=II", queue, on))

    def ring(self, queue):
        """Where it is: descriptors, then at 0x1000 what the driver has made available, at 0x2000 what the device has used."""
        return queue * RINGS

    def buffer(self, queue, i):
        return 2 * RINGS + (queue * N + i % N) * BUFFER

    def put(self, queue, chain, head=None):
        """Makes a chain of (address, length, flags) available, from descriptor `head`, and kicks."""
        ring, at = self.ring(queue), self.avail[queue]
        head = at % N if head is None else head
        for i, (address, length, flags) in enumerate(chain):
            last = i == len(chain) - 1
            desc = struct.pack("<QIHH", address, length, flags | (0 if last else DESC_NEXT), 0 if last else head + i + 1)
            self.memory[ring + 16 * (head + i):ring + 16 * (head + i + 1)] = desc
        struct.pack_into("<H", self.memory, ring + 0x1004 + 2 * (at % N), head)
        self.publish(queue, at + 1)

    def publish(self, queue, available):
        self.avail[queue] = available & 0xffff
        struct.pack_into("<H", self.memory, self.ring(queue) + 0x1002, self.avail[queue])
        os.eventfd_write(self.fds[2 * queue + 1], 1)

    def n_used(self, queue):
        return struct.unpack_from("<H", self.memory, self.ring(queue) + 0x2002)[0]

    def send(self, frame, header=HEADER):
        """Sends a frame from the next buffer, and waits until the switch has done with it."""
        address = self.buffer(TX, self.avail[TX])
        data = header + frame
        expect(len(data) <= BUFFER, "one buffer a frame")
        self.memory[address:address + len(data)] = data
        self.put(TX, [(address, len(data), 0)])
        self.wait_sent()

    def fill(self, frame):
        """Puts the frame into all send buffers."""
        for i in range(N):
            address = self.buffer(TX, i)
            self.memory[address:address + len(HEADER) + len(frame)] = HEADER + frame

    def send_again(self, n, length, wait=True):
        """Sends the next n buffers as they are."""
        for _ in range(n):
            self.put(TX, [(self.buffer(TX, self.avail[TX]), length, 0)])
        if wait:
            self.wait_sent()

    @contextlib.contextmanager
    def rewriting(self):
        """Another process goes on writing into the send buffers: frames from and to anywhere, some with headers that lie."""
        start, variants = self.buffer(TX, 0), []
        for _ in range(8):
            variant = bytearray(os.urandom(N * BUFFER))
            for at in range(0, len(variant), BUFFER):
                if variant[at] & 7:
                    variant[at:at + len(HEADER)] = HEADER
                variant[at + len(HEADER) + 6] &= 0xfe
            variants.append(bytes(variant))
        child = os.fork()
        if child == 0:
            for variant in itertools.cycle(variants):
                self.memory[start:start + len(variant)] = variant
        try:
            yield
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    def wait_sent(self):
        wait_until(lambda: self.n_used(TX) == self.avail[TX], "the switch to take a frame")

    def post(self, n, length=BUFFER):
        """Buffers to receive into."""
        for _ in range(n):
            self.put(RX, [(self.buffer(RX, self.avail[RX]), length, DESC_WRITE)])

    def receive(self):
        """What has come since the last time: frames without their headers, one buffer each."""
        frames = []
        while self.used[RX] != self.n_used(RX):
            entry = self.ring(RX) + 0x2004 + 8 * (self.used[RX] % N)
            head, length = struct.unpack_from("<II", self.memory, entry)
            address = struct.unpack_from("<Q", self.memory, self.ring(RX) + 16 * head)[0]
            frames.append(self.memory[address + len(HEADER):address + length])
            self.used[RX] = (self.used[RX] + 1) & 0xffff
        return frames
