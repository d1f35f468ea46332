#!/usr/bin/env bash
# Goal: the shipped example loads every table of a run and of a comparison, and its figures are the result's. Method:
# scenarios/load_results.py with Debian's pandas; skipped where there is none.
PFSIM_LIMIT=60
. "$(dirname "$0")/lib.sh"
python=/usr/bin/python3
load=$(cd "$(dirname "$0")/../../scenarios" && pwd)/load_results.py
run_status 1 "no pandas" "$python" -S -E "$load" "$WORK" # without the packages' folder
expect "a sentence" "1 load_results.py" "$(wc -l <"$WORK/err") $(cut -d' ' -f1 "$WORK/err")"
"$python" -c 'import pandas' 2>/dev/null || { echo "no pandas here"; exit 77; }
small_scenario "$WORK/small.json"
run_status 0 "compare" "$PFSIM" compare "$WORK/small.json" --world virtual --quiet --out "$WORK/c"
run_status 0 "a comparison in pandas" timeout 60 "$python" "$load" "$WORK/c"
for method in traditional pfs; do
    grep -q "^== small: $method" "$WORK/out" || fail "$method is not there"
done
grep -qi 'nan' "$WORK/out" && fail "something did not load: $(grep -i nan "$WORK/out" | head -1)"
awk '/^bytes over the WAN/ { lines++; gsub("[()]", ""); if ($5 < 0.98 * $8 || $5 > 1.02 * $8) bad++ } END { exit !(lines == 2 && !bad) }' "$WORK/out" ||
    fail "the series does not add up: $(grep '^bytes' "$WORK/out")"
expect "transfers by file" "$(json "$WORK/c/pfs/result.json" 'd.transfers.peer + d.transfers.server')" \
    "$("$python" -c 'import pandas, sys; t = pandas.read_csv(sys.argv[1]); print((t["outcome"] == "ok").sum())' "$WORK/c/pfs/transfers.csv")"
run_status 0 "one run" timeout 60 "$python" "$load" "$WORK/c/pfs"
run_status 0 "many sites" "$PFSIM" run "$WORK/small.json" --world virtual --quiet --set 'sites[0].count=12' --out "$WORK/m"
run_status 0 "their tables" timeout 60 "$python" "$load" "$WORK/m"
expect "what is not all says so" 2 "$(grep -c '^(the first 10 of 12)$' "$WORK/out")"
run_status 0 "a sweep" "$PFSIM" sweep "$WORK/small.json" --world virtual --quiet --vary method=traditional,pfs --repeat 2 --out "$WORK/s"
run_status 0 "a sweep in pandas" timeout 60 "$python" "$load" "$WORK/s"
grep -q '^== a sweep of method: 2 combinations, 4 runs$' "$WORK/out" || fail "no sweep: $(head -1 "$WORK/out")"
grep -qi 'nan' "$WORK/out" && fail "something did not load: $(grep -i nan "$WORK/out" | head -1)"
run_status 1 "nothing there" timeout 60 "$python" "$load" "$WORK/none"
grep -q 'expected a folder that pfsim wrote' "$WORK/err" || fail "no sentence: $(cat "$WORK/err")"
finish
