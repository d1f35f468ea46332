#!/usr/bin/env bash
# Installs what docker/packages.txt lists for the groups named as arguments (build, test, bench); nothing when all is
# there already. Works as root or with sudo. No daemon is started by a package's installation.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

missing=()
for group in "$@"; do
    while read -r kind package; do
        [ "$kind" = "$group" ] || continue
        # A program that is there by other means (Node.js from elsewhere) need not be Debian's.
        case "$package" in
        nodejs) command -v node >/dev/null && continue ;;
        npm) command -v npm >/dev/null && continue ;;
        esac
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done < <(grep -v '^#' "$here/packages.txt")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "these packages are missing and neither root nor sudo is at hand: ${missing[*]}" >&2
        exit 3
    }
    as_root=(sudo)
fi
echo "installing: ${missing[*]}"
policy=/usr/sbin/policy-rc.d
made_policy=no
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    made_policy=yes
fi
restore() { [ "$made_policy" = no ] || "${as_root[@]}" rm -f "$policy"; }
trap restore EXIT
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
