#!/usr/bin/env bash
# Goal: Ctrl-C and a full disk lose nothing that is finished and leave nothing half-written. Method: signals to a run that
# would take long; a tiny file system in a namespace of our own.
. "$(dirname "$0")/lib.sh"
small_scenario "$WORK/small.json"
PFSIM=$PROGRAM # signals go to the program itself
slow=(--set 'sites[0].wan.rate="20 kbit/s"' --method traditional)

# The first Ctrl-C writes what there is.
"$PFSIM" run "$WORK/small.json" "${slow[@]}" --out "$WORK/partial" 2>"$WORK/err" >"$WORK/out" &
pid=$!
CHILDREN+=($pid)
wait_until 20 test -s "$WORK/partial/transfers.csv" -o -s "$WORK/err" || fail "the run does not begin"
wait_until 5 grep -q . "$WORK/err"
kill -INT $pid
wait $pid
expect "status after Ctrl-C" 130 $?
CHILDREN=()
[ -s "$WORK/partial/result.json" ] || fail "no partial result after Ctrl-C"
expect "phones in the partial result" 5 "$(json "$WORK/partial/result.json" d.phones.total)"
find "$WORK/partial" -name '*.part' -o -name '*.tmp' | grep -q . && fail "something half-written is left"

# A full disk is said, with status 3, and no final name holds half a file.
full='mount -t tmpfs -o size=16k tmpfs "$1" && cd "$1" && exec "$2" run "$3" --method traditional --out "$1/out" --quiet'
if unshare -Urm true 2>/dev/null && mkdir "$WORK/disk"; then
    unshare -rm bash -c "$full; " _ "$WORK/disk" "$PFSIM" "$WORK/small.json" 2>"$WORK/err" >"$WORK/out"
    status=$?
    expect "status on a full disk" 3 "$status"
    grep -qiE 'space|full' "$WORK/err" || fail "a full disk is not named: $(tail -2 "$WORK/err")"
    # What is told of every event fills the disk: the result had its room set aside, and nothing of an older run is left.
    fills='mount -t tmpfs -o size=600k tmpfs "$1" && cd "$1" && mkdir out && echo old >out/transfers.csv
        "$2" run "$3" --world virtual --set "sites[0].phones[0].count=1000" --out out --events x --quiet
        status=$?
        cp -r . "$4"
        exit $status'
    unshare -rm bash -c "$fills" _ "$WORK/disk" "$PFSIM" "$WORK/small.json" "$WORK/left" 2>"$WORK/err" >"$WORK/out"
    expect "status of a run that fills the disk" 3 $?
    expect "phones in its result" 1000 "$(json "$WORK/left/out/result.json" d.phones.upgraded)"
    [ -s "$WORK/left/x.partial" ] || fail "no events are left: $(cat "$WORK/err")"
    grep -qsx old "$WORK/left/out/transfers.csv" && fail "a table of an older run is left"
else
    echo "no mount namespace here: the full disk is not tried"
fi

# The server's child does not outlive its parent.
"$PFSIM" run "$WORK/small.json" "${slow[@]}" --quiet 2>/dev/null >/dev/null &
pid=$!
children() { pgrep -P "$pid" >/dev/null; }
wait_until 20 children || fail "there is no server child"
child=$(pgrep -P "$pid" | head -1)
kill -KILL "$pid"
wait "$pid" 2>/dev/null
gone() { ! kill -0 "$child" 2>/dev/null; }
wait_until 10 gone || fail "the server outlives a parent that was killed"
finish
