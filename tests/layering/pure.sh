#!/usr/bin/env bash
# pure.sh NM SANITIZED LAYER...: the linker's symbol table of a pure layer names nothing but itself,
# the layers below, and a few functions of libc without memory, clock, file or socket.
#   LAYER       archive[:archive below]...   every object of the first archive is looked at
#               or archive!object.o:...      only that object
#   SANITIZED   1 in builds whose compiler adds its own calls (sanitizers, coverage), else 0
set -u
nm="$1" sanitized="$2"
shift 2

# memset and friends come from struct copies too; the __*_chk are their fortified twins.
allowed='memcpy|strspn|strcspn|strpbrk|strstr|memmove|memset|memcmp|memchr|bcmp|strlen|strnlen|strcmp|strncmp|strchr|strrchr|abort'
allowed="$allowed|__mem(cpy|move|set)_chk|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__(popcount|clz|ctz|bswap)[a-z]i2"
sanitizer='__asan_|__ubsan_|__tsan_|__sanitizer_|__sancov_|__gcov_|__llvm_|_Unwind_|__start___|__stop___'
text_only='v?snprintf|__v?snprintf_chk|__isoc99_v?snprintf'

looked_n=0 violations=""
for layer in "$@"; do
    first="${layer%%:*}" archive="${layer%%[:!]*}" object=""
    case "$first" in *!*) object="${first#*!}" ;; esac
    IFS=: read -r -a below <<<"${layer/!$object/}"
    if [ ! -f "$archive" ]; then
        violations+="$archive: no such archive"$'\n'
        continue
    fi
    defined=$("$nm" -g --defined-only "${below[@]}" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
    wanted=$("$nm" -A -u "$archive" 2>/dev/null | awk -v object="$object" '
        { split($1, place, ":"); n = split(place[2], _, "/")
          if (object == "" || place[2] == object) print place[2], $NF }' | sort -u)
    objects_n=$("$nm" -A "$archive" 2>/dev/null | cut -d: -f2 |
        { if [ -n "$object" ]; then grep -xF -- "$object"; else cat; fi; } | sort -u | wc -l)
    looked_n=$((looked_n + objects_n))
    if [ "$objects_n" -eq 0 ]; then
        violations+="$first: no such object"$'\n'
    fi
    found=$(printf '%s\n' "$wanted" | awk -v layer="$(basename "$archive")" -v allowed="^($allowed)$" \
        -v text_only="^($text_only)$" -v sanitizer="^($sanitizer)" -v sanitized="$sanitized" \
        -v defined="$defined" '
        BEGIN { n = split(defined, list, "\n"); for (i = 1; i <= n; i++) ours[list[i]] = 1 }
        NF < 2 { next }
        ($2 in ours) || $2 ~ allowed { next }
        $1 ~ /^text\.c\.o(bj)?$/ && $2 ~ text_only { next }
        sanitized && $2 ~ sanitizer { next }
        { print layer "(" $1 "): " $2 " is not pure: the layer may use only values it is given" }')
    [ -z "$found" ] || violations+="$found"$'\n'
done

[ -z "$violations" ] || printf '%s' "$violations"
echo "pure: looked at $looked_n objects"
if [ -z "$violations" ] && [ "$looked_n" -gt 0 ]; then
    echo "1 passed, 0 failed"
else
    echo "0 passed, 1 failed"
    exit 1
fi
