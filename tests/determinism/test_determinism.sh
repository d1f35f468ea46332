#!/usr/bin/env bash
# Goal: a scenario gives the same bytes whatever compiled the program: gcc or clang, -O0 or -O3, with sanitizers or without.
# Method: every build runs these scenarios and holds the trace hash and each output file to expected.txt, which is part of
# the sources; and compares two runs event by event.
#
#   PFSIM=build/release/analysis/pfsim tests/determinism/test_determinism.sh [--update]
#
# --update writes what this build gives into expected.txt: for a change that is meant to change what happens.
PFSIM_LIMIT=200
. "$(dirname "$0")/../cli/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
scenarios=$(cd "$here/../../scenarios" && pwd)
expected=$here/expected.txt
update=0
[ "${1:-}" != --update ] || update=1

# What may differ from run to run goes, the rest must be the same to the byte.
plain() {
    node -e 'const fs = require("fs"), d = JSON.parse(fs.readFileSync(process.argv[1]));
delete d.engine.wall_s; delete d.engine.peak_rss_bytes;
fs.writeFileSync(process.argv[1], JSON.stringify(d));' "$1"
}

# measure NAME SCENARIO FLAG...: appends "NAME trace HASH" and "NAME FILE HASH" of each output file.
measure() {
    local name=$1 scenario=$2 file hash
    shift 2
    "$PFSIM" run "$scenario" --world virtual "$@" --quiet --out "$WORK/$name" >"$WORK/out" 2>"$WORK/err"
    [ $? -le 1 ] || { fail "$name does not run"; tail -n 5 "$WORK/err"; return; }
    hash=$(json "$WORK/$name/result.json" d.engine.trace_hash)
    plain "$WORK/$name/result.json"
    echo "$name trace $hash" >>"$WORK/found"
    for file in result.json phones.csv transfers.csv series.csv sites.csv phases.csv; do
        echo "$name $file $(sha256sum <"$WORK/$name/$file" | cut -c1-16)" >>"$WORK/found"
    done
    "$PFSIM" run "$scenario" --world virtual "$@" --quiet --check-determinism >"$WORK/out" 2>"$WORK/err"
    grep -q "^deterministic: .* trace hash $hash\$" "$WORK/err" ||
        fail "$name, run twice side by side: $(tail -n 1 "$WORK/err"), and $hash without the second run"
}

measure demo "$scenarios/demo.json"
measure demo-traditional "$scenarios/demo.json" --method traditional --set network=packet --set 'firmware[0].files[2].size="60 KB"'
measure three-sites "$scenarios/three-sites.json" --method load-server
measure tftp "$scenarios/tftp.json" --set server.window=4
measure tftp-packet "$here/storm.json" --set network=packet --set server.protocol=tftp --set 'server.max_transfers="none"'
measure late-starters "$scenarios/late-starters.json"
measure two-models "$scenarios/two-models.json" --set pfs.relay=cut-through --set 'pfs.chunk="16 KB"' --set pfs.fanout=5
measure static "$scenarios/demo.json" --set pfs.election=static --set pfs.hierarchy=per-load
measure storm "$here/storm.json"
measure storm-packet "$here/storm.json" --set network=packet --set pfs.hierarchy=per-load --set 'server.max_transfers="none"' --set 'server.uplink="none"'

if [ "$update" -eq 1 ]; then
    cp "$WORK/found" "$expected"
    echo "wrote $(wc -l <"$expected") hashes"
    finish
fi
while read -r name what hash; do
    found=$(awk -v n="$name" -v w="$what" '$1 == n && $2 == w { print $3 }' "$WORK/found")
    [ "$found" = "$hash" ] || fail "$name $what: found ${found:-nothing}, expected $hash"
done <"$expected"
[ "$(wc -l <"$WORK/found")" -eq "$(wc -l <"$expected")" ] || fail "expected.txt has other lines than there are scenarios here"
[ "$FAILURES" -eq 0 ] || echo "If what happens was meant to change: PFSIM=... tests/determinism/test_determinism.sh --update"
finish
