#!/usr/bin/env bash
# Runs the tests that start threads, or with --all every test that can be, under ThreadSanitizer, which finds data races.
# Ends with one line that says what it found.
# Exits with 3, and one line that says why, where it can't be run: it needs a nightly Rust. Installs nothing of that.
# Other arguments are passed on to `cargo test`, in place of the choice of tests made below.
set -euo pipefail
# A relative target directory is relative to where the user stands, as for cargo.
if [ -n "${CARGO_TARGET_DIR:-}" ]; then
    CARGO_TARGET_DIR=$(realpath -m -- "$CARGO_TARGET_DIR")
    export CARGO_TARGET_DIR
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export RUSTUP_TOOLCHAIN=nightly RUSTUP_AUTO_INSTALL=0 CARGO_TERM_COLOR=never
# What std does to print a backtrace is not built for the sanitizer, and would be reported.
export RUST_BACKTRACE=0

not_run() {
    echo "ThreadSanitizer: not run, since $1"
    exit 3
}
# A rustc that rustup did not install is whatever it is.
[[ $(rustc --version 2>/dev/null || true) == *-nightly* ]] ||
    not_run "there is no nightly Rust: rustup toolchain install nightly --profile minimal"
command -v readelf >/dev/null || not_run "there is no readelf: apt-get install binutils"
host=$(rustc --print host-tuple)
lib=$(rustc --print sysroot)/lib/rustlib/$host/lib
[ -e "$lib/librustc-nightly_rt.tsan.a" ] || not_run "this nightly has no run-time library of it for $host"

target=$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
export CARGO_TARGET_DIR=$target/sanitize
mkdir -p "$CARGO_TARGET_DIR"

# tests/sanitize/edges.rs stands in front of these functions of std; the end of their mangled names tells them.
symbols=$(readelf --wide --symbols "$lib"/libstd-*.rlib 2>/dev/null | awk '$4 == "FUNC" && $5 == "GLOBAL" { print $8 }')
edges=()
link=()
edge() {
    local symbol
    symbol=$(grep -E "$2\$" <<<"$symbols" || true)
    case $symbol in
        "" | *$'\n'*)
            not_run "this nightly's std has no single function *$2, which tests/sanitize/edges.rs stands in front of"
            ;;
    esac
    edges+=("$1=$symbol")
    link+=("-Clink-arg=-Wl,--wrap=$symbol")
}
edge MUTEX_LOCK '4sync5mutex5futexNtB[0-9]+_5Mutex14lock_contended'
edge READ_LOCK '4sync6rwlock5futexNtB[0-9]+_6RwLock14read_contended'
edge WRITE_LOCK '4sync6rwlock5futexNtB[0-9]+_6RwLock15write_contended'
edge CONDVAR_WAIT '4sync7condvar5futexNtB[0-9]+_7Condvar4wait'
edge CONDVAR_WAIT_TIMEOUT '4sync7condvar5futexNtB[0-9]+_7Condvar12wait_timeout'
edge BARRIER_WAIT '4sync7barrierNtB[0-9]+_7Barrier4wait'
edge ONCE_CALL '4sync4once5futexNtB[0-9]+_4Once4call'
edge SCOPE_END '6thread6scopedNtB[0-9]+_9ScopeData29decrement_num_running_threads'
edge PARK '6thread6threadNtB[0-9]+_6Thread4park'
link+=(-Clink-arg=-Wl,--wrap=__tsan_atomic64_fetch_sub -Clink-arg=-Wl,--wrap=__tsan_atomic_thread_fence)

# What this nightly has not, as it may not have what it had last month, is no fault of the tests.
object=$CARGO_TARGET_DIR/edges.o
env "${edges[@]}" rustc --edition 2024 --crate-type lib --crate-name edges --emit "obj=$object" -C panic=abort -O \
    -Z crate-attr='feature(thread_local)' tests/sanitize/edges.rs ||
    not_run "tests/sanitize/edges.rs does not compile with this nightly (see above)"

# Std is as rustup ships it, without the sanitizer; `share-generics=no` has its generic code compiled here, with it.
export RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer -Zshare-generics=no -Clink-arg=$object ${link[*]}"
export TSAN_OPTIONS="suppressions=$PWD/tests/sanitize/suppressions.txt ${TSAN_OPTIONS:-}"
# The harness would share a buffer for the output among threads, in a part of std that the sanitizer doesn't see.
export RUST_TEST_NOCAPTURE=1

# Is what has to be found found, and nothing else?
check=$CARGO_TARGET_DIR/check
# shellcheck disable=SC2086
rustc --edition 2024 --target "$host" $RUSTFLAGS -o "$check" tests/sanitize/check.rs ||
    not_run "this nightly does not build for it as it should (see above)"
"$check" race >"$check.log" 2>&1 || true
grep -q '^WARNING: ThreadSanitizer: data race' "$check.log" || not_run "it does not find a plain race here: $check.log"
"$check" >"$check.log" 2>&1 ||
    not_run "it reports what std orders, so tests/sanitize/edges.rs lacks something of this nightly: $check.log"

# Tests that start the compiler or a program of the examples, which are other processes, those that fork, after which the
# sanitizer allows no thread, those that measure the memory, of which it takes much, and those that start hundreds of
# processes, which takes minutes. Some that start a few are in: what is said of threads there is said of files, too. The
# models are loom's.
left_out='trybuild|example::|"--release"|fork\(|conformance::|support::multi|/proc/self/'
# The test binaries with a file that the first expression finds, and none that the second does.
choose() {
    awk -F '"' '/^\[/ { is_test = /test/ } is_test && /^name/ { name = $2 } is_test && /^path/ { print name, $2 }' \
        tests/Cargo.toml | while read -r name path; do
        files=(tests/"$path")
        case $path in */main.rs) files=(tests/"${path%main.rs}"*.rs) ;; esac
        if grep -qE "$1" "${files[@]}" && ! grep -qE "$2" "${files[@]}"; then
            printf -- '--test\n%s\n' "$name"
        fi
    done
}
if [ $# -eq 0 ]; then
    # The others have no threads but those of the harness.
    started='thread::|tokio::'
    set -- -p pytheus-tests
elif [ "$*" = --all ]; then
    started=''
    set -- --workspace --exclude pytheus-examples --exclude pytheus-models --lib
fi
if [ -n "${started+set}" ]; then
    mapfile -t chosen < <(choose "$started" "$left_out")
    set -- "$@" "${chosen[@]}"
    tests/setup.sh
    mkdir -p "$CARGO_TARGET_DIR/$host"
    ln -sfn "$target/python" "$CARGO_TARGET_DIR/$host/python"
    # All is about ten times slower here.
    export PYTHEUS_PROPERTY_CASES=${PYTHEUS_PROPERTY_CASES:-50}
fi
log=$CARGO_TARGET_DIR/log
status=0
cargo test --target "$host" --no-fail-fast "$@" </dev/null 2>&1 | tee "$log" || status=$?
passed=$(awk '/^test result: / { passed += $4 } END { print passed + 0 }' "$log")
reports=$(grep -c '^WARNING: ThreadSanitizer' "$log" || true)
if [ "$status" -ne 0 ] || [ "$reports" -ne 0 ]; then
    echo "ThreadSanitizer: $reports reports; $passed tests passed, but not all (see above)"
    exit 1
fi
echo "ThreadSanitizer: nothing to report in $passed tests"
