#!/usr/bin/env bash
# Goal: lines that change over time in all worlds, and calibrate, as a user meets them. Method: the small scenario over
# steps and traces; the same one with constants that are known, and over packets that are lost.
PFSIM_LIMIT=60
. "$(dirname "$0")/lib.sh"
small_scenario "$WORK/small.json"
last() { json "$1" d.completion_s.last; }
is() { node -e 'const [a, b, c] = process.argv.slice(1).map(Number); process.exit(eval(process.argv[4]) ? 0 : 1)' "$2" "$3" "${4:-0}" "$1"; }
virtual() { run_status 0 "$1" "$PFSIM" run "$WORK/small.json" --json --quiet --world virtual "${@:2}"; cp "$WORK/out" "$WORK/$1"; }

# Twelve packets of 1500 bytes in 100 ms are 1.44 Mbit/s; 0.2 s of them, then nothing for 0.3 s.
node -e 'for (let i = 1; i <= 24; i++) console.log(Math.round(i * 100 / 12)); console.log(500)' >"$WORK/cell.trace"
node -e 'for (let i = 1; i <= 600; i++) console.log(Math.round(i * 5 / 3))' >"$WORK/even.trace" # 7.2 Mbit/s
trace=(--set 'sites[0].wan.rate={"trace":"cell.trace"}' --method traditional)
for network in fluid packet; do
    # A trace that is even is a plain rate.
    virtual even --set network=$network --method traditional --set 'sites[0].wan.rate={"trace":"even.trace"}'
    virtual plain --set network=$network --method traditional --set 'sites[0].wan.rate="7.2 Mbit/s"'
    is 'Math.abs(a / b - 1) < 0.01' "$(last "$WORK/even")" "$(last "$WORK/plain")" ||
        fail "$network: an even trace takes $(last "$WORK/even") s, the rate $(last "$WORK/plain") s"
    # 25 packets in 500 ms: 600 kbit/s. Five phones of 80 kB and what is around them: 430 kB take 5.8 s or a little more.
    virtual trace --set network=$network "${trace[@]}"
    is 'a > 5.5 && a < 8' "$(last "$WORK/trace")" 0 || fail "$network: over a trace: $(last "$WORK/trace") s"
    expect "$network: configured" true "$(json "$WORK/trace" 'Math.abs(d.wan.configured_bit_s / 600e3 - 1) < 0.05')"
    expect "$network: used" true "$(json "$WORK/trace" 'd.wan.utilisation > 0.8 && d.wan.utilisation <= 1')"
    # A second later on the trace's clock it is another run, with the same length more or less.
    virtual later --set network=$network --method traditional --set 'sites[0].wan.rate={"trace":"cell.trace","offset":"300 ms"}'
    [ "$(last "$WORK/later")" != "$(last "$WORK/trace")" ] || fail "$network: the offset changes nothing"
done
# The first phones start at a rate at which the line would be done at once; from 0.3 s on 400 kbit/s are left: 430 kB
# less what passed before, 8.5 s.
virtual slower --method traditional --set 'sites[0].wan.rate={"steps":[{"at":"0 s","rate":"10 Mbit/s"},{"at":"300 ms","rate":"400 kbit/s"}]}'
virtual slow --method traditional --set 'sites[0].wan.rate="400 kbit/s"'
is 'a > 3 && a < b' "$(last "$WORK/slower")" "$(last "$WORK/slow")" || fail "a step down: $(last "$WORK/slower") s"
[ "$(json "$WORK/slower" 'd.bounds.wan_floor_s')" != "$(json "$WORK/slow" 'd.bounds.wan_floor_s')" ] ||
    fail "the floor does not know of the first step"

# Live, the relay follows the trace: as long as the packet network says, within a fifth of it.
virtual packets --set network=packet "${trace[@]}"
run_status 0 "live over a trace" "$PFSIM" run "$WORK/small.json" --out "$WORK/live" --quiet "${trace[@]}"
live=$(last "$WORK/live/result.json")
is 'a > 0.8 * b && a < 1.25 * b' "$live" "$(last "$WORK/packets")" ||
    fail "live over a trace: $live s, packets $(last "$WORK/packets") s"

# A bad trace is told with its line, and nothing starts.
printf '1\n2\nten\n' >"$WORK/bad.trace"
run_status 2 "a bad trace" "$PFSIM" check "$WORK/small.json" --set 'sites[0].wan.rate={"trace":"bad.trace"}'
grep -q 'found "ten" in .*bad.trace:3, expected a whole number of milliseconds' "$WORK/err" || fail "a bad trace: $(cat "$WORK/err")"

# ---- calibrate ----
constants() { json "$1" "d.constants['$2'].is"; }
# Constants that are known are found: a fluid run with them, against the scenario without.
run_status 0 "known constants" "$PFSIM" run "$WORK/small.json" --quiet --world virtual --method traditional --out "$WORK/known" \
    --set 'fluid={"goodput":0.9,"startup":"40 ms"}' --set 'sites[0].wan.rate="2 Mbit/s"'
