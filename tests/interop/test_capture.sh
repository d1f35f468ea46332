#!/usr/bin/env bash
# Goal: tshark with phones/pfs/pfs.lua reads --pcap's files without a complaint, and finds in them what the run did. Method: runs in
# both worlds, both networks and with each protocol; tshark's own expert, and counts against the result.
. "$(dirname "$0")/../cli/lib.sh"
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
LUA=$ROOT/phones/pfs/pfs.lua
command -v tshark >/dev/null || {
    echo "no tshark: skipped"
    exit 77
}
cd "$WORK" || exit 1
# sharp FILE ARGUMENTS...: with every checksum looked at
sharp() {
    local file=$1
    shift
    tshark -r "$file" -X "lua_script:$LUA" -d "udp.port==$PORT,pfs" -d "tcp.port==$PORT,pfs" -o ip.check_checksum:TRUE \
        -o udp.check_checksum:TRUE "$@" 2>tshark.err
}
count() { sharp "$1" -Y "$2" | wc -l; }
# complaints FILE: warnings and errors, but for those about what the scenario itself did
complaints() {
    sharp "$1" -Y "_ws.malformed || pfs.malformed || (_ws.expert.severity >= \"Warning\" ${2:+&& !($2)})" | head -3
    grep -i lua tshark.err
}
# line FILE: bytes of packets towards the phones on the site's line, TCP in segments of 1,448 bytes
line() {
    sharp "$1" -Y 'ip.src == 127.0.0.1' -T fields -e tcp.len -e ip.len |
        awk -F '\t' '{ n = $1 == "" ? 0 : int(($1 + 1447) / 1448); b += $1 == "" ? $2 + 2 : $1 + (n < 1 ? 1 : n) * 54 } END { print b }'
}
quiet() {
    local found
    found=$(complaints "$@")
    [ -z "$found" ] || fail "$what: tshark complains: $found"
}
small_scenario small.json
PORT=$(json small.json d.pfs.port)
run() {
    what=$1
    shift
    run_status 0 "$what" "$PFSIM" run small.json --quiet --json --pcap x.pcapng "$@"
}
has_peers() {
    expect "$what: datagrams that are not dissected" 0 "$(count x.pcapng "udp.port == $PORT && !pfs")"
    expect "$what: segments that are not dissected" 0 "$(count x.pcapng "tcp.port == $PORT && tcp.len > 0 && !pfs")"
    expect "$what: bytes of bodies" "$(json out 'd.lan.payload_bytes')" \
        "$(sharp x.pcapng -Y pfs.body -T fields -e pfs.body | tr ',' '\n' | awk '{ s += $1 } END { print s }')"
    expect "$what: broadcasts" "$(json out 'd.lan.broadcasts')" "$(count x.pcapng "ip.dst == 255.255.255.255")"
    [ "$(count x.pcapng 'pfs.type == 16')" -ge 8 ] || fail "$what: no joins"
}
for network in fluid packet; do
    run "HTTP, $network" --world virtual --set "network=\"$network\""
    quiet x.pcapng
    has_peers
    expect "$what: requests" "$(json out d.server.requests)" "$(count x.pcapng http.request)"
    expect "$what: answers" "$(json out d.server.requests)" "$(count x.pcapng http.response)"
    [ $network = fluid ] || expect "$what: bytes on the line within 1 %" true "$(json out "Math.abs($(line x.pcapng) / d.wan.bytes - 1) < 0.01")"
    run "traditional, $network" --world virtual --method traditional --set "network=\"$network\"" --set server.keep_alive=false
    quiet x.pcapng
    expect "$what: connections" "$(json out d.server.requests)" "$(count x.pcapng 'tcp.flags == 0x002')"
    expect "$what: answers" "$(json out d.server.requests)" "$(count x.pcapng http.response)"
    run "HTTPS, $network" --world virtual --set "network=\"$network\"" --set 'server.protocol="https"'
    quiet x.pcapng
    [ "$(count x.pcapng tls.handshake.type==1)" -ge 5 ] || fail "$what: no ClientHello"
    for block in $([ $network = fluid ] && echo 512 || echo 1428); do
        run "TFTP in blocks of $block, $network" --world virtual --set "network=\"$network\"" --set 'server.protocol="tftp"' \
            --set server.block_size=$block
        quiet x.pcapng tftp
        has_peers
        expect "$what: requests" "$(json out d.server.requests)" "$(count x.pcapng 'tftp.opcode == 1')"
        expect "$what: UDP that is no TFTP" 0 "$(count x.pcapng "udp && !tftp && !pfs")"
        [ $network = fluid ] || expect "$what: bytes on the line" "$(json out d.wan.bytes)" "$(line x.pcapng)"
        expect "$what: last blocks acknowledged" "$(count x.pcapng 'tftp.opcode == 3')" "$(count x.pcapng 'tftp.opcode == 4 && tftp.block != 0')"
    done
