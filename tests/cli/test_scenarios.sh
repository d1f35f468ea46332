#!/usr/bin/env bash
# Goal: every fault, method and switch of a scenario does on real sockets what it says, and every phone is accounted
# for. Method: the small scenario, changed by --set; the result document and the story of --verbose.
PFSIM_LIMIT=60
. "$(dirname "$0")/lib.sh"
small_scenario "$WORK/small.json"
result() { json "$WORK/out" "$1" 2>/dev/null; }
sound='d.phones.upgraded + d.phones.failed + d.phones.current + d.phones.unfinished === d.phones.total'
# go STATUS WHAT ARGUMENTS...: one run; whatever became of the phones, none is lost and none is left over. The document
# is in $WORK/out, the story in $WORK/err.
go() {
    local want=$1 what=$2
    shift 2
    run_status "$want" "$what" "$PFSIM" run "$WORK/small.json" --json --verbose "$@"
    [ "$(result "$sound && d.phones.unfinished === 0")" = true ] ||
        fail "$what: phones are lost: $(result 'JSON.stringify(d.phones)')"
}
told() { grep -q "$1" "$WORK/err" || fail "$2: the story has no \"$1\""; }
upgraded() { expect "$1: upgraded" "$2" "$(result d.phones.upgraded)"; }
pfs=(--method pfs --set 'pfs.parent_timeout="1 s"' --set 'pfs.stall="1 s"' --set 'server.timeout="300 ms"')
slow=(--set 'sites[0].wan.rate="500 kbit/s"') # a file takes a second: faults find something to break

# Crashes: by part, by number, before the start; for a while and for good.
go 0 "the root crashes and comes back" "${pfs[@]}" "${slow[@]}" \
    --set 'faults=[{"kind":"crash","phone":"root","file":"jar41.sbn","when":"fetching","down_for":"1 s"}]'
told 'crashes' "a crash of the root"; told 'switched on again' "a crash of the root"
upgraded "a crash of the root" 5
go 1 "a parent crashes for good" "${pfs[@]}" --set 'sites[0].lan.rate="1 Mbit/s"' --set 'sites[0].phones[0].count=7' \
    --set 'faults=[{"kind":"crash","phone":"parent","file":"jar41.sbn","when":"serving"}]'
told 'crashes' "a crash of a parent"; told 'lost its parent for jar41.sbn' "a crash of a parent"
upgraded "a crash of a parent" 6
expect "who is off for good" "switched off by a fault, for good" "$(result 'd.failures[0].reason')"
# A dial that nobody answers ends after 10 s: one of them is enough to see.
go 1 "a root loses its power silently" "${pfs[@]}" "${slow[@]}" --set pfs.rejoin_attempts=1 \
    --set 'faults=[{"kind":"crash","phone":"root","file":"jar41.sbn","when":"fetching","silent":true}]'
told 'loses its power, silently' "a silent crash"; upgraded "a silent crash" 4
go 1 "one number crashes before its start, another over its start" --method traditional \
    --set start.at='"300 ms"' --set 'faults=[{"kind":"crash","phone":1,"at":"50 ms"},
        {"kind":"crash","phone":2,"at":"50 ms","down_for":"1 s"},
        {"kind":"crash","phone":3,"at":"50 ms","down_for":"50 ms"}]'
told 'before its start' "a crash before the start"; upgraded "a crash before the start" 4
expect "the phone that never started" 127.1.0.3 "$(result 'd.failures[0].phone')"

# The network and the server.
go 0 "a partition that heals" "${pfs[@]}" "${slow[@]}" \
    --set 'faults=[{"kind":"partition","phones":[0,1],"at":"1 s","heal_after":"1 s"}]'
told 'cut in two' "a partition"; told 'whole again' "a partition"; upgraded "a partition" 5
go 0 "the server goes down and comes back" --method traditional "${slow[@]}" --set 'server.timeout="1 s"' \
    --set 'faults=[{"kind":"server_down","at":"1 s","down_for":"1 s"}]'
told 'server is down' "server_down"; upgraded "server_down" 5
[ "$(result 'd.completion_s.last > 2')" = true ] || fail "server_down: nothing waited for the server"
go 1 "the server stays down" --method traditional --set 'server.timeout="50 ms"' --set server.retries=1 \
    --set 'faults=[{"kind":"server_down","at":"0 s"}]'
upgraded "a server that stays down" 0
go 0 "the line goes down and comes back" "${pfs[@]}" "${slow[@]}" \
    --set 'faults=[{"kind":"wan_down","at":"1 s","down_for":"1 s"}]'
told 'line is down' "wan_down"; upgraded "wan_down" 5
go 0 "a peer sends corrupt bodies" "${pfs[@]}" --set 'faults=[{"kind":"corrupt_peer","phone":"root"}]'
told 'sends corrupt bodies' "corrupt_peer"; told 'rejected' "corrupt_peer"; upgraded "corrupt_peer" 5
[ "$(result 'd.transfers.rejected > 0 && d.phones.fallbacks > 0')" = true ] ||
    fail "corrupt_peer: nothing was rejected, or nobody fell back"
go 1 "fallback \"fail\"" "${pfs[@]}" --set 'pfs.fallback="fail"' --set 'faults=[{"kind":"corrupt_peer","phone":"root"}]'
[ "$(result 'd.phones.failed > 0 && d.phones.fallbacks === 0')" = true ] ||
    fail "fallback fail: $(result 'JSON.stringify(d.phones)')"

