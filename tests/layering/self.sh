#!/usr/bin/env bash
# self.sh CHECK CC NM: proves that CHECK fails on each planted violation, and names it, and that it
# passes on a clean tree. A check that cannot fail checks nothing.
set -u
here="$(cd "$(dirname "$0")" && pwd)"
check="$1" cc="$2" nm="$3"
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
passed_n=0 failed_n=0

plant() { # path, contents from stdin
    mkdir -p "$tree/$(dirname "$1")"
    cat >"$tree/$1"
}

clean() {
    rm -rf "${tree:?}"/*
    plant common/base/fine.h <<'EOF'
/* A comment may name strcpy() and "malloc". */
int fine_sum(int a, int b);
EOF
    plant common/base/fine.c <<'EOF'
#include "common/base/fine.h"

#include <string.h>

int fine_sum(int a, int b) {
    const char *text = "system(1) sleep(2)";
    return a + b + (int)strlen(text);
}
EOF
}

run_check() { "$here/$check.sh" "$tree" 2>&1; }

# expect WANTED TEXT: the check fails (WANTED 1) and its output holds TEXT, or passes (WANTED 0).
expect() {
    local wanted="$1" text="$2" output rc=0
    output=$(run_check) || rc=1
    if [ "$rc" -eq "$wanted" ] && [[ "$output" == *"$text"* ]]; then
        passed_n=$((passed_n + 1))
    else
        failed_n=$((failed_n + 1))
        echo "FAIL: wanted rc=$wanted and \"$text\", got rc=$rc and:"
        printf '%s\n' "$output"
    fi
}

repeat() { # n line
    local i
    for ((i = 0; i < $1; i++)); do printf '%s\n' "$2"; done
}

self_banned() {
    expect 0 "looked at 2"
    printf '#include <string.h>\nvoid f(char *a) {\n    strcpy(a, "x");\n}\n' | plant agent/bad.c
    expect 1 "agent/bad.c:3: strcpy is banned, use text_copy"
    clean
    printf 'long f(void) {\n    return time (0);\n}\n' | plant coordinator/core/bad.c
    expect 1 "coordinator/core/bad.c:2: time is banned, use clock_now"
    clean
    printf 'long f(struct c *c) {\n    return c->time(0) + c->io.time(0) + my_time(0);\n}\n' |
        plant coordinator/core/members.c
    expect 0 "looked at 3"
    clean
    printf 'int f(void);\n/* TO''DO: write it. */\n' | plant proto/bad.h
    expect 1 "proto/bad.h:2: unfinished work"
    rm -rf "${tree:?}"/*
    expect 1 "found nothing to look at"
}

self_limits() {
    expect 0 "looked at 2"
    { echo 'int f(void) {'; repeat 69 '    ;'; echo '}'; } | plant agent/bad.c
    expect 1 "agent/bad.c:1: function of 71 lines, at most 70"
    clean
    { echo 'int f(void) {'; repeat 68 '    ;'; echo '}'; } | plant agent/edge.c
    expect 0 "looked at 3"
    clean
    { printf 'int f(int a,\n      int b) {\n'; repeat 69 '    ;'; echo '}'; } | plant agent/bad.c
    expect 1 "agent/bad.c:1: function of 71 lines"
    clean
    { echo 'static const int table[] = {'; repeat 80 '    1,'; echo '};'; } | plant agent/table.c
    expect 0 "looked at 3"
    clean
    repeat 601 '' | plant agent/bad.c
    expect 1 "agent/bad.c:601: file of 601 lines, at most 600"
    clean
    printf 'int a; /* %s */\n' "$(repeat 100 x | tr -d '\n')" | plant agent/bad.c
    expect 1 "agent/bad.c:1: 113 columns, at most 100"
    clean
    repeat 401 'int a;' | plant agent/guard/a.c
    repeat 400 'int a;' | plant agent/guard/b.c
    expect 1 "agent/guard:1: 801 lines of code, at most 800"
}

self_format() {
    cp "$here/../../.clang-format" "$tree/.clang-format"
    expect 0 "looked at 2"
    printf 'int f(void)\n{\n  return 1;\n}\n' | plant agent/bad.c
    expect 1 "agent/bad.c:1: not as clang-format writes it"
    "$here/format.sh" "$tree" --fix
    expect 0 "looked at 3"
}

# refused PATH INCLUDE TEXT / allowed PATH INCLUDE
refused() {
    clean
    printf '#include %s\n' "$2" | plant "$1"
    expect 1 "$1:1: $3"
}
allowed() {
    clean
    printf '#include %s\n' "$2" | plant "$1"
    expect 0 "looked at 3"
}

self_layering() {
    expect 0 "looked at 2"
    refused common/base/bad.c '"common/topology/topology.h"' "common/base may not include"
    refused coordinator/core/bad.c '"proto/message.h"' "coordinator/core may not include"
    refused agent/core/bad.c '"coordinator/core/core.h"' "agent/core may not include"
    refused agent/bad.c '"coordinator/log/log.h"' "agent may not include"
    refused coordinator/bad.c '"agent/core/holder.h"' "coordinator may not include"
    refused agent/probes/bad.c '"agent/actions/act.h"' "agent/probes may not include"
    refused common/io/bad.h '"agent/probe.h"' "common/io may not include"
    refused agent/bad.c '"peers.h"' '"peers.h": include by the path from the root'
    refused coordinator/core/bad.c '<time.h>' "coordinator/core is pure and may not include <time.h>"
    refused common/base/bad.c '<stdio.h>' "common/base is pure and may not include <stdio.h>"
    refused agent/bad.c '<zmq.h>' "zmq.h may be included only by"
    refused proto/message.c '"drover.pb-c.h"' "drover.pb-c.h may be included only by"
    refused agent/bad.c '<glib.h>' "<glib.h> is in no line of includes.table"
    refused common/new/bad.c '<stdint.h>' "common/new has no room line"
    allowed common/base/text.c '<stdio.h>'
    allowed common/io/wire.c '<zmq.h>'
    allowed agent/agent.c '"agent/core/holder.h"'
    allowed agent/probes/tcp.c '"agent/probe.h"'
    allowed proto/convert.c '"drover.pb-c.h"'
}

