#!/bin/bash
# Every shell script parses, and shellcheck has nothing to say. Usage: scripts.sh SOURCE-DIRECTORY
set -euo pipefail
cd "$1"
folders=(config ports switch vmm tests)
[[ ! -d .ci ]] || folders+=(.ci)
# By name, or by the first line of those that have no ending.
mapfile -t scripts < <(
    {
        find "${folders[@]}" -name '*.sh'
        find "${folders[@]}" -type f ! -name '*.*' -exec grep -lE '^#!/(usr/)?bin/(env )?(ba|da)?sh' {} +
    } | sort -u
)
if [[ ${#scripts[@]} -eq 0 ]]; then
    echo "there is no script at all, not even this one"
    exit 1
fi
for script in "${scripts[@]}"; do
    # The busybox of a guest reads sh, not bash.
    case $(head -n 1 "$script") in
    *bash*) bash -n "$script" ;;
    *) sh -n "$script" ;;
    esac
done
shellcheck -x "${scripts[@]}"
