#!/bin/sh
# What an image installs: Likebut with the extras $1 in a virtual environment at $2, pinned, and proven to run; and the
# packages named after them, such as the driver of a store, which we do not pin.
# The Dockerfile runs it, and so does tests/deploy/test_image.py where there is no Docker.
set -eu
extras=$1
venv=$2
python=${PYTHON:-python3}
shift 2
cd "$(dirname "$0")/.."
"$python" -m venv --without-pip "$venv" # what serves needs no installer
"$python" -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check \
    -c constraints.txt ".[$extras]"
if [ $# -gt 0 ]; then
    "$python" -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check "$@"
fi
"$venv/bin/likebut" bundle verify "$(cd / && "$venv/bin/python" -c 'from models.bundle import SHIPPED; print(SHIPPED)')"
