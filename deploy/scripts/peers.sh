#!/usr/bin/env bash
# Install the independent peers that the tests run against, from Debian or Ubuntu.
set -euo pipefail
packages=(snmpd snmp mbpoll prometheus prometheus-alertmanager victoria-metrics gcc libc6-dev libmodbus-dev shellcheck
  dpkg-dev mmdebstrap systemd-container docker-compose chromium)
missing=()
for package in "${packages[@]}"; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "Installing the test peers: ${missing[*]} ..."
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
# The peers are started by the tests on loopback ports; their services must not start.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
  as_root chmod 755 $policy
  trap 'as_root rm -f $policy' EXIT
fi
as_root apt-get update -qq
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
