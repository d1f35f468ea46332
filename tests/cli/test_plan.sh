#!/usr/bin/env bash
# Goal: pfsim plan finds the cheapest measure of each kind, says so when none does, and hands over a scenario that keeps
# what was asked for. Method: small scenarios, each of which only one measure helps; statuses, the plan's document, and
# the planned scenario run.
PFSIM_LIMIT=100
. "$(dirname "$0")/lib.sh"
# `"network": "fluid"`, bare phones and small files: a run takes a hundredth of a second.
cat >"$WORK/one.json" <<EOF
{ "name": "one branch", "method": "traditional",
  "firmware": [ { "model": "A", "load": "a", "files": [ { "name": "f", "size": "60 KB" }, { "name": "g", "size": "40 KB" } ] } ],
  "server": { "protocol": "http" },
  "sites": [ { "name": "branch", "count": 2, "wan": { "rate": "1 Mbit/s", "rtt": "20 ms" },
    "phones": [ { "system": "bare", "count": 8 } ] } ],
  "start": { "spread": "1 s" }, "pfs": { "root_wait": "1 s" } }
EOF
plan() { # STATUS WHAT ARGUMENTS...
    local want=$1 what=$2
    shift 2
    run_status "$want" "$what" "$PFSIM" plan "$WORK/one.json" --quiet --json --seeds 2 "$@"
}
class() { json "$WORK/out" "d.classes[0].$1" 2>/dev/null; }
# 8 x 100 KB over 1 Mbit/s: 6.4 s and headers; over 200 kbit/s 32 s, one copy 4 s.
plan 0 "fits as it is" --finish-by "30 s"
expect "nothing to change" "true 0 true" "$(json "$WORK/out" '[d.fits_as_it_is, d.changed, d.found].join(" ")')"
expect "no search, and with more seeds than its" "8 8 0" "$(json "$WORK/out" '[d.runs, d.confirmed, d.mixes].join(" ")')"

thin=(--set 'sites[0].wan.rate="200 kbit/s"')
plan 0 "fits with PFS" --finish-by "20 s" "${thin[@]}" --out "$WORK/pfs"
expect "its measure" pfs "$(class 'measure.parts.join()')"
expect "no phone was turned away" null "$(json "$WORK/out" 'String(d.server_limit)')"
expect "its limit with the unit it came with" "<= 20 s" "$(json "$WORK/pfs/planned.json" 'd.thresholds["completion_s.last"]')"
expect "as it is it misses" false "$(class as_it_is.met)"
expect "one copy on paper" 4 "$(class bounds.one_copy_s)"
expect "a copy each" 32 "$(class bounds.all_copies_s)"
run_status 0 "what is handed over is a scenario" "$PFSIM" check "$WORK/pfs/planned.json"
run_status 0 "and keeps what was asked for" "$PFSIM" run "$WORK/pfs/planned.json" --quiet --json
expect "by PFS" "pfs true" "$(json "$WORK/out" '[d.method, d.thresholds[0].met].join(" ")')"

# A server with few places turns phones away: without sharing only time helps.
plan 0 "fits only with a longer start" --finish-by "4 h" --methods traditional --out "$WORK/spread" \
    --set server.max_transfers=1 --set server.retries=0 --set 'sites[0].count=1'
expect "its measure" spread "$(class 'measure.parts.join()')"
# Or the server does more, or lets them wait: said beside the plan, by a run of all sites.
expect "who is turned away, and who is not without the limit" "1 true queue 0 branch 0 1 none 0 branch 0 8" \
    "$(json "$WORK/out" '[d.server_limit.max_transfers, d.server_limit.refused > 0, ...d.server_limit.settings.map(s => [s.value, s.sites_missing, s.fits.join(), s.trial.failed, s.peak_transfers].join(" "))].join(" ")')"
run_status 0 "and it does" "$PFSIM" run "$WORK/spread/planned.json" --quiet
run_status 0 "in words" "$PFSIM" plan "$WORK/one.json" --quiet --seeds 1 --finish-by "10 min" --methods traditional \
    --set server.max_transfers=1 --set server.retries=0 --set 'sites[0].count=1'
