#!/usr/bin/env bash
# Goal: the shipped example loads every table of a run and of a comparison, and its figures are the result's. Method:
# scenarios/load_results.py with Debian's pandas; skipped where there is none.
PFSIM_LIMIT=60
. "$(dirname "$0")/lib.sh"
python=/usr/bin/python3
"$python" -c 'import pandas' 2>/dev/null || { echo "no pandas here"; exit 77; }
load=$(cd "$(dirname "$0")/../../scenarios" && pwd)/load_results.py
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
finish
