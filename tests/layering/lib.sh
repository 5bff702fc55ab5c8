# Shared by the checks of this directory. Each check takes the root of the tree as its first
# argument, prints one line a violation, and ends with the closing line of every test stage.
set -u
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

# Our C files below the given rooms (default: all), relative to the root, sorted.
own_sources() {
    local rooms=("$@") room
    [ ${#rooms[@]} -gt 0 ] || rooms=(agent coordinator common proto tests bench)
    for room in "${rooms[@]}"; do
        if [ -d "$room" ]; then
            find "$room" -type f \( -name '*.c' -o -name '*.h' \) -print
        fi
    done | LC_ALL=C sort
}

# `path:line:code`, without comments and literals.
code_of() {
    xargs -r -d '\n' /usr/bin/python3 "$here/code_only.py"
}

# What was looked at, and the violations (one a line): the verdict. Nothing looked at is a failure.
verdict() {
    local what="$1" looked_n="$2" violations="$3" failed_n=0
    if [ -n "$violations" ]; then
        printf '%s\n' "$violations"
        failed_n=$(printf '%s\n' "$violations" | wc -l)
    fi
    if [ "$looked_n" -eq 0 ]; then
        echo "$what: found nothing to look at"
        failed_n=$((failed_n + 1))
    fi
    echo "$what: looked at $looked_n"
    if [ "$failed_n" -eq 0 ]; then
        echo "1 passed, 0 failed"
    else
        echo "0 passed, 1 failed"
        return 1
    fi
}
