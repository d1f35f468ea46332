#!/usr/bin/env bash
# Goal: a scenario gives the same figures on real sockets and in virtual time. Method: each scenario of this folder runs
# in both worlds; a table shows payload, depth, median and last completion side by side with their errors and bars.
#   PFSIM=build/analysis/pfsim tests/twins/twins.sh [--full] [NAME...]
# Without names: all. --full: five live runs of those with faults, late starters or competing streams, where one is held
# against the spread of the virtual ones else. What is compared and how far apart it may be is in judge.js.
PFSIM_LIMIT=100
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../cli/lib.sh"
VIRTUAL_SEEDS=10
live_seeds=1
[ "${1:-}" = --full ] && {
    live_seeds=5
    shift
}
# Where chance of the network decides who is served first or who dies, single runs differ in either world.
spread=" late-starters dead-parent dead-root http two-models "

# run_live FILE SEED OUT: a run that the machine was too busy for is repeated, twice at most.
run_live() {
    run_status 0 "live $(basename "$1" .json), seed $2" "$PFSIM" run "$1" --world live --seed "$2" --json --quiet \
        --set "pfs.port=$(free_port)"
    cp "$WORK/out" "$3"
}
run_virtual() { # FILE SEED NETWORK OUT
    run_status 0 "$3 $(basename "$1" .json), seed $2" "$PFSIM" run "$1" --world virtual --set "network=$3" --seed "$2" \
        --json --quiet
    cp "$WORK/out" "$4"
}

twin() { # NAME
    local file=$HERE/$1.json dir=$WORK/$1 kind=exact live=1 virtual=1 seed network
    [ -e "$file" ] || {
        fail "there is no twin $1"
        return
    }
    case $spread in *" $1 "*) kind=spread live=$live_seeds virtual=$VIRTUAL_SEEDS ;; esac
    mkdir "$dir"
    for ((seed = 1; seed <= virtual; seed++)); do
        for network in fluid packet; do
            run_virtual "$file" "$seed" "$network" "$dir/$network.$seed.json"
        done
    done
    for ((seed = 1; seed <= live; seed++)); do
        run_live "$file" "$seed" "$dir/live.$seed.json"
    done
    node "$HERE/judge.js" "$1" "$kind" "$dir" || fail "$1: the worlds differ"
}

names=("$@")
[ ${#names[@]} -gt 0 ] || for file in "$HERE"/*.json; do names+=("$(basename "$file" .json)"); done
for name in "${names[@]}"; do
    twin "$name"
done
finish
