#!/usr/bin/env bash
# Goal: a run dealt to several programs and merged is the run: the same bytes in every file. Shares that don't belong
# together, or were cut or edited, are refused in a sentence and nothing is written.
# Method: the program itself on a scenario with three classes of sites, whole and in 1 to 7 shares (more than there are
# sites); both networks, all methods, faults, trees with re-elections; then damage by hand.
PFSIM_LIMIT=60
. "$(dirname "$0")/lib.sh"
# Some 60 folders of results: in memory where that is possible, since each of their files is flushed to the disk.
if memory=$(mktemp -d /dev/shm/pfsim-test.XXXXXX 2>/dev/null); then
    disk=$WORK
    WORK=$memory
    trap 'cleanup; rm -rf "$disk"' EXIT
fi
cat >"$WORK/three.json" <<'EOS'
{ "name": "three classes", "seed": 7,
  "firmware": [
    { "model": "CP-7961G", "load": "SCCP41.test", "files": [
      { "name": "jar41.sbn", "size": "163 kB" }, { "name": "cnu41.sbn", "size": "55 kB" } ] },
    { "model": "CP-7970G", "load": "SCCP70.test", "files": [ { "name": "jar70.sbn", "size": "120 kB" } ] } ],
  "server": { "protocol": "http", "max_transfers": "none" },
  "sites": [
    { "name": "small", "count": 2, "wan": { "rate": "384 kbit/s", "rtt": "150 ms" },
      "phones": [ { "system": "cucm", "model": "CP-7961G", "count": 4 } ] },
    { "name": "large", "count": 2, "wan": { "rate": "1.536 Mbit/s", "rtt": "80 ms" }, "lan": { "loss": 0.01 },
      "phones": [ { "system": "cucm", "model": "CP-7961G", "count": 6 }, { "system": "cucm", "model": "CP-7970G", "count": 3 } ] },
    { "name": "office", "count": 1, "wan": "none", "phones": [ { "system": "bare", "model": "CP-7970G", "count": 13 } ] } ],
  "start": { "spread": "5 s" },
  "faults": [ { "kind": "crash", "site": "large", "phone": 3, "at": "15 s" },
              { "kind": "crash", "site": "small#2", "phone": "root", "when": "fetching", "down_for": "20 s" } ],
  "thresholds": { "completion_s.p95": "< 600", "sites[large].phones.failed": "== 1" } }
EOS

# What differs from run to run goes: wall time and memory.
plain() { sed -E -i 's/"(wall_s|peak_rss_bytes)":[ \t]*[0-9.e+-]+/"\1":0/g' "$1/result.json" "$1/report.html"; }

# shares N OUT FLAG...: runs every share into OUT/I.
shares() {
    local n=$1 out=$2 i
    shift 2
    for ((i = 0; i < n; i++)); do
        "$PFSIM" run "$WORK/three.json" --shard "$i/$n" --out "$out/$i" --quiet "$@" >"$WORK/out" 2>"$WORK/err"
        [ $? -le 1 ] || { fail "share $i/$n $* does not run"; tail -n 3 "$WORK/err"; }
    done
}

# whole_and_parts COUNTS FLAG...: for each number of shares the merged files must be those of the whole run.
whole_and_parts() {
    local counts=$1 n file
    shift
    rm -rf "$WORK/whole"
    "$PFSIM" run "$WORK/three.json" --out "$WORK/whole" --quiet "$@" >"$WORK/out" 2>"$WORK/err"
    local want=$?
    plain "$WORK/whole"
    for n in $counts; do
        rm -rf "$WORK/shares" "$WORK/merged"
        shares "$n" "$WORK/shares" "$@"
        run_status "$want" "merge of $n, $*" "$PFSIM" merge "$WORK"/shares/* --out "$WORK/merged"
        plain "$WORK/merged"
        expect "files of $n, $*" "$(ls "$WORK/whole")" "$(ls "$WORK/merged")"
        for file in "$WORK"/whole/*; do
            cmp -s "$file" "$WORK/merged/${file##*/}" || fail "$n shares, $*: ${file##*/} is not that of the whole run"
        done
    done
}
whole_and_parts "3" --method traditional
whole_and_parts "3" --method load-server --set network=packet
whole_and_parts "3" --set network=packet --set server.protocol=tftp
whole_and_parts "2" --set 'faults=[{"kind":"server_down","at":"8 s","down_for":"2 min"}]' --set server.retries=1 --set 'server.timeout=1 s'
whole_and_parts "1 2 5 7"
expect "thresholds are judged over all" "true true" "$(json "$WORK/merged/result.json" 'd.thresholds.map(t => t.met).join(" ")')"
expect "a phone failed" 2 "$(json "$WORK/merged/result.json" d.phones.failed)"
expect "the last of seven" '{"index":6,"of":7,"first_site":5,"sites":0}' \
    "$(json "$WORK/shares/6/result.json" 'JSON.stringify(d.shard)')"
