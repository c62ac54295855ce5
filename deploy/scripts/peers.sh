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
installed() { dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p' | sort; }
before=$(installed)
# The peers are started by the tests on loopback ports; their services must start neither now,
# which the policy forbids, nor at the next boot.
policy=/usr/sbin/policy-rc.d
ours=
leave_off() {
  [ -z "$ours" ] || as_root rm -f $policy
  local new units=() unit
  mapfile -t new < <(comm -13 <(printf '%s\n' "$before") <(installed))
  [ ${#new[@]} -gt 0 ] || return 0
  command -v systemctl >/dev/null || return 0
  while read -r unit; do units+=("$(basename "$unit")"); done < <(
    dpkg -L "${new[@]}" | grep -E '/systemd/system/[^/@]+\.(service|socket|timer|path)$')
  [ ${#units[@]} -eq 0 ] || as_root systemctl disable --quiet "${units[@]}"
}
trap leave_off EXIT
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
  ours=yes
  as_root chmod 755 $policy
fi
as_root apt-get update -qq
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