# Servers and methods.
for protocol in http https; do
    go 0 "load-server over $protocol" --method load-server --set "server.protocol=\"$protocol\""
    upgraded "load-server over $protocol" 5
    expect "load-server over $protocol: firmware over the line" 0 "$(result d.wan.payload_bytes)"
    go 0 "a load server of the phones' own over $protocol" --method traditional --set "server.protocol=\"$protocol\"" \
        --set 'sites[0].phones[0].load_server="10.0.0.9"'
    upgraded "phones[].load_server over $protocol" 5
    expect "phones[].load_server over $protocol: firmware over the line" 0 "$(result d.wan.payload_bytes)"
    [ "$(result 'd.wan.config_bytes > 0')" = true ] || fail "phones[].load_server: configuration did not use the line"
done
go 1 "a server that is down takes the load server with it" --method load-server --set 'server.timeout="50 ms"' \
    --set server.retries=1 --set 'sites[0].lan.rate="100 kbit/s"' --set 'faults=[{"kind":"server_down","at":"1500 ms"}]'
[ "$(result 'd.phones.failed > 0')" = true ] || fail "the load server outlived the fault"
go 0 "embedded HTTPS" --method traditional --set 'server.protocol="https"'
upgraded "embedded HTTPS" 5
go 0 "TFTP with blksize and windowsize" --method traditional --set 'server.protocol="tftp"' \
    --set server.block_size=1428 --set server.window=8
upgraded "TFTP" 5
large=$(result d.wan.up_bytes)
go 0 "TFTP in lock-step" --method traditional --set 'server.protocol="tftp"'
upgraded "TFTP in lock-step" 5
[ "$(result "d.wan.up_bytes > 4 * $large")" = true ] ||
    fail "blksize and windowsize save no ACKs: $large, $(result d.wan.up_bytes)"

# Sharing.
# Children ask for their fixed parent once a second: it must still be there.
go 0 "election static" "${pfs[@]}" --set 'pfs.election="static"' --set 'pfs.linger="3 s"'
upgraded "election static" 5
expect "election static: one copy each" 3 "$(result d.trees_summary.wan_copies)"
expect "election static: phone 0 is every root" 127.1.0.2 "$(result '[...new Set(d.trees.map(t => t.root))].join()')"
go 0 "half of the phones share" "${pfs[@]}" --set 'sites[0].phones[0].pfs=0.5' --set 'sites[0].phones[0].count=6'
upgraded "half of the phones share" 6
expect "half of the phones share: three copies alone and one shared, of three files" 12 \
    "$(result d.trees_summary.wan_copies)"
go 0 "two models in one subnet" "${pfs[@]}" --set 'firmware[1]={"model":"B","load":"SCCP41.b",
    "files":[{"name":"jar41.sbn","size":"60 KB"},{"name":"cnu41.sbn","size":"20 KB"}]}' \
    --set 'sites[0].phones[1]={"system":"cucm","model":"B","count":4,"boot":"100 ms","apply":"50 ms","reboot":"50 ms"}'
upgraded "two models" 9
expect "two models: two trees of a file that both want" "B CP-7961G" \
    "$(result 'd.trees.filter(t => t.file === "jar41.sbn").map(t => t.model).sort().join(" ")')"
expect "two models: each load crosses once" 6 "$(result d.trees_summary.wan_copies)"
go 0 "two loops, a site on each" "${pfs[@]}" --set threads=2 --set 'sites[0].count=2'
upgraded "two loops" 10
expect "two loops: each site has its own roots" 6 "$(result d.trees_summary.wan_copies)"

# Phones that need nothing; firmware from a folder; the console.
go 0 "phones that run the load" --method traditional --set 'sites[0].phones[0].running="SCCP41.test"'
expect "phones that run the load are current" 5 "$(result d.phones.current)"
expect "and fetch no firmware" 0 "$(result d.wan.payload_bytes)"
mkdir "$WORK/firmware"
head -c 50000 /dev/urandom >"$WORK/firmware/jar41.sbn"
head -c 20000 /dev/urandom >"$WORK/firmware/dsp41.sbn"
echo '<Default/>' >"$WORK/firmware/XMLDefault.cnf.xml"
go 0 "firmware from a folder" "${pfs[@]}" \
    --set "firmware[0]={\"model\":\"CP-7961G\",\"load\":\"SCCP41.test\",\"directory\":\"$WORK/firmware\"}"
upgraded "firmware from a folder" 5
expect "firmware from a folder: the files' own digests" "dsp41.sbn:directory jar41.sbn:directory" \
    "$(result 'd.trees.filter(t => /sbn/.test(t.file)).map(t => t.file + ":" + t.digest_source).sort().join(" ")')"
go 0 "a phone's console" "${pfs[@]}" --phone-log 127.1.0.3
stamp='^[A-Z]* [0-9][0-9]:[0-9][0-9]:[0-9][0-9]\.[0-9]\{6\} DLoad: '
for words in 'Listening on peer TCP port' 'sendBroadcastOffer\|Rx[A-Za-z]*' 'ClaimRoot(tent)'; do
    told "$stamp.*\($words\)" "--phone-log"
done
finish
