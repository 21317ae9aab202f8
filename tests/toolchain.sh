# Sourced: chooses the Rust whose messages tests/ui/fail shows. The compiler words some of them, so another Rust fails
# those tests though nothing is wrong. A rust-toolchain.toml would choose it for users, too, and have rustup download
# it where it is there under the name `stable`.
rust=1.95
has_rust() {
    case $(rustc --version 2>/dev/null || true) in
        "rustc $rust."*) ;;
        *) return 1 ;;
    esac
}

if ! has_rust && command -v rustup >/dev/null; then
    rustup run "$rust.0" rustc --version >/dev/null 2>&1 ||
        rustup toolchain install "$rust.0" --no-self-update --profile minimal -c rustfmt -c clippy
    export RUSTUP_TOOLCHAIN=$rust.0
fi
if ! has_rust; then
    found=$({ command -v rustc && rustc --version; } 2>&1 | paste -sd ' ' || true)
    echo "The tests need Rust $rust, whose compiler's messages they show; found: ${found:-none}" >&2
    echo "Install it, for instance with https://rustup.rs, and put its rustc first in PATH." >&2
    exit 1
fi
