#!/usr/bin/env bash
# format.sh ROOT [--fix]: every C file of ours is as clang-format would write it.
. "$(dirname "$0")/lib.sh"
cd "$1" || exit 2
if ! command -v clang-format >/dev/null; then
    echo "clang-format is missing: deploy/install-deps installs it"
    exit 1
fi
if [ "${2:-}" = --fix ]; then
    own_sources | xargs -r -d '\n' clang-format --style=file -i
    exit
fi
sources=$(own_sources)
looked_n=$(printf '%s' "$sources" | grep -c '' || true)
violations=$(printf '%s\n' "$sources" | grep -v '^$' |
    xargs -r -d '\n' clang-format --style=file --dry-run -Werror 2>&1 |
    grep -E '^[^ ]+:[0-9]+:[0-9]+: error' |
    sed -E 's/^([^:]+:[0-9]+):[0-9]+: error.*/\1: not as clang-format writes it; run tests\/layering\/format.sh . --fix/' |
    sort -t: -k1,1 -u)
verdict format "$looked_n" "$violations"
