#!/bin/bash
# Every C file is as clang-format 14 writes it. Usage: format.sh SOURCE-DIRECTORY
set -euo pipefail
cd "$1"
format=$(command -v clang-format-14 || command -v clang-format || true)
if ! "${format:-false}" --version | grep -q 'version 14\.'; then
    echo "${format:-clang-format} is missing or not version 14, and others write other files; apt-get install clang-format-14"
    exit 1
fi
if ! find config ports switch vmm tests -name '*.[ch]' -print0 | xargs -0 "$format" --dry-run -Werror; then
    echo "mend it with: clang-format -i FILE"
    exit 1
fi