grep -q 'server.overflow "queue": 1 of 1 site fits (branch); 0 phones fail' "$WORK/out" || fail "the queue is not offered"
grep -q "plan with --set 'server.overflow=\"queue\"'" "$WORK/out" || fail "it does not say how to plan with it"
run_status 1 "which the first did not" "$PFSIM" run "$WORK/one.json" --quiet --set server.max_transfers=1 \
    --set server.retries=0 --set 'sites[0].count=1'

# 100 KB in 512-byte blocks, 100 ms each: 20 s, shared or not; the server grants larger ones.
tftp=(--set server.protocol=tftp --set 'sites[0].wan.rtt="100 ms"' --set 'sites[0].wan.rate="20 Mbit/s"')
plan 0 "fits with larger blocks" --finish-by "14 s" "${tftp[@]}" --out "$WORK/block"
expect "its measure" block "$(class 'measure.parts.join()')"
expect "the alternatives" "http load-server" "$(class 'alternatives.map(a => a.measure.parts.join("+")).filter(a => !/block/.test(a)).join(" ")')"
run_status 0 "and it does" "$PFSIM" run "$WORK/block/planned.json" --quiet
plan 0 "or with HTTP, when that is cheap" --finish-by "14 s" "${tftp[@]}" --cost http=1
expect "its measure" http "$(class 'measure.parts.join()')"

# No longer than a copy takes: only a load server is quick enough.
plan 0 "fits only with a load server" --finish-by "3 s" "${thin[@]}" --out "$WORK/ls"
expect "its measure" load-server "$(class 'measure.parts.join()')"
expect "PFS is ruled out on paper" 4 "$(class 'tried.find(t => t.measure.parts.join() === "pfs").bound_s')"
run_status 0 "and it does" "$PFSIM" run "$WORK/ls/planned.json" --quiet

# A share of the line: a limit, and who is too slow then shares too.
plan 0 "keeps a share of the line" --finish-by "100 s" --wan-share 0.5 "${thin[@]}" --out "$WORK/share"
expect "its measure" limit "$(class 'measure.parts.join()')"
expect "no second over the half" true "$(class 'trial.wan_peak_bit_s <= 100000')"
run_status 0 "and it does" "$PFSIM" run "$WORK/share/planned.json" --quiet
plan 0 "and is quick with it" --finish-by "30 s" --wan-share 0.5 "${thin[@]}"
expect "its measure" "pfs,limit" "$(class 'measure.parts.join()')"

plan 1 "impossible" --finish-by "3 s" --methods pfs "${thin[@]}" --out "$WORK/no"
expect "no plan" "false false" "$(json "$WORK/out" '[d.found, d.classes[0].solved].join(" ")')"
[ ! -e "$WORK/no/planned.json" ] || fail "a plan that is none is handed over"
run_status 1 "in words" "$PFSIM" plan "$WORK/one.json" --quiet --seeds 1 --finish-by "3 s" --methods pfs "${thin[@]}"
grep -q 'even one copy takes 4 s' "$WORK/out" || fail "it does not say what even one copy takes"
grep -Eq '^branch .* as it is +[0-9].* -[0-9]+ %$' "$WORK/out" || fail "the nearest, and by how much it misses, is not told"
grep -q 'must hold: completion_s.last <= 3 s' "$WORK/out" || fail "a limit is not in people's units"
grep -q 'ruled out by closed forms: takes 4 s at least' "$WORK/out" || fail "what was ruled out on paper is not told"
expect "no line is too wide or ends in blanks" "" "$(grep -E '.{101}| $' "$WORK/out")"
run_status 3 "no report of a plan that is none" "$PFSIM" report "$WORK/no"
run_status 3 "nor of a plan" "$PFSIM" report "$WORK/share"
grep -q 'pfsim run .*/planned.json' "$WORK/err" || fail "it does not say how to come to a report"

# Several classes: each its own; faults and thresholds of one site stay with it. The same bytes however many at once.
several=(--set 'sites[1]={"name":"thin","wan":{"rate":"300 kbit/s","rtt":"20 ms"},"phones":[{"system":"bare","count":8}]}'
    --set 'sites[2]={"count":3,"wan":{"rate":"10 Mbit/s","rtt":"20 ms"},"phones":[{"system":"bare","count":3}]}'
    --set 'faults=[{"kind":"wan_down","site":"site-3#2","at":"2 s","down_for":"1 s"}]'
    --set 'thresholds={"sites[thin].completion_s.p95":"< 15","completion_s.last":"<= 20"}')
