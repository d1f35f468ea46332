#!/usr/bin/env bash
# The first run, on a fresh machine: installs what is missing, builds, lets 30 phones upgrade the traditional way and by peer
# firmware sharing over the same slow line, and says where the figures are. Takes about two minutes after the build.
#
#   scenarios/demo.sh [FLAG...]    flags of pfsim compare: "--world virtual" is over in a blink
set -euo pipefail
cd "$(dirname "$0")/.."

out=out/demo
for word in "$@"; do
    case $word in
    --help | -h) sed -n '2,/^set/s/^# \{0,1\}//p' scenarios/demo.sh; exit ;;
    --out | --out=*) echo "demo.sh: its files go to $out; pfsim compare takes $word" >&2; exit 2 ;;
    esac
done

bash docker/install.sh build
cmake --preset release -DBUILD_TESTING=OFF >/dev/null
cmake --build --preset release
build/release/analysis/pfsim compare scenarios/demo.json --out "$out" "$@"
echo
echo "open this in a browser: $PWD/$out/report.html"
echo "figures: $out/compare.json, and a folder for each method with its own report.html, result.json and CSV files"
