#!/usr/bin/env bash
# breach.sh DROVER TOPOLOGY: what would end later than promised ends with exit code 9 when it is simulated, and lint says it.
set -euo pipefail
drover=$1 topology=$2
slow=(--fault scale-nodes=fail:2 --fault provision-gpus=fail:2)
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
declared=$files/declared.conf changed=$files/changed.conf

code() { # COMMAND...
    local rc=0
    "$@" >/dev/null || rc=$?
    echo "$rc"
}

said() { # FILE: the warnings of steps of the failover that are later than promised
    "$drover" plan lint "$1" | grep W301 | grep -c 'plans\.failover\.' || true
}

# The five minutes hold also where each step takes as long as it may.
[ "$(code "$drover" plan simulate failover "$topology")" = 0 ]
# What is automatic is promised in minutes: no scale-up may use up all of its attempts there.
sed 's/automatic = true/automatic = false/' "$topology" >"$declared"
sed '/name = "scale-keycloak"/,/timeout/s/timeout = "40s"/timeout = "4h"/' "$declared" >"$changed"
[ "$(code "$drover" plan simulate failover "$declared" "${slow[@]}")" = 0 ]
[ "$(code "$drover" plan simulate failover "$changed" "${slow[@]}")" = 9 ]
[ "$(said "$declared")" = 0 ]
[ "$(said "$changed")" -ge 1 ]
echo "breach: told beforehand"
