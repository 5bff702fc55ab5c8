#!/usr/bin/env bash
# map.sh ROOT: docs/map.md is true: every directory of the tree is named there as `path/` (`path/**`: with all
# below it), every such path exists, and every program that is built has its row.
. "$(dirname "$0")/lib.sh"
cd "$1" || exit 2
map=docs/map.md

# Directories with a file in them; what is built and what git keeps is nobody's room.
directories=$(find . -mindepth 2 -type f -not -path './.git/*' -not -path './build/*' -not -path '*/__pycache__/*' \
    -printf '%h\n' | sed 's#^\./##' | LC_ALL=C sort -u)
looked_n=$(printf '%s' "$directories" | grep -c '' || true)
named=$(grep -oE '`[A-Za-z0-9_./-]+/(\*\*)?`' "$map" 2>/dev/null | tr -d '`' | LC_ALL=C sort -u)

missing=$(printf '%s\n' "$directories" | while IFS= read -r directory; do
    found=
    above="$directory"
    if printf '%s\n' "$named" | grep -qxF "$directory/"; then
        continue
    fi
    while [ "$above" != . ] && [ -z "$found" ]; do
        ! printf '%s\n' "$named" | grep -qxF "$above/**" || found=1
        above=$(dirname "$above")
    done
    [ -n "$found" ] || echo "$directory: not in $map"
done)
gone=$(printf '%s\n' "$named" | sed 's#\*\*$##' | while IFS= read -r path; do
    [ -z "$path" ] || [ -d "$path" ] || echo "$map: $path is not there"
done)
# A file that is named by its whole path.
gone_files=$(grep -oE '`(agent|coordinator|common|proto|tests|deploy|cmake|docs)/[A-Za-z0-9_./-]+\.[a-z]+`' "$map" 2>/dev/null |
    tr -d '`' | LC_ALL=C sort -u | while IFS= read -r path; do
    [ -f "$path" ] || echo "$map: $path is not there"
done)
programs=$(find . -name CMakeLists.txt -not -path './build/*' -exec grep -hoE '^drover_program\([a-z-]+' {} + |
    sed 's/.*(//' | while IFS= read -r program; do
    grep -qE "^\| \`$program\` \|" "$map" 2>/dev/null || echo "$program: no row in $map"
done)
verdict map "$looked_n" "$(printf '%s\n' "$missing" "$gone" "$gone_files" "$programs" | grep -v '^$')"
