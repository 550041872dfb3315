"""hostile_test.py: a switch with two bystanders and four ports to attack; the attacks are those of `hostile`, group by group.

The rig adds what it asks of every live test: frames in are frames out plus drops, and the switch holds as many descriptors,
threads and mappings at the end as before.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../live"))
from rig import RINGWAY, Switch, expect, live, main, measured  # noqa: E402

HOSTILE = os.environ.get("HOSTILE", os.path.join(os.path.dirname(__file__), "../../build/tests/hostile/hostile"))
GROUPS = ("messages", "handshakes", "descriptors", "rings", "memory", "races")
PORTS = ("alice", "bob", "mallory0", "mallory1", "mallory2", "mallory3")


def attack(group):
    # A frame of an attacker that is a good one all the same, and for nobody, goes to all: but not too many of them.
    with Switch(ports=PORTS, port_lines=["storm = 1000"]) as switch:
        command = [HOSTILE, RINGWAY, switch.run_dir, str(switch.process.pid), group]
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=False)
        print(run.stdout, end="")
        expect(run.returncode == 0, f"attacks by {group} did harm:\n{run.stdout}")
        measured(f"attacks by {group}", f"{run.stdout.count('ok: ')}; {run.stdout.splitlines()[-1]}")


def register(group):
    def test():
        attack(group)

    test.__name__ = group
    live(test)


for name in GROUPS:
    register(name)

if __name__ == "__main__":
    main()
