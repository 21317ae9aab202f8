#!/usr/bin/env bash
# Checks that the library builds with the Rust that its manifest declares and for other platforms, and runs it in a wasm
# runtime. Toolchains and targets come through rustup. One that can't be had is named and left out: the run goes on, as it
# may be offline. tests/run.sh needs none of this.
#
# With names of targets, or `rust` for the declared Rust, only those.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/toolchain.sh
tests/setup.sh
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0

target=$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
# Apart, so that nothing there is built anew.
export CARGO_TARGET_DIR=$target/platforms

if [ $# -eq 0 ]; then
    set -- rust aarch64-unknown-linux-gnu i686-unknown-linux-gnu armv7-unknown-linux-gnueabihf \
        aarch64-apple-darwin x86_64-pc-windows-gnu wasm32-wasip1 wasm32-unknown-unknown
fi
checked=() left_out=()

# Installs something through rustup; fails, and says so, where it can't be had.
have() {
    local name=$1
    shift
    if rustup "$@" >"$target/rustup.log" 2>&1; then
        checked+=("$name")
    else
        left_out+=("$name")
        # Without its stack, which says nothing.
        sed '/^Stack backtrace/,$d; s/^/    /' "$target/rustup.log"
        echo "platforms: $name is NOT checked: \`rustup $*\` fails"
        return 1
    fi
}

check_rust() {
    local version
    version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    have "Rust $version" toolchain install "$version.0" --profile minimal --no-self-update || return 0
    cargo "+$version.0" check --quiet -p pytheus
    cargo "+$version.0" check --quiet -p pytheus --features redis
    cargo "+$version.0" check --quiet -p pytheus --features http,actix,serve-tls
    # The code that the macros write, too.
    cargo "+$version.0" check --quiet -p pytheus-tests-platforms --examples
}

check_wasm() {
    cargo build --quiet -p pytheus-tests-platforms --example "$2" --target "$1"
}

# Each use of a clock that there is not is refused, with words.
check_refused() {
    local said=$target/refused line
    if cargo check --quiet -p pytheus-tests-platforms --example timed --target "$1" --message-format short 2>"$said"; then
        echo "error: times are taken on $1, which has no clock" >&2
        return 1
    fi
    while IFS=: read -r line _; do
        if ! grep -q "timed.rs:$line:.*std has no clock on this target" "$said"; then
            sed 's/^/    /' "$said" >&2
            echo "error: on $1 nothing says why line $line of tests/platforms/timed.rs is wrong" >&2
            return 1
        fi
    done < <(grep -n '// clock$' tests/platforms/timed.rs)
}

check_no_redis() {
    local said=$target/refused
    if cargo check --quiet -p pytheus --features redis --target "$1" 2>"$said" || ! grep -q 'which wasm does not have' "$said"; then
        sed 's/^/    /' "$said" >&2
        echo "error: on $1 nothing says that there is no Redis" >&2
        return 1
    fi
}

for name in "$@"; do
    if [ "$name" = rust ]; then
        check_rust
        continue
    fi
    have "$name" target add "$name" || continue
    cargo check --quiet -p pytheus --target "$name"
    cargo check --quiet -p pytheus --features file --target "$name"
    cargo check --quiet -p pytheus --features http --target "$name"
    case $name in
        wasm32-wasip1)
            check_wasm "$name" wasi
            check_no_redis "$name"
            ;;
        wasm32-unknown-unknown)
            check_wasm "$name" wasm
            check_refused "$name"
            check_no_redis "$name"
            ;;
        *)
            cargo check --quiet -p pytheus --features redis --target "$name"
            cargo check --quiet -p pytheus --features serve --target "$name"
            ;;
    esac
done

built=" ${checked[*]-} "
if [[ $built == *" wasm32-wasip1 "* && $built == *" wasm32-unknown-unknown "* ]]; then
    "$target/python/bin/python3" tests/python/wasm.py "$CARGO_TARGET_DIR/wasm32-wasip1/debug/examples/wasi.wasm" \
        "$CARGO_TARGET_DIR/wasm32-unknown-unknown/debug/examples/wasm.wasm"
    checked+=("wasm in a runtime")
else
    left_out+=("wasm in a runtime")
fi

list() {
    printf '%s, ' "$@" | sed 's/, $/\n/'
}
echo "platforms: checked: $(list ${checked[@]+"${checked[@]}"})"
if [ ${#left_out[@]} -gt 0 ]; then
    echo "platforms: NOT checked: $(list "${left_out[@]}")"
fi