plan 0 "several classes" "${several[@]}" --jobs 1 --out "$WORK/a"
expect "only one needs it" "/pfs/" "$(json "$WORK/out" 'd.classes.map(c => c.measure.parts.join()).join("/")')"
cp "$WORK/out" "$WORK/first"
plan 0 "again, side by side" "${several[@]}" --jobs 3 --out "$WORK/b"
cmp "$WORK/first" "$WORK/out" || fail "the plan depends on the number of processes"
cmp "$WORK/a/planned.json" "$WORK/b/planned.json" || fail "so does what is handed over"

expect "sites that miss, their phones and the usual last one" "1 0 true" \
    "$(json "$WORK/first" '(t => [t.sites_missing, t.failed_all_copies, t.last_median_s > 15].join(" "))(d.classes[1].as_it_is)')"

# Limits of all sites together: the class with most of it comes down first, and as far as it has to.
three=(--set 'sites[1]={"name":"big","wan":{"rate":"2 Mbit/s","rtt":"20 ms"},"phones":[{"system":"bare","count":30}]}'
    --set 'sites[2]={"name":"tiny","count":4,"wan":{"rate":"1 Mbit/s","rtt":"20 ms"},"phones":[{"system":"bare","count":2}]}')
plan 0 "bytes of all lines" "${three[@]}" --set 'thresholds={"wan.payload_bytes":"<= 3 MB"}' --out "$WORK/bytes"
expect "the heaviest shares" "/pfs/" "$(json "$WORK/out" 'd.classes.map(c => c.measure.parts.join()).join("/")')"
expect "who had how much" "1600000 3000000 800000" "$(json "$WORK/out" 'd.totals[0].classes.map(c => c.as_it_is).join(" ")')"
expect "and has" "1600000 100000 800000" "$(json "$WORK/out" 'd.totals[0].classes.map(c => c.planned).join(" ")')"
run_status 0 "and all keep it" "$PFSIM" run "$WORK/bytes/planned.json" --quiet
plan 0 "still fewer" "${three[@]}" --set 'thresholds={"wan.payload_bytes":"<= 500 KB"}' --out "$WORK/fewer"
expect "who shares already gets a load server" "pfs/pfs/load-server" \
    "$(json "$WORK/out" 'd.classes.map(c => c.measure.parts.join()).join("/")')"
run_status 0 "and all keep it" "$PFSIM" run "$WORK/fewer/planned.json" --quiet
run_status 1 "too few" "$PFSIM" plan "$WORK/one.json" --quiet --seeds 1 "${three[@]}" --methods pfs \
    --set 'thresholds={"wan.payload_bytes":"<= 500 KB"}' --out "$WORK/few"
tr '\n' ' ' <"$WORK/out" | grep -q 'of all sites is 700 kB, the limit 500 kB' || fail "it does not say what is missed"
grep -Eq 'tiny +800 kB +15 % +400 kB +57 %' "$WORK/out" || fail "it does not say who contributes how much"
[ ! -e "$WORK/few/planned.json" ] || fail "a plan that misses a total is handed over"
# Peaks are less than the sum of peaks: a run of all sites says how much less.
for limit in '"wan.peak_bit_s":"<= 3 Mbit/s"' '"server.peak_transfers":"<= 12"'; do
    plan 0 "peak of all, $limit" "${three[@]}" --set "thresholds={$limit,\"completion_s.last\":\"<= 60 s\"}" --out "$WORK/peak"
    expect "as it is it is over" "true false" "$(json "$WORK/out" '[d.totals[0].as_it_is > d.totals[0].limit, d.fits_as_it_is].join(" ")')"
    run_status 0 "and all keep it" "$PFSIM" run "$WORK/peak/planned.json" --quiet
done
# Each class alone, a limit of all seemed to need a load server; longer starts of both are cheaper.
both=(--set 'sites[1]={"name":"other","wan":{"rate":"2 Mbit/s","rtt":"20 ms"},"phones":[{"system":"bare","count":20}]}'
    --set 'sites[0].count=1' --set 'sites[0].wan.rate="2 Mbit/s"' --set 'sites[0].phones[0].count=20')