expect "an empty share" "0 true" "$(json "$WORK/shares/6/result.json" 'd.phones.total + " " + d.validity.valid')"
run_status 0 "an empty share runs" "$PFSIM" run "$WORK/three.json" --shard 6/7
run_status 1 "a result.json for a folder" "$PFSIM" merge "$WORK"/shares/*/result.json --json --junit "$WORK/merged.xml"
grep -q "<testsuites name=\"$(json "$WORK/out" d.scenario)\"" "$WORK/merged.xml" || fail "the JUnit file does not name the scenario"
expect "the merged document" 39 "$(json "$WORK/out" d.phones.total)"

# The shares of a comparison are the comparison; each method of it can be merged by itself too.
run_status 1 "a whole comparison" "$PFSIM" compare "$WORK/three.json" --methods pfs,traditional --out "$WORK/compared" --quiet
for i in 0 1 2; do
    run_status $((i < 2)) "compare, share $i of 3" "$PFSIM" compare "$WORK/three.json" --methods pfs,traditional --shard "$i/3" --out "$WORK/three/$i" --quiet
done
run_status 1 "a comparison merged" "$PFSIM" merge "$WORK"/three/? --out "$WORK/together" --junit "$WORK/together.xml"
grep -q '^pfs left 2 of 39 phones behind; traditional left 1' "$WORK/out" || fail "the merged comparison is told otherwise: $(head -n 3 "$WORK/out")"
expect "suites of the JUnit file" 2 "$(grep -c '<testsuite ' "$WORK/together.xml")"
for dir in compared together; do
    sed -E -i 's/"(wall_s|peak_rss_bytes)":[ \t]*[0-9.e+-]+/"\1":0/g' "$WORK/$dir"/compare.json "$WORK/$dir"/report.html "$WORK/$dir"/*/result.json "$WORK/$dir"/*/report.html
done
expect "files of a merged comparison" "$(cd "$WORK/compared" && find . | sort)" "$(cd "$WORK/together" && find . | sort)"
diff -rq "$WORK/compared" "$WORK/together" >"$WORK/differences" || fail "a merged comparison is not the whole one: $(cat "$WORK/differences")"
run_status 1 "a merged comparison as JSON" "$PFSIM" merge "$WORK"/three/2/compare.json "$WORK"/three/[01] --json
expect "runs of it" "pfs,traditional 39" "$(json "$WORK/out" 'd.runs.map(r => r.method).join() + " " + d.runs[1].phones.total')"
for i in 0 1; do
    run_status 1 "compare, share $i" "$PFSIM" compare "$WORK/three.json" --shard "$i/2" --out "$WORK/both/$i" --quiet
done
run_status 1 "a method's folders" "$PFSIM" merge "$WORK"/both/?/pfs --out "$WORK/pfs"
cmp -s "$WORK/pfs/phones.csv" "$WORK/merged/phones.csv" || fail "compare's shares give other phones than run's"

# Sites that share a server: said, and still one result.
rm -rf "$WORK/shares"
shares 2 "$WORK/shares" --set server.max_transfers=5
run_status 1 "a server each" "$PFSIM" merge "$WORK"/shares/* --json
expect "a caution" 1 "$(json "$WORK/out" 'd.caution.filter(c => /2 shares/.test(c)).length')"

# Who numbers the shares.
index_of() { env "$@" "$PFSIM" run "$WORK/three.json" --shard 7 --json --quiet 2>"$WORK/err" >"$WORK/out"
    [ $? -le 1 ] && json "$WORK/out" d.shard.index || tail -n 1 "$WORK/err"; }
expect "Kubernetes" 6 "$(index_of JOB_COMPLETION_INDEX=6)"
expect "Slurm" 3 "$(index_of SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_STEP=2)"
expect "Open MPI" 5 "$(index_of OMPI_COMM_WORLD_RANK=5)"
expect "GNU parallel" 6 "$(index_of PARALLEL_SEQ=7)"
case $(index_of PARALLEL_SEQ=8) in *'PARALLEL_SEQ is "8"; expected a number from 1 to 7'*) ;; *) fail "PARALLEL_SEQ=8: $(cat "$WORK/err")" ;; esac
case $(index_of A=b) in *"neither here"*) ;; *) fail "no index: $(cat "$WORK/err")" ;; esac
for bad in 7/7 -1/7 1/0 x 1/ /; do run_status 2 "--shard $bad" "$PFSIM" run "$WORK/three.json" --shard "$bad"; done

# refused WHAT PATTERN RESULT...: status 2, a sentence, no files.
refused() {
    local what=$1 pattern=$2
    shift 2
    run_status 2 "$what" "$PFSIM" merge "$@" --out "$WORK/none"
    expect "$what: sentences" 1 "$(wc -l <"$WORK/err")"
    grep -q "$pattern" "$WORK/err" || fail "$what: $(cat "$WORK/err")"
    [ ! -e "$WORK/none" ] || fail "$what: something was written"
}
rm -rf "$WORK/shares"
shares 3 "$WORK/shares"
shares 2 "$WORK/other" --seed 8
s=$WORK/shares
refused "one is missing" "1 of 3 shares is missing: 1" "$s/0" "$s/2"
refused "one is there twice" "share 0 of 3 is there twice" "$s/0" "$s/1" "$s/0" "$s/2"
refused "another run" "not of one run: they have other seeds" "$s/0" "$WORK/other/1"
refused "a whole run" "result of a whole run" "$WORK/whole"
mkdir "$WORK/empty" && echo '{}' >"$WORK/empty/result.json"
refused "an empty result" "no result of pfsim" "$WORK/empty"
refused "nothing there" "is not there" "$WORK/nothing"
refused "one share of a comparison" "1 of 2 shares is missing: 1" "$WORK/both/0"
refused "a comparison among runs" "is of pfsim compare" "$s/0" "$WORK/both/1"
refused "a run among comparisons" "has no compare.json" "$WORK/both/0" "$s/1"
refused "other methods" "compares traditional,pfs and .* compares pfs,traditional" "$WORK/both/0" "$WORK/three/1"
cp -r "$WORK/both/1" "$WORK/hurt" && sed -i '$d' "$WORK/hurt/pfs/shard.txt"
refused "a comparison with a damaged share" "ends too early" "$WORK/both/0" "$WORK/hurt"
refused "no result" "has no shard.txt" "$WORK"
# damage FILE SED WHAT PATTERN: share 1 with an edited file.
damage() {
    rm -rf "$WORK/bad"
    cp -r "$s/1" "$WORK/bad"
    sed -i "$2" "$WORK/bad/$1"
    refused "$3" "$4" "$s/0" "$WORK/bad" "$s/2"
}
damage shard.txt '$d' "the checksum is gone" "ends too early"
damage shard.txt '/^phones/,$d' "half a file" "ends too early"
damage shard.txt 's/^usage 0 /usage 1 /' "one digit" "checksum is wrong"
damage shard.txt 's/^phones 9/phones 8/' "fewer phones" "has 8 phones where its share of the scenario has 9"
damage shard.txt '1s/shard 1/shard 9/' "a later format" "format 9"
damage shard.txt '1s/.*/hello/' "another file" "not what a run with --shard writes"
damage series.csv '2d' "a row less" "is not what the run wrote"
rm -rf "$WORK/bad"; cp -r "$s/1" "$WORK/bad"; rm "$WORK/bad/series.csv"
refused "a file less" "can't be opened" "$s/0" "$WORK/bad" "$s/2"
run_status 3 "merged into a file" "$PFSIM" merge "$s/0" "$s/1" "$s/2" --out "$WORK/three.json"
run_status 1 "a run of everything into a share's folder" "$PFSIM" run "$WORK/three.json" --out "$WORK/bad" --quiet
[ ! -e "$WORK/bad/shard.txt" ] || fail "what a share left stays beside another result"

