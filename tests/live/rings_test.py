"""rings_test.py: every receive and transmit path of DPDK's virtio driver through the switch, no frame lost or made twice."""
import re

from rig import Switch, expect, live, main, measured
from testpmd import Testpmd

N_FRAMES = 200_000

# What `virtio_user` calls its paths: the layout of the ring, and how the driver walks it.
PATHS = {
    "split": ",mrg_rxbuf=0",
    "split_mergeable": ",mrg_rxbuf=1",
    "split_in_order": ",in_order=1,mrg_rxbuf=0",
    "split_in_order_mergeable": ",in_order=1,mrg_rxbuf=1",
    "split_vectorised": ",mrg_rxbuf=0,vectorized=1",
    "packed": ",packed_vq=1,mrg_rxbuf=0",
    "packed_mergeable": ",packed_vq=1,mrg_rxbuf=1",
    "packed_in_order": ",packed_vq=1,in_order=1,mrg_rxbuf=0",
    "packed_in_order_mergeable": ",packed_vq=1,in_order=1,mrg_rxbuf=1",
    "packed_vectorised": ",packed_vq=1,in_order=1,mrg_rxbuf=0,vectorized=1",
    "packed_of_a_size_that_is_no_power_of_two": ",packed_vq=1,mrg_rxbuf=1,queue_size=1000",
}


def expect_all_counted(pmd, switch):
    ports = switch.port_counters()
    counted = f"testpmd {pmd.counters()}, switch {ports}"
    for (received, sent, _), name in zip(pmd.counters(), switch.ports):
        expect(ports[name]["rx_frames"] == sent, f"sent by a guest, seen by the switch: {counted}")
        expect(ports[name]["tx_frames"] == received, f"delivered by the switch, got by a guest: {counted}")
        expect(not any(ports[name]["drops"].values()), f"drops: {counted}")


def totals(switch):
    workers = switch.ask("workers")["workers"]
    return {key: sum(worker[key] for worker in workers) for key in ("frames", "bursts", "busy_cycles")}


def circulate(device, ring, queues, txpkts, bursts, workers=1):
    """Lets frames go round between two ports until each has sent N_FRAMES."""
    arguments = (f"--txd={ring}", f"--rxd={ring}", f"--rxq={queues}", f"--txq={queues}", "--txonly-multi-flow")
    port_lines = [f"queues = {queues}"] if queues > 1 else []
    with Switch(port_lines=port_lines, switch_lines=[f"workers = {workers}"]) as switch, \
         Testpmd(switch, device=f",queue_size={ring},queues={queues}{device}", arguments=arguments) as pmd:
        begin = totals(switch)
        pmd.command_line("set fwd mac")
        pmd.command_line(f"set txpkts {txpkts}")
        pmd.command_line(f"start tx_first {bursts}")
        switch.wait_rx_frames(N_FRAMES)
        pmd.command_line("stop")
        pmd.drain()
        end = totals(switch)
        grown = {key: end[key] - begin[key] for key in end}
        expect(all(worker["frames"] > 0 for worker in switch.ask("workers")["workers"]), "a worker has done nothing")
        measured(f"{device[1:]} ring {ring} queues {queues} workers {workers} size {txpkts}: busy cycles a frame, frames a burst",
                 f"{grown['busy_cycles'] / grown['frames']:.0f}, {grown['frames'] / grown['bursts']:.1f}")
        expect_all_counted(pmd, switch)
        received = re.findall(r"rx_q\d+_good_packets: (\d+)", pmd.command_line("show port xstats all"))
        expect(len(received) == 2 * queues and "0" not in received, f"received by the queues of the guests: {received}")
        switch.check_conservation()


@live
def two_workers_share_the_queues_of_two_guests():
    for device in (PATHS["split_mergeable"], PATHS["packed_mergeable"]):
        circulate(device, 256, 4, 64, 1, workers=2)


def register(name, device):
    """One test a path: both frame sizes, and the shape of the rings that it shares with the next path."""

    def test():
        circulate(device, 256, 1, 64, 4)
        circulate(device, 1024, 1, 1500, 8)
        # Wherever the flows go, no queue gets more than it has room for.
        circulate(device, 256, 4, 64, 1)

    test.__name__ = f"frames_arrive_through_{name}_rings"
    live(test)


for path_name, path_device in PATHS.items():
    register(path_name, path_device)


if __name__ == "__main__":
    main()
