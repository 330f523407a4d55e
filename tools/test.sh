# SPDX-License-Identifier: AGPL-3.0-or-later
# Sourced by ./dev: running tests, sanitizers, fuzzers, benchmarks. Every test is registered in Meson; exit 77 is a skip.

# run_suite PROFILE [meson test arguments]: runs, then leaves its counts in $passed $failed $skipped.
run_suite() {
    profile=$1; shift
    log="build/$profile/meson-logs/testlog.json"
    rm -f "$log"
    # more at once than processors: many wait for an fsync, a database or a browser
    "build/$profile/tests/unit/store/with_postgres" meson test -C "build/$profile" --no-rebuild --num-processes $(($(nproc) * 3)) -t 3 --print-errorlogs "$@" >"build/$profile/test-output.txt" 2>&1 || :
    [ -f "$log" ] || { tail -n 40 "build/$profile/test-output.txt"; say "no test ran"; exit 1; }
    python3 tools/test-report.py "$log" "build/$profile/test-counts" || :
    read -r passed failed skipped <"build/$profile/test-counts"
}

closing() {
    printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
    [ "$failed" = 0 ]
}

# ./dev test [meson test arguments]: built with gcc and coverage counters, so that the coverage printed is of this run.
run_tests() {
    start=$(date +%s)
    say "node $(node --version), $(gcc --version | head -n 1), $(nproc) processors"
    compile cov
    find build/cov -name '*.gcda' -delete
    run_suite cov "$@"
    if command -v gcovr >/dev/null 2>&1; then
        gcovr --root . --object-directory build/cov --gcov-ignore-parse-errors -f 'lib/' -f 'src/' --json-summary build/cov/coverage.json \
            >/dev/null 2>build/cov/gcovr.log && python3 -c '
import json
d = json.load(open("build/cov/coverage.json"))
print("line coverage of lib/ and src/: %.1f %% (%d of %d lines)" % (d["line_percent"], d["line_covered"], d["line_total"]))' ||
            say "coverage could not be read, see build/cov/gcovr.log"
    fi
    say "$(($(date +%s) - start)) s"
    closing
}

run_fuzz() { # [NAME] [SECONDS]
    compile fuzz
    seconds=${2:-60}
    for target in build/fuzz/fuzz/fuzz_*; do
        [ -x "$target" ] && [ -f "$target" ] || continue
        name=${target##*/fuzz_}
        [ -z "${1:-}" ] || [ "$1" = "$name" ] || continue
        mkdir -p "build/fuzz/found/$name"
        if "$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=25 -print_final_stats=1 \
            -artifact_prefix="build/fuzz/found/$name-" "build/fuzz/found/$name" "fuzz/corpus/$name" \
            >"build/fuzz/$name.log" 2>&1; then
            say "fuzz $name: clean, $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log") runs in $seconds s"
        else
            tail -n 25 "build/fuzz/$name.log" >&2
            say "fuzz $name: FAILED, see build/fuzz/$name.log"
            fuzz_failed=1
        fi
    done
    [ -z "${fuzz_failed:-}" ]
}

# ./dev check: everything. Its closing line adds up all runs.
run_check() {
    total_passed=0 total_failed=0 total_skipped=0
    add() { total_passed=$((total_passed + passed)); total_failed=$((total_failed + failed)); total_skipped=$((total_skipped + skipped)); }
    run_tests || :
    add
    for profile in clang asan tsan; do
        say "profile $profile"
        compile "$profile"
        case "$profile" in
        tsan) run_suite tsan --suite unit -t 6 ;;
        asan) run_suite asan --suite unit --suite fuzz --suite cli --suite api -t 6 ;;
        *) run_suite "$profile" --suite unit ;;
        esac
        closing || :
        add
    done
    compile release
    run_suite release --suite crash -t 10
    closing || :
    add
    if run_fuzz "" "${FANE_FUZZ_SECONDS:-60}"; then passed=1 failed=0 skipped=0; else passed=0 failed=1 skipped=0; fi
    add
    passed=$total_passed failed=$total_failed skipped=$total_skipped
    closing
}

run_bench() { # [NAME]
    for source in bench/bench_*.c; do
        name=$(basename "$source" .c); name=${name#bench_}
        [ -z "${1:-}" ] || [ "$1" = "$name" ] || continue
        ninja -C build/release "bench/bench_$name" >/dev/null && "build/release/bench/bench_$name"
    done
    for source in bench/bench_*.py; do # whole-process ones
        name=$(basename "$source" .py); name=${name#bench_}
        [ -z "${1:-}" ] || [ "$1" = "$name" ] || continue
        python3 "$source" build/release/src/fane/fane
    done
}
