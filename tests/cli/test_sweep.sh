#!/usr/bin/env bash
# Goal: a sweep gives the same bytes however it is spread, loses nothing that is finished, and says what is wrong in one
# sentence. Method: the same 24 runs with 1, 2 and 4 workers, killed and taken up again, under mpirun with 1 to 3 ranks and
# with one that dies; a locked file, a full disk, runs whose processes are killed.
. "$(dirname "$0")/lib.sh"
PFSIM=$PROGRAM # signals go to the program itself
cat >"$WORK/s.json" <<'JSON'
{ "name": "small <sweep>", "firmware": [ { "model": "CP-7961G", "load": "SCCP41.test",
    "files": [ { "name": "jar41.sbn", "size": "60 KB" }, { "name": "cnu41.sbn", "size": "20 KB" } ] } ],
  "server": { "protocol": "http" },
  "sites": [ { "name": "branch", "count": 2, "wan": { "rate": "1 Mbit/s", "rtt": "40 ms" },
    "phones": [ { "model": "CP-7961G", "count": 10 } ] } ] }
JSON
ask=("$WORK/s.json" --vary "sites[0].wan.rate=512 kbit/s..2.048 Mbit/s x2" --vary method=traditional,pfs
    --vary start.spread="5 s,10 s" --repeat 2)
sweep() { timeout -k 5 100 "$PFSIM" sweep "${ask[@]}" --quiet "$@"; }
# What must be equal: the tables, and all that is in the database.
sum() { (cd "$1" && cat sweep.csv sweep.json report.html && sqlite3 sweep.sqlite .dump) | sha256sum; }
runs() { sqlite3 "$1/sweep.sqlite" 'SELECT count(*) FROM runs' 2>/dev/null || echo 0; }

# ---- The answer, and that it does not depend on the workers ----
run_status 0 "a sweep" sweep --jobs 2 --out "$WORK/w2" --junit "$WORK/junit.xml"
grep -q '<testsuite name="sweep" tests="12" failures="0" errors="0"' "$WORK/junit.xml" || fail "no JUnit verdict"
grep -q 'All 24 runs upgraded every phone' "$WORK/out" || fail "no verdict: $(head -2 "$WORK/out")"
want=$(sum "$WORK/w2")
for jobs in 1 4; do
    run_status 0 "$jobs workers" sweep --jobs $jobs --out "$WORK/w$jobs"
    expect "bytes with $jobs workers" "$want" "$(sum "$WORK/w$jobs")"
done
expect "rows" 13 "$(wc -l <"$WORK/w2/sweep.csv")"
expect "runs, figures and sites" "24|24|48" "$(sqlite3 "$WORK/w2/sweep.sqlite" \
    'SELECT (SELECT count(*) FROM runs), (SELECT count(DISTINCT run) FROM figures), (SELECT count(*) FROM sites)')"
expect "the view has a column a key" "512 kbit/s|traditional|5 s" "$(sqlite3 "$WORK/w2/sweep.sqlite" \
    'SELECT "sites[0].wan.rate", method, "start.spread" FROM answers WHERE run = 0')"
expect "the second seed" 2 "$(sqlite3 "$WORK/w2/sweep.sqlite" 'SELECT seed FROM runs WHERE run = 12')"
# A run of the sweep is the run that pfsim run makes of the scenario that is kept with it.
sqlite3 "$WORK/w2/sweep.sqlite" 'SELECT scenario FROM combinations WHERE combination = 3' >"$WORK/c3.json"
"$PFSIM" run "$WORK/c3.json" --seed 2 --json --quiet >"$WORK/c3.result" 2>/dev/null
expect "the same run by hand" "$(json "$WORK/c3.result" d.engine.trace_hash)" "$(sqlite3 "$WORK/w2/sweep.sqlite" \
    "SELECT json_extract(result, '$.engine.trace_hash') FROM runs WHERE run = 15")"
# The means are means.
expect "mean of a figure" "$(sqlite3 "$WORK/w2/sweep.sqlite" \
    "SELECT printf('%.6f', avg(value)) FROM figures JOIN runs USING (run) WHERE combination = 3 AND name = 'completion_s.p50'")" \
    "$(json "$WORK/w2/sweep.json" 'd.sweep.points[3].mean[0].toFixed(6)')"
grep -q '<sweep>' "$WORK/w2/report.html" && fail "the scenario's name is not escaped in the report"
cp -r "$WORK/w2" "$WORK/again"
rm "$WORK/again/report.html"
run_status 0 "report of a stored sweep" "$PFSIM" report "$WORK/again"
expect "the report again" "$want" "$(sum "$WORK/again")"
printf '%s' "$(head -c 300 "$WORK/w2/sweep.json")" >"$WORK/again/sweep.json"
run_status 2 "report of a cut sweep.json" "$PFSIM" report "$WORK/again"

