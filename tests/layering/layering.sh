#!/usr/bin/env bash
# layering.sh ROOT: every include goes down, as includes.table says.
. "$(dirname "$0")/lib.sh"
cd "$1" || exit 2

sources=$(own_sources agent coordinator common proto)
looked_n=$(printf '%s' "$sources" | grep -c '' || true)
violations=$(printf '%s\n' "$sources" | grep -v '^$' | code_of | awk -v table="$here/includes.table" '
    function matches(path, patterns,    n, i, list, pattern) {
        n = split(patterns, list, /[ \t]+/)
        for (i = 1; i <= n; i++) {
            pattern = list[i]
            if (pattern == "") continue
            if (pattern == path) return 1
            if (index(pattern, "*") && index(path, substr(pattern, 1, index(pattern, "*") - 1)) == 1)
                return 1
        }
        return 0
    }
    # A room is a directory itself, without those below it; a file stands for itself.
    function within(path, rooms,    n, i, list) {
        n = split(rooms, list, /[ \t]+/)
        for (i = 1; i <= n; i++)
            if (list[i] != "" && (list[i] == path || list[i] == room_of(path))) return 1
        return 0
    }
    function room_of(path) { sub(/\/[^\/]*$/, "", path); return path }
    function side(line) { sub(/^[^=]*=[ \t]*/, "", line); return line }
    function say(text) { print place ": " text }
    BEGIN {
        while ((getline row < table) > 0) {
            if (row ~ /^#/ || row ~ /^[ \t]*$/) continue
            split(row, word, /[ \t]+/)
            if (word[1] == "room") may[word[2]] = side(row)
            else if (word[1] == "value_in") value_in[word[2]] = side(row)
            else if (word[1] == "only") { only_n++; third[only_n] = word[2]; users[only_n] = side(row) }
            else { rest = row; sub(/^[a-z]+[ \t]+/, "", rest); list_of[word[1]] = list_of[word[1]] " " rest }
        }
    }
    {
        split($0, part, ":")
        path = part[1]; place = part[1] ":" part[2]
        code = substr($0, length(place) + 2)
        if (code !~ /^[ \t]*#[ \t]*include/) next
        room = room_of(path)
        if (!(room in may)) { say(room " has no room line in includes.table"); next }
        if (!match(code, /[<"][^>"]+[>"]/)) { say("an include without a file name"); next }
        header = substr(code, RSTART + 1, RLENGTH - 2)
        quoted = substr(code, RSTART, 1) == "\""
        for (i = 1; i <= only_n; i++)
            if (matches(header, third[i])) {
                if (!matches(path, users[i]))
                    say(header " may be included only by " users[i])
                next
            }
        if (quoted) {
            if (header !~ /^(agent|coordinator|common|proto)\//)
                say("\"" header "\": include by the path from the root")
            else if (!within(header, may[room]))
                say(room " may not include " header)
        } else if (within(room, list_of["pure"]) || matches(room, list_of["pure"])) {
            if (!matches(header, list_of["value"]) && !matches(header, value_in[path]))
                say(room " is pure and may not include <" header ">")
        } else if (!matches(header, list_of["system"]))
            say("<" header "> is in no line of includes.table")
    }')
verdict layering "$looked_n" "$violations"
