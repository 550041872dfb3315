#!/bin/bash
# Every header compiles alone, and twice in one file, with gcc and with clang.
# Usage: headers.sh SOURCE-DIRECTORY
set -euo pipefail
cd "$1"

# In config/ and vmm/ without DPDK's flags: those layers do not know it.
export dpdk_flags
dpdk_flags=$(pkg-config --cflags libdpdk)

check() {
    local compiler=$1 header=$2 flags=
    case $header in
    config/* | vmm/* | tests/config/* | tests/vmm/*) ;;
    *) flags=$dpdk_flags ;;
    esac
    # shellcheck disable=SC2086 # the flags are words
    printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
        "$compiler" -fsyntax-only -std=gnu11 -Wall -Wextra -Wshadow -Wmissing-prototypes -Wcast-qual -Wvla -Werror \
            -D_GNU_SOURCE $flags -I. -x c - 2>&1 || {
        echo "$header does not compile alone with $compiler"
        return 1
    }
}
export -f check

# shellcheck disable=SC2016 # the inner shell expands
find config ports switch vmm tests -name '*.h' | sort | sed -e 'p' | paste - - |
    awk '{ print "gcc", $1; print "clang", $2 }' |
    xargs -P "$(nproc)" -n 2 bash -c 'check "$1" "$2"' check
