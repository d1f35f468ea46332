#!/usr/bin/env bash
# Goal: our TFTP client and server understand other people's, byte for byte.
# Method: our server (`pfsim serve` in $PFSIM, else tftp_tool in $TFTP_TOOL) against curl, tftp-hpa and atftp; our client (tftp_tool)
# against tftpd-hpa, dnsmasq and atftpd. Sizes around block borders, block sizes 8, 512, 1428, 65464, windows. Free ports on
# 127.0.0.1 only; a program that is not installed is named and left out.
# Usage: TFTP_TOOL=... [PFSIM=...] [ATFTPD=...] test_tftp.sh
set -u
WORK=$(mktemp -d /tmp/pfsim_tftp.XXXXXX)
PIDS=()
FAILED=0
CHECKS=0

cleanup() {
    for pid in "${PIDS[@]}"; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    rm -rf "$WORK"
}
trap cleanup EXIT

fail() {
    echo "FAILED: $*"
    FAILED=$((FAILED + 1))
}

# same WHAT FILE: what was fetched into $WORK/out is that file.
same() {
    CHECKS=$((CHECKS + 1))
    cmp -s "$WORK/out" "$WORK/files/$2" || fail "$1: $2 came out wrong ($(stat -c %s "$WORK/out" 2>/dev/null) bytes)"
    rm -f "$WORK/out"
}

have() {
    command -v "$1" >/dev/null && return 0
    echo "left out: $1 is not installed"
    return 1
}

free_port() {
    "$TFTP_TOOL" port
}

# answers PORT: waits until a TFTP server answers there.
answers() {
    for _ in $(seq 300); do
        "$TFTP_TOOL" get "$1" f1 "$WORK/probe" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    fail "no server at port $1"
    return 1
}

mkdir -p "$WORK/files" "$WORK/up"
SIZES="0 1 511 512 513 1024 1428 14280 65464 3000001"
for size in $SIZES; do
    head -c "$size" /dev/urandom >"$WORK/files/f$size"
