# tests/cli/lib.sh -- what the shell tests share. Sourced; expects PFSIM (the program) and makes WORK (a temporary folder
# that goes with the test). Ports are the kernel's choice; servers listen on 127.0.0.0/8 only.
set -u
: "${PFSIM:?the program under test}"
[ "${PFSIM#/}" != "$PFSIM" ] || PFSIM=$PWD/$PFSIM
WORK=$(mktemp -d "${TMPDIR:-/tmp}/pfsim-test.XXXXXX")
chmod 755 "$WORK"
# Every call has an end, whatever happens: PFSIM_LIMIT seconds, twice that on a busy machine. Runs in real time go before
# what only computes, where that is allowed.
PROGRAM=$PFSIM
PROMPT=
[ -n "$(nice -n -10 true 2>&1)" ] || PROMPT="nice -n -10"
cat >"$WORK/pfsim" <<EOF
#!/bin/sh
case " \$* " in
*virtual* | *" sweep "* | *" plan "* | *" report "*) first= ;;
*) first="$PROMPT" ;;
esac
exec \$first timeout -k 5 $((2 * ${PFSIM_LIMIT:-150})) "$PROGRAM" "\$@"
EOF
chmod 755 "$WORK/pfsim"
PFSIM=$WORK/pfsim
CHILDREN=()
cleanup() {
    local pid
    for pid in "${CHILDREN[@]:-}"; do
        [ -z "$pid" ] || kill "$pid" 2>/dev/null
    done
    for pid in "${CHILDREN[@]:-}"; do
        [ -z "$pid" ] || wait "$pid" 2>/dev/null
    done
    rm -rf "$WORK"
}
trap cleanup EXIT

FAILURES=0
fail() {
    echo "FAILED: $*"
    FAILURES=$((FAILURES + 1))
}
finish() {
    [ "$FAILURES" -eq 0 ] && echo "all passed"
    exit $((FAILURES > 0))
}

# A TCP and UDP port that nobody has just now, below those that the kernel hands out: the embedded server and every
# connection get theirs there, and must not come to be the peer port.
free_port() {
    node -e '
const net = require("net"), dgram = require("dgram");
(function again() {
  const port = 10000 + Math.floor(Math.random() * 20000), s = net.createServer();
  s.once("error", again);
  s.listen(port, "0.0.0.0", () => {
    const u = dgram.createSocket("udp4");
    u.once("error", () => { s.close(); again(); });
    u.bind(port, "0.0.0.0", () => { console.log(port); u.close(); s.close(); });
  });
})();'
}

# wait_until SECONDS COMMAND...: polls until the command succeeds; six times as long where others keep the machine busy.
wait_until() {
    local limit=$(($(date +%s) + 6 * $1))
    shift
    until "$@" 2>/dev/null; do
        [ "$(date +%s)" -lt "$limit" ] || return 1
        read -r -t 0.05 <> <(:) || true
    done
}
tcp_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# json FILE EXPRESSION: prints the value of a JavaScript expression over the document `d`.
json() { node -e 'const d = JSON.parse(require("fs").readFileSync(process.argv[1])); console.log(eval(process.argv[2]))' "$1" "$2"; }

# expect WHAT WANTED GOT
expect() { [ "$2" = "$3" ] || fail "$1: expected $2, got $3"; }

# Until SIGTERM, then prints for how many milliseconds of the worst second a process as prompt as live runs was kept waiting.
lateness() {
    exec $PROMPT node -e '
let second = 0, sum = 0, worst = 0, last = performance.now();
const parent = process.ppid, begun = last;
setInterval(() => {
  const now = performance.now(), late = now - last - 3; // node has timers of whole milliseconds
  if (Math.floor(now / 1000) !== second) [second, sum] = [Math.floor(now / 1000), 0];
  if (late > 0 && now - begun > 500) worst = Math.max(worst, sum += late);
  last = now;
  if (process.ppid !== parent || now - begun > 600e3) process.exit();
}, 1);
process.on("SIGTERM", () => { console.log(Math.round(worst)); process.exit(); });'
}

# run_status EXPECTED WHAT COMMAND...: output goes to $WORK/out and $WORK/err. Status 4 says that this machine was too busy
# to measure, not that the program is wrong: such a run is repeated, twice at most; with sanitizers, which make a TLS handshake
# last 5 to 20 ms, seven times. When it never works and the machine kept another process waiting, too, the test is skipped: a
# run is invalid from 10 ms on.
run_status() {
    local want=$1 what=$2 got trial trials=3 probe waited late=0
    shift 2
    [ "${SANITIZED:-0}" != 1 ] || trials=8
    for ((trial = 1; trial <= trials; trial++)); do
        if [ $trial -gt 1 ]; then
            lateness >"$WORK/late" &
            probe=$!
        fi
        "$@" >"$WORK/out" 2>"$WORK/err"
        got=$?
        if [ $trial -gt 1 ]; then
            kill "$probe" 2>/dev/null
            wait "$probe" 2>/dev/null
            read -r waited <"$WORK/late" || waited=0
            [ "$waited" -le "$late" ] || late=$waited
        fi
        [ "$got" -eq 4 ] && [ "$want" -ne 4 ] || break
        echo "$what: trial $trial was invalid"
    done
    if [ "$got" -eq 4 ] && [ "$want" -ne 4 ] && [ "$late" -gt 10 ] && [ "$FAILURES" -eq 0 ]; then
        echo "skipped at \"$what\": others keep this machine too busy for live runs, $late ms in a second"
        exit 77
    fi
    if [ "$got" -ne "$want" ]; then
        fail "$what: status $got, expected $want"
        tail -n 8 "$WORK/err"
        tail -n 8 "$WORK/out"
    fi
}

# small_scenario FILE: a few phones and files that are done in two seconds. Everything can be changed by --set.
small_scenario() {
    cat >"$1" <<EOF
{
  "name": "small",
  "world": "live",
  "firmware": [ { "model": "CP-7961G", "load": "SCCP41.test",
    "files": [ { "name": "jar41.sbn", "size": "60 KB" }, { "name": "cnu41.sbn", "size": "20 KB" } ] } ],
  "server": { "protocol": "http" },
  "sites": [ { "name": "branch", "wan": { "rate": "10 Mbit/s", "rtt": "10 ms" },
    "phones": [ { "system": "cucm", "model": "CP-7961G", "count": 5, "boot": "100 ms", "apply": "50 ms", "reboot": "50 ms" } ] } ],
  "start": { "spread": "100 ms" },
  "pfs": { "port": $(free_port), "listen": "50 ms", "ad_interval": "20 ms", "root_wait": "200 ms", "linger": "500 ms" }
}
EOF
}
