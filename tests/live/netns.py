"""netns.py: network namespaces with names of their own, gone with everything in them at the end of a `with` block.

Without IPv6, whose announcements nobody asked for.
"""
import itertools
import json
import os
import subprocess

from rig import expect, stop_process, wait_until

numbers = itertools.count()


def unique(stem):
    """A name that no other run uses: interfaces may have 15 characters."""
    return f"{stem}{os.getpid() % 100000}{next(numbers)}"


def run(*command, check=True, timeout=60):
    result = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    expect(not check or result.returncode == 0, f"{' '.join(command)}: {result.stdout}{result.stderr}")
    return result.stdout


class Namespace:
    def __init__(self, stem="rw"):
        self.name = unique(stem)
        self.processes = []

    def __enter__(self):
        run("ip", "netns", "add", self.name)
        self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        self.run("ip", "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        for process in self.processes:
            stop_process(process)
        run("ip", "netns", "delete", self.name)

    def prefix(self):
        return ["ip", "netns", "exec", self.name]

    def run(self, *command, **options):
        return run(*self.prefix(), *command, **options)

    def spawn(self, *command, **options):
        process = subprocess.Popen([*self.prefix(), *command], stdin=subprocess.DEVNULL, **options)
        self.processes.append(process)
        return process

    def take(self, ifname, other, address=None, mtu=None):
        """Takes an interface from another namespace, and brings it up."""
        other.run("ip", "link", "set", ifname, "netns", self.name)
        if mtu:
            self.run("ip", "link", "set", ifname, "mtu", str(mtu))
        if address:
            self.run("ip", "address", "add", address, "dev", ifname)
        self.run("ip", "link", "set", ifname, "up")

    def pings(self, address, size=56, count=3):
        """Whether every ping is answered."""
        text = self.run("busybox", "ping", "-c", str(count), "-i", "0.2", "-W", "2", "-s", str(size), address, check=False)
        return f"{count} packets transmitted, {count} packets received" in text

    def wait_ping(self, address):
        wait_until(lambda: self.pings(address, count=1), f"{self.name} to reach {address}")

    def iperf(self, server, address, seconds=2, *arguments):
        """Bits a second from here to a server in another namespace."""
        listener = server.spawn("iperf3", "-s", "-1", stdout=subprocess.DEVNULL)
        wait_until(lambda: "5201" in server.run("ss", "-ltn"), "iperf3 to listen")
        length = () if "-n" in arguments else ("-t", str(seconds))
        text = self.run("iperf3", "-c", address, *length, "-J", *arguments, timeout=seconds + 30)
        listener.wait(10)
        return json.loads(text)["end"]["sum_received"]["bits_per_second"]


def veth(left, left_name, right, right_name):
    """Joins two namespaces by a cable."""
    left.run("ip", "link", "add", left_name, "type", "veth", "peer", "name", right_name, "netns", right.name)
    for namespace, name in ((left, left_name), (right, right_name)):
        namespace.run("ip", "link", "set", name, "up")
