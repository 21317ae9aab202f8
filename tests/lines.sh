#!/usr/bin/env bash
# Counts the lines of code in `pytheus/src` and `pytheus-macros/src`: neither blank, nor comment, nor test. Lines are counted as
# rustfmt breaks them. With arguments, counts in the folders named: `tests/lines.sh pytheus/src/storage`.
set -euo pipefail
[ $# -gt 0 ] || { cd "$(dirname "${BASH_SOURCE[0]}")/.." && set -- pytheus/src pytheus-macros/src; }

# The module files and folders that `#[cfg(test)] mod name;` declares below a folder.
tests_of() {
    find "$1" -name '*.rs' -print0 | xargs -0 awk '
        FNR == 1 { folder = FILENAME; sub(/\/(mod|lib)\.rs$/, "", folder); sub(/\.rs$/, "", folder); is_test = 0 }
        is_test && $1 == "mod" && $2 ~ /;$/ { name = $2; sub(/;/, "", name); print folder "/" name ".rs"; print folder "/" name "/" }
        { is_test = /^#\[cfg(\(|.*[(, ])test[,)]/ && !/not\(test\)/ }'
}

for folder in "$@"; do
    excluded=$(tests_of "$folder")
    find "$folder" -name '*.rs' | sort | while read -r file; do
        skip=
        while read -r test; do
            case $test in '') ;; */) [[ $file == "$test"* ]] && skip=1 ;; *) [[ $file == "$test" ]] && skip=1 ;; esac
        done <<<"$excluded"
        [ -n "$skip" ] || printf '%s\0' "$file"
    done | xargs -0 awk -v folder="$folder" '
        FNR == 1 { in_test = 0; attribute = 0; comment = 0 }
        # A module of tests inside a file ends with the first brace at the margin.
        in_test { if (/^}/) in_test = 0; next }
        attribute && /^mod [a-z_]+ \{/ { lines--; in_test = 1; attribute = 0; next }
        { attribute = /^#\[cfg(\(|.*[(, ])test[,)]/ && !/not\(test\)/ }
        comment { if (/\*\//) comment = 0; next }
        /^[ \t]*\/\*/ { if (!/\*\//) comment = 1; next }
        /^[ \t]*$/ || /^[ \t]*\/\// { next }
        { lines++ }
        END { printf "%6d %s\n", lines, folder }'
done
