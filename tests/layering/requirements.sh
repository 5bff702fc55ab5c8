#!/usr/bin/env bash
# requirements.sh ROOT: docs/requirements.md is true: every number stands there exactly once, a row that is met or
# partly met names what shows it, each named file is there, and so is the named word in it.
. "$(dirname "$0")/lib.sh"
cd "$1" || exit 2
table=docs/requirements.md

rows=$(grep -E '^\| (SEED-|N|D)[0-9]' "$table" 2>/dev/null)
looked_n=$(printf '%s' "$rows" | grep -c '' || true)
# "SEED-34 to SEED-43" and "N6, N7" as single numbers.
numbers=$(printf '%s\n' "$rows" | cut -d'|' -f2 | tr ',' '\n' | awk '
    { gsub(/ /, ""); if ($0 == "") next
      n = split($0, ends, "to"); kind = ends[1]; sub(/[0-9]+$/, "", kind); sub(/.*[^0-9]/, "", ends[1])
      last = ends[1]; if (n == 2) { last = ends[2]; sub(/.*[^0-9]/, "", last) }
      for (i = ends[1] + 0; i <= last + 0; i++) print kind i }')
wanted=$({ for ((i = 1; i <= 148; i++)); do echo "SEED-$i"; done
    for ((i = 1; i <= 26; i++)); do echo "N$i"; done
    for ((i = 1; i <= 18; i++)); do echo "D$i"; done; } | LC_ALL=C sort)
missing=$(comm -23 <(printf '%s\n' "$wanted") <(printf '%s\n' "$numbers" | LC_ALL=C sort -u) | sed "s#\$#: not in $table#")
twice=$(printf '%s\n' "$numbers" | LC_ALL=C sort | uniq -d | sed "s#\$#: more than once in $table#")
unknown=$(comm -13 <(printf '%s\n' "$wanted") <(printf '%s\n' "$numbers" | LC_ALL=C sort -u) | sed "s#\$#: no such requirement#")
unshown=$(printf '%s\n' "$rows" | awk -F'|' -v table="$table" '
    { state = $4; sub(/^ */, "", state); proof = $5; gsub(/[ ]/, "", proof)
      if (state !~ /^(met|part|later)/) print table ":" $2 ": state is neither met nor part nor later"
      if (state ~ /^(met|part)/ && proof == "") print table ":" $2 ": nothing shows it"
      if (state ~ /^later/ && proof != "") print table ":" $2 ": later, and yet shown" }')
# `path` or `path:word` in the last column.
gone=$(printf '%s\n' "$rows" | awk -F'|' '{ print $5 }' | grep -oE '`[^`]+`' | tr -d '`' | LC_ALL=C sort -u |
    while IFS= read -r name; do
        path="${name%%:*}"
        if [ ! -f "$path" ]; then
            echo "$table: $path is not there"
        elif [ "$name" != "$path" ] && ! grep -qF -- "${name#*:}" "$path"; then
            echo "$table: $path has no \"${name#*:}\""
        fi
    done)
verdict requirements "$looked_n" "$(printf '%s\n' "$missing" "$twice" "$unknown" "$unshown" "$gone" | grep -v '^$')"
