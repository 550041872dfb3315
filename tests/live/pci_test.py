"""pci_test.py: NICs on a PCI bus, bound to vfio-pci behind an IOMMU: those of a QEMU machine, inside which the switch runs."""
import os
import subprocess
import tempfile

from qemu import IMAGE, Guest, image
from rig import RINGWAY, expect, live, main

VMXNET3, RTL8139 = "0000:00:04.0", "0000:00:05.0"
MODULES = ["irqbypass", "vfio", "vfio_virqfd", "vfio_iommu_type1", "vfio-pci-core", "vfio-pci", "tun", "vmxnet3"]
# QEMU's own network answers at 10.0.2.2.
LAB = """
[switch]
run-dir = /run/lab
[port host]
type = tap
ifname = host
address = 10.0.2.77/24
[port nic]
type = ethdev
device = """


def pack(folder):
    """The switch, its libraries and the modules, as an archive to unpack before the initramfs of all guests."""
    tree = os.path.join(folder, "tree")
    wanted = {RINGWAY: "bin/ringway"}
    linked = subprocess.run(["ldd", RINGWAY], check=True, capture_output=True, text=True).stdout
    for word in linked.split():
        if word.startswith("/"):
            wanted[word] = word[1:]
    for module in MODULES:
        found = subprocess.run(["find", f"{IMAGE}/kernel", "-name", f"{module}.ko"], check=True, capture_output=True, text=True)
        wanted[found.stdout.strip()] = f"modules/{module}.ko"
    for source, name in wanted.items():
        os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
        subprocess.run(["cp", "-L", source, os.path.join(tree, name)], check=True)
    os.makedirs(os.path.join(tree, "var/run"))
    archive = os.path.join(folder, "initramfs")
    subprocess.run(f"(cd {tree}; find . | cpio --quiet -o -H newc; cat {IMAGE}/initramfs) >{archive}", check=True, shell=True)
    return archive


class Machine(Guest):
    """A machine with an IOMMU, a NIC that DPDK drives and one that it does not."""

    def __init__(self):
        super().__init__([], "10.9.9.9")
        image()
        self.folder = tempfile.TemporaryDirectory(prefix="ringway-pci-")
        self.command[self.command.index("-initrd") + 1] = pack(self.folder.name)
        self.command[self.command.index("-append") + 1] += " intel_iommu=on"
        self.command += ["-M", "q35", "-m", "512", "-device", "intel-iommu,intremap=on", "-netdev", "user,id=a", "-netdev", "user,id=b",
                         "-device", "vmxnet3,netdev=a,addr=4,romfile=", "-device", "rtl8139,netdev=b,addr=5,romfile="]

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        self.folder.cleanup()

    def switch(self, device):
        """Starts the switch with this device as uplink; returns what it says until it is ready, or has ended."""
        self.run(f"printf '%s' '{LAB}{device}' >/tmp/lab.ini; rm -f /tmp/said")
        self.run("( (ringway run /tmp/lab.ini >/tmp/said 2>&1; echo ended >>/tmp/said) & )")
        self.run("while ! grep -qE '^(ready|ended)' /tmp/said; do sleep 0.1; done")
        return self.run("cat /tmp/said")

    def end_switch(self):
        self.run("killall ringway; while ! grep -q '^ended' /tmp/said; do sleep 0.1; done")

    def give(self, device):
        """Binds a device to vfio-pci, as dpdk-devbind.py does."""
        path = f"/sys/bus/pci/devices/{device}"
        self.run(f"if [ -e {path}/driver ]; then echo {device} >{path}/driver/unbind; fi; echo vfio-pci >{path}/driver_override; "
                 f"echo {device} >/sys/bus/pci/drivers_probe")


@live
def a_nic_on_the_pci_bus_is_an_uplink():
    with Machine() as machine:
        machine.run("for module in " + " ".join(MODULES) + "; do insmod /modules/$module.ko || exit 1; done")
        # The kernel's own tells of links come in between.
        machine.run("dmesg -n 1")
        said = machine.switch("0000:00:1e.0")
        expect("there is no PCI device 0000:00:1e.0" in said, said)
        said = machine.switch(VMXNET3)
        expect(f"device {VMXNET3} is the kernel's, by its driver vmxnet3: give it to us with:" in said, said)
        said = machine.switch(RTL8139)
        expect(f"device {RTL8139} is bound to no driver: give it to us with:" in said, said)
        machine.give(RTL8139)
        said = machine.switch(RTL8139)
        expect("no driver that is built in knows this device; those are:" in said and "net_vmxnet3" in said, said)
        machine.give(VMXNET3)
        said = machine.switch(VMXNET3)
        expect("\nready" in said and "error" not in said, said)
        pings = machine.run("ping -c 5 -W 20 -s 1400 10.0.2.2")
        expect("5 packets received" in pings and "DUP" not in pings, pings)
        machine.end_switch()


if __name__ == "__main__":
    main()
