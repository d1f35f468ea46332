#!/usr/bin/env bash
# Goal: a run can be watched while it goes on, and ends with a verdict that a CI system reads. Method: the program itself,
# curl as the browser and as Prometheus, xmllint where it is there.
PFSIM_LIMIT=60
. "$(dirname "$0")/lib.sh"
small_scenario "$WORK/small.json"
metric() { awk -v name="$1" '$1 ~ "^" name "[{]" { print $NF }' "$WORK/metrics"; }
url_of() { sed -n 's/^watch it at \(http:[^ ]*\)\/ .*/\1/p' "$1" | grep .; }

# A live run that is watched: slow enough to be looked at.
slow=(--set 'sites[0].wan.rate="400 kbit/s"' --set 'firmware[0].files[0].size="150 KB"')
"$PFSIM" run "$WORK/small.json" "${slow[@]}" --listen 127.0.0.1:0 --junit "$WORK/junit.xml" --json --method traditional \
    >"$WORK/result.json" 2>"$WORK/run.err" &
run=$!
CHILDREN+=("$run")
wait_until 10 url_of "$WORK/run.err" >/dev/null || fail "no address was said: $(cat "$WORK/run.err")"
expect "the address comes first" 1 "$(grep -n '^watch it at' "$WORK/run.err" | cut -d: -f1)"
url=$(url_of "$WORK/run.err")
curl -sN --max-time 100 "$url/events" >"$WORK/events" &
events=$!
CHILDREN+=("$events")
under_way() { curl -s --max-time 30 "$url/metrics" >"$WORK/metrics" && [ "$(metric pfsim_wan_bytes_total | head -1)" -gt 50000 ]; }
wait_until 20 under_way || fail "no bytes in the metrics: $(cat "$WORK/metrics")"
expect "running" 1 "$(metric pfsim_running)"
expect "phones in all phases" 5 "$(metric pfsim_phones | awk '{ sum += $1 } END { print sum }')"
curl -s -D "$WORK/head" -o "$WORK/page" --max-time 30 "$url/"
grep -qi '^content-type: text/html' "$WORK/head" || fail "the page is no HTML: $(cat "$WORK/head")"
[ "$(wc -c <"$WORK/page")" -gt 100000 ] || fail "the page has no charts"
curl -s -D "$WORK/head" -o /dev/null --max-time 30 "$url/metrics"
grep -qi '^content-type: text/plain; version=0.0.4' "$WORK/head" || fail "metrics of another type: $(cat "$WORK/head")"
expect "no result yet" 503 "$(curl -s -o /dev/null -w '%{http_code}' --max-time 30 "$url/result")"
curl -sf -o "$WORK/awaited.json" --max-time 100 "$url/result?wait=1" &
awaited=$!
CHILDREN+=("$awaited")
expect "nothing outside the table" 404 "$(curl -s -o /dev/null -w '%{http_code}' --max-time 30 "$url/../../etc/passwd")"
wait "$run"
status=$?
[ "$status" -eq 0 ] || [ "$status" -eq 4 ] || fail "the watched run ended with $status"
wait "$events"
wait "$awaited" || fail "the result that was waited for: status $?"
cmp "$WORK/awaited.json" "$WORK/result.json" || fail "another result was served than printed"
expect "one start" 1 "$(grep -c '^event: start' "$WORK/events")"
expect "one end" 1 "$(grep -c '^event: end' "$WORK/events")"
[ "$(grep -c '^event: sample' "$WORK/events")" -ge 3 ] || fail "few samples: $(grep -c '^event: sample' "$WORK/events")"
node -e '
const events = require("fs").readFileSync(process.argv[1], "utf8").split("\n\n").filter((text) => text.startsWith("event")).map((text) => {
  const [name, data] = text.split("\n");
  return { name: name.slice(7), data: JSON.parse(data.slice(6)) };
});
const at = events.filter((e) => e.name === "sample").map((e) => e.data.t);
const [start, end] = ["start", "end"].map((name) => events.find((e) => e.name === name).data);
const bad = [];
if (at.some((t, i) => i > 0 && t <= at[i - 1])) bad.push("time stands still: " + at);
if (start.format !== 1 || start.runs.length !== 1) bad.push("start is no view");
if (end.runs[0].result.phones.upgraded !== 5) bad.push("the end has no result");
if (events.some((e) => e.name === "sample" && e.data.states.length !== start.runs[0].states.names.length)) bad.push("states");
console.log(bad.join("; ") || "good");' "$WORK/events" >"$WORK/verdict" 2>&1
expect "the events" good "$(cat "$WORK/verdict")"

