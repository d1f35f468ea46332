#!/usr/bin/env bash
# Goal: rules.sh is able to fail. Method: a small tree that is in order, then one offence at a time.
set -eu
rules=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fresh() {
    rm -rf "${dir:?}"/*
    mkdir -p "$dir"/{sim/live,phones,scenarios,analysis,tests}
    echo 'int sim_x(void);' >"$dir/sim/x.h"
    echo '#include <sys/socket.h>' >"$dir/sim/live/ok.c"
}
expect_red() {
    if bash "$rules" "$dir" >/dev/null; then
        echo "not noticed: $1"
        exit 1
    fi
}
fresh
bash "$rules" "$dir" >/dev/null || { echo "a tree in order is refused"; exit 1; }
fresh; echo '#include <uv.h>' >"$dir/phones/a.c"; expect_red 'libuv in phones'
fresh; echo '#include <sys/socket.h>' >"$dir/sim/a.c"; expect_red 'sockets in sim'
fresh; echo 'void f(void) { clock_gettime(0, 0); }' >"$dir/analysis/a.c"; expect_red 'a clock in analysis'
fresh; echo '#include "phones/phone.h"' >"$dir/sim/a.c"; expect_red 'sim looks up'
fresh; echo '#include "sim/live/loop.h"' >"$dir/phones/a.c"; expect_red 'phones behind the seam'
fresh; echo 'int f(void) { return rand(); }' >"$dir/phones/a.c"; expect_red 'rand'
fresh; yes '/* */' | head -1001 >"$dir/phones/a.c"; expect_red 'a god file'
echo "every offence was noticed"
