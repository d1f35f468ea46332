#!/usr/bin/env bash
# Goal: the first Ctrl-C or SIGTERM ends every command soon, with status 130, keeps what is finished and leaves no
# half-written file; `serve`, which is meant to end so, gives 0. Method: each command is made to wait for something that
# never comes (a pipe without a writer, a reader that does not read, a line of 20 kbit/s), then gets one signal.
. "$(dirname "$0")/lib.sh"
small_scenario "$WORK/small.json"
PFSIM=$PROGRAM # signals go to the program itself
scenarios=$(cd "$(dirname "$0")/../../scenarios" && pwd)
mkfifo "$WORK/never"
mkdir "$WORK/a"

# Are the handlers there? Of SIGTERM (15) in the mask of caught signals, and no shell any more that will become pfsim.
ready() {
    local mask
    mask=$(sed -n 's/^SigCgt:\t//p' "/proc/$pid/status") && grep -q '^Name:.pfsim$' "/proc/$pid/status" && ((0x$mask >> 14 & 1))
}
ended() { ! kill -0 "$pid" 2>/dev/null || grep -q '^State:.Z' "/proc/$pid/status"; }

BEFORE_END=:
# interrupted STATUS SIGNAL WAIT WHAT COMMAND...: one signal once WAIT is true.
interrupted() {
    local want=$1 signal=$2 condition=$3 what=$4
    shift 4
    : >"$WORK/err"
    "$@" >"$WORK/out" 2>"$WORK/err" &
    pid=$!
    CHILDREN=("$pid")
    wait_until 60 $condition || fail "$what: it never gets there: $(tail -n 2 "$WORK/err")"
    kill "-$signal" "$pid" || fail "$what: it had ended before"
    $BEFORE_END
    wait_until 60 ended || { fail "$what: one signal does not end it"; kill -KILL "$pid"; }
    wait "$pid"
    expect "$what: status" "$want" $?
    CHILDREN=()
}

# ---- Commands that read something that never comes ----
for command in check doctor run compare "sweep --repeat 2" plan "content --out $WORK/content"; do
    set -- $command
    name=$1
    shift
    interrupted 130 TERM ready "$name" "$PFSIM" "$name" "$WORK/never" "$@"
done
interrupted 130 INT ready "run, with files begun" "$PFSIM" run "$WORK/never" --out "$WORK/begun" --junit "$WORK/a/junit.xml"
expect "begun files that are left" "" "$(ls -A "$WORK/a")"
run_status 0 "a run" "$PFSIM" run "$WORK/small.json" --world virtual --shard 0/1 --out "$WORK/share" --quiet
cp -r "$WORK/share" "$WORK/pipe"
rm "$WORK/pipe/shard.txt" "$WORK/pipe/phones.csv"
mkfifo "$WORK/pipe/shard.txt"
interrupted 130 TERM ready "merge" "$PFSIM" merge "$WORK/pipe" --out "$WORK/merged"
[ ! -e "$WORK/merged" ] || fail "an interrupted merge leaves $(ls -A "$WORK/merged")"

# ---- Commands that compute for long ----
planning() { pgrep -P "$pid" >/dev/null; } # its runs are processes
interrupted 130 TERM planning "plan, in the middle" "$PFSIM" plan "$scenarios/forty-branches.json" --out "$WORK/plan"
grep -q 'interrupted' "$WORK/err" || fail "plan does not say so: $(cat "$WORK/err")"
[ ! -e "$WORK/plan/plan.json" ] || fail "an interrupted plan leaves a plan"
begun() { [ -n "$(hidden)" ]; }
hidden() { find "$WORK/sweep" -name '.*' -type f; }
interrupted 130 TERM begun "sweep, in the middle" "$PFSIM" sweep "$WORK/small.json" --world virtual --repeat 50 --set 'sites[0].phones[0].count=2000' \
    --keep --out "$WORK/sweep"
expect "half-written files of its runs" "" "$(hidden)"
run_status 1 "a run to fit" "$PFSIM" run "$WORK/small.json" --world virtual --set network=packet --set 'sites[0].phones[0].count=200' \
    --set 'thresholds={"completion_s.last":"< 1"}' --out "$WORK/measured" --quiet
interrupted 130 TERM ready "calibrate" "$PFSIM" calibrate "$WORK/measured" -o "$WORK/a/fitted.json"
expect "files of an interrupted calibrate" "" "$(ls -A "$WORK/a")"

# ---- Somebody reads no further: the page is larger than a pipe ----
run_status 0 "a run to report on" "$PFSIM" run "$WORK/small.json" --world virtual --out "$WORK/whole" --quiet
mkfifo "$WORK/full"
exec 8<>"$WORK/full"
dd if=/dev/zero of="$WORK/full" oflag=nonblock bs=4096 count=1000 2>/dev/null # until it is full
interrupted 130 TERM ready "report" sh -c 'exec "$1" report "$2" -o - >"$3"' _ "$PFSIM" "$WORK/whole" "$WORK/full"
exec 8>&-

# ---- Runs: what is finished is kept ----
second() { grep -q 'method pfs' "$WORK/err"; }
# kept WORLD PHONES: the folder of a comparison that was cut in its second run.
kept() {
    local dir=$WORK/$1
    expect "runs of a comparison that was cut, $1" "traditional false $2,pfs true $2" "$(json "$dir/compare.json" \
        'd.runs.map(r => r.method + " " + r.interrupted + " " + r.phones.total).join()')"
    expect "what the first method came to, $1" "$2" "$(json "$dir/traditional/result.json" d.phones.upgraded)"
    [ "$(json "$dir/pfs/result.json" d.phones.upgraded)" -lt "$2" ] || fail "the second method is whole, $1"
    expect "half-written files, $1" "" "$(find "$dir" -name '.*' -type f)"
    grep -q 'interrupted' "$WORK/out" || fail "the summary does not say that it was cut: $(head -n 5 "$WORK/out")"
    run_status 0 "its report again, $1" "$PFSIM" report "$dir" -o "$WORK/again.html"
    cmp -s "$WORK/again.html" "$dir/report.html" || fail "another report the second time, $1"
}
# Live: roots that wait for half an hour; nobody waits so without sharing.
interrupted 130 INT second "compare, live" "$PFSIM" compare "$WORK/small.json" --set 'pfs.root_wait="30 min"' --out "$WORK/live"
kept live 5
# Connections between phones are open when it ends, and hang up after the packets were written.
rooted() { grep -q 'is root of jar41' "$WORK/err"; }
interrupted 130 INT rooted "run, with packets" "$PFSIM" run "$WORK/small.json" --set 'sites[0].wan.rate="20 kbit/s"' --verbose --pcap "$WORK/cut.pcapng"
node "$(dirname "$0")/capture_check.mjs" pcap "$WORK/cut.pcapng" 1 || fail "packets of a run that was cut"
# Virtual: the second run goes on once somebody reads its events, which is after the signal.
mkfifo "$WORK/events.pfs"
exec 8<>"$WORK/events.pfs"
read_on() { cat "$WORK/events.pfs" 8>&- >"$WORK/read" & }
BEFORE_END=read_on
interrupted 130 TERM second "compare, virtual" "$PFSIM" compare "$WORK/small.json" --world virtual --events "$WORK/events" \
    --set 'sites[0].phones[0].count=200' --set 'start.spread="10 s"' --out "$WORK/virtual"
BEFORE_END=:
exec 8>&-
wait
kept virtual 200

# ---- Meant to end so ----
serving() { grep -q http "$WORK/out" "$WORK/err"; }
interrupted 0 TERM serving "serve" "$PFSIM" serve "$WORK/whole"
finish
