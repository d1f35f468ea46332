#!/usr/bin/env bash
# Goal: every command ends with the status that the contract promises, and says why. Method: the program itself, small
# scenarios, the kernel's ports.
. "$(dirname "$0")/lib.sh"
small_scenario "$WORK/small.json"

run_status 2 "no command" "$PFSIM"
run_status 2 "unknown command" "$PFSIM" rnu
grep -q 'run' "$WORK/err" || fail "an unknown command is not answered with the nearest one"
run_status 2 "no scenario" "$PFSIM" run
run_status 2 "a scenario that is not there" "$PFSIM" run "$WORK/none.json"
run_status 2 "an unknown flag" "$PFSIM" run "$WORK/small.json" --sed 4
for command in run compare check doctor content serve schema version; do
    run_status 0 "$command --help" "$PFSIM" "$command" --help
    [ -s "$WORK/out" ] || fail "$command --help says nothing"
done
run_status 0 "version" "$PFSIM" version
for library in libuv libcurl libmicrohttpd cJSON expat OpenSSL zlib; do
    grep -qi "$library" "$WORK/out" || fail "version does not name $library"
done
run_status 0 "check" "$PFSIM" check "$WORK/small.json"
run_status 0 "schema" "$PFSIM" schema
json "$WORK/out" 'd.$schema' >/dev/null || fail "schema is no JSON"
run_status 0 "schema result" "$PFSIM" schema result
json "$WORK/out" 'd.$schema' >/dev/null || fail "schema result is no JSON"
run_status 0 "doctor" "$PFSIM" doctor "$WORK/small.json"
run_status 0 "the virtual world" "$PFSIM" run "$WORK/small.json" --world virtual

# Errors of a scenario: all at once, with file, line, path, found, expected, nearest key.
cat >"$WORK/bad.json" <<'EOF'
{
  "name": "bad",
  "firmware": [ { "model": "m", "load": "l", "files": [ { "name": "a", "size": "10" } ] } ],
  "sites": [ { "name": "s", "wan": { "rate": "384 kbit" }, "phnoes": [] } ]
}
EOF
run_status 2 "a bad scenario" "$PFSIM" check "$WORK/bad.json"
for needle in 'bad.json:3' 'firmware\[0\].files\[0\].size' 'bad.json:4' 'sites\[0\].wan.rate' '384 kbit' 'phones'; do
    grep -q "$needle" "$WORK/err" "$WORK/out" || fail "the errors do not say $needle"
done

# A run, and its documents.
run_status 0 "run" "$PFSIM" run "$WORK/small.json" --method pfs --json --quiet
cp "$WORK/out" "$WORK/result.json"
expect "upgraded" 5 "$(json "$WORK/result.json" d.phones.upgraded)"
expect "one WAN copy of each file" 3 "$(json "$WORK/result.json" d.trees_summary.wan_copies)"
run_status 0 "run into a folder" "$PFSIM" run "$WORK/small.json" --method traditional --out "$WORK/dir" --quiet
for file in result.json phones.csv transfers.csv series.csv sites.csv; do
    [ -s "$WORK/dir/$file" ] || fail "no $file"
done
expect "phones.csv has a row a phone" 6 "$(wc -l <"$WORK/dir/phones.csv")"
expect "columns of phones.csv" "phone,site,model,system,start_s,config_s,done_s,back_s,files_from_peer,files_from_server,retries,outcome" \
    "$(head -1 "$WORK/dir/phones.csv")"
expect "columns of transfers.csv" "phone,file,from,via,start_s,end_s,bytes,outcome" "$(head -1 "$WORK/dir/transfers.csv")"
run_status 0 "compare" "$PFSIM" compare "$WORK/small.json" --out "$WORK/both" --quiet
[ -s "$WORK/both/pfs/result.json" ] && [ -s "$WORK/both/traditional/result.json" ] && [ -s "$WORK/both/compare.json" ] ||
    fail "compare did not write its folders"

# A threshold that is missed; an unknown metric.
run_status 1 "a missed threshold" "$PFSIM" run "$WORK/small.json" --quiet --set 'thresholds={"completion_s.p95":"< 0.001"}'
run_status 2 "an unknown metric" "$PFSIM" run "$WORK/small.json" --quiet --set 'thresholds={"completion_s.p96x":"< 1"}'

# The environment refuses: a server that is not there, a port that is taken.
closed=$(free_port)
run_status 3 "a server that does not answer" "$PFSIM" run "$WORK/small.json" --quiet --set "server.url=http://127.0.0.1:$closed/"
grep -q "$closed" "$WORK/err" || fail "it does not say which server"
port=$(json "$WORK/small.json" d.pfs.port)
node -e 'require("net").createServer().listen(+process.argv[1], "0.0.0.0", () => console.log("up"))' "$port" >"$WORK/holder" &
CHILDREN+=($!)
wait_until 10 grep -q up "$WORK/holder"
run_status 3 "a port that is taken" "$PFSIM" run "$WORK/small.json" --quiet
grep -q "$port" "$WORK/err" || fail "it does not say which port"
kill "${CHILDREN[-1]}"; wait "${CHILDREN[-1]}" 2>/dev/null; CHILDREN=()

# Nobody reads any more ("| head"): nothing is said about it.
mkfifo "$WORK/pipe"
exec 8<>"$WORK/pipe" 9>"$WORK/pipe" 8>&-
"$PFSIM" version >&9 2>"$WORK/err"
expect "status without a reader" 3 $?
[ -s "$WORK/err" ] && fail "it complains of a pipe without a reader: $(cat "$WORK/err")"
exec 9>&-

# An address of a stranger is no target.
run_status 2 "a stranger's address" "$PFSIM" run "$WORK/small.json" --quiet --set 'server.url=http://192.0.2.1/'
grep -q 'allow' "$WORK/err" "$WORK/out" || fail "it does not say how to allow it"
finish