done
chmod 755 "$WORK" "$WORK/files"
chmod 777 "$WORK/up"
chmod 644 "$WORK"/files/*

# ---- Our server, other clients ----

if [ -n "${PFSIM:-}" ]; then
    PORT=$(free_port)
    "$PFSIM" serve "$WORK/files" --tftp-port "$PORT" --upload "$WORK/up" >"$WORK/serve.log" 2>&1 &
    PIDS+=($!)
    answers "$PORT"
else
    "$TFTP_TOOL" serve "$WORK/files" "$WORK/up" >"$WORK/port" 2>"$WORK/serve.log" &
    PIDS+=($!)
    for _ in $(seq 300); do
        [ -s "$WORK/port" ] && break
        sleep 0.1
    done
    PORT=$(cat "$WORK/port")
fi

if have curl; then
    for block in 8 512 1428 65464; do
        for size in $SIZES; do
            [ "$block" = 8 ] && [ "$size" -gt 100000 ] && continue
            curl -s --max-time 120 --tftp-blksize "$block" -o "$WORK/out" "tftp://127.0.0.1:$PORT/f$size" || fail "curl, block size $block, f$size: status $?"
            [ "$size" = 0 ] && touch "$WORK/out" # curl writes no empty file
            same "curl, block size $block" "f$size"
        done
    done
    for size in $SIZES; do
        curl -s --max-time 120 --tftp-no-options -o "$WORK/out" "tftp://127.0.0.1:$PORT/f$size" || fail "curl without options, f$size"
        [ "$size" = 0 ] && touch "$WORK/out"
        same "curl without options" "f$size"
    done
    curl -s --max-time 120 -o "$WORK/out" "tftp://127.0.0.1:$PORT/nothing"
    [ $? = 68 ] || fail "curl does not see error 1"
    curl -s --max-time 120 --tftp-blksize 1428 -T "$WORK/files/f14280" "tftp://127.0.0.1:$PORT/curl-up" || fail "curl uploads"
    cp "$WORK/up/curl-up" "$WORK/out" 2>/dev/null
    same "curl uploads" f14280
    curl -s --max-time 120 -T "$WORK/files/f1" "tftp://127.0.0.1:$PORT/curl-up" && fail "an upload over an old file is refused"
fi
if have tftp; then
    for size in $SIZES; do
        (cd "$WORK" && timeout 120 tftp -m binary 127.0.0.1 "$PORT" -c get "f$size" out) >/dev/null 2>&1
        same "tftp-hpa" "f$size"
    done
    (cd "$WORK/files" && timeout 120 tftp -m binary 127.0.0.1 "$PORT" -c put f513 hpa-up) >/dev/null 2>&1
    cp "$WORK/up/hpa-up" "$WORK/out" 2>/dev/null
    same "tftp-hpa uploads" f513
fi
if have atftp; then
    for options in "" "blksize 8" "blksize 1428" "blksize 65464" "windowsize 8" "windowsize 16:blksize 1428" "tsize:timeout 3"; do
        for size in $SIZES; do
            [ "$options" = "blksize 8" ] && [ "$size" -gt 100000 ] && continue
            flags=()
            IFS=: read -ra parts <<<"$options"
            for part in "${parts[@]}"; do
                flags+=(--option "$part")
            done
            timeout 120 atftp "${flags[@]}" --get --remote-file "f$size" --local-file "$WORK/out" 127.0.0.1 "$PORT" >/dev/null 2>&1
            same "atftp, ${options:-no options}" "f$size"
        done
    done
    timeout 120 atftp --option "blksize 1428" --option "windowsize 4" --put --local-file "$WORK/files/f3000001" --remote-file atftp-up 127.0.0.1 "$PORT" >/dev/null 2>&1
    cp "$WORK/up/atftp-up" "$WORK/out" 2>/dev/null
    same "atftp uploads" f3000001
fi

# ---- Other servers, our client ----

# ours NAME PORT: all sizes, block sizes and windows from the server there.
ours() {
    for block in 8 512 1428 65464; do
        for window in 1 8; do
            for size in $SIZES; do
                [ "$block" = 8 ] && [ "$size" -gt 100000 ] && continue
                "$TFTP_TOOL" get "$2" "f$size" "$WORK/out" "$block" "$window" 127.0.0.1 2>"$WORK/why" || fail "$1: $(cat "$WORK/why")"
                same "$1, block size $block, window $window" "f$size"
            done
        done
    done
    "$TFTP_TOOL" get "$2" nothing "$WORK/out" 512 1 127.0.0.1 2>"$WORK/why"
    grep -q SIM_ENOTFOUND "$WORK/why" || fail "$1: a file that is not there: $(cat "$WORK/why")"
}

if [ "$(id -u)" != 0 ]; then
    echo "left out: tftpd-hpa and dnsmasq need root"
else
    if have in.tftpd; then
        port=$(free_port)
        in.tftpd --foreground --listen --user root --permissive --address "127.0.0.1:$port" --secure "$WORK/files" &
        PIDS+=($!)
        answers "$port" && ours "tftpd-hpa" "$port"
    fi
    # dnsmasq listens on port 69 only: in a network of its own, where that port is free.
    if have dnsmasq && have unshare && unshare --net true 2>/dev/null; then
        export TFTP_TOOL WORK SIZES
        export -f ours same fail answers
        unshare --net bash -c '
            FAILED=0 CHECKS=0
            ip link set lo up
            dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --user=root --pid-file= --listen-address=127.0.0.1 \
                --enable-tftp --tftp-root="$WORK/files" 2>"$WORK/dnsmasq.log" &
            pid=$!
            answers 69 && ours dnsmasq 69
            kill $pid
            wait $pid
            echo "$CHECKS" >"$WORK/dnsmasq.checks"
            exit $((FAILED > 0))' || FAILED=$((FAILED + 1))
        CHECKS=$((CHECKS + $(cat "$WORK/dnsmasq.checks" 2>/dev/null || echo 0)))
    fi
fi
if have "${ATFTPD:-atftpd}"; then
    port=$(free_port)
    "${ATFTPD:-atftpd}" --daemon --no-fork --user "$(id -un)" --group "$(id -gn)" --logfile /dev/null --bind-address 127.0.0.1 --port "$port" "$WORK/files" 2>/dev/null &
    PIDS+=($!)
    answers "$port" && ours "atftpd" "$port"
fi

echo "$CHECKS transfers compared, $FAILED failed"
[ "$FAILED" = 0 ] && [ "$CHECKS" -gt 0 ]
