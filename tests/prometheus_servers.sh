#!/usr/bin/env bash
# Unpacks further generations of the Prometheus server beside the machine's own, for the tests of the formats: nothing is
# installed. Each line of `servers.tsv` in the folder it prints names a version and its program.
#
# The packages come from the Debian archive that apt uses here, from other suites than the machine's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Cargo knows where the target directory is, whether a variable, a configuration file or nothing says so.
target=$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
servers=$target/prometheus
suites=(trixie sid)

version_of() {
    "$1" --version 2>&1 | sed -n '1s/^prometheus, version \([0-9.]*\).*/\1/p'
}

if [ ! -s "$servers/servers.tsv" ]; then
    rm -rf "$servers"
    mkdir -p "$servers/lists/partial" "$servers/archives/partial"
    archive=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m 1 '/debian$')
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    for suite in "${suites[@]}"; do
        echo "deb [signed-by=$keyring] $archive $suite main"
    done >"$servers/sources.list"
    # A private list: apt's own lists and its choice of versions stay as they are.
    own=(-o Dir::Etc::SourceList="$servers/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$servers/lists"
        -o Dir::Cache::Archives="$servers/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
        -o Acquire::Languages=none -o APT::Sandbox::User=root)
    apt-get "${own[@]}" -qq update </dev/null
    for suite in "${suites[@]}"; do
        mkdir "$servers/$suite"
        (cd "$servers" && apt-get "${own[@]}" -qq download "prometheus/$suite" </dev/null)
        dpkg -x "$servers"/prometheus_*.deb "$servers/$suite"
        rm "$servers"/prometheus_*.deb
        program=$servers/$suite/usr/bin/prometheus
        printf '%s\t%s\n' "$(version_of "$program")" "$program"
    done >"$servers/servers.new"
    own_program=$(command -v prometheus)
    printf '%s\t%s\n' "$(version_of "$own_program")" "$own_program" >>"$servers/servers.new"
    rm -rf "$servers/lists" "$servers/archives"
    # Last, so that an attempt that failed is made again.
    mv "$servers/servers.new" "$servers/servers.tsv"
fi
cat "$servers/servers.tsv"