peaks=(--set 'thresholds={"server.refused":"== 0","completion_s.last":"<= 600 s"}' --set server.max_transfers=2 --methods load-server)
plan 0 "a cheaper mix" "${both[@]}" "${peaks[@]}" --jobs 1 --out "$WORK/mix"
expect "both start over a longer time" "spread/spread" "$(json "$WORK/out" 'd.classes.map(c => c.measure.parts.join()).join("/")')"
expect "said, and run" "true true" "$(json "$WORK/out" '[d.mixes > 0, d.classes.some(c => /in a mix/.test(c.notes.join()))].join(" ")')"
cp "$WORK/out" "$WORK/first"
plan 0 "the same, side by side" "${both[@]}" "${peaks[@]}" --jobs 2
cmp "$WORK/first" "$WORK/out" || fail "a mix depends on the number of processes"
run_status 0 "in words" "$PFSIM" plan "$WORK/one.json" --quiet --seeds 1 "${both[@]}" "${peaks[@]}"
grep -q "plan with --set 'server.overflow=\"queue\"'" "$WORK/out" || fail "what keeps a need of the whole run is not offered"
for seed in 1 8; do
    run_status 0 "and keeps it, seed $seed" "$PFSIM" run "$WORK/mix/planned.json" --quiet --seed "$seed"
done
# A quantile of all phones is not missed because a few do.
plan 0 "half of all phones" "${three[@]}" --set 'thresholds={"completion_s.p50":"<= 11 s"}'
expect "nothing to change" "true true" "$(json "$WORK/out" '[d.fits_as_it_is, d.classes.every(c => c.as_it_is.met)].join(" ")')"
# Nor does a class need what the whole can do without: one slow phone is no tenth of them, the big class is more.
plan 0 "nine of ten phones" "${three[@]}" --set 'thresholds={"completion_s.p90":"<= 8 s"}' --out "$WORK/nine" \
    --set 'sites[3]={"name":"slow","wan":{"rate":"10 kbit/s","rtt":"20 ms"},"phones":[{"system":"bare","count":1}]}'
expect "only the big class" "/pfs//" "$(json "$WORK/out" 'd.classes.map(c => c.measure.parts.join()).join("/")')"
run_status 0 "and nine of ten keep it" "$PFSIM" run "$WORK/nine/planned.json" --quiet
# What the scenario says of a site stays when the command line asks for less.
plan 0 "a site's own limit and a later one for all" --finish-by "100 s" "${thin[@]}" --out "$WORK/own" \
    --set 'thresholds={"sites[branch].completion_s.last":"<= 20 s"}'
expect "the site's counts" "pfs" "$(class 'measure.parts.join()')"
run_status 0 "and is kept" "$PFSIM" run "$WORK/own/planned.json" --quiet

plan 0 "a tighter share of its line, too" --finish-by "200 s" --wan-share 0.5 "${thin[@]}" --out "$WORK/own" \
    --set 'thresholds={"sites[branch].wan.peak_bit_s":"<= 60 kbit/s"}'
expect "the site's counts" "true" "$(class 'trial.wan_peak_bit_s <= 60000')"

# TFTP's options are the server's: who fits anyway gets them too, who does not needs no more than what is missing then.
mixed=("${tftp[@]}" --set 'sites[1]={"name":"near","count":3,"wan":{"rate":"1 Mbit/s","rtt":"5 ms"},"phones":[{"system":"bare","count":4}]}'
    --set 'sites[2]={"name":"thin","wan":{"rate":"250 kbit/s","rtt":"60 ms"},"phones":[{"system":"bare","count":6}]}')
plan 0 "two measures together, and one for all" --finish-by "14 s" "${mixed[@]}" --out "$WORK/mixed"
expect "measures" "block+window block+window pfs+block+window" "$(json "$WORK/out" 'd.classes.map(c => c.measure.parts.join("+")).join(" ")')"
expect "given, not paid for" "0 0 6" "$(json "$WORK/out" 'd.classes.map(c => c.cost).join(" ")')"
run_status 0 "and all keep it" "$PFSIM" run "$WORK/mixed/planned.json" --quiet
run_status 0 "in words" "$PFSIM" plan "$WORK/one.json" --quiet --seeds 1 --finish-by "14 s" "${mixed[@]}"
grep -q 'near (3 sites): fits as it is; the server' "$WORK/out" || fail "it does not say who fits as it is"
tr -s '\n ' ' ' <"$WORK/out" | grep -q 'they hold for all sites that fetch by TFTP (6)' || fail "it does not say that the measure touches all sites"

