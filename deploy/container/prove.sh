#!/usr/bin/env bash
# Build the image on a base made here and run it as it is meant to run: without root, on a
# read-only root. Needs root, buildah and mmdebstrap; the registry of images is not asked.
# usage: prove.sh [BASE.tar]      a Debian tree with python3 and python3-venv; made if absent
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
base=${1:-$work/base.tar}
say() { printf '%s\n' "$*" >&2; }

store=(--root "$work/store" --runroot "$work/run" --storage-driver vfs)
cleanup() {
  if [ -n "${agent:-}" ]; then kill "$agent" 2>/dev/null || true; wait "$agent" 2>/dev/null || true; fi
  if [ -n "${sim:-}" ]; then kill "$sim" 2>/dev/null || true; wait "$sim" 2>/dev/null || true; fi
  if mountpoint -q "$work/tree" 2>/dev/null; then umount -R "$work/tree"; fi
  buildah "${store[@]}" rm --all >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

if [ ! -e "$base" ]; then
  say "Making a base with mmdebstrap ..."
  mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$base"
fi
container=$(buildah "${store[@]}" from scratch)
buildah "${store[@]}" add --quiet "$container" "$base" / >/dev/null
buildah "${store[@]}" commit --quiet "$container" local/base >/dev/null

say "Building the image ..."
# The wheels come from this machine's pip, which knows its mirror; the build needs no network.
"$here/.venv/bin/python" -m pip download --quiet --only-binary=:all: --require-hashes \
  -r "$here/requirements.lock" -d "$work/wheels"
printf '[global]\nno-index = true\nfind-links = /wheels\n' >"$work/pip.conf"
buildah "${store[@]}" build --quiet --isolation chroot --format docker \
  --volume "$work/wheels:/wheels:ro" --volume "$work/pip.conf:/etc/pip.conf:ro" \
  --ignorefile "$here/deploy/container/Containerfile.dockerignore" \
  --build-arg BASE=local/base -f "$here/deploy/container/Containerfile" -t local/bbu-agent "$here" >/dev/null

image=$(buildah "${store[@]}" from local/bbu-agent)
buildah "${store[@]}" inspect --type image local/bbu-agent | python3 -c '
import json, sys
config = json.load(sys.stdin)["Docker"]["config"]
assert config["User"] == "10001:10001", config["User"]
assert config["Healthcheck"]["Test"][0] == "CMD", config["Healthcheck"]
assert not any("wheels" in one for one in config["Env"]), config["Env"]'

say "Running it: no root, root read-only, state in a folder of its own ..."
mount=$(buildah "${store[@]}" mount "$image")
mkdir -p "$work/tree" "$work/state" "$work/etc"
chown 10001:10001 "$work/state"
mount --bind "$mount" "$work/tree"
mount --bind "$work/state" "$work/tree/var/lib/bbu-agent"
mount --bind "$work/etc" "$work/tree/etc/bbu-agent"
mount -t proc proc "$work/tree/proc"
mount -o remount,bind,ro "$work/tree"

inside=(chroot --userspec=10001:10001 --groups= "$work/tree" /usr/bin/env -i
  PATH=/opt/bbu-agent/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1)

# The same commands as in deploy/compose/compose.yaml, for its fleet and its agent.
cp "$here/deploy/compose/fleet.yaml" "$work/etc/fleet.yaml"
chmod 0644 "$work/etc/fleet.yaml"
rack=/var/lib/bbu-agent/rack
"${inside[@]}" bbu-sim run /etc/bbu-agent/fleet.yaml --run-dir $rack >/dev/null &
sim=$!
for _ in $(seq 600); do [ ! -s "$work/state/rack/agent.yaml" ] || break; sleep 0.2; done
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
"${inside[@]}" bbu-agent run --config.file $rack/agent.yaml --web.listen-address "127.0.0.1:$port" &
agent=$!
healthy() { "${inside[@]}" env "BBU_HEALTH_URL=$url/-/healthy" /opt/bbu-agent/health.py 2>/dev/null; }
for _ in $(seq 150); do ! healthy || break; sleep 0.2; done
healthy || { say "the health check fails"; exit 1; }
up() { "${inside[@]}" bbu-agent status --agent "$url" --format json | python3 -c '
import json, sys
print(sum(unit["up"] for unit in json.load(sys.stdin)["units"]))'; }
for _ in $(seq 50); do [ "$(up)" != 13 ] || break; sleep 0.2; done
[ "$(up)" = 13 ] || { say "13 of the 14 units should answer"; exit 1; }
owner=$(stat -c %u "$work/state/rack/agent-state/bbu-agent.sqlite")
[ "$owner" = 10001 ] || { say "the history belongs to $owner"; exit 1; }
if "${inside[@]}" /bin/sh -c ': > /opt/bbu-agent/x' 2>/dev/null; then say "the root can be written"; exit 1; fi
kill "$agent"
wait "$agent" || { say "the agent did not stop in good order"; exit 1; }
agent=
if healthy; then say "the health check passes without an agent"; exit 1; fi
size=$(du -sm "$mount/opt/bbu-agent" | cut -f1)
say "proved: 13 of 14 units read, healthy, stopped in good order; /opt/bbu-agent has $size MB"