run_status 0 "finding known constants" "$PFSIM" calibrate "$WORK/known" --scenario "$WORK/small.json" --set world=virtual \
    --set 'sites[0].wan.rate="2 Mbit/s"' --json
cp "$WORK/out" "$WORK/found"
is 'Math.abs(a / 0.9 - 1) < 0.03' "$(constants "$WORK/found" fluid.goodput)" 0 || fail "goodput: $(cat "$WORK/found")"
is 'Math.abs(a + b - 0.042) < 0.004' "$(constants "$WORK/found" fluid.startup)" "$(constants "$WORK/found" server.response_time)" ||
    fail "start-up: $(cat "$WORK/found")"
expect "TFTP in a run without" no-effect "$(json "$WORK/found" "d.constants['fluid.tftp_packet'].verdict")"
# TFTP's: per block.
run_status 0 "known TFTP" "$PFSIM" run "$WORK/small.json" --quiet --world virtual --method traditional --out "$WORK/tftp" \
    --set server.protocol=tftp --set 'fluid.tftp_packet="2 ms"'
run_status 0 "finding known TFTP" "$PFSIM" calibrate "$WORK/tftp/result.json" --scenario "$WORK/small.json" --json \
    --set server.protocol=tftp
is 'Math.abs(a / 0.002 - 1) < 0.03' "$(constants "$WORK/out" fluid.tftp_packet)" 0 || fail "TFTP: $(cat "$WORK/out")"

# Packets that are lost at random: the fluid network leaves that out, until it is told. scenario.json lies beside the run.
run_status 0 "lost packets" "$PFSIM" run "$WORK/small.json" --quiet --world virtual --method traditional --out "$WORK/lossy" \
    --set network=packet --set sites[0].wan.loss=0.02 --set 'sites[0].wan.rtt="60 ms"' \
    --set 'firmware[0].files[0].size="600 KB"' --set 'firmware[0].files[1].size="200 KB"'
run_status 0 "calibrating" "$PFSIM" calibrate "$WORK/lossy" --json -o "$WORK/calibrated.json"
expect "the error falls" true "$(json "$WORK/out" 'd.after.mean_abs_s < 0.7 * d.before.mean_abs_s')"
cp "$WORK/out" "$WORK/fit"
# What it wrote is a scenario, whose fluid run is as far from the packets' as it said.
run_status 0 "the calibrated scenario" "$PFSIM" run "$WORK/calibrated.json" --world virtual --method traditional --set network=fluid --quiet --json
is 'Math.abs(a - b - c) < 1e-4' "$(last "$WORK/out")" "$(last "$WORK/lossy/result.json")" "$(json "$WORK/fit" d.after.last_s)" ||
    fail "the calibrated scenario ends at $(last "$WORK/out") s"
# For people; the same input, the same words.
run_status 0 "for people" "$PFSIM" calibrate "$WORK/lossy"
grep -q "^--set fluid.goodput='0\.[0-9]*'" "$WORK/out" || fail "no line to type: $(cat "$WORK/out")"
cp "$WORK/out" "$WORK/once"
run_status 0 "again" "$PFSIM" calibrate "$WORK/lossy"
cmp -s "$WORK/out" "$WORK/once" || fail "calibrate says something else the second time"

# A live run, small.
run_status 0 "calibrating to a live run" "$PFSIM" calibrate "$WORK/live" --json --scenario "$WORK/small.json" "${trace[@]:0:2}"
expect "it gets no worse" true "$(json "$WORK/out" 'd.after.mean_abs_s <= d.before.mean_abs_s')"

# Trouble: each in one sentence.
told() { grep -q "$1" "$WORK/err" || fail "$2: $(cat "$WORK/err")"; }
run_status 3 "no result" "$PFSIM" calibrate "$WORK/nowhere"; told nowhere "no result"
run_status 2 "another scenario" "$PFSIM" calibrate "$WORK/lossy" --set 'sites[0].phones[0].count=4'; told 'is of 5 phones, the scenario has 4' "another scenario"
rm "$WORK/lossy/scenario.json"
run_status 2 "no scenario" "$PFSIM" calibrate "$WORK/lossy"; told 'scenario.json' "no scenario"
cp "$WORK/small.json" "$WORK/known/scenario.json"; printf 'phone,start_s\n"' >"$WORK/known/phones.csv"
run_status 2 "a damaged table" "$PFSIM" calibrate "$WORK/known"; told phones.csv "a damaged table"
printf '{' >"$WORK/known/result.json"
run_status 2 "a damaged result" "$PFSIM" calibrate "$WORK/known"; told result.json "a damaged result"
run_status 3 "a folder that is not there" "$PFSIM" calibrate "$WORK/tftp" --scenario "$WORK/small.json" --set server.protocol=tftp -o /nowhere/x.json
told /nowhere "a folder that is not there"
finish