# A virtual run whose sites run one after another: curves of the sites so far, which hold all that the sites did. It would
# take long, so it is ended once it has told enough.
"$PFSIM" run "$(dirname "$0")/../../scenarios/million.json" --listen 127.0.0.1:0 --quiet >"$WORK/out" 2>"$WORK/groups.err" &
run=$!
CHILDREN+=("$run")
wait_until 20 url_of "$WORK/groups.err" >/dev/null || fail "no address was said: $(cat "$WORK/groups.err")"
url=$(url_of "$WORK/groups.err")
curl -sN --max-time 50 "$url/events" >"$WORK/events" &
events=$!
CHILDREN+=("$events")
told() { [ "$(grep -c '^event: sample' "$WORK/events")" -ge 4 ]; }
wait_until 30 told || fail "few samples of sites one after another"
curl -s --max-time 5 "$url/metrics" >"$WORK/metrics"
[ "$(metric pfsim_sites_run)" -ge 1 ] && [ "$(metric pfsim_sites)" -gt "$(metric pfsim_sites_run)" ] || fail "sites in the metrics: $(cat "$WORK/metrics")"
kill -INT "$run"
wait "$run"
expect "status after Ctrl-C" 130 $?
wait "$events"
node -e '
const samples = require("fs").readFileSync(process.argv[1], "utf8").split("\n\n").filter((text) => text.startsWith("event: sample"))
  .map((text) => JSON.parse(text.split("\n")[1].slice(6)));
const bad = [];
let before = -1;
for (const { done, groups, held, curves: { wan, completion } } of samples) {
  const bytes = wan.t.reduce((sum, t, i) => sum + wan.down[i] * (t - (wan.t[i - 1] ?? 0)) / 8, 0);
  if (Math.abs(bytes - groups.wan_bytes) > 0.001 * groups.wan_bytes + 1000) bad.push(`${bytes} of ${groups.wan_bytes} bytes`);
  if ((completion.done.at(-1) ?? 0) !== done) bad.push(`${completion.done.at(-1)} of ${done} phones`);
  if (groups.ended < before || held.files > held.of) bad.push("no progress");
  before = groups.ended;
}
if (!(samples.at(-1).held.files > 0)) bad.push("no file is held");
console.log(bad.join("; ") || "good");' "$WORK/events" >"$WORK/verdict" 2>&1
expect "the curves of sites one after another" good "$(cat "$WORK/verdict")"

# The verdict for CI systems.
well_formed() { ! command -v xmllint >/dev/null || xmllint --noout "$1" || fail "$1 is no XML"; }
well_formed "$WORK/junit.xml"
grep -q '<testsuite name="traditional" tests="2"' "$WORK/junit.xml" || fail "no suite of two: $(cat "$WORK/junit.xml")"
virtual=(--world virtual --quiet)
limits='thresholds={"completion_s.p95":"< 1 ms","models[CP-7961G].phones.failed":"== 0","files[jar41.sbn].peer.count":">= 1"}'
run_status 1 "a missed threshold" "$PFSIM" run "$WORK/small.json" "${virtual[@]}" --set "$limits" --junit "$WORK/a.xml"
grep -q '2 of 3 thresholds met' "$WORK/out" || fail "no table: $(cat "$WORK/out")"
well_formed "$WORK/a.xml"
expect "one failure" 1 "$(grep -c '<failure' "$WORK/a.xml")"
run_status 1 "the same again" "$PFSIM" run "$WORK/small.json" "${virtual[@]}" --set "$limits" --junit "$WORK/b.xml"
cmp -s "$WORK/a.xml" "$WORK/b.xml" || fail "equal runs, different XML"
run_status 0 "a comparison" "$PFSIM" compare "$WORK/small.json" "${virtual[@]}" --junit "$WORK/c.xml" --listen 127.0.0.1:0
well_formed "$WORK/c.xml"
expect "a suite a method" 2 "$(grep -c '<testsuite ' "$WORK/c.xml")"
run_status 2 "a scenario with a mistake" "$PFSIM" run "$WORK/small.json" "${virtual[@]}" --set colour=red --junit "$WORK/d.xml"
grep -q '<error' "$WORK/d.xml" || fail "no error in the XML of a run that was not started"
run_status 3 "a file that can't be" "$PFSIM" run "$WORK/small.json" "${virtual[@]}" --junit "$WORK/none/x.xml"

