#!/usr/bin/env bash
# runbooks.sh DROVER TOPOLOGY: bash reads every command of every plan, and the pages are well formed.
# Nothing is run: that the commands do what they say needs real servers.
set -euo pipefail
drover=$1 topology=$2 looked_n=0
for plan in $("$drover" plan list "$topology" | cut -d' ' -f1); do
    for to in region1 region2; do
        "$drover" plan render "$plan" "$topology" --to "$to" --format commands | bash -n
        for format in svg html; do
            "$drover" plan render "$plan" "$topology" --to "$to" --format "$format" |
                /usr/bin/python3 -c 'import sys, xml.dom.minidom as dom; dom.parseString(sys.stdin.buffer.read())'
        done
        looked_n=$((looked_n + 1))
    done
done
echo "runbooks: looked at $looked_n"
[ "$looked_n" -ge 2 ]
