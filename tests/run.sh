#!/usr/bin/env bash
# Installs what the tests need, then runs all of them: unit, integration, UI and doc tests, and every example. Where there
# is a nightly Rust, those that start threads run once more, under ThreadSanitizer.
# Ends with the number of tests that passed and failed.
set -euo pipefail
# A relative target directory is relative to where the user stands, as for cargo.
if [ -n "${CARGO_TARGET_DIR:-}" ]; then
    CARGO_TARGET_DIR=$(realpath -m -- "$CARGO_TARGET_DIR")
    export CARGO_TARGET_DIR
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/toolchain.sh
tests/setup.sh

# Passes everything on as it comes, and adds up cargo's own `test result:` lines. A long log is often kept by its end alone,
# so each failed test stands there again, with the first lines of what it printed.
add_up() {
    awk '
        { print; fflush() }
        /^ *(Running|Doc-tests) / { binary = $0; sub(/^ */, "", binary) }
        /^test result: / { passed += $4; failed += $6; shown = 0 }
        /^ *test .* FAILED$/ { summary = summary binary ": " $2 "\n" }
        /^ *failures:$/ || /^ *stack backtrace:$/ { shown = 0 }
        /^ *---- .* ----$/ { shown = 30 }
        shown > 0 { summary = summary "    " $0 "\n"; shown-- }
        # A test that does not compile, or a process that dies, has no line of its own.
        /^error: / { broken = 1 }
        /^error(\[E[0-9]+\])?: / { summary = summary $0 "\n" }
        END {
            if (failed > 0 || broken) printf "\nwhat failed:\n%s\n", summary
            print passed + 0 " passed, " failed + (failed == 0 && broken) " failed"
        }
    '
}

test_all() {
    local status=0
    # Features add up over the packages of one call: the core runs with its own default features, beside packages that
    # switch none on; each of the others runs by itself.
    cargo test -p pytheus -p pytheus-macros -p pytheus-models -p pytheus-tests-linked -p pytheus-tests-renamed \
        -p pytheus-tests-plain --no-fail-fast || status=$?
    cargo test -p pytheus-tests --no-fail-fast || status=$?
    cargo test -p pytheus-examples --no-fail-fast || status=$?
    # Without `fast-clock`: timers read the system's clock.
    cargo test -p pytheus --no-default-features --no-fail-fast || status=$?
    # What the library reports goes to the program's own log.
    cargo test -p pytheus-tests --features log,tracing --test report_log --test report_tracing --no-fail-fast || status=$?
    # The totals of processes anywhere go to a real Redis.
    cargo test -p pytheus --features redis-tls,redis-python --lib backends --no-fail-fast || status=$?
    cargo test -p pytheus --features redis-tls,redis-python,http,serve-tls --doc --no-fail-fast || status=$?
    cargo test -p pytheus-tests-redis --no-fail-fast || status=$?
    # A server of its own for metrics, also through TLS.
    cargo test -p pytheus --features serve-tls --lib serve --no-fail-fast || status=$?
    cargo test -p pytheus-tests-serve --no-fail-fast || status=$?
    # The error for an option of a feature that is off.
    cargo test -p pytheus --features redis --lib redis::tests::secrets --no-fail-fast || status=$?
    # Types of the crate `http` as labels and outcomes.
    cargo test -p pytheus --features http --lib http --no-fail-fast || status=$?
    # Each by itself: one hides what the other lacks.
    local feature
    for feature in fast-clock file redis redis-python redis-tls backend-config conformance respond gzip http serve serve-tls actix log tracing; do
        cargo check -p pytheus --no-default-features --features "$feature" || status=$?
    done
    sanitize || status=$?
    return "$status"
}

# Indented but for the last line, so that what runs a second time here is not added up. Each test that passed is no news.
sanitize() {
    local status=0
    tests/sanitize.sh 2>&1 |
        awk '/^test .* ok$/ { next } !/^ThreadSanitizer: / { printf "    " } { print; fflush() }' || status=$?
    case $status in
        0) ;;
        # It can't be run here, and has said why.
        3) ;;
        *)
            echo "error: ThreadSanitizer failed"
            return "$status"
            ;;
    esac
}

export CARGO_TERM_COLOR=never
test_all </dev/null 2>&1 | add_up
