"""frames_test.py: dpdk-testpmd sends frames through the switch; not one is lost, made twice, or left uncounted."""
import time

from rig import Switch, expect, live, main, measured
from testpmd import Testpmd

N_FRAMES = 500_000  # from each of two guests


def circulate(pmd, switch, n=N_FRAMES, setup=("set fwd mac",), burst=8):
    """Lets a few hundred frames go round between the two ports until each has sent n more; then counts on both sides."""
    start = max(port["rx_frames"] for port in switch.port_counters().values())
    for line in setup:
        pmd.command_line(line)
    pmd.command_line(f"start tx_first {burst}")
    switch.wait_rx_frames(start + n)
    pmd.command_line("stop")
    pmd.drain()


def expect_every_frame_counted(pmd, switch):
    """What one guest sent is what the other received, and both sides say the same number."""
    ports = switch.port_counters()
    left, right = (ports[name] for name in switch.ports)
    (left_rx, left_tx, _), (right_rx, right_tx, _) = pmd.counters()
    counted = f"testpmd {pmd.counters()}, switch {ports}"
    expect(left["rx_frames"] == left_tx and right["rx_frames"] == right_tx, f"sent by guests, seen by the switch: {counted}")
    expect(right["tx_frames"] == right_rx and left["tx_frames"] == left_rx, f"delivered by the switch, got by guests: {counted}")
    expect(left_tx == right_rx and right_tx == left_rx, f"guest to guest: {counted}")
    expect(not any(left["drops"].values()) and not any(right["drops"].values()), f"drops: {counted}")


def circulation(device, setup, arguments=()):
    with Switch() as switch, Testpmd(switch, device=device, arguments=arguments) as pmd:
        begin = switch.ask("workers")["workers"][0]
        circulate(pmd, switch, setup=setup)
        end = switch.ask("workers")["workers"][0]
        grown = {key: end[key] - begin[key] for key in ("frames", "bursts", "busy_cycles")}
        measured("busy cycles a frame, frames a burst",
                 f"{grown['busy_cycles'] / grown['frames']:.0f}, {grown['frames'] / grown['bursts']:.1f}")
        expect_every_frame_counted(pmd, switch)
        switch.check_conservation()


@live
def a_million_frames_of_64_bytes_arrive_in_mergeable_buffers():
    circulation(",mrg_rxbuf=1", ["set fwd mac", "set txpkts 64"])


@live
def a_million_frames_of_64_bytes_arrive_in_single_buffers():
    circulation(",mrg_rxbuf=0", ["set fwd mac", "set txpkts 64"])


@live
def a_million_frames_of_1500_bytes_arrive_in_mergeable_buffers():
    circulation(",mrg_rxbuf=1", ["set fwd mac", "set txpkts 1500"])


@live
def a_million_frames_of_1500_bytes_arrive_in_single_buffers():
    circulation(",mrg_rxbuf=0", ["set fwd mac", "set txpkts 1500"])


@live
def a_million_frames_in_pieces_arrive_in_several_small_buffers():
    circulation(",mrg_rxbuf=1", ["set fwd mac", "set txpkts 500,500,500"],
                arguments=("--mbuf-size=768", "--enable-scatter"))


@live
def a_million_flooded_frames_whose_source_moves_arrive():
    # io leaves the addresses alone: the destination is unknown, and the source is seen on both ports in turn.
    circulation(",mrg_rxbuf=1", ["set fwd io", "set txpkts 64"])


@live
def overload_is_dropped_under_tx_full_and_counted():
    with Switch() as switch, Testpmd(switch) as pmd:
        # Nobody receives: the destination's ring fills up, and everything else has to go somewhere.
        pmd.command_line("set fwd txonly")
        pmd.command_line("start")
        switch.wait_rx_frames(N_FRAMES)
        pmd.command_line("stop")
        pmd.drain()
        ports = switch.port_counters()
        counted = f"testpmd {pmd.counters()}, switch {ports}"
        for (received, sent, _), name in zip(pmd.counters(), switch.ports):
            expect(ports[name]["rx_frames"] == sent, f"sent by a guest, seen by the switch: {counted}")
            expect(ports[name]["tx_frames"] == received, f"delivered by the switch, got by a guest: {counted}")
        full = sum(port["drops"]["tx_full"] for port in ports.values())
        expect(full > 0, f"no overload: {counted}")
        expect(full == sum(sum(port["drops"].values()) for port in ports.values()), f"other drops: {counted}")
        switch.check_conservation()


@live
def a_generator_of_many_flows_is_counted_exactly():
    with Switch() as switch, Testpmd(switch) as pmd:
        pmd.command_line("set fwd flowgen")
        pmd.command_line("start")
        switch.wait_rx_frames(N_FRAMES)
        pmd.command_line("stop")
        pmd.drain()
        ports = switch.port_counters()
        counted = f"testpmd {pmd.counters()}, switch {ports}"
        for (received, sent, _), name in zip(pmd.counters(), switch.ports):
            expect(ports[name]["rx_frames"] == sent, f"sent by a guest, seen by the switch: {counted}")
            expect(ports[name]["tx_frames"] == received, f"delivered by the switch, got by a guest: {counted}")
        switch.check_conservation()


@live
def a_killed_guest_comes_back():
    with Switch() as switch:
        with Testpmd(switch) as pmd:
            pmd.command_line("set fwd mac")
            pmd.command_line("start tx_first 8")
            switch.wait_rx_frames(100_000)
            # In full flight: the switch is reading and writing its memory.
            pmd.kill()
        switch.wait_links("down")
        switch.check_conservation()
        before = switch.port_counters()
        with Testpmd(switch) as pmd:
            circulate(pmd, switch, n=100_000)
            after = switch.port_counters()
            for (received, sent, _), name in zip(pmd.counters(), switch.ports):
                expect(after[name]["rx_frames"] - before[name]["rx_frames"] == sent, f"{name}: {before} {after}")
                expect(after[name]["tx_frames"] - before[name]["tx_frames"] == received, f"{name}: {before} {after}")


@live
def a_switch_that_connects_finds_its_guests_again_after_a_crash():
    with Switch(port_lines=["role = client"], checked=False) as switch:
        with Testpmd(switch, server=True) as pmd:
            circulate(pmd, switch, n=100_000)
            switch.kill()
            begin = time.monotonic()
            switch.start()
            switch.wait_links("up")
            measured("switch killed and started until its guests are back", f"{time.monotonic() - begin:.2f} s")
            pmd.command_line("clear port stats all")
            circulate(pmd, switch, n=100_000)
            expect_every_frame_counted(pmd, switch)


if __name__ == "__main__":
    main()
