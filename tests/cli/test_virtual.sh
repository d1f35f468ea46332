#!/usr/bin/env bash
# Goal: a run in virtual time needs nothing of the machine, ends with the promised statuses, is the same to the byte each
# time, and is refused before memory runs out. Method: the program itself, the small scenario and the shipped ones.
PFSIM_LIMIT=60
. "$(dirname "$0")/lib.sh"
scenarios=$(cd "$(dirname "$0")/../../scenarios" && pwd)
small_scenario "$WORK/small.json"
result() { json "$WORK/out" "$1" 2>/dev/null; }
virtual=(--world virtual)

# Statuses, and which world it is.
run_status 0 "the world of the flag" "$PFSIM" run "$WORK/small.json" "${virtual[@]}" --json
grep -q 'virtual, fluid network' "$WORK/err" || fail "the first line does not say virtual: $(head -1 "$WORK/err")"
expect "upgraded" 5 "$(result d.phones.upgraded)"
expect "world" virtual "$(result d.world)"
expect "valid" true "$(result d.validity.valid)"
run_status 0 "the world of the scenario" "$PFSIM" run "$WORK/small.json" --json --quiet
expect "the scenario says live" live "$(result d.world)"
node -e 'const fs = require("fs"), d = JSON.parse(fs.readFileSync(process.argv[1])); delete d.world; fs.writeFileSync(process.argv[2], JSON.stringify(d))' \
    "$WORK/small.json" "$WORK/default.json"
run_status 0 "no world at all" "$PFSIM" run "$WORK/default.json" --json --quiet
expect "virtual is the default" virtual "$(result d.world)"
run_status 0 "a packet network" "$PFSIM" run "$WORK/default.json" --json --quiet --set network=packet
expect "network" packet "$(result d.network)"
run_status 1 "a missed threshold" "$PFSIM" run "$WORK/default.json" --quiet --set 'thresholds={"completion_s.p95":"< 0.001"}'
run_status 1 "a phone that crashes for good" "$PFSIM" run "$WORK/default.json" --json --quiet \
    --set 'faults=[{"kind":"crash","phone":2,"at":"50 ms"}]'
expect "the others are upgraded" 4 "$(result d.phones.upgraded)"
run_status 2 "an unknown world" "$PFSIM" run "$WORK/default.json" --world real
run_status 0 "a server that nobody can reach is not asked" "$PFSIM" run "$WORK/default.json" --quiet --json \
    --set 'server.url=http://127.0.0.1:1/' --set 'server.protocol=["http"]'
expect "upgraded without it" 5 "$(result d.phones.upgraded)"
run_status 0 "compare" "$PFSIM" compare "$WORK/default.json" --quiet --json --methods traditional,pfs,load-server
expect "five copies, one, none" "5 1 0" \
    "$(result 'd.runs.map(r => Math.round(r.wan.payload_bytes / d.runs[1].wan.payload_bytes)).join(" ")')"

# Memory that runs out while phones are made, in the first site or while others run: a sentence, and what ran is kept.
if [ "${SANITIZED:-0}" = 0 ]; then
    node -e '
const fs = require("fs"), d = JSON.parse(fs.readFileSync(process.argv[1])), site = d.sites[0];
const of = (count, more) => ({ ...site, ...more, phones: [{ ...site.phones[0], count }] });
d.server.max_transfers = "none";
d.sites = [of(100000, { name: "large" })];
fs.writeFileSync(process.argv[2], JSON.stringify(d));
d.sites = [of(50, { name: "first", count: 3 }), of(100000, { name: "large" }), of(50, { name: "behind", count: 4 })];
fs.writeFileSync(process.argv[3], JSON.stringify(d));' "$WORK/default.json" "$WORK/large.json" "$WORK/mixed.json"
    short() { bash -c 'ulimit -v 130000; exec "$@"' _ "$PFSIM" run "$@" --quiet --max-memory "8 GB"; }
    run_status 3 "no memory for the first site" short "$WORK/large.json"
    grep -q 'out of memory while making the run' "$WORK/err" || fail "memory that runs out at once: $(tail -n 1 "$WORK/err")"
    for threads in 1 2; do
        run_status 3 "no memory for a site, $threads threads" short "$WORK/mixed.json" --set threads=$threads --out "$WORK/mixed"
        grep -q 'out of memory' "$WORK/err" || fail "memory that runs out, $threads threads: $(tail -n 1 "$WORK/err")"
    done
fi

