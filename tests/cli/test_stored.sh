#!/usr/bin/env bash
# Goal: a scenario that a command stored (scenario.json, a combination of a sweep, what calibrate fitted, a share) runs and is
# reported on from any folder, also when it names files beside the original one. Method: a scenario that names a recorded
# line, a folder of firmware and a certificate by relative paths, stored from one folder and used from another; then the
# whole tree of folders is moved.
. "$(dirname "$0")/lib.sh"
mkdir -p "$WORK/tree/site/firmware" "$WORK/elsewhere"
node -e 'for (let i = 1; i <= 300; i++) console.log(i * 2); for (let i = 1; i <= 60; i++) console.log(600 + i * 10)' >"$WORK/cell.trace"
cp "$WORK/cell.trace" "$WORK/tree/site"
head -c 40000 /dev/zero >"$WORK/tree/site/firmware/jar41.sbn"
echo 'of nobody' >"$WORK/tree/site/ca.pem"
cat >"$WORK/tree/site/s.json" <<'EOS'
{ "name": "stored", "firmware": [ { "model": "CP-7961G", "load": "SCCP41.test", "directory": "firmware" } ],
  "server": { "protocol": "http", "max_transfers": "none", "tls": { "ca_file": "../site/ca.pem" } },
  "sites": [ { "name": "branch", "count": 2, "wan": { "rate": { "down": { "trace": "cell.trace" }, "up": "1 Mbit/s" } },
               "phones": [ { "system": "cucm", "model": "CP-7961G", "count": 6 } ] } ] }
EOS
cd "$WORK/tree" || exit 1
run_status 0 "a run" "$PFSIM" run site/s.json --out out/run --quiet
run_status 0 "a comparison" "$PFSIM" compare site/s.json --out out/both --quiet
run_status 0 "a sweep" "$PFSIM" sweep site/s.json --repeat 1 --vary method=pfs,traditional --out out/sweep --keep --quiet
for i in 0 1; do run_status 0 "share $i" "$PFSIM" run site/s.json --shard "$i/2" --out "out/shares/$i" --quiet; done
run_status 0 "a run with a seed of its own" "$PFSIM" run site/s.json --seed 18446744073709551615 --method load-server --out out/seed --quiet
run_status 0 "that run once more" "$PFSIM" run out/seed/scenario.json --json --quiet
expect "its trace" "$(json out/seed/result.json d.engine.trace_hash)" "$(json "$WORK/out" d.engine.trace_hash)"
expect "paths as seen from the folder" "../../site/firmware ../../site/cell.trace ../../site/ca.pem" "$(json out/run/scenario.json \
    '[d.firmware[0].directory, d.sites[0].wan.rate.down.trace, d.server.tls.ca_file].join(" ")')"

# A report has the line as it was, not its mean.
drawn() { node -e 'const t = require("fs").readFileSync(process.argv[1], "utf8"); const m = t.match(/"configured":\{"t":\[([^\]]*)\]/); console.log(m ? m[1].split(",").filter(x => x).length > 5 : "no curve")' "$1"; }
for report in run both both/pfs; do
    expect "the line's curve in out/$report" true "$(drawn "out/$report/report.html")"
done

