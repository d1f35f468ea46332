#!/usr/bin/env bash
# Goal: the same scenarios upgrade from real servers: nginx (HTTP and HTTPS), tftpd-hpa, dnsmasq. Method: the content is written by
# `pfsim content`, the servers run the configuration of docker/ on free ports of 127.0.0.1.
. "$(dirname "$0")/../cli/lib.sh"
DOCKER=$(cd "$(dirname "$0")/../../docker" && pwd)
small_scenario "$WORK/small.json"
run_status 0 "content" "$PFSIM" content "$WORK/small.json" --method pfs --out "$WORK/content"
run_status 0 "content, traditional" "$PFSIM" content "$WORK/small.json" --method traditional --out "$WORK/content-t"
chmod -R a+rX "$WORK"

# try NAME URL ARGUMENTS...: both methods, every phone, one WAN copy with PFS.
try() {
    local name=$1 url=$2 method
    shift 2
    for method in pfs traditional; do
        run_status 0 "$name, $method" "$PFSIM" run "$WORK/small.json" --method $method --quiet --json --set "server.url=$url" "$@"
        [ -s "$WORK/out" ] || continue
        expect "$name, $method: upgraded" 5 "$(json "$WORK/out" d.phones.upgraded)"
        [ $method = traditional ] || expect "$name: WAN copies" 3 "$(json "$WORK/out" d.trees_summary.wan_copies)"
    done
}

# ---- nginx ----
mkdir -p "$WORK/nginx" "$WORK/tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=pfsim-test \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$WORK/tls/key.pem" -out "$WORK/tls/cert.pem" 2>/dev/null
http=$(free_port)
https=$(free_port)
sed -e "s|listen 6970|listen 127.0.0.1:$http|" -e "s|listen 6971|listen 127.0.0.1:$https|" -e "s|/srv/firmware|$WORK/content|" \
    -e "s|/srv/tls|$WORK/tls|" "$DOCKER/nginx.conf" >"$WORK/nginx/nginx.conf"
user=()
[ "$(id -u)" -ne 0 ] || user=(-g 'user root;')
nginx -p "$WORK/nginx" -c "$WORK/nginx/nginx.conf" "${user[@]}" 2>"$WORK/nginx/log" &
CHILDREN+=($!)
wait_until 10 tcp_open "$http" || fail "nginx does not come up: $(cat "$WORK/nginx/log")"
try "nginx, HTTP" "http://127.0.0.1:$http/"
try "nginx, HTTP, a connection a file" "http://127.0.0.1:$http" --set server.keep_alive=false
try "nginx, HTTPS" "https://127.0.0.1:$https/" --set server.protocol=https --set "server.tls={\"ca_file\":\"$WORK/tls/cert.pem\"}"
# Without a line all handshakes would come at once, and of so few timers each counts.
try "nginx, HTTPS, straight" "https://127.0.0.1:$https/" --set server.protocol=https --set 'sites[0].wan="none"' --set 'start.spread="1 s"' \
    --set "server.tls={\"ca_file\":\"$WORK/tls/cert.pem\"}"
# A certificate that nobody vouches for: every phone fails and says TLS.
run_status 1 "nginx, HTTPS, unknown certificate" "$PFSIM" run "$WORK/small.json" --method traditional --quiet --json \
    --set server.url="https://127.0.0.1:$https/" --set server.protocol=https --set server.retries=1 --set 'server.timeout="100 ms"'
json "$WORK/out" 'JSON.stringify(d.failures_by_reason)' | grep -q TLS || fail "an unknown certificate is not named: $(json "$WORK/out" 'JSON.stringify(d.failures_by_reason)')"
# A component that is missing.
mkdir "$WORK/hidden" && mv "$WORK/content/cnu41.sbn" "$WORK/hidden/"
run_status 1 "nginx, a component is missing" "$PFSIM" run "$WORK/small.json" --method pfs --quiet --json \
    --set server.url="http://127.0.0.1:$http/" --set server.retries=1 --set 'server.timeout="100 ms"' --set 'pfs.rejoin_attempts=1'