# The peer port is not touched, so two runs may go on at once, and a taken port is no trouble.
port=$(json "$WORK/small.json" d.pfs.port)
node -e 'require("net").createServer().listen(+process.argv[1], "0.0.0.0", () => console.log("up"))' "$port" >"$WORK/holder" &
CHILDREN+=($!)
wait_until 10 grep -q up "$WORK/holder"
run_status 0 "with the peer port taken" "$PFSIM" run "$WORK/small.json" "${virtual[@]}" --quiet
kill "${CHILDREN[-1]}"; wait "${CHILDREN[-1]}" 2>/dev/null; CHILDREN=()

# The story, the console.
run_status 0 "--verbose" "$PFSIM" run "$WORK/default.json" --verbose --set 'faults=[{"kind":"corrupt_peer","phone":"root"}]'
grep -q 'is root of' "$WORK/err" && grep -q 'rejected' "$WORK/err" || fail "--verbose tells no story"
run_status 0 "--phone-log" "$PFSIM" run "$WORK/default.json" --phone-log 127.1.0.3
grep -q 'DLoad: ' "$WORK/out" || fail "--phone-log prints no console"

# Samples: no second shows more than a fluid line carries, though ACKs are counted when a file has passed and small answers
# take no share.
for protocol in http tftp; do
    run_status 0 "a full line, $protocol" "$PFSIM" run "$scenarios/branch-t1.json" --quiet --method traditional --out "$WORK/up" \
        --set "server.protocol=$protocol" --set 'sites[0].wan.rate="512 kbit/s"' --set 'sites[0].phones[0].count=8'
    awk -F, 'NR > 1 && ($3 > 64000 || $4 > 64000) { print; bad = 1 } END { exit bad }' "$WORK/up/series.csv" || fail "more than the line carries"
done

# The same bytes in every file, twice; where sites run side by side on some threads, and where all run together.
for places in '"none"' 500; do
    for trial in a b; do
        threads=1
        [ "$trial$places" != 'b"none"' ] || threads=3
        run_status 0 "run $trial with $places places" "$PFSIM" run "$WORK/default.json" --quiet --out "$WORK/$trial" --set "threads=$threads" \
            --set 'sites[0].count=3' --set "server.max_transfers=$places" --set 'sites[0].lan.loss=0.01'
        node -e '
