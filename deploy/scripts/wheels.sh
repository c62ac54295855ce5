#!/usr/bin/env bash
# Check that every locked dependency of a node has a wheel for an architecture, by the package
# index; nothing is installed.
# usage: wheels.sh aarch64|x86_64
set -euo pipefail
machine=$1
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The same that deploy/debian/build.sh leaves out.
awk '/^[a-z]/ {keep = !/^(pyarrow|setuptools)==/} keep' \
  "$source/requirements.lock" >"$work/requirements"
# The oldest C library of a release with Python 3.11 is that of Debian 12: 2.36.
platforms=("--platform=manylinux2014_$machine")
for minor in $(seq 17 36); do platforms+=("--platform=manylinux_2_${minor}_$machine"); done
"${PYTHON:-$source/.venv/bin/python}" -m pip install -qq --disable-pip-version-check \
  --dry-run --ignore-installed --no-deps --target "$work/none" --only-binary :all: \
  "${platforms[@]}" --require-hashes -r "$work/requirements"
