#!/usr/bin/env bash
# Build the Debian package for the release and the architecture of this machine.
# usage: build.sh OUTPUT_FOLDER
#
# The package carries its own virtual environment on Debian's python3, with every dependency
# as locked, so that a node needs no package index. The same commit and release give the same
# bytes: times are those of the commit. DPKG_DEB_COMPRESSOR_TYPE=none is for those in a hurry.
set -euo pipefail
umask 022
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
output=$(mkdir -p "$1" && cd "$1" && pwd)
pip=("${PYTHON:-$source/.venv/bin/python}" -m pip --disable-pip-version-check -qq)
system_python=/usr/bin/python3

minor=$($system_python -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')
if ! $system_python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "bbu-agent needs Python 3.11 or newer; $system_python of this release is $minor." >&2
  exit 2
fi
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$ID$VERSION_ID" | sed 's/^debian/deb/')
upstream=$(sed -n 's/^version = "\(.*\)"/\1/p' "$source/pyproject.toml")
version="$upstream-1~$release"
architecture=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$source" log -1 --format=%ct 2>/dev/null ||
  stat -c %Y "$source/CHANGELOG.md")}
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/tree
home=$root/usr/lib/bbu-agent
site=$home/lib/python$minor/site-packages

# A virtual environment, without the scripts that would name the place where it was built.
mkdir -p "$home/bin" "$site"
ln -s "/usr/bin/python$minor" "$home/bin/python"
cat >"$home/pyvenv.cfg" <<END
home = /usr/bin
include-system-site-packages = false
version = $minor
END
# From a copy: a build folder left in the checkout would bring modules that are gone.
mkdir "$work/source" "$work/wheel"
cp -r "$source"/{agent,simulators,pyproject.toml,README.md,LICENSE} "$work/source/"
"${pip[@]}" wheel --no-deps --no-build-isolation -w "$work/wheel" "$work/source"
# Parquet is for the analyst's machine (100 MB), setuptools for a checkout; nothing needs them.
awk '/^[a-z]/ {keep = !/^(pyarrow|setuptools)==/} keep' \
  "$source/requirements.lock" >"$work/requirements"
into=("${pip[@]}" --python "$home/bin/python" install --no-compile --no-deps)
"${into[@]}" --require-hashes --only-binary :all: -r "$work/requirements"
"${into[@]}" --no-index --find-links "$work/wheel" "bbu-agent==$upstream"
"${pip[@]}" --python "$home/bin/python" check
find "$home/bin" -type f -delete
sed -i '/^\.\.\/\.\.\/\.\.\/bin\//d' "$site"/*.dist-info/RECORD
find "$home" \( -name __pycache__ -o -name .DS_Store \) -prune -exec rm -r {} +
# The service may not write them, and a node should not spend its start on compiling.
"$home/bin/python" -m compileall -q -j 0 -s "$root" -p / --invalidation-mode unchecked-hash "$site"
find "$site" -type f -exec chmod 644 {} +

program() { # NAME MODULE FUNCTION
  printf '#!/usr/lib/bbu-agent/bin/python -I\n"""Start %s."""\n\nfrom %s import %s\n\n%s()\n' \
    "$1" "$2" "$3" "$3" >"$home/bin/$1"
  chmod 755 "$home/bin/$1"
  mkdir -p "$root/usr/bin"
  ln -s "../lib/bbu-agent/bin/$1" "$root/usr/bin/$1"
}
program bbu-agent agent.cli.main main
program bbu-sim simulators.cli main

install -Dm644 "$here/agent.yaml" "$root/etc/bbu-agent/agent.yaml"
install -dm700 "$root/etc/bbu-agent/secrets"
install -Dm644 "$source/deploy/systemd/bbu-agent.service" -t "$root/lib/systemd/system"
install -Dm644 "$here/lintian-overrides" "$root/usr/share/lintian/overrides/bbu-agent"

completions=$root/usr/share/bash-completion/completions
manuals=$root/usr/share/man/man1
docs=$root/usr/share/doc/bbu-agent
mkdir -p "$completions" "$manuals" "$docs/examples"
for name in bbu-agent bbu-sim; do
  variable=_$(tr a-z- A-Z_ <<<$name)_COMPLETE
  env "$variable=bash_source" "$home/bin/python" -I "$home/bin/$name" >"$completions/$name"
done
"$home/bin/python" -I "$here/manuals.py" "$manuals" "$upstream" "$SOURCE_DATE_EPOCH"
"$home/bin/python" -I "$here/copyright.py" "$here/copyright" "$site" >"$docs/copyright"
cp "$source/README.md" "$source"/docs/*.md "$docs/"
cp -r "$source/docs/runbooks" "$docs/"
cp "$source/CHANGELOG.md" "$docs/changelog"
cp -r "$source/deploy/examples/." "$source/deploy/alertmanager" "$docs/examples/"
install -Dm644 "$source"/deploy/prometheus/*.y*ml -t "$docs/examples/prometheus"
install -Dm644 "$source"/deploy/grafana/dashboards/*.json -t "$docs/examples/grafana"
cat >"$docs/changelog.Debian" <<END
bbu-agent ($version) $release; urgency=medium

  * What is new: /usr/share/doc/bbu-agent/changelog.gz

 -- $(sed -n 's/^Maintainer: //p' "$here/control")  $(date -uR -d "@$SOURCE_DATE_EPOCH")
END
gzip -9n "$docs"/changelog* "$manuals"/*.1
find "$root" -name __pycache__ -not -path "$site/*" -prune -exec rm -r {} +
ln -sf "../../../bin/python$minor" "$home/bin/python"

# What the compiled parts need of the release, told by dpkg.
mkdir -p "$work/debian" "$root/DEBIAN"
printf 'Source: bbu-agent\n\nPackage: bbu-agent\nArchitecture: any\n' >"$work/debian/control"
mapfile -t compiled < <(find "$home" -name '*.so' -type f)
mapfile -t private < <(find "$home" -type d -name '*.libs' -printf '-l%p\n')
if ! libraries=$(cd "$work" && dpkg-shlibdeps -O "${private[@]}" "${compiled[@]/#/-e}" 2>log); then
  cat "$work/log" >&2
  exit 1
fi
sed -e "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/" \
  -e "s/@SIZE@/$(du -k --apparent-size -s "$root" | cut -f1)/" \
  -e "s/@LIBRARIES@/${libraries#*=}/; s/@MINOR@/$minor/; s/@NEXT@/3.$((${minor#3.} + 1))/" \
  "$here/control" >"$root/DEBIAN/control"
echo /etc/bbu-agent/agent.yaml >"$root/DEBIAN/conffiles"
install -m755 "$here"/{postinst,prerm,postrm} "$root/DEBIAN/"
(cd "$root" && find usr lib -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
dpkg-deb --root-owner-group --build "$root" \
  "$output/bbu-agent_${version}_$architecture.deb"
