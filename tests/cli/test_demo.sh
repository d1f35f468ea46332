#!/usr/bin/env bash
# Goal: every scenario that ships is accepted; the demo's comparison is over in 90 s, with exactly one WAN copy of each
# of its 6 files with PFS (5 components and the index) and one a phone without. Method: the program as a newcomer calls it.
. "$(dirname "$0")/lib.sh"
scenarios=$(cd "$(dirname "$0")/../../scenarios" && pwd)
for file in "$scenarios"/*.json; do
    case $file in */schema.json) continue ;; esac
    run_status 0 "check $(basename "$file")" "$PFSIM" check "$file"
done

run_status 0 "compare demo.json" "$PFSIM" compare "$scenarios/demo.json" --quiet --json --out "$WORK/demo" \
    --set "pfs.port=$(free_port)"
cp "$WORK/out" "$WORK/demo.json"
# Of the runs, not of the trials: run_status repeats what a busy machine spoiled.
took=$(json "$WORK/demo.json" "Math.ceil(d.runs[0].engine.wall_s + d.runs[1].engine.wall_s)")
echo "the comparison took $took s"
[ "$took" -lt 90 ] || fail "the demo takes $took s, not under 90"
for i in 0 1; do
    method=$(json "$WORK/demo.json" "d.runs[$i].method")
    expect "$method: upgraded" 30 "$(json "$WORK/demo.json" "d.runs[$i].phones.upgraded")"
    expect "$method: valid" true "$(json "$WORK/demo.json" "d.runs[$i].validity.valid")"
    [ "$method" = pfs ] && want=1 || want=30
    copies=$(node -e '
const [, dir] = process.argv, fs = require("fs");
const rows = fs.readFileSync(dir + "/transfers.csv", "utf8").trim().split("\n").map(r => r.split(","));
const head = rows.shift(), at = k => head.indexOf(k), count = {};
for (const r of rows)
  if (r[at("via")] === "server" && r[at("outcome")] === "ok") count[r[at("file")]] = (count[r[at("file")]] || 0) + 1;
console.log(Object.keys(count).length + ": " + [...new Set(Object.values(count))].join(" "));
' "$WORK/demo/$method")
    expect "$method: files, and copies of each that crossed the line" "6: $want" "$copies"
    expect "$method: copies by the summary" $((6 * want)) \
        "$(json "$WORK/demo.json" "d.runs[$i].trees_summary.wan_copies")"
done

# demo.sh itself, where there is nothing to install and nothing to build.
tree=$WORK/tree
mkdir -p "$tree/docker" "$tree/bin" "$tree/build/release/analysis"
cp -r "$scenarios" "$tree/"
: >"$tree/docker/install.sh"
ln -s "$(realpath "$PFSIM")" "$tree/build/release/analysis/pfsim"
printf '#!/bin/sh\n' >"$tree/bin/cmake"
chmod +x "$tree/bin/cmake"
demo() { PATH=$tree/bin:$PATH bash "$tree/scenarios/demo.sh" "$@"; }
run_status 0 "demo.sh --world virtual" demo --world virtual --quiet
grep -q "^open this in a browser: $tree/out/demo/report.html" "$WORK/out" || fail "demo.sh does not name its report"
expect "demo.sh --world virtual: its world" virtual "$(json "$tree/out/demo/compare.json" "d.runs[1].world")"
run_status 2 "demo.sh --wrold" demo --wrold virtual
grep -q "did you mean --world?" "$WORK/err" || fail "demo.sh keeps pfsim's words about a flag: $(cat "$WORK/err")"
run_status 2 "demo.sh --out" demo --out elsewhere
run_status 0 "demo.sh --help" demo --help
finish