# pure_case WANTED TEXT SANITIZED: common/base/text.c and core/core.c as they stand, as two layers.
pure_case() {
    (cd "$tree" && "$cc" -c base/text.c -o text.c.o && "$cc" -c core/core.c -o core.c.o &&
        rm -f base.a core.a && ar rcs base.a text.c.o && ar rcs core.a core.c.o) || exit 2
    instrumented="$3"
    run_check() {
        "$here/pure.sh" "$nm" "$instrumented" "$tree/base.a" "$tree/core.a:$tree/base.a" 2>&1
    }
    expect "$1" "$2"
}

self_pure() {
    printf '#include <stdio.h>\nint f(char *a, int n) {\n return snprintf(a, 9, "%%d", n);\n}\n' |
        plant base/text.c
    printf '#include <string.h>\nint f(char *, int);\nint g(char *a) {\n memset(a, 1, 9);\n return f(a, 2);\n}\n' |
        plant core/core.c
    pure_case 0 "looked at 2 objects" 0
    local name call
    for call in 'malloc(9)' 'time(0)' 'clock_gettime(0, 0)' 'uv_now(0)' 'zmq_ctx_new()' 'open(0, 0)' \
        'socket(1, 1, 1)' 'printf("%d", 1)' 'snprintf(0, 0, "%d", 1)' 'free(0)' 'getenv("A")'; do
        name="${call%%(*}"
        printf 'long %s();\nlong g(void) {\n return (long)%s;\n}\n' "$name" "$call" | plant core/core.c
        pure_case 1 "core.a(core.c.o): $name is not pure" 0 2>/dev/null
    done
    printf 'void __asan_init(void);\nvoid g(void) {\n __asan_init();\n}\n' | plant core/core.c
    pure_case 1 "core.a(core.c.o): __asan_init is not pure" 0
    pure_case 0 "looked at 2 objects" 1
    # A layer below must not call the one above.
    printf 'int g(void);\nint f(void) {\n return g();\n}\n' | plant base/text.c
    printf 'int g(void) {\n return 1;\n}\n' | plant core/core.c
    pure_case 1 "base.a(text.c.o): g is not pure" 0
    run_check() { "$here/pure.sh" "$nm" 0 "$tree/gone.a" 2>&1; }
    expect 1 "no such archive"
    run_check() { "$here/pure.sh" "$nm" 0 "$tree/core.a!gone.c.o" 2>&1; }
    expect 1 "no such object"
    run_check() { "$here/pure.sh" "$nm" 0 2>&1; }
    expect 1 "looked at 0 objects"
}

self_map() {
    printf 'drover_program(drover-x GNU\n    MAIN main.c)\n' | plant agent/CMakeLists.txt
    printf '| `drover-x` | agent |\n| `common/base/` `agent/` `docs/` |\n' | plant docs/map.md
    expect 0 "looked at 3"
    echo x | plant agent/new/file.c
    expect 1 "agent/new: not in docs/map.md"
    printf '| `drover-x` | agent |\n| `common/base/` `agent/**` `docs/` |\n' | plant docs/map.md
    expect 0 "looked at 4"
    printf '| `drover-x` | agent |\n| `common/**` `agent/**` `docs/` `proto/` |\n' | plant docs/map.md
    expect 1 "docs/map.md: proto/ is not there"
    printf '| `drover-x` | agent |\n| `common/**` `agent/**` `docs/` `agent/gone.c` |\n' | plant docs/map.md
    expect 1 "docs/map.md: agent/gone.c is not there"
    printf '| `common/**` `agent/**` `docs/` |\n' | plant docs/map.md
    expect 1 "drover-x: no row in docs/map.md"
    rm "$tree/docs/map.md"
    expect 1 "not in docs/map.md"
}

# requirement_rows ROW: the whole table, with this row in the place of SEED-1.
requirement_rows() {
    printf '%s\n| SEED-2 to SEED-148 | all | later | |\n| N1 to N26 | all | later | |\n| D1 to D18 | all | later | |\n' "$1" |
        plant docs/requirements.md
}

self_requirements() {
    requirement_rows '| SEED-1 | a | met | `common/base/fine.c:fine_sum` |'
    expect 0 "looked at 4"
    requirement_rows '| SEED-1 | a | met | `common/base/fine.c:gone_sum` |'
    expect 1 'common/base/fine.c has no "gone_sum"'
    requirement_rows '| SEED-1 | a | part: b | `tests/gone.c` |'
    expect 1 "tests/gone.c is not there"
    requirement_rows '| SEED-1 | a | met | |'
    expect 1 "nothing shows it"
    requirement_rows '| SEED-1 | a | later | `common/base/fine.c` |'
    expect 1 "later, and yet shown"
    requirement_rows '| SEED-1 | a | soon | |'
    expect 1 "neither met nor part nor later"
    requirement_rows '| SEED-2 | a | later | |'
    expect 1 "SEED-1: not in"
    expect 1 "SEED-2: more than once"
    requirement_rows '| SEED-1, SEED-149 | a | later | |'
    expect 1 "SEED-149: no such requirement"
}

clean
"self_$check"
echo "$passed_n passed, $failed_n failed"
[ "$failed_n" -eq 0 ] && [ "$passed_n" -gt 0 ]
