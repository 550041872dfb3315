#!/bin/bash
# cppcheck has nothing to say. A false alarm is silenced where it is, with a comment that says why.
# Usage: static.sh SOURCE-DIRECTORY
set -euo pipefail
cd "$1"
exec cppcheck --quiet --error-exitcode=1 --enable=warning,performance --inline-suppr \
    --suppress=missingInclude --language=c --std=c11 -j "$(nproc)" -I. -D_GNU_SOURCE -D__x86_64__ \
    --library=posix --library=tests/tree/cppcheck.cfg config ports switch vmm tests
