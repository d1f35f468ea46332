#!/usr/bin/env bash
# Goal: --events, --trace and --pcap write what their readers expect, the same bytes for the same seed, without changing the run.
# Method: small runs in both worlds; capture_check.mjs reads the files as strictly as it can.
. "$(dirname "$0")/lib.sh"
CHECK=$(cd "$(dirname "$0")" && pwd)/capture_check.mjs
DOCUMENTED=$(cd "$(dirname "$0")" && pwd)/documented.mjs
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
checked() { node "$CHECK" "$@" || fail "$*"; }
cd "$WORK" || exit 1

# Three sites one after another, names that want to break out, faults.
small_scenario small.json
SITES='sites=[{"name":"<script>&","count":2,"wan":{"rate":"10 Mbit/s","rtt":"10 ms"},"phones":[{"system":"cucm","model":"CP-7961G","count":6,"boot":"100 ms"}]},{"name":"b","wan":"none","phones":[{"system":"cucm","model":"CP-7961G","count":3}]}]'
virtual() { "$PFSIM" run small.json --world virtual --quiet --json --set "$SITES" "$@"; }
for i in 1 2; do
    run_status 0 "a virtual run with all three" virtual --events "$i.ndjson.gz" --trace "$i.json.gz" --pcap "$i.pcapng"
    mv out "$i.out"
done
run_status 0 "the same without" virtual
expect "hash of the run with and without captures" "$(json out d.engine.trace_hash)" "$(json 1.out d.engine.trace_hash)"
for name in ndjson.gz json.gz pcapng; do
    cmp "1.$name" "2.$name" || fail "$name differs between two runs of one seed"
done
checked events 1.ndjson.gz
checked trace 1.json.gz 15
checked pcap 1.pcapng 3
expect "site's name in the events" '<script>&#1' "$(gzip -dc 1.ndjson.gz | node -e '
const lines = require("fs").readFileSync(0, "utf8").split("\n"); console.log(JSON.parse(lines[1]).site)')"

# Both networks, all protocols, every method; a phone that dies.
for set in 'network="packet"' 'server.protocol="tftp"' 'server.protocol="https"' 'server.keep_alive=false' 'server.uplink="5 Mbit/s"'; do
    run_status 0 "a run with $set" virtual --set "$set" --trace t.json --events e.ndjson --pcap p.pcapng
    checked trace t.json 15
    checked events e.ndjson
    checked pcap p.pcapng 3
done
run_status 0 "the load server" virtual --method load-server --trace t.json --pcap p.pcapng
checked trace t.json 15
checked pcap p.pcapng 3
for what in dead-root dead-parent; do
    "$PFSIM" run "$ROOT/scenarios/$what.json" --world virtual --quiet --trace t.json --events e.ndjson --pcap p.pcapng >out 2>err
    checked trace t.json 20
    checked pcap p.pcapng 1
    grep -q '"kind":"FAULT"' e.ndjson || fail "$what: no fault in the events"
    grep -q '"cat":"FAULT"' t.json || fail "$what: no fault in the timeline"
done

# Many phones: a sample, and it says so.
BIG='sites[0].phones[0].count=5000'
run_status 0 "5,000 phones" "$PFSIM" run small.json --world virtual --method traditional --set sites[0].wan='"none"' --set "$BIG" --trace big.json.gz
grep -q 'timeline: 2000 of 5000 phones' err || fail "nothing said about the sample: $(cat err)"
checked trace big.json.gz 2000

# compare: a file a method.
mkdir both
run_status 0 compare "$PFSIM" compare small.json --world virtual --quiet --pcap both/x.pcapng --events both/x.ndjson.gz --trace both/x
expect "files of compare" "x.pfs x.pfs.ndjson.gz x.pfs.pcapng x.traditional x.traditional.ndjson.gz x.traditional.pcapng" "$(ls both | tr '\n' ' ' | sed 's/ $//')"

# Live, on two loops.
"$PFSIM" run small.json --quiet --set threads=2 --set 'sites[0].count=2' --out l --phone-log 127.1.0.2 --events l.ndjson --trace l.json.gz --pcap l.pcapng >out 2>err
status=$?
[ "$status" -eq 0 ] || [ "$status" -eq 4 ] || fail "a live run: status $status: $(cat err)" # 4: a busy machine
checked events l.ndjson
checked trace l.json.gz 10
checked pcap l.pcapng 2

# README has every column of every table, every kind of record and every key of it, and none that is not there.
node "$DOCUMENTED" "$ROOT/README.md" tables l || fail "the tables are not as README says"
node "$DOCUMENTED" "$ROOT/README.md" events "$ROOT/sim/trace.h" e.ndjson l.ndjson || fail "the events are not as README says"

# What can't be written is said before the run, in one sentence; nothing is left.
for flag in events trace pcap; do
    run_status 3 "--$flag into a file's inside" virtual "--$flag" small.json/x
    expect "sentences" 1 "$(wc -l <err)"
    run_status 3 "--$flag over a folder" virtual "--$flag" both
    grep -q 'it is a folder' err || fail "$(cat err)"
    run_status 3 "--$flag to -" virtual "--$flag" -
    [ ! -e ./- ] || fail "a file called -"
    run_status 3 "--$flag to a full device" virtual "--$flag" /dev/full
    mkfifo pipe
    (: <pipe) &
    reader=$!
    run_status 3 "--$flag to a pipe that nobody reads any more" virtual "--$flag" pipe
    grep -q 'pipe: Broken pipe' err || fail "$(cat err)"
    kill "$reader" 2>/dev/null
    wait "$reader"
    rm -f pipe
done
left=$(find . -name '.*.??????' | wc -l)
expect "temporary files left" 0 "$left"
# A full disk: what came before is kept, as its readers take it, under a name that says so. A limit on the size of files
# stands for it, and where a small disk can be had, that too.
many() { virtual --set 'sites[0].phones[0].count=100' "$@"; }
limited() { (ulimit -f 20 && many "$@"); }
# full WORDS RUN: with captures in the folder "tiny".
full() {
    local flag name part
    for flag in events trace pcap; do
        for name in x x.gz; do
            part=tiny/${name/x/x.partial}
            run_status 3 "--$flag to $name: $1" "$2" "--$flag" "tiny/$name"
            grep -q "$1.*; what came before is in $part" err || fail "--$flag to $name: $(cat err)"
            expect "files of --$flag to $name" "${part#tiny/}" "$(ls -A tiny)"
            checked "$flag" "$part" cut
            rm -f "$part"
        done
    done
}
mkdir tiny
full 'File too large' limited
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=20k none tiny 2>/dev/null; then
    full 'No space left on device' many
    umount tiny
fi
# Nothing that could be kept, nothing left.
run_status 3 "no room at all" sh -c 'ulimit -f 0; exec "$@"' _ "$PFSIM" run small.json --world virtual --quiet --events tiny/x
expect "files that are left" "" "$(ls -A tiny)"
run_status 2 "compare into no file" "$PFSIM" compare small.json --world virtual --quiet --pcap tiny/
expect "files of no name" "" "$(ls -A tiny)"
finish