# Trouble.
node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => console.log(s.address().port))' >"$WORK/port" &
CHILDREN+=("$!")
wait_until 10 grep -q . "$WORK/port"
run_status 3 "a port that is taken" "$PFSIM" run "$WORK/small.json" "${virtual[@]}" --listen "127.0.0.1:$(cat "$WORK/port")"
grep -q 'is in use by ' "$WORK/err" || fail "by whom? $(cat "$WORK/err")"
run_status 2 "no port" "$PFSIM" run "$WORK/small.json" "${virtual[@]}" --listen 127.0.0.1
run_status 2 "an unknown model" "$PFSIM" check "$WORK/small.json" --set 'thresholds={"models[CP-7961].phones.failed":"== 0"}'
grep -q 'did you mean "CP-7961G"' "$WORK/err" || fail "no hint: $(cat "$WORK/err")"
run_status 2 "a unit of another kind" "$PFSIM" check "$WORK/small.json" --set 'thresholds={"wan.bytes":"< 5 min"}'
run_status 0 "doubtful thresholds" "$PFSIM" check "$WORK/small.json" --set 'thresholds={"engine.wall_s":{"limit":"< 5","abort":true}}'
grep -q '"abort" has no effect on engine.wall_s' "$WORK/err" && grep -q 'differs from run to run' "$WORK/err" || fail "no warnings: $(cat "$WORK/err")"
run_status 2 "a folder" "$PFSIM" check "$WORK"
grep -q 'found a folder' "$WORK/err" || fail "what is it? $(cat "$WORK/err")"
three=$(cd "$(dirname "$0")/../../scenarios" && pwd)/three-sites.json
(ulimit -f 4 && run_status 3 "a disk that fills up" "$PFSIM" run "$three" --world virtual --out "$WORK/full" --set start.spread="5 min" && exit "$FAILURES") || fail "see above"
grep -q 'warning: can.t write .*series.csv.*; the run goes on' "$WORK/err" || fail "the full disk was not told during the run: $(cat "$WORK/err")"
grep -q '68 of 68 phones upgraded' "$WORK/out" || fail "the run did not go on"

# Colours: on a terminal, or when forced, but never against NO_COLOR.
has_colour() { grep -q $'\033\\[' "$WORK/out"; }
colours() { run_status 0 "$1" env "${@:2}" "$PFSIM" run "$WORK/small.json" "${virtual[@]}"; }
colours "a file" TERM=xterm && has_colour && fail "colours in a file"
colours "forced" CLICOLOR_FORCE=1 && { has_colour || fail "no colours though forced"; }
colours "forbidden" CLICOLOR_FORCE=1 NO_COLOR=1 && has_colour && fail "colours against NO_COLOR"
on_terminal() { env "${@:2}" script -qec "$PFSIM run $WORK/small.json ${virtual[*]}" /dev/null >"$WORK/out" 2>&1; }
if command -v script >/dev/null; then
    on_terminal "a terminal" TERM=xterm NO_COLOR= && { has_colour || fail "no colours on a terminal"; }
    on_terminal "a dumb one" TERM=dumb && has_colour && fail "colours on a dumb terminal"
fi
finish
