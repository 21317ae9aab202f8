#!/usr/bin/env bash
# Installs what the tests need and the machine lacks. Prints nothing when there is nothing to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The first python3 that can make a virtual environment; a pyenv without ensurepip is passed over.
find_python() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            command -v "$python"
            return
        fi
    done
    return 1
}

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
# Brings promtool, too.
{ command -v prometheus && command -v promtool; } >/dev/null || missing+=(prometheus)
command -v redis-server >/dev/null || missing+=(redis-server)
command -v openssl >/dev/null || missing+=(openssl)
# A client of TLS.
command -v curl >/dev/null || missing+=(curl)
find_python >/dev/null || missing+=(python3 python3-venv)
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)

if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "The tests need these Debian packages: ${missing[*]}" >&2
        echo "Install them, for instance: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -o DPkg::Lock::Timeout=300 -qq update </dev/null
    apt-get -o DPkg::Lock::Timeout=300 -qq install --yes --no-install-recommends "${missing[@]}" </dev/null
fi

# Cargo knows where the target directory is, whether a variable, a configuration file or nothing says so.
target=$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
venv=$target/python
if ! cmp -s tests/python/requirements.txt "$venv/requirements.txt" || ! "$venv/bin/python3" -c '' 2>/dev/null; then
    rm -rf "$venv"
    "$(find_python)" -m venv "$venv"
    "$venv/bin/python3" -m pip install --quiet --disable-pip-version-check --requirement tests/python/requirements.txt
    # Last, so that an attempt that failed is made again.
    cp tests/python/requirements.txt "$venv/requirements.txt"
fi
