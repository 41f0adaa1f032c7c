#!/bin/sh
# Writes requirements.lock anew from pyproject.toml: exact versions with their hashes, for every
# platform, and without the address of any package index (docs/decisions/0001-lock-file.md).
set -eu

cd "$(dirname "$0")/.."

if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then
    uv=uv
else
    # Only here, not in the lock: nobody else needs the resolver.
    pip=".venv/bin/python -m pip"
    $pip --version >/dev/null 2>&1 || pip="python3 -m pip --python .venv/bin/python"
    $pip install --quiet --disable-pip-version-check "uv>=0.9,<1"
    uv=.venv/bin/uv
fi

exec "$uv" pip compile pyproject.toml --group dev --universal --python-version 3.11 \
    --generate-hashes --no-header --quiet --output-file requirements.lock "$@"
