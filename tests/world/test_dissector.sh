#!/bin/sh
# Goal: phones/pfs/pfs.lua names every message and field, and skips bodies.
# Method: tshark on the capture that pcap.c writes. Usage: test_dissector.sh PCAP_PROGRAM PFS_LUA. Status 77: no tshark.
set -eu
command -v tshark >/dev/null || exit 77
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" "$folder/run.pcap"
fields() {
    lua=$1
    shift
    HOME=$folder tshark -r "$folder/run.pcap" -X "lua_script:$lua" -Y pfs -T fields -E separator=/s "$@" 2>"$folder/errors"
}
bad=0
expect() { # name, wanted, got
    if [ "$2" != "$3" ]; then
        printf '%s: wanted\n%s\ngot\n%s\n' "$1" "$2" "$3"
        bad=1
    fi
}
types=$(fields "$2" -e pfs.type | tr ',' '\n' | tr '\n' ' ')
expect "types in order" "1 2 3 4 5 6 7 8 16 17 22 21 25 23 " "$(echo "$types" | tr -s ' ' | sed 's/^ //')"
expect "body bytes" 4000 "$(fields "$2" -e pfs.body | tr ',' '\n' | awk '{ sum += $1 } END { print sum }')"
expect "strength and map of the offer" "0x31d4d43d 0xff9d7cb9 CP-7961G /dnld/SCCP41.9-4-2SR2-2S.loads" \
    "$(fields "$2" -e pfs.strength -e pfs.map -e pfs.model -e pfs.path | head -1)"
expect "digest of BODY" "$(printf '00%.0s' $(seq 32))" \
    "$(HOME=$folder tshark -r "$folder/run.pcap" -X "lua_script:$2" -Y 'pfs.type == 22' -T fields -e pfs.digest 2>/dev/null |
        tr ',' '\n' | tail -1 | tr -d ':')"
expect "avoid of JOIN" 127.1.0.9 "$(fields "$2" -e pfs.avoid | tr -d ' \n')"
expect "lines of the list" "AD 1, strength 31d4d43d, /dnld/SCCP41.9-4-2SR2-2S.loads" \
    "$(HOME=$folder tshark -r "$folder/run.pcap" -X "lua_script:$2" -Y 'pfs.type == 2' -T fields -e _ws.col.Info 2>/dev/null | head -1)"
# Every type has a line of its own: a name, and what it says.
expect "types without a line" "" \
    "$(HOME=$folder tshark -r "$folder/run.pcap" -X "lua_script:$2" -Y 'pfs.type && pfs.type != 23' -T fields -e _ws.col.Info 2>/dev/null |
        grep -vE '^[A-Z]+ [^;]*[a-z0-9]' | head -3)"
expect "malformed" "" "$(HOME=$folder tshark -r "$folder/run.pcap" -X "lua_script:$2" -Y pfs.malformed 2>/dev/null)"
if grep -qi 'lua.*error' "$folder/errors"; then
    cat "$folder/errors"
    bad=1
fi
exit $bad