done
run "windows of TFTP" --world virtual --set 'server.protocol="tftp"' --set server.block_size=1428 --set server.window=8
quiet x.pcapng tftp
run "the load server" --world virtual --method load-server
quiet x.pcapng
# Live: what the sockets saw.
live() {
    what=$1
    shift
    "$PFSIM" run small.json --quiet --json --pcap x.pcapng "$@" >out 2>err
    status=$?
    [ "$status" -eq 0 ] || [ "$status" -eq 4 ] || fail "$what: status $status: $(cat err)" # 4: a busy machine
}
for protocol in https tftp http; do
    live "live, $protocol" --set "server.protocol=\"$protocol\""
    case $protocol in
        https) quiet x.pcapng 'tcp.flags.reset == 1' ;; # closed before the server's last record was read
        *) quiet x.pcapng $([ $protocol = tftp ] && echo tftp) ;;
    esac
    requests=$(json out d.server.requests)
    case $protocol in
        https)
            [ "$(count x.pcapng 'tls.handshake.type == 1')" -ge 5 ] || fail "$what: no ClientHello"
            expect "$what: hellos" "$(count x.pcapng 'tls.handshake.type == 1')" "$(count x.pcapng 'tls.handshake.type == 2')"
            expect "$what: segments that are no records" 0 "$(count x.pcapng "tcp.port != $PORT && tcp.len > 0 && !tls")"
            ;;
        tftp)
            sharp x.pcapng -Y tftp >tftp # the server counts what it has ended: the last ones of a run are not
            expect "$what: requests and their ends" "$(grep -c 'Read Request' tftp)" "$(grep -cE '\(last\)|Error Code' tftp)"
            [ "$(grep -c 'Read Request' tftp)" -ge "$requests" ] || fail "$what: fewer than $requests requests"
            expect "$what: UDP that is no TFTP" 0 "$(count x.pcapng "udp && !tftp && !pfs")"
            ;;
        http)
            has_peers
            expect "$what: requests" "$requests" "$(count x.pcapng http.request)"
            expect "$what: answers" "$requests" "$(count x.pcapng http.response)"
            expect "$what: bytes promised" "$(json out 'd.wan.payload_bytes + d.wan.config_bytes')" \
                "$(sharp x.pcapng -Y 'http.response.code == 200' -T fields -e http.content_length | awk '{ s += $1 } END { print s }')"
            expect "$what: ports of the server" "$(sharp x.pcapng -Y http.request -T fields -e http.host | sort -u)" \
                "$(sharp x.pcapng -Y http.request -T fields -e ip.dst -e tcp.dstport -E separator=: | sort -u)"
            ;;
    esac
done
expect "vendors" 5 "$(sharp x.pcapng -Y 'udp.port==0 || eth.src.oui == 0x001e13' -T fields -e eth.src | sort -u | wc -l)"
# A scenario that loses datagrams and resets connections: nothing malformed, nothing missing.
"$PFSIM" run "$ROOT/scenarios/dead-root.json" --world virtual --quiet --pcap x.pcapng >out 2>err
PORT=4051 what="a root dies" quiet x.pcapng 'tcp.flags.reset == 1'
finish
