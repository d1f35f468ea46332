#!/usr/bin/env bash
# Goal: tshark with phones/pfs/pfs.lua reads a capture of a run on loopback without a complaint. Method: capture the peer port while
# a small scenario runs, then read the file back.
. "$(dirname "$0")/../cli/lib.sh"
LUA=$(cd "$(dirname "$0")/../.." && pwd)/phones/pfs/pfs.lua
command -v tshark >/dev/null && [ "$(id -u)" -eq 0 ] && unshare -n true 2>/dev/null || {
    echo "a capture needs tshark, root and a network namespace: skipped"
    exit 77
}
small_scenario "$WORK/small.json"
cat >"$WORK/in-namespace.sh" <<EOF
ip link set lo up
rm -f "$WORK/run.pcapng" # a run that is repeated waits for its own
tshark -q -i lo -f 'port 4051' -w "$WORK/run.pcapng" 2>"$WORK/tshark.err" & t=\$!
# Asked again, since it hears nothing before it captures; then without asking.
stop() {
    for i in \$(seq 400); do
        [ -n "\$(jobs -rp)" ] || return
        [ \$((i % 20)) -ne 1 ] || kill -INT \$t
        read -r -t 0.05 <> <(:)
    done
    kill -KILL \$t
}
trap stop EXIT
for i in \$(seq 400); do [ -s "$WORK/run.pcapng" ] && break; read -r -t 0.05 <> <(:); done
"\$@"
status=\$?
read -r -t 1 <> <(:)
exit \$status
EOF
run_status 0 "a run under capture" unshare -n bash "$WORK/in-namespace.sh" "$PFSIM" run "$WORK/small.json" --method pfs --quiet --set pfs.port=4051
[ -s "$WORK/run.pcapng" ] || { fail "no capture: $(cat "$WORK/tshark.err")"; finish; }
read_back() { tshark -r "$WORK/run.pcapng" -X "lua_script:$LUA" "$@" 2>"$WORK/err"; }
read_back -V >"$WORK/packets" || fail "tshark does not read the capture: $(cat "$WORK/err")"
grep -qi 'lua.*error\|error.*lua' "$WORK/err" "$WORK/packets" && fail "the dissector fails: $(grep -i lua "$WORK/err" "$WORK/packets" | head -3)"
grep -q '\[Malformed Packet' "$WORK/packets" && fail "a packet is called malformed"
count() { read_back -Y "$1" | wc -l; }
udp=$(count 'pfs && udp')
tcp=$(count 'pfs && tcp')
[ "$udp" -gt 0 ] || fail "no datagram was dissected"
[ "$tcp" -gt 0 ] || fail "no stream was dissected"
echo "$udp datagrams and $tcp segments dissected"
left=$(count 'udp.port == 4051 && !pfs')
expect "datagrams on the port that are not dissected" 0 "$left"
for word in ${DISSECTOR_WORDS:-Offer Join Body}; do
    grep -qi "$word" "$WORK/packets" || fail "no $word in the capture"
done
finish