expect "a missing component: failed" 5 "$(json "$WORK/out" d.phones.failed)"
json "$WORK/out" 'JSON.stringify(d.failures_by_reason)' | grep -q 'cnu41.sbn.*404' || fail "a missing component is not named: $(json "$WORK/out" 'JSON.stringify(d.failures_by_reason)')"
# A component of the right length and the wrong bytes.
head -c 20000 /dev/zero >"$WORK/content/cnu41.sbn"
run_status 1 "nginx, a wrong digest" "$PFSIM" run "$WORK/small.json" --method traditional --quiet --json --set server.url="http://127.0.0.1:$http/"
json "$WORK/out" 'JSON.stringify(d.failures_by_reason)' | grep -q 'cnu41.sbn.*digest' || fail "a wrong digest is not named: $(json "$WORK/out" 'JSON.stringify(d.failures_by_reason)')"
mv "$WORK/hidden/cnu41.sbn" "$WORK/content/"

# ---- tftpd-hpa and dnsmasq ----
tftp() { "$PFSIM" run "$WORK/small.json" --method traditional --quiet --json --set "server.url=tftp://127.0.0.1:$1/" --set server.protocol=tftp "${@:2}"; }
if command -v in.tftpd >/dev/null; then
    port=$(free_port)
    # shellcheck disable=SC2046 # the file holds arguments
    in.tftpd --foreground $(sed -e 's/#.*//' -e "s|0\.0\.0\.0:69|127.0.0.1:$port|" -e "s|/srv/firmware|$WORK/content|" "$DOCKER/tftpd-hpa.args") &
    CHILDREN+=($!)
    wait_until 10 grep -q "$(printf ':%04X' "$port")" /proc/net/udp || fail "tftpd-hpa does not come up"
    try "tftpd-hpa" "tftp://127.0.0.1:$port/" --set server.protocol=tftp
    try "tftpd-hpa, blksize 1428, windowsize 8" "tftp://127.0.0.1:$port/" --set server.protocol=tftp --set server.block_size=1428 --set server.window=8
    mv "$WORK/content/cnu41.sbn" "$WORK/hidden/"
    run_status 1 "tftpd-hpa, a component is missing" tftp "$port" --set server.retries=1
    json "$WORK/out" 'JSON.stringify(d.failures_by_reason)' | grep -q 'cnu41.sbn.*TFTP error 1' ||
        fail "a missing component is not named: $(json "$WORK/out" 'JSON.stringify(d.failures_by_reason)')"
    mv "$WORK/hidden/cnu41.sbn" "$WORK/content/"
fi
if command -v dnsmasq >/dev/null && [ "$(id -u)" -eq 0 ] && unshare -n true 2>/dev/null; then
    # dnsmasq knows no other TFTP port than 69: it has a network of its own, and pfsim with it.
    cat >"$WORK/in-namespace.sh" <<EOF
ip link set lo up
sed -e "s|/srv/firmware|$WORK/content|" "$DOCKER/dnsmasq.conf" >"$WORK/dnsmasq.conf"
dnsmasq --conf-file="$WORK/dnsmasq.conf" --user=root --pid-file="$WORK/dnsmasq.pid" --keep-in-foreground & d=\$!
trap 'kill \$d' EXIT
for i in \$(seq 200); do grep -q ':0045 ' /proc/net/udp && break; read -r -t 0.05 <> <(:); done
"\$@"
EOF
    for options in "" "--set server.block_size=1428"; do
        # shellcheck disable=SC2086 # options are words
        run_status 0 "dnsmasq $options" unshare -n bash "$WORK/in-namespace.sh" "$PFSIM" run "$WORK/small.json" --method pfs --quiet --json \
            --set server.url=tftp://127.0.0.1/ --set server.protocol=tftp $options
        [ ! -s "$WORK/out" ] || expect "dnsmasq: upgraded" 5 "$(json "$WORK/out" d.phones.upgraded)"
    done
else
    echo "dnsmasq is not tried: it needs root and a network namespace for port 69"
fi
finish
