#!/usr/bin/env bash
# Goal: the floors stay apart and the files stay small. Method: grep over the tree given as $1; prints every offence.
#  1. only sim/live and sim/server know sockets, clocks, libuv, libcurl, libmicrohttpd (tests/ may)
#  2. an arrow between floors only points down: sim < phones < scenarios < analysis
#  3. nobody draws chance or time past the seed: rand, time(), gettimeofday
#  4. no file of ours has over 1,000 lines, no line over 120 columns
#  5. the top level holds what it holds, and nothing else
set -u
top=$1
cd "$top" || exit 2
bad=0
offence() { echo "$1"; bad=1; }

sources() { find "$@" \( -name '*.c' -o -name '*.h' \) 2>/dev/null | sort; }
pure=$(sources sim phones scenarios analysis | grep -vE '^sim/(live|server)/')

for file in $pure; do
    found=$(grep -nE '#include *[<"](uv\.h|curl/|microhttpd|sys/socket\.h|netinet/|arpa/|netdb\.h|sys/epoll\.h|sys/timerfd\.h|time\.h|sys/time\.h|poll\.h)' "$file")
    [ -z "$found" ] || offence "$file knows sockets or clocks: $found"
    found=$(grep -nE '\b(clock_gettime|gettimeofday|nanosleep|usleep|socket|connect|accept|recvfrom|sendto|uv_[a-z_]+|curl_[a-z_]+) *\(' "$file" | grep -vE '^[0-9]+: *(\*|/\*)')
    [ -z "$found" ] || offence "$file calls the outside: $found"
done
below() { # FOLDER FORBIDDEN...
    local folder=$1 other found
    shift
    for other in "$@"; do
        found=$(grep -rnE "#include \"$other/" --include='*.[ch]' "$folder")
        [ -z "$found" ] || offence "$folder looks up at $other: $found"
    done
}
below sim phones scenarios analysis
below phones scenarios analysis
below scenarios analysis
found=$(grep -rnE '#include "sim/(live|server|virtual)/' --include='*.[ch]' phones)
[ -z "$found" ] || offence "phones/ looks behind the seam: $found"
found=$(grep -nE '\b(rand|srand|random|drand48|time|localtime|gmtime) *\(' $pure | grep -vE ':[0-9]+: *(\*|/\*)')
[ -z "$found" ] || offence "chance or time past the seed: $found"
for file in $(sources sim phones scenarios analysis tests); do
    lines=$(wc -l <"$file")
    [ "$lines" -le 1000 ] || offence "$file has $lines lines, over 1,000"
    found=$(awk 'length > 120 { print FILENAME ":" FNR }' "$file")
    [ -z "$found" ] || offence "lines over 120 columns: $found"
done
if [ -d .git ] || [ -f .git ]; then
    allowed=' CMakeLists.txt CMakePresets.json LICENSE README.md sim phones scenarios analysis tests docker '
    for name in $(git ls-files 2>/dev/null | cut -d/ -f1 | sort -u | grep -v '^\.'); do
        case "$allowed" in *" $name "*) ;; *) offence "top level: $name does not belong there" ;; esac
    done
fi
[ "$bad" -eq 0 ] && echo "the house is in order"
exit "$bad"