# From another folder.
cd "$WORK/elsewhere" || exit 1
hash() { json "$1" d.engine.trace_hash; }
want=$(hash "$WORK/tree/out/run/result.json")
same() { expect "the trace of $1" "$want" "$(hash "$2")"; }
used() {
    local tree=$1 out=$2
    run_status 0 "the stored scenario, $out" "$PFSIM" run "$tree/out/run/scenario.json" --out "$out/again" --quiet
    same "the stored scenario, $out" "$out/again/result.json"
    run_status 0 "stored once more, $out" "$PFSIM" run "$out/again/scenario.json" --json --quiet
    same "what was stored twice, $out" "$WORK/out"
    run_status 0 "of a comparison, $out" "$PFSIM" run "$tree/out/both/pfs/scenario.json" --json --quiet
    same "of a comparison, $out" "$WORK/out"
    run_status 0 "the other method of a comparison, $out" "$PFSIM" run "$tree/out/both/traditional/scenario.json" --json --quiet
    expect "its trace" "$(hash "$tree/out/both/traditional/result.json")" "$(hash "$WORK/out")"
    run_status 0 "a kept run of a sweep, $out" "$PFSIM" run "$(ls -d "$tree"/out/sweep/runs/* | head -n 1)/scenario.json" --json --quiet
    same "a kept run of a sweep, $out" "$WORK/out"
    sqlite3 "$tree/out/sweep/sweep.sqlite" 'SELECT scenario FROM combinations WHERE combination = 0' >"$tree/out/sweep/best.json"
    run_status 0 "a combination, $out" "$PFSIM" run "$tree/out/sweep/best.json" --json --quiet
    same "a combination, $out" "$WORK/out"
    run_status 0 "a report, $out" "$PFSIM" report "$tree/out/run" -o "$out/report.html"
    expect "the line's curve, $out" true "$(drawn "$out/report.html")"
    run_status 0 "merged, $out" "$PFSIM" merge "$tree"/out/shares/* --out "$out/merged"
    expect "phones of the merged run, $out" 12 "$(json "$out/merged/result.json" d.phones.upgraded)"
    run_status 0 "what was merged, $out" "$PFSIM" run "$out/merged/scenario.json" --json --quiet
    same "what was merged, $out" "$WORK/out"
}
mkdir "$WORK/elsewhere/a" "$WORK/elsewhere/b"
used ../tree a
run_status 0 "calibrate" "$PFSIM" calibrate ../tree/out/run -o a/fitted.json
run_status 0 "what was fitted" "$PFSIM" check a/fitted.json

# Numbers that can't be are told with their place by whatever reads a result.
# impossible FILE PATTERN SENTENCE COMMAND...: the number in the file is replaced, then the command is refused.
impossible() {
    local file=$1 edit=$2 says=$3
    shift 3
    cp "$file" "$WORK/kept"
    sed -E -i "$edit" "$file"
    cmp -s "$file" "$WORK/kept" && fail "$edit changes nothing in $file"
    run_status 2 "$1 after $edit" "$PFSIM" "$@"
    expect "sentences of $1 after $edit" 1 "$(wc -l <"$WORK/err")"
    grep -q "$says" "$WORK/err" || fail "$1 after $edit: $(cat "$WORK/err")"
    cp "$WORK/kept" "$file"
}
out=../tree/out
impossible $out/run/result.json '0,/"total":/s/"total":.*,/"total": 1e300,/' \
    'result.json:[0-9]*: phones.total: found 1e+300, expected a whole number, from 0 to 10000000' report $out/run -o a/never.html
impossible $out/run/result.json '0,/"last":/s/"last":.*/"last": -1/' 'completion_s.last: found -1, expected a number or null, from 0' calibrate $out/run
impossible $out/both/compare.json '0,/"requests":/s/"requests":.*,/"requests": 2.5,/' \
    'compare.json:[0-9]*: runs\[0\].server.requests: found 2.5, expected a whole number' report $out/both -o a/never.html
impossible $out/sweep/sweep.json 's/"failed":[^,]*,/"failed": 1e999,/' 'failed: found a number beyond 1.8e308, expected a whole number' report $out/sweep -o a/never.html
for i in 0 1; do run_status 0 "share $i of a comparison" "$PFSIM" compare ../tree/site/s.json --shard "$i/2" --out "a/both/$i" --quiet; done
impossible a/both/1/compare.json '0,/"seed":/s/"seed":.*,/"seed": "-5",/' 'runs\[0\].seed: found the text "-5", expected a text like' merge a/both/0 a/both/1
[ ! -e a/never.html ] || fail "a report of a result that was refused"

# The same bytes in another tree that is laid out alike; and a tree may move.
cp -r "$WORK/tree/site" "$WORK/elsewhere/b/site"
(cd b && "$PFSIM" run site/s.json --out out/run --quiet >/dev/null)
for file in scenario.json phones.csv phases.csv series.csv; do
    cmp -s "b/out/run/$file" "$WORK/tree/out/run/$file" || fail "$file depends on where the tree is"
done
rm -rf "$WORK/elsewhere/b"
mkdir "$WORK/elsewhere/b"
mv "$WORK/tree" "$WORK/moved"
used "$WORK/moved" b
# Where the files are gone it says so, and a report falls back to the mean.
rm "$WORK/moved/site/cell.trace"
run_status 2 "without its trace" "$PFSIM" run "$WORK/moved/out/run/scenario.json" --quiet
grep -q 'cell.trace' "$WORK/err" || fail "the file is not named: $(cat "$WORK/err")"
run_status 2 "merge without its trace" "$PFSIM" merge "$WORK"/moved/out/shares/*
grep -q 'are looked for beside' "$WORK/err" || fail "where files are looked for is not said: $(cat "$WORK/err")"
mkdir "$WORK/here" "$WORK/site"
cp -r "$WORK/moved/site/." "$WORK/cell.trace" "$WORK/here"
cp "$WORK/moved/site/ca.pem" "$WORK/site"
run_status 0 "merge where the files are" sh -c 'cd "$1" && exec "$2" merge "$3"/moved/out/shares/* --json' _ "$WORK/here" "$PFSIM" "$WORK"
run_status 0 "report without the trace" "$PFSIM" report "$WORK/moved/out/run" -o a/report.html
expect "no curve without the trace" false "$(drawn a/report.html)"
finish
