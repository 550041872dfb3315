#!/usr/bin/env bash
# usage: install.sh GROUP... - installs with apt what is missing of the named groups: build, guests, tests.
# The one list of packages: Debian 12's own, nothing from elsewhere.
set -euo pipefail

# group   package                  what it is for
packages=$(
	cat <<'END'
build     gcc                      the compiler
build     libc6-dev
build     linux-libc-dev           the wire formats of virtio, KVM and TAP
build     meson                    the build
build     ninja-build
build     pkgconf
build     libdpdk-dev              the data plane framework, linked statically
build     libnuma-dev
build     libbsd-dev
build     libpcap-dev              filters of captures
build     libinih-dev              INI files
build     libseccomp-dev           what the launcher allows itself
build     libelf-dev               the launcher reads ELF kernels
build     libxdp-dev               DPDK's AF_XDP ports
build     libbpf-dev
build     libibverbs-dev           and its mlx5 ports
build     libjansson-dev           the control socket speaks JSON
build     libcunit1-dev            unit tests
guests    qemu-system-x86          stock guests
guests    busybox-static           the whole user space of a guest
guests    cpio                     packs it
guests    ca-certificates
tests     clang                    the second compiler
tests     libclang-rt-14-dev       its sanitizers
tests     llvm-14                  reads its coverage
tests     gcovr                    adds it up
tests     clang-format-14          the format is law
tests     cppcheck                 static checks
tests     shellcheck               the same for shell scripts
tests     python3                  the harness of the live tests
tests     git
tests     dpdk-dev                 dpdk-testpmd, a guest that is no VM
tests     acpica-tools             iasl, which reads the launcher's ACPI tables
tests     jq                       reads the counters in scripts
tests     iproute2                 TAPs, veths and name spaces
tests     ethtool
tests     iperf3
tests     tshark                   reads captures
tests     tcpdump                  captures the same, and reads captures
tests     openvswitch-switch       the oracle of bridges: ovs-vswitchd as a plain process
tests     openvswitch-switch-dpdk  the same with DPDK, to compare with
tests     util-linux               setpriv
tests     procps                   sysctl
END
)

wanted() {
	local group package rest
	while read -r group package rest; do
		[[ -n $group && " $* " == *" $group "* ]] && echo "$package"
	done <<<"$packages"
	return 0
}

is_installed() {
	[[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

as_root() {
	if [[ $(id -u) == 0 ]]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "install.sh: this needs root, and there is no sudo: run as root: $*" >&2
		return 1
	fi
}

for group in "$@"; do
	if ! grep -q "^$group " <<<"$packages"; then
		sed -n '2s/^# //p' "$0" >&2
		exit 1
	fi
done
missing=()
for package in $(wanted "$@"); do
	is_installed "$package" || missing+=("$package")
done
[[ ${#missing[@]} == 0 ]] && exit 0

echo "installing ${#missing[@]} packages: ${missing[*]}"
apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120)
# A machine that never asked for the lists, or asked long ago, does not find today's packages.
as_root "${apt[@]}" update >/dev/null
as_root "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
