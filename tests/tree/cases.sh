#!/bin/bash
# tests/README.md says which test has which case: each file that it names mentions the case, and each test is in its file.
# Usage: cases.sh SOURCE-DIRECTORY
set -euo pipefail
cd "$1/tests"
faults=0
n_cases=0

fault() {
    echo "README.md: $1"
    faults=$((faults + 1))
}

# check CASE FILE NAME...: the names are separated by commas.
check() {
    local case=$1 file=$2 names=$3 name
    if [[ ! -f $file ]]; then
        fault "$case: there is no $file"
        return
    fi
    grep -qw -- "$case" "$file" || fault "$case: $file does not mention it"
    while read -r name; do
        grep -qF -- "$name" "$file" || fault "$case: $file has no \"$name\""
    done < <(sed 's/, */\n/g; s/^ *//; s/ *$//' <<<"$names")
}

while IFS='|' read -r _ case where _; do
    case=${case// /}
    n_cases=$((n_cases + 1))
    [[ $where != *"not tested: "?* ]] || continue
    [[ $where == *'`'* ]] || fault "$case: neither a test nor a reason"
    while IFS=: read -r file names; do
        file=${file//[\` ]/}
        check "$case" "$file" "$names"
    done < <(tr ';' '\n' <<<"$where")
done < <(grep -E '^\| [A-Z]{3}-[0-9]{2} \|' README.md)

if [[ $n_cases -eq 0 ]]; then
    fault "the table has no case at all"
fi
# A case that a test has and the table has not.
while read -r case; do
    grep -q "^| $case |" README.md || fault "$case is tested, and not in the table"
done < <(grep -rhoE --include='*.[ch]' --include='*.py' '\b(VUP|VQS|VQP|IND|MRG|EVL|MEM|RCN|RES|SIG)-[0-9]{2}\b' . | sort -u)
[[ $faults -eq 0 ]]
