"""lab.py: a switch with hosts around it, each in a network namespace of its own."""
import contextlib
import os
import subprocess

from netns import Namespace
from rig import Switch


class Lab(Switch):
    """`ringway run` of these sections in a namespace: {port: [lines]}."""

    def __init__(self, namespace, ports, as_user=None, sections=()):
        super().__init__(ports=())
        self.namespace = namespace
        self.user = as_user
        self.ports = tuple(ports)
        with open(self.file, "a", encoding="utf-8") as file:
            bridges = {line.split()[-1] for lines in ports.values() for line in lines if line.startswith("bridge =")}
            file.write("".join(f"[bridge {name}]\n" for name in sorted(bridges)))
            for name, lines in ports.items():
                file.write("\n".join([f"[port {name}]", *lines]) + "\n")
            file.write("\n".join([*sections, ""]))
        if as_user:
            os.chmod(self.dir, 0o777)

    def launch(self):
        run = [self.program, "run", *(["--force"] if self.force else []), self.file]
        if self.user:
            run = ["setpriv", f"--reuid={self.user}", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", *run]
        command = [*self.namespace.prefix(), *run]
        with open(self.log_path, "a", encoding="utf-8") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir)

    def warm_up(self):
        pass

    def check_end(self):
        self.check_conservation()

    def drops(self, port):
        return {why: n for why, n in self.port_counters()[port]["drops"].items() if n}


@contextlib.contextmanager
def lab(ports, *hosts, **options):
    """A switch, and as many namespaces more: yields (switch, its namespace, the others)."""
    with contextlib.ExitStack() as stack:
        inside = stack.enter_context(Namespace("sw"))
        others = [stack.enter_context(Namespace(host)) for host in hosts]
        yield stack.enter_context(Lab(inside, ports, **options)), inside, others


def tap(ifname, *lines):
    return ["type = tap", f"ifname = {ifname}", *lines]