# A line too slow for sharing and a load server whose port is too slow for all: sharing from the load server.
plan 0 "neither alone" --finish-by "20 s" --set 'sites[0].lan.rate="1 Mbit/s"' --set 'sites[0].wan.rate="20 kbit/s"' \
    --set 'sites[0].phones[0].count=40' --set 'sites[0].count=1' --out "$WORK/both"
expect "both together" "pfs,load-server" "$(class 'measure.parts.join()')"
run_status 0 "and it does" "$PFSIM" run "$WORK/both/planned.json" --quiet

# Many sites that differ in name only are searched once.
for n in 1 2 3 4 5 6; do
    printf '{"name":"b%s","wan":{"rate":"200 kbit/s","rtt":"20 ms"},"phones":[{"system":"bare","count":8}]},' $n
done >"$WORK/sites"
plan 0 "six of one kind" --finish-by "20 s" --set "sites=[$(sed 's/,$//' "$WORK/sites")]"
expect "each shares" "pfs pfs pfs pfs pfs pfs" "$(json "$WORK/out" 'd.classes.map(c => c.measure.parts.join()).join(" ")')"
expect "as if there were one" "15 b1" "$(json "$WORK/out" '[d.runs, d.classes[5].same_as].join(" ")')"

# A threshold of one copy is its class's too, and what it misses is said there.
copy=(--set 'thresholds={"sites[branch#2].completion_s.last":"< 20"}')
plan 0 "a threshold of one copy" "${thin[@]}" "${copy[@]}"
expect "its class needs it" "pfs false" "$(class 'measure.parts.join()') $(class as_it_is.met)"

# Who may fail wants no copy: on paper 8 copies take 32 s, but 6 of the phones may be turned away.
plan 0 "with failures allowed" --finish-by "20 s" --max-failures 6 --methods traditional "${thin[@]}" \
    --set 'sites[0].count=1' --set server.max_transfers=1 --set server.retries=0
expect "a longer start is not ruled out" "spread false" "$(class 'measure.parts.join()') $(class as_it_is.met)"

# What is handed over stands in another folder: files that the scenario names are found from there.
mkdir "$WORK/near" && mkdir "$WORK/near/fw"
head -c 100000 /dev/zero >"$WORK/near/fw/jar.sbn"
sed 's/"files": \[.*\] } \],/"directory": "fw" } ],/' "$WORK/one.json" >"$WORK/near/two.json"
here=$PWD
cd "$WORK/near" || exit 1
run_status 0 "firmware in a folder" "$PFSIM" plan two.json --quiet --finish-by "20 s" "${thin[@]}" --out "$WORK/far"
cd "$here" || exit 1
run_status 0 "is found from elsewhere" "$PFSIM" run "$WORK/far/planned.json" --quiet

run_status 2 "nothing to plan for" "$PFSIM" plan "$WORK/one.json"
grep -q -- '--finish-by' "$WORK/err" || fail "it does not say what is missing"
run_status 2 "unknown unit" "$PFSIM" plan "$WORK/one.json" --finish-by "4 hours"
grep -q 'ms, s, min or h' "$WORK/err" || fail "it does not name the units"
for flags in "--finish-by 4" "--wan-share 30" "--seeds 0" "--cost tea=1" "--methods telepathy" "--max-failures few" "--jobs 0"; do
    # shellcheck disable=SC2086
    run_status 2 "$flags" "$PFSIM" plan "$WORK/one.json" --finish-by "4 h" $flags
done
run_status 2 "no scenario" "$PFSIM" plan
run_status 0 "help" "$PFSIM" plan --help
run_status 3 "a folder that cannot be" "$PFSIM" plan "$WORK/one.json" --quiet --finish-by "4 h" --out "$WORK/one.json/x"
run_status 3 "a folder that takes no file, said first" "$PFSIM" plan "$WORK/one.json" --finish-by "4 h" --out /proc
expect "before anything ran" "" "$(grep 'all sites' "$WORK/err")"
finish
