#!/usr/bin/env bash
# degraded.sh DROVER TOPOLOGY: while a step of tier 1 or 2 got too small a share, no step of a later tier begins; a person decides.
set -euo pipefail
drover=$1 topology=$2

states() { # STEP FAULT: the answer's name, then NAME STATE of each step
    "$drover" plan simulate failover "$topology" --fault "$1=$2" --json >"$files/answer" || true
    jq -r '.steps[] | .name + " " + .state' "$files/answer"
}

is() { # NAME STATE...: that it is in one of them
    local state
    state=$(awk -v name="$1" '$1 == name { print $2 }' "$files/states")
    for wanted in "${@:2}"; do
        [ "$state" = "$wanted" ] && return 0
    done
    echo "$1 is $state, expected ${*:2}"
    return 1
}

files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
lower=(scale-budsim scale-budmetrics scale-budnotify scale-devtools scale-docs)
states scale-budapp fail >"$files/states"
is promote-postgresql done
is scale-budgateway done
is scale-budapp failed
for step in scale-budcluster scale-monitoring "${lower[@]}"; do is "$step" waiting; done
grep -q 'people choose: drover step retry|skip|done 1 scale-budapp' "$files/answer"
states scale-budcluster fail >"$files/states"
is scale-budapp done
is dns-api done
is scale-monitoring done
is scale-budcluster failed
for step in "${lower[@]}"; do is "$step" waiting; done
states scale-nodes takes:1s >"$files/states"
for step in scale-budcluster scale-budsim; do is "$step" done; done
echo "degraded: what is above comes first, and people decide"
