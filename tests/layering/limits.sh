#!/usr/bin/env bash
# limits.sh ROOT: files of at most 600 lines, functions of at most 70, lines of at most 100 columns;
# the guard stays small enough to be read in one sitting: at most 800 lines of code.
. "$(dirname "$0")/lib.sh"
cd "$1" || exit 2
file_lines_max=600
function_lines_max=70
columns_max=100
guard_code_lines_max=800

sources=$(own_sources)
looked_n=$(printf '%s' "$sources" | grep -c '' || true)
long_files=$(printf '%s\n' "$sources" | grep -v '^$' | while read -r path; do
    lines_n=$(wc -l <"$path")
    if [ "$lines_n" -gt $file_lines_max ]; then
        echo "$path:$lines_n: file of $lines_n lines, at most $file_lines_max"
    fi
done)
wide_lines=$(printf '%s\n' "$sources" | grep -v '^$' | xargs -r -d '\n' awk -v max=$columns_max '
    length($0) > max { print FILENAME ":" FNR ": " length($0) " columns, at most " max }')
# A function opens with a line that ends in ") {" (or a lone "{") in column 0 and closes with "}" in
# column 0; clang-format keeps it so.
long_functions=$(printf '%s\n' "$sources" | grep -v '^$' | code_of | awk -v max=$function_lines_max '
    {
        split($0, part, ":")
        code = substr($0, length(part[1]) + length(part[2]) + 3)
        if (part[1] != file) { file = part[1]; opened = 0; head = 0 }
        if (code ~ /^[A-Za-z_].*\(/) head = part[2]
        if (!opened && (code ~ /\)[ \t]*\{[ \t]*$/ || code ~ /^\{[ \t]*$/) && head) {
            opened = part[2]; start = head
        }
        if (code ~ /^\}/ || code ~ /;[ \t]*$/ && !opened) {
            if (opened && part[2] - opened + 1 > max)
                print file ":" start ": function of " part[2] - opened + 1 " lines, at most " max
            opened = 0; head = 0
        }
    }')
guard_violation=
if [ -d agent/guard ]; then
    guard_n=$(own_sources agent/guard | code_of | grep -cvE '^[^:]*:[0-9]+:[[:space:]]*$')
    if [ "$guard_n" -gt $guard_code_lines_max ]; then
        guard_violation="agent/guard:1: $guard_n lines of code, at most $guard_code_lines_max"
    fi
fi
verdict limits "$looked_n" \
    "$(printf '%s\n' "$long_files" "$wide_lines" "$long_functions" "$guard_violation" | grep -v '^$')"
