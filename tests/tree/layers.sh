#!/bin/bash
# Folders are layers: tells every include that looks from one into another where it must not, and every top-level folder
# that is not one of them. Usage: layers.sh SOURCE-DIRECTORY
set -euo pipefail
cd "$1"
faults=0

fault() {
    echo "$1"
    faults=$((faults + 1))
}

# What a file may include, as a pattern over the quoted path.
allowed() {
    case $1 in
    config/*) echo '^config/' ;;
    # A port takes its part of the configuration.
    ports/*) echo '^(ports/|config/topology\.h$)' ;;
    # The files that name the concrete kinds of ports.
    switch/main.c | switch/command_run.c | switch/port_open.c) echo '^(switch/|ports/|config/)' ;;
    # The rest knows the interface, and what it hands over: frames, drop reasons, log lines; and what
    # keeps a thread from waiting.
    switch/*) echo '^(switch/|ports/(port|frame|drop|log|nudge)\.h$|config/)' ;;
    # Wire headers describe what lies on a socket or in shared memory, and nothing else.
    vmm/*) echo '^(vmm/|config/|(ports|switch)/[a-z_]*wire\.h$)' ;;
    tests/*) echo '^(tests|config|ports|switch|vmm)/' ;;
    esac
}

# DPDK stays in ports/ and switch/, librte_vhost in the files of its port.
forbidden_system() {
    case $1 in
    config/* | vmm/* | tests/config/* | tests/vmm/*) echo '^rte_' ;;
    ports/vhost*.c) echo '^$' ;;
    *) echo '^rte_(vhost|vdpa)' ;;
    esac
}

while read -r file; do
    allow=$(allowed "$file")
    forbid=$(forbidden_system "$file")
    while IFS=: read -r line include; do
        # A bare name lies in the file's own folder.
        [[ $include =~ $allow || $include != */* ]] || fault "$file:$line: includes \"$include\", which its layer must not see ($allow)"
    done < <(sed -nE '/^[[:space:]]*#[[:space:]]*include[[:space:]]+"/{=;s/^[^"]*"([^"]*)".*/\1/p}' "$file" | paste -d: - -)
    while IFS=: read -r line include; do
        [[ ! $include =~ $forbid ]] || fault "$file:$line: includes <$include>, which its layer must not see"
    done < <(sed -nE '/^[[:space:]]*#[[:space:]]*include[[:space:]]+</{=;s/^[^<]*<([^>]*)>.*/\1/p}' "$file" | paste -d: - -)
    case ${file##*/} in
    util.[ch] | utils.[ch] | common.[ch] | globals.[ch] | misc.[ch]) fault "$file: a file is one noun; this name is none" ;;
    esac
done < <(find config ports switch vmm tests -name '*.[chS]' | sort)

while read -r folder; do
    case $folder in
    ./config | ./ports | ./switch | ./vmm | ./tests | ./build* | ./.*) ;;
    *) fault "$folder: no other folder belongs at the top" ;;
    esac
done < <(find . -mindepth 1 -maxdepth 1 -type d)

[[ $faults -eq 0 ]]
