#!/bin/bash
# No file and no function is longer than a reader bears: .c 500 lines, .h 150, main.c 150, a function's body 80. And the
# launcher stays one that can be read in a day: under 6,000 lines, blank ones not counted.
# Usage: sizes.sh SOURCE-DIRECTORY
set -euo pipefail
cd "$1"
# Each function opens and closes in the first column: clang-format sees to that.
find config ports switch vmm tests -name '*.[ch]' -print0 | sort -z | xargs -0 awk '
function check_file() {
    if (name != "" && n_lines > limit) {
        printf "%s: %d lines, at most %d; split it by its nouns\n", name, n_lines, limit
        faults++
    }
}
FNR == 1 {
    check_file()
    name = FILENAME
    limit = name ~ /\.h$/ || name ~ /(^|\/)main\.c$/ ? 150 : 500
    body = 0
}
{ n_lines = FNR }
/^\{/ { body = FNR }
/^\}/ && body {
    if (FNR - body - 1 > 80) {
        printf "%s:%d: a function of %d lines, at most 80; name its parts\n", name, body, FNR - body - 1
        faults++
    }
    body = 0
}
END { check_file(); exit faults > 0 }'
n=$(find vmm -name '*.[ch]' -print0 | xargs -0 cat | grep -c '[^[:space:]]')
if [[ $n -ge 6000 ]]; then
	echo "vmm: $n lines that are not blank; under 6000"
	exit 1
fi