# ---- Taken up again ----
run_status 0 "eight more seeds" sweep --repeat 10 --out "$WORK/w4" # the last --repeat counts
many=$(sum "$WORK/w4")
"$PFSIM" sweep "${ask[@]}" --repeat 10 --quiet --jobs 1 --out "$WORK/killed" >/dev/null 2>&1 &
pid=$!
CHILDREN+=($pid)
some() { [ "$(runs "$WORK/killed")" -gt 0 ]; }
wait_until 30 some || fail "nothing is stored while it runs"
kill -KILL $pid || fail "the sweep had ended before it could be killed"
wait $pid 2>/dev/null
CHILDREN=()
expect "integrity after SIGKILL" ok "$(sqlite3 "$WORK/killed/sweep.sqlite" 'PRAGMA integrity_check')"
before=$(runs "$WORK/killed")
run_status 0 "taken up again" timeout 100 "$PFSIM" sweep "${ask[@]}" --repeat 10 --out "$WORK/killed"
grep -q "^$before of them are in" "$WORK/err" || fail "finished runs are run again: $(cat "$WORK/err")"
expect "bytes after SIGKILL, and after seeds were added" "$many" "$(sum "$WORK/killed")"
run_status 0 "a third seed" sweep --repeat 3 --out "$WORK/w2" # the last --repeat counts
expect "runs with three seeds" 36 "$(runs "$WORK/w2")"
run_status 3 "fewer seeds" sweep --repeat 1 --out "$WORK/w2"
run_status 3 "another scenario" sweep --repeat 3 --set start.at="1 s" --out "$WORK/w2"
grep -q 'changed since; --fresh' "$WORK/err" || fail "no way out is named: $(cat "$WORK/err")"
run_status 0 "begun anew" sweep --set start.at="1 s" --fresh --out "$WORK/w2"

# Ctrl-C keeps what there is.
"$PFSIM" sweep "${ask[@]}" --repeat 40 --jobs 1 --out "$WORK/broken" >"$WORK/out" 2>"$WORK/err" &
pid=$!
CHILDREN+=($pid)
some() { [ "$(runs "$WORK/broken")" -gt 0 ]; }
wait_until 30 some || fail "nothing is stored while it runs"
kill -INT $pid
wait $pid
expect "status after Ctrl-C" 130 $?
CHILDREN=()
grep -q 'interrupted: [0-9]* of 480 runs are finished and kept' "$WORK/err" || fail "not said: $(cat "$WORK/err")"
[ -s "$WORK/broken/sweep.csv" ] || fail "no table after Ctrl-C"

# ---- Trouble ----
run_status 2 "wrong values" "$PFSIM" sweep "$WORK/s.json" --vary "sites[0].wan.rate=1,2 Mbit/s" --vary pfs.fanout=1,0
grep -q -- '--vary: sites\[0\].wan.rate: found 1' "$WORK/err" || fail "the wrong value is not named: $(cat "$WORK/err")"
grep -q -- '3 of 4 combinations are wrong' "$WORK/err" || fail "not counted: $(cat "$WORK/err")"
run_status 1 "a threshold that half of the runs miss" sweep --set thresholds.wan.payload_bytes="< 1e6" --junit "$WORK/junit.xml"
grep -q 'tests="12" failures="6" errors="0"' "$WORK/junit.xml" || fail "JUnit has other failures: $(head -3 "$WORK/junit.xml")"
grep -q '12 of 24 runs upgraded every phone and met every threshold' "$WORK/out" || fail "another verdict: $(head -2 "$WORK/out")"
grep -q 'MISSED  wan.payload_bytes < 1 MB: in 12 of 24 runs' "$WORK/out" || fail "not which threshold: $(cat "$WORK/out")"
grep -q 'method=traditional, start.spread=5 s: 2 of 2 runs; at' "$WORK/out" || fail "not where: $(cat "$WORK/out")"
run_status 1 "a judged figure comes first" sweep --json --set thresholds='{"completion_s.p99.9":"< 1 s","phones.failed":"== 0"}'
expect "the first figure" "completion_s.p99.9 completion_s.p50" \
    "$(json "$WORK/out" 'd.sweep.metrics[0].name + " " + d.sweep.metrics[1].name')"
expect "missed by threshold" "24 0" "$(json "$WORK/out" 'd.sweep.thresholds.map((t) => t.missed).join(" ")')"
expect "missed by combination" "2,0 2,0" \
    "$(json "$WORK/out" 'd.sweep.points.slice(0, 2).map((p) => p.missed.join()).join(" ")')"
