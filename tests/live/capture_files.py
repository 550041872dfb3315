"""capture_files.py: what is in a capture file: by tshark, tcpdump and capinfos, and by a reader of our own; and a file to replay."""
import random
import struct
import subprocess

from rig import expect

N_KNOWN = 900  # fits into a virtqueue, so that nobody has to wait


def tshark(path, *arguments):
    """What tshark says of a file; it must not mind anything."""
    done = subprocess.run(["tshark", "-r", path, *arguments], capture_output=True, text=True, check=False)
    warnings = [line for line in done.stderr.splitlines() if "could be dangerous" not in line]
    expect(done.returncode == 0 and not warnings, f"tshark {path}: {done.stderr}")
    return done.stdout


def fields(path, *names, where="frame"):
    """The named fields of every packet, as lists of texts."""
    arguments = [argument for name in names for argument in ("-e", name)]
    out = tshark(path, "-Y", where, "-T", "fields", *arguments)
    return [line.split("\t") for line in out.splitlines()]


def expect_readable(path):
    """All three readers take the file to its end; returns how many packets it has."""
    tshark(path)
    done = subprocess.run(["tcpdump", "-Z", "root", "-nn", "-r", path], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("reading from file")]
    expect(done.returncode == 0 and not complaints, f"tcpdump {path}: {done.stderr}")
    done = subprocess.run(["capinfos", "-M", "-c", "-o", path], capture_output=True, text=True, check=False)
    expect(done.returncode == 0 and "damaged" not in done.stdout + done.stderr, f"capinfos {path}: {done.stdout}{done.stderr}")
    return int(next(line.split(":")[1] for line in done.stdout.splitlines() if line.startswith("Number of packets")))


def pcap_frames(path):
    """The frames of a classic pcap file, as libpcap writes it."""
    with open(path, "rb") as file:
        data = file.read()
    at, frames = 24, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def pcapng_frames(path, direction):
    """(port, bytes) of every packet of one direction: the file as the draft describes it, read by nobody's library."""
    with open(path, "rb") as file:
        data = file.read()
    at, ports, frames = 0, [], []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        expect(struct.unpack_from("<I", data, at + length - 4)[0] == length, f"{path}: block at {at} is broken")
        if kind == 1:
            name_length = struct.unpack_from("<H", data, at + 18)[0]
            ports.append(data[at + 20:at + 20 + name_length].decode())
        if kind == 6:
            port, _, _, captured, _ = struct.unpack_from("<IIIII", data, at + 8)
            flags = data.find(b"\x02\x00\x04\x00", at + 28 + captured, at + length)
            if struct.unpack_from("<I", data, flags + 4)[0] & 3 == direction:
                frames.append((ports[port], data[at + 28:at + 28 + captured]))
        at += length
    return frames


def write_known_frames(path):
    """Frames of every length class and kind, each with its number, the same on every run."""
    chance = random.Random(20260101)
    frames = []
    for i in range(N_KNOWN):
        length = chance.choice([60, 61, 63, 64, 65, 66, 127, 128, 500, 1499, 1513, 1514])
        kind = chance.choice([b"\x08\x00\x45", b"\x86\xdd\x60", b"\x81\x00\x00\x05\x08\x00\x45", b"\x88\xb5"])
        frame = b"\x52\x54\x00\x00\x02\x02" + b"\x52\x54\x00\x00\x02\x01" + kind + struct.pack(">I", i)
        frames.append(frame + chance.randbytes(length - len(frame)))
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, frame in enumerate(frames):
            file.write(struct.pack("<IIII", i, 0, len(frame), len(frame)) + frame)
    return frames
