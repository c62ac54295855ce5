#!/usr/bin/env bash
# Make a virtual environment with the locked dependencies and this checkout.
# usage: make-venv.sh VENV REQUIREMENTS.lock
set -euo pipefail
venv=$1
lock=$2
here=$(cd "$(dirname "$0")/../.." && pwd)

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "bbu-agent needs Python 3.11 or newer; $python is $("$python" --version 2>&1 || echo absent)." >&2
  echo "Name another one: make install PYTHON=/path/to/python3.12" >&2
  exit 2
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "Installing the venv module of Python (apt) ..."
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv
fi
echo "Making $venv and installing the locked dependencies ..."
"$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e "$here"
"$venv/bin/bbu-agent" version