run_status 2 "nothing varies" "$PFSIM" sweep "$WORK/s.json"
run_status 0 "seeds alone" "$PFSIM" sweep "$WORK/s.json" --repeat 3 --quiet --json
expect "what each seed gave" "3 true" "$(json "$WORK/out" 'd.sweep.points[0].seeds[0].length + " " +
    (Math.abs(d.sweep.points[0].seeds[0].reduce((a, b) => a + b) / 3 - d.sweep.points[0].mean[0]) < 1e-6)')"
expect "a share has its unit" share "$(json "$WORK/out" 'd.sweep.metrics.find((m) => m.name === "wan.utilisation").unit')"
run_status 2 "no such figure" sweep --metric completion_s.p5x
echo 'not a database, for sure; not one at all, whatever its name may say' >"$WORK/killed/sweep.sqlite"
run_status 3 "no database" sweep --out "$WORK/killed"
grep -q 'damaged or no SQLite file' "$WORK/err" || fail "not said: $(cat "$WORK/err")"
# Somebody else's database is left alone, and so is a folder.
mkdir -p "$WORK/foreign" "$WORK/folder/sweep.sqlite"
sqlite3 "$WORK/foreign/sweep.sqlite" 'CREATE TABLE mine (a); INSERT INTO mine VALUES (7)'
for fresh in "" --fresh; do
    run_status 3 "a foreign database $fresh" sweep $fresh --out "$WORK/foreign"
    grep -q 'is not a sweep of pfsim; choose another --out' "$WORK/err" || fail "not said: $(cat "$WORK/err")"
    expect "a foreign database $fresh" 7 "$(sqlite3 "$WORK/foreign/sweep.sqlite" 'SELECT a FROM mine')"
    run_status 3 "a folder of that name $fresh" sweep $fresh --out "$WORK/folder"
    grep -q 'sweep.sqlite: Is a directory; choose another --out' "$WORK/err" || fail "not said: $(cat "$WORK/err")"
done
# Runs that lost their figures are run again.
cp -r "$WORK/w1" "$WORK/bare"
sqlite3 "$WORK/bare/sweep.sqlite" 'DELETE FROM figures WHERE run < 5'
run_status 0 "runs without figures" sweep --out "$WORK/bare"
expect "bytes when figures were lost" "$want" "$(sum "$WORK/bare")"

# Locked by another program.
sqlite3 "$WORK/w1/sweep.sqlite" 'BEGIN EXCLUSIVE' '.shell touch "'"$WORK"'/locked"; while [ ! -e "'"$WORK"'/done" ]; do sleep 0.1; done' &
CHILDREN+=($!)
wait_until 10 test -e "$WORK/locked"
run_status 3 "a locked file" sweep --out "$WORK/w1"
touch "$WORK/done"
grep -q 'is locked by another program; end what has it open' "$WORK/err" || fail "not said: $(cat "$WORK/err")"
wait "${CHILDREN[-1]}"
CHILDREN=()
run_status 0 "no longer locked" sweep --out "$WORK/w1"

# A disk that fills up. What was finished is there when it has room again.
full='mount -t tmpfs -o size=150k tmpfs "$1" && shift && "$@"; status=$?; mount -o remount,size=10m "$0" && timeout 100 "$@" >/dev/null || echo "not taken up again" >&2; exit $status'
if unshare -Urm true 2>/dev/null && mkdir "$WORK/disk"; then
    timeout 100 unshare -rm bash -c "$full" "$WORK/disk" "$WORK/disk" "$PFSIM" sweep "${ask[@]}" --quiet --out "$WORK/disk/s" \
        2>"$WORK/err" >"$WORK/out"
    expect "status on a full disk" 3 $?
    grep -q 'no space left; free some' "$WORK/err" || fail "a full disk is not named: $(cat "$WORK/err")"
    grep -q 'not taken up again' "$WORK/err" && fail "it does not go on when there is room: $(cat "$WORK/err")"
else
    echo "no mount namespace here: the full disk is not tried"
fi
# The table counts what the file has, nothing that was rolled back; one sentence says what is wrong.
count='mount -t tmpfs -o size=$2 tmpfs "$1" && cd "$1" && shift 2 && "$@"; status=$?; sqlite3 "$0" "SELECT count(*) FROM runs" >&2; exit $status'
if [ -d "$WORK/disk" ]; then
    for size in 150k 300k 600k 1500k; do
        timeout 100 unshare -rm bash -c "$count" "$WORK/disk/s/sweep.sqlite" "$WORK/disk" $size "$PFSIM" sweep "${ask[@]}" \
            --repeat 20 --quiet --out "$WORK/disk/s" 2>"$WORK/err" >"$WORK/out"
        expect "status on a disk of $size" 3 $?
        expect "sentences on a disk of $size" 1 "$(grep -c '^pfsim sweep:' "$WORK/err")"
        grep -q 'no space left; free some' "$WORK/err" || fail "a full disk is not named: $(cat "$WORK/err")"
        kept=$(tail -1 "$WORK/err")
        if [ "$kept" = 0 ]; then
            [ ! -s "$WORK/out" ] || fail "a table of no run: $(head -2 "$WORK/out")"
        else
            grep -q "$kept of 240 runs" "$WORK/out" || fail "$kept runs are in the file: $(head -3 "$WORK/out")"
        fi
    done
