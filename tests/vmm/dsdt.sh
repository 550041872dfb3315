#!/bin/bash
# The checked-in bytes are those of dsdt.asl, and every table comes apart without a complaint.
# Usage: dsdt.sh SOURCE
set -euo pipefail
source_dir=$(realpath "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/dsdt.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$source_dir/vmm/dsdt.asl" "$work/"
cd "$work"
iasl -we -p dsdt dsdt.asl >log || { cat log; exit 1; }
python3 - dsdt.aml "$source_dir/vmm/dsdt.hex" <<'PYTHON'
import re, sys
aml = open(sys.argv[1], 'rb').read()
array = bytes(int(b, 16) for b in re.findall(r'0x([0-9A-F]{2})\b', open(sys.argv[2]).read()))
# The compiler writes its own version into bytes 28 to 31, so the checksum in byte 9 differs with it.
same = lambda data: data[:9] + data[10:28] + data[32:]
sys.exit(0 if same(aml) == same(array) and sum(array) % 256 == 0 else 'dsdt.hex is not what dsdt.asl gives: build it anew')
PYTHON
echo "dsdt.hex matches dsdt.asl"