const fs = require("fs"), d = JSON.parse(fs.readFileSync(process.argv[1]));
delete d.engine.wall_s; delete d.engine.peak_rss_bytes;
fs.writeFileSync(process.argv[1], JSON.stringify(d));' "$WORK/$trial/result.json"
        sed -i -E 's/("threads":\s*|threads=)[13]/\10/g' "$WORK/$trial"/*.* # the scenario and the command are told
    done
    diff -r "$WORK/a" "$WORK/b" >/dev/null || fail "two runs with $places places differ: $(diff -rq "$WORK/a" "$WORK/b")"
    expect "files" "phases.csv phones.csv report.html result.json scenario.json series.csv sites.csv transfers.csv" \
        "$(ls "$WORK/a" | tr '\n' ' ' | sed 's/ $//')"
    expect "a row a phone with $places places" 16 "$(wc -l <"$WORK/a/phones.csv")"
    [ "$(awk -F, 'NR > 1 && $3 > 0' "$WORK/a/series.csv" | cut -d, -f2 | sort -u | wc -l)" -eq 3 ] ||
        fail "series.csv does not have every site's line"
    # Nothing that crossed a line is missing in the series: rates times the time since the row before. And no sample has
    # more than the line can carry, though small answers take no share of it.
    node -e '
const fs = require("fs"), dir = process.argv[1], d = JSON.parse(fs.readFileSync(dir + "/result.json"));
const at = {}, sum = {};
for (const line of fs.readFileSync(dir + "/series.csv", "utf8").trim().split("\n").slice(1)) {
  const [time, site, rate] = line.split(",");
  sum[site] = (sum[site] || 0) + rate * (time - (at[site] || 0));
  at[site] = +time;
  const limit = d.sites.find((s) => s.name === site).wan.configured_bit_s / 8;
  if (rate > limit) {
    console.log(`${site}: ${rate} bytes a second at ${time} s, where ${limit} are all`);
    process.exit(1);
  }
}
for (const s of d.sites)
  if (Math.abs(sum[s.name] - s.wan.bytes) > 0.001 * s.wan.bytes + 100) {
    console.log(`${s.name}: ${sum[s.name]} in the series, ${s.wan.bytes} on the line`);
    process.exit(1);
  }' "$WORK/a" || fail "series.csv is not what crossed the line with $places places"
done
head -5 "$WORK/a/series.csv" | grep -q branch#3 || fail "sites that run together are not ordered by time"

# Event by event beside a second run.
run_status 0 "--check-determinism" "$PFSIM" run "$WORK/default.json" --check-determinism --json --quiet --set 'sites[0].count=2'
grep -qE '^deterministic: [0-9]+ events, trace hash [0-9a-f]{16}$' "$WORK/err" || fail "it does not say so: $(cat "$WORK/err")"
expect "its hash is the result's" "$(sed 's/.* //' "$WORK/err")" "$(result d.engine.trace_hash)"
checked=$(result d.engine.trace_hash)
run_status 0 "the same without a second run" "$PFSIM" run "$WORK/default.json" --json --quiet --set 'sites[0].count=2'
expect "the hash of a plain run" "$checked" "$(result d.engine.trace_hash)"
run_status 0 "another seed" "$PFSIM" run "$WORK/default.json" --json --quiet --set 'sites[0].count=2' --seed 2
[ "$(result d.engine.trace_hash)" != "$checked" ] || fail "another seed has the same hash"
run_status 2 "--check-determinism of a live run" "$PFSIM" run "$WORK/small.json" --check-determinism

# Memory.
run_status 3 "--max-memory that is too small" "$PFSIM" run "$scenarios/million.json" --max-memory "20 MB"
grep -qE 'may take [0-9.]+ MB of memory, and 20 MB are allowed' "$WORK/err" || fail "no estimate: $(cat "$WORK/err")"
run_status 3 "a million phones that share a server" "$PFSIM" run "$scenarios/million.json" --max-memory "512 MiB" \
    --set server.max_transfers=500
grep -q 'one after another' "$WORK/err" || fail "it does not say what to do: $(cat "$WORK/err")"
run_status 2 "--max-memory without a unit" "$PFSIM" run "$WORK/default.json" --max-memory 20
run_status 0 "--max-memory that is enough" "$PFSIM" run "$WORK/default.json" --max-memory "100 MiB" --quiet

# The estimate is what a run then takes: at most a tenth more, at least four fifths. Sanitizers take memory of their own.
megabytes() { sed -nE 's/.*may take ([0-9.]+) ([kMG])B of memory.*/\1 \2/p' "$WORK/err" | awk '{ print $1 * ($2 == "G" ? 1000 : $2 == "k" ? 0.001 : 1) }'; }
for crowd in "--method traditional --set start.spread=\"0_s\"" "--method pfs" "--method pfs --set network=packet --set sites[0].count=2"; do
    [ "${SANITIZED:-0}" != 1 ] || break
    flags=(--world virtual --quiet --json --set server.max_transfers=5000)
    for flag in $crowd; do flags+=("${flag//_/ }"); done
    run_status 3 "an estimate, $crowd" "$PFSIM" run "$scenarios/phones-5000.json" "${flags[@]}" --max-memory 1MB
    estimate=$(megabytes)
    run_status 0 "a crowd, $crowd" "$PFSIM" run "$scenarios/phones-5000.json" "${flags[@]}"
    node -e 'const [estimate, peak] = process.argv.slice(1).map(Number); console.log(`${estimate} MB estimated, ${peak / 1e6} taken`);
process.exit(estimate > 0.9 * peak / 1e6 && estimate < 1.25 * peak / 1e6 ? 0 : 1)' "$estimate" "$(result d.engine.peak_rss_bytes)" ||
        fail "the estimate is off, $crowd"
done

# Where a fluid line is off, it says so; a packet line is not.
run_status 0 "a fluid line with loss" "$PFSIM" run "$WORK/default.json" --json --quiet --set 'sites[0].wan.loss=0.01'
[ "$(result 'd.caution.some(c => /branch/.test(c) && /1 %/.test(c) && /packet/.test(c))')" = true ] || fail "no caution of loss"
run_status 0 "a packet line with loss" "$PFSIM" run "$WORK/default.json" --json --quiet --set 'sites[0].wan.loss=0.01' \
    --set network=packet
[ "$(result 'd.caution.some(c => /fluid/.test(c))')" = false ] || fail "a caution of fluid lines on a packet line"

# Ctrl-C writes what there is.
PFSIM=$PROGRAM
"$PFSIM" run "$scenarios/million.json" --out "$WORK/partial" 2>"$WORK/err" >"$WORK/out" &
pid=$!
CHILDREN+=($pid)
wait_until 20 grep -q 'million' "$WORK/err" || fail "the long run does not begin"
read -r -t 0.5 <> <(:) || true
kill -INT $pid
wait $pid
expect "status after Ctrl-C" 130 $?
CHILDREN=()
expect "phones in the partial result" 1000000 "$(json "$WORK/partial/result.json" d.phones.total)"
finish