# Live: only the share's phones are made, and needed.
small_scenario "$WORK/live.json"
"$PFSIM" doctor "$WORK/live.json" --set 'sites[0].count=6' --shard 1/3 >"$WORK/out"
grep -q "small: 10 phones in 2 sites" "$WORK/out" || fail "doctor --shard: $(head -n 1 "$WORK/out")"
for i in 0 1; do
    run_status 0 "live share $i" "$PFSIM" run "$WORK/live.json" --set 'sites[0].count=2' --shard "$i/2" --out "$WORK/live/$i"
    expect "phones of live share $i" 5 "$(json "$WORK/live/$i/result.json" d.phones.upgraded)"
    expect "site of live share $i" "branch#$((i + 1))" "$(json "$WORK/live/$i/result.json" 'd.sites.map(s => s.name).join()')"
done
run_status 0 "merged live shares" "$PFSIM" merge "$WORK"/live/? --out "$WORK/live/merged"
expect "all phones" 10 "$(json "$WORK/live/merged/result.json" d.phones.upgraded)"
expect "two sites" 2 "$(json "$WORK/live/merged/result.json" d.sites.length)"
expect "rows by time" "" "$(cut -d, -f1 "$WORK/live/merged/series.csv" | tail -n +2 | sort -n -c 2>&1)"
expect "phones of both" 11 "$(wc -l <"$WORK/live/merged/phones.csv")"
finish
