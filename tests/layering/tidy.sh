#!/usr/bin/env bash
# tidy.sh ROOT BUILD [FILE...]: clang-tidy over our product code as BUILD compiles it. Every finding is
# a failure; what is off, and why, stands in .clang-tidy.
. "$(dirname "$0")/lib.sh"
cd "$1" || exit 2
build="$2"
shift 2
if ! command -v clang-tidy >/dev/null; then
    echo "clang-tidy is missing: deploy/install-deps installs it"
    exit 1
fi
if [ ! -f "$build/compile_commands.json" ]; then
    echo "$build has no compile_commands.json: configure it first"
    exit 1
fi
if [ $# -gt 0 ]; then
    sources=$(printf '%s\n' "$@")
else
    # Only what the build really compiles: its flags are what clang-tidy reads the file with.
    sources=$(jq -r '.[].file' "$build/compile_commands.json" |
        sed -n "s|^$PWD/||p" | grep -E '^(agent|coordinator|common|proto)/' | LC_ALL=C sort -u)
fi
looked_n=$(printf '%s' "$sources" | grep -c '' || true)
# The build is gcc's: flags that only gcc knows are no finding.
findings=$(printf '%s\n' "$sources" | grep -v '^$' |
    xargs -r -d '\n' -P "$(nproc)" -n 4 clang-tidy -p "$build" --quiet \
        --extra-arg=-Wno-unknown-warning-option 2>/dev/null |
    grep -E '(warning|error): ' | sed "s|^$PWD/||" | LC_ALL=C sort -u)
verdict tidy "$looked_n" "$findings"
