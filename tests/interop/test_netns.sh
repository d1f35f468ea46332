#!/usr/bin/env bash
# Goal: servers on other hosts work: the line's far end dials from server.sources; without a line, phones have routed
# addresses. Method: two network namespaces of our own with a cable between them, our server in one, the phones in the other.
# Needs root; says so and is skipped (77) otherwise.
. "$(dirname "$0")/../cli/lib.sh"
[ "$(id -u)" -eq 0 ] && ip netns list >/dev/null 2>&1 || {
    echo "network namespaces need root: skipped"
    exit 77
}
A=pfsim-a-$$
B=pfsim-b-$$
ip netns add "$A" 2>/dev/null && ip netns add "$B" 2>/dev/null || {
    echo "this machine makes no network namespaces: skipped"
    ip netns del "$A" 2>/dev/null
    exit 77
}
remove() {
    cleanup
    ip netns del "$A" 2>/dev/null
    ip netns del "$B" 2>/dev/null
}
trap remove EXIT
ip link add va netns "$A" type veth peer name vb netns "$B"
for ns in "$A" "$B"; do ip -n "$ns" link set lo up; done
ip -n "$A" addr add 10.99.0.2/24 dev va
ip -n "$A" addr add 10.99.0.3/24 dev va
ip -n "$A" link set va up
ip -n "$B" addr add 10.99.0.1/24 dev vb
ip -n "$B" link set vb up
ip -n "$B" route add 10.98.0.0/16 via 10.99.0.2

small_scenario "$WORK/small.json"
run_status 0 "content" "$PFSIM" content "$WORK/small.json" --out "$WORK/content"
ip netns exec "$B" "$PFSIM" serve "$WORK/content" --bind 10.99.0.1 --port 6970 --tftp-port 69 --log "$WORK/access.log" >"$WORK/serve" 2>&1 &
CHILDREN+=($!)
answers() { ip netns exec "$A" bash -c 'exec 3<>/dev/tcp/10.99.0.1/6970'; }
wait_until 10 answers || fail "the server does not come up: $(cat "$WORK/serve")"

run_in_a() { ip netns exec "$A" "$PFSIM" run "$WORK/small.json" --quiet --json "$@"; }

for method in pfs traditional; do
    run_status 0 "behind a line, $method" run_in_a --method $method --set server.url=http://10.99.0.1:6970/ \
        --set 'server.sources=["10.99.0.2","10.99.0.3"]'
    expect "behind a line, $method: upgraded" 5 "$(json "$WORK/out" d.phones.upgraded)"
done
grep -q '10\.99\.0\.3' "$WORK/access.log" || fail "the second source address was never used"
run_status 0 "TFTP behind a line" run_in_a --method pfs --set server.url=tftp://10.99.0.1/ --set server.protocol=tftp \
    --set 'server.sources=["10.99.0.2"]'

# Without a line: doctor names the command, the command helps.
routed=(--set server.url=http://10.99.0.1:6970/ --set 'sites[0].wan="none"' --set 'sites[0].addresses="10.98.0.0/24"')
run_status 3 "addresses that are not routed yet" run_in_a "${routed[@]}"
grep -q 'ip route add local 10.98.0.0/24' "$WORK/err" || fail "it does not say the ip command: $(cat "$WORK/err")"
ip -n "$A" route add local 10.98.0.0/24 dev lo
for method in pfs traditional; do
    run_status 0 "routed addresses, $method" run_in_a "${routed[@]}" --method $method
    expect "routed addresses, $method: upgraded" 5 "$(json "$WORK/out" d.phones.upgraded)"
done
grep -q '10\.98\.0\.' "$WORK/access.log" || fail "the server does not see the phones' own addresses"
finish
