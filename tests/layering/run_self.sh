#!/usr/bin/env bash
# run_self.sh: tests/run itself, on small trees: what it counts, what it calls a failure, and its very
# last line. A runner that says "0 failed" when nothing ran would hide everything else.
set -u
here="$(cd "$(dirname "$0")" && pwd)"
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
passed_n=0 failed_n=0

plant() { # mode, path, contents from stdin
    mkdir -p "$tree/$(dirname "$2")"
    cat >"$tree/$2"
    chmod "$1" "$tree/$2"
}

# A tree whose unit tests are the given lines of CMake.
tree_with() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree/tests"
    cp "$here/../run" "$here/../junit_cases.py" "$tree/tests/"
    printf '#!/bin/sh\nexit 0\n' | plant 755 deploy/install-deps
    plant 644 CMakePresets.json <<'EOF'
{ "version": 6, "configurePresets": [ { "name": "dev", "generator": "Ninja",
  "binaryDir": "${sourceDir}/build/dev" } ],
  "buildPresets": [ { "name": "dev", "configurePreset": "dev" } ] }
EOF
    {
        printf 'cmake_minimum_required(VERSION 3.25)\nproject(small NONE)\ninclude(CTest)\n'
        printf '%s\n' "$@"
    } | plant 644 CMakeLists.txt
}

# unit NAME SHELL: one unit test that runs SHELL.
unit() {
    printf 'add_test(NAME %s COMMAND sh -c [==[%s]==])\n' "$1" "$2"
    printf 'set_tests_properties(%s PROPERTIES LABELS unit SKIP_RETURN_CODE 77)\n' "$1"
}

# expect WHAT RC LAST TEXT ARGS...: exit code, last line, and a text somewhere.
expect() {
    local what="$1" rc_wanted="$2" last_wanted="$3" text="$4" rc=0 output last
    shift 4
    output=$("$tree/tests/run" "$@" 2>&1) || rc=1
    last=$(printf '%s' "$output" | tail -n 1)
    if [ "$rc" -eq "$rc_wanted" ] && [ "$last" = "$last_wanted" ] && [[ "$output" == *"$text"* ]]; then
        passed_n=$((passed_n + 1))
    else
        failed_n=$((failed_n + 1))
        echo "FAIL: $what: wanted exit code $rc_wanted, last line \"$last_wanted\", \"$text\"; got $rc:"
        printf '%s\n' "$output"
    fi
}

cmocka='printf "[==========] Running 3 test(s).\n[ RUN      ] a\n[       OK ] a\n"'
tree_with "$(unit one 'true')" "$(unit three "$cmocka; printf '[  PASSED  ] 3 test(s).\n'")"
expect "a cmocka program is as many cases as it says" 0 "4 passed, 0 failed" "" unit

tree_with "$(unit three "$cmocka; printf '[  PASSED  ] 2 test(s).\n[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] lease_is_shut\n'; exit 1")"
expect "a failed case is named" 1 "2 passed, 1 failed" "FAILED unit: three lease_is_shut" unit

tree_with "$(unit three "$cmocka; printf '[  PASSED  ] 3 test(s).\n'; exit 1")"
expect "a program that ends badly after its cases fails" 1 "3 passed, 1 failed" "FAILED unit: three" unit

tree_with "$(unit one 'true')" "$(unit skipped 'echo "SKIP: no namespaces here"; exit 77')"
expect "a skip is counted, with its reason" 0 "1 passed, 0 failed, 1 skipped" \
    "SKIPPED unit: skipped: no namespaces here" unit

tree_with
expect "no test is a failure" 1 "0 passed, 1 failed" "FAILED unit: ran no test" unit

tree_with "$(unit one 'true')"
printf '#!/bin/sh\nexit 1\n' | plant 755 deploy/install-deps
expect "missing parts are a failure" 1 "1 passed, 1 failed" "FAILED parts" unit

tree_with "$(unit one 'true')" 'message(FATAL_ERROR "does not configure")'
expect "what does not build is a failure" 1 "0 passed, 1 failed" "FAILED build" unit

tree_with "$(unit one 'true')"
printf '#!/bin/sh\necho "SKIP: old kernel"\necho "FAIL: gate opened"\necho "5 passed, 1 failed, 1 skipped"\nexit 1\n' |
    plant 755 tests/model/run
expect "a script is counted by its closing line" 1 "5 passed, 1 failed, 1 skipped" \
    "FAILED model: FAIL: gate opened" model
expect "stages add up" 1 "6 passed, 1 failed, 1 skipped" "SKIPPED model: SKIP: old kernel" unit model

printf '#!/bin/sh\necho "5 passed, 0 failed"\necho bye\n' | plant 755 tests/model/run
expect "a script without its closing line fails" 1 "0 passed, 1 failed" "no closing line" model

printf '#!/bin/sh\necho "5 passed, 0 failed"\nexit 3\n' | plant 755 tests/model/run
expect "a script that lies about its failures fails" 1 "5 passed, 1 failed" "exit code 3" model

printf '#!/bin/sh\necho "0 passed, 0 failed, 9 skipped"\n' | plant 755 tests/model/run
expect "a script that only skips fails" 1 "0 passed, 1 failed, 9 skipped" "ran no test" model

expect "a stage that is not there and was named fails" 1 "0 passed, 1 failed" \
    "there is no such stage here yet" integration

echo "$passed_n passed, $failed_n failed"
[ "$failed_n" -eq 0 ] && [ "$passed_n" -gt 0 ]