fi

# A run whose process is killed is tried again; killed twice, it is said, and the others go on.
kill_runs() { # TIMES: kills processes of the sweep's first run
    local child last= left=$1
    while [ "$left" -gt 0 ] && kill -0 $pid 2>/dev/null; do
        child=$(pgrep -P $pid | head -1)
        if [ -n "$child" ] && [ "$child" != "$last" ]; then
            kill -KILL "$child" 2>/dev/null && left=$((left - 1))
            last=$child
        fi
    done
}
for times in 1 2; do
    "$PFSIM" sweep "$WORK/s.json" --set sites[0].phones[0].count=200 --set sites[0].count=20 --method traditional \
        --repeat 3 --jobs 1 --quiet --out "$WORK/kill$times" >"$WORK/out" 2>"$WORK/err" &
    pid=$!
    CHILDREN+=($pid)
    kill_runs $times
    wait $pid
    status=$?
    CHILDREN=()
    if [ $times -eq 1 ]; then
        expect "status after one kill" 0 $status
    else
        expect "status after two kills" 3 $status
        grep -q 'its process ended by signal 9 (Killed), 2 times' "$WORK/out" || fail "not said: $(cat "$WORK/out")"
        expect "runs with a result" 2 "$(sqlite3 "$WORK/kill2/sweep.sqlite" "SELECT count(*) FROM runs WHERE status = 'met'")"
    fi
done

# ---- Under mpirun ----
if command -v mpirun >/dev/null && "$PFSIM" version | grep -q 'Open MPI'; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
    # The launcher's library leaks by itself.
    export ASAN_OPTIONS=detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
    for ranks in 1 2 3; do
        run_status 0 "$ranks ranks" timeout -k 5 100 mpirun -n $ranks "$PFSIM" sweep "${ask[@]}" --quiet --out "$WORK/r$ranks"
        expect "bytes with $ranks ranks" "$want" "$(sum "$WORK/r$ranks")"
        grep -q $'\033' "$WORK/out" && fail "colours in a file, with $ranks ranks"
    done
    run_status 2 "a mistake under mpirun" timeout -k 5 100 mpirun -n 2 "$PFSIM" sweep "$WORK/s.json" --vary seed=1,2
    expect "said once" 1 "$(cat "$WORK/out" "$WORK/err" | grep -c 'pfsim sweep: --vary seed')"
    # A rank that dies, with and without --enable-recovery.
    rank() { # NUMBER: its process; children have its environment too
        local p
        for p in $(pgrep -x pfsim); do
            if tr '\0' '\n' 2>/dev/null <"/proc/$p/environ" | grep -qx "SWEEP_TEST=$WORK.$1" &&
                tr '\0' '\n' <"/proc/$p/environ" 2>/dev/null | grep -qx 'OMPI_COMM_WORLD_RANK=1' &&
                [ "$(cat "/proc/$(awk '{ print $4 }' "/proc/$p/stat")/comm")" = mpirun ]; then
                echo "$p"
            fi
        done
    }
    for recovery in --enable-recovery ""; do
        name=dies$recovery
        SWEEP_TEST=$WORK.$name timeout -k 5 100 mpirun $recovery -n 2 "$PFSIM" sweep "${ask[@]}" --repeat 20 \
            --out "$WORK/$name" >"$WORK/out" 2>"$WORK/err" &
        pid=$!
        CHILDREN+=($pid)
        some() { [ "$(runs "$WORK/$name")" -gt 0 ] && [ -n "$(rank "$name")" ]; }
        wait_until 30 some || fail "nothing is stored by ranks"
        kill -KILL $(rank "$name")
        wait $pid
        status=$?
        CHILDREN=()
        expect "integrity after a rank died" ok "$(sqlite3 "$WORK/$name/sweep.sqlite" 'PRAGMA integrity_check')"
        if [ -n "$recovery" ]; then
            expect "status when a rank died and the rest went on" 0 $status
            expect "runs when a rank died" 240 "$(runs "$WORK/$name")"
        else
            [ "$(runs "$WORK/$name")" -gt 0 ] || fail "finished runs are lost with the rank"
        fi
    done
else
    echo "no Open MPI here: ranks are not tried"
fi
finish
