#!/usr/bin/env bash
# banned.sh ROOT: no call of what banned.table names, and no unfinished work left in a comment.
. "$(dirname "$0")/lib.sh"
cd "$1" || exit 2

sources=$(own_sources)
looked_n=$(printf '%s' "$sources" | grep -c '' || true)
calls=$(printf '%s\n' "$sources" | grep -v '^$' | code_of | awk -v table="$here/banned.table" '
    BEGIN {
        while ((getline row < table) > 0) {
            if (row ~ /^#/ || row ~ /^[ \t]*$/) continue
            name = row; sub(/[ \t].*/, "", name)
            use = row; sub(/^[^ \t]+[ \t]+/, "", use)
            instead[name] = use
        }
    }
    {
        split($0, part, ":")
        place = part[1] ":" part[2]
        code = substr($0, length(place) + 2)
        # Each identifier before a parenthesis; a member (.time, ->time) is not the function.
        while (match(code, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
            before = RSTART > 1 ? substr(code, RSTART - 1, 1) : ""
            name = substr(code, RSTART, RLENGTH - 1)
            sub(/[ \t]+$/, "", name)
            arrow = RSTART > 2 ? substr(code, RSTART - 2, 2) : ""
            if ((name in instead) && before != "." && arrow != "->")
                print place ": " name " is banned, use " instead[name]
            code = substr(code, RSTART + RLENGTH)
        }
    }')
left=$(printf '%s\n' "$sources" | grep -v '^$' |
    xargs -r -d '\n' grep -nHwE 'TO''DO|FIX''ME|XX''X' | sed 's/:\([0-9]*\):.*/:\1: unfinished work is banned, finish it or file it/')
verdict banned "$looked_n" "$(printf '%s\n%s\n' "$calls" "$left" | grep -v '^$')"
