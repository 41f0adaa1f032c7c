#!/bin/sh
# Makes .venv, the environment every make target runs in. Needs Python >= 3.11 and nothing else.
# PYTHON=/path/to/python chooses the interpreter; without it the first good one is taken.
set -eu

cd "$(dirname "$0")/.."

works() { # a Python that exists and is new enough
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

complete() { # one that can also put pip into the environment by itself (Debian splits that off)
    works "$1" && "$1" -c 'import ensurepip.__main__, venv' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    if ! works "$PYTHON"; then
        echo "setup: PYTHON=$PYTHON is not a Python 3.11 or newer" >&2
        exit 1
    fi
    exec "$PYTHON" -I scripts/setup.py
fi

# The usual case, first because it is asked before every target: nothing changed.
if [ -x .venv/bin/python ] && .venv/bin/python -I -S scripts/setup.py --check 2>/dev/null; then
    exit 0
fi

for test in complete works; do
    for candidate in python3.11 python3.12 python3.13 python3.14 python3; do
        if "$test" "$candidate"; then
            exec "$candidate" -I scripts/setup.py
        fi
    done
done

echo "setup: no Python 3.11 or newer found; install one (apt-get install python3 python3-venv)" \
    "or name it: make PYTHON=/path/to/python3.11 ..." >&2
exit 1
