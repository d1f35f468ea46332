#!/usr/bin/env bash
# Installs what is missing, builds in every way and passes all tests: gcc release, gcc with ASan and UBSan, clang with ASan
# and UBSan; before them the program alone by gcc -O0 and clang -O3, which must compute the same bytes. `tests/run.sh release`
# runs one preset only. Ends with ctest's closing line; fails if any preset failed.
set -euo pipefail
cd "$(dirname "$0")/.."

bash docker/install.sh build test
presets=("$@")
[ ${#presets[@]} -gt 0 ] || presets=(asan-ubsan clang release)
ulimit -n "$(ulimit -Hn)" || true
# Many tests wait for the wall clock: more at once than there are cores, where live runs may go before what computes
# (tests/CMakeLists.txt).
cores=$(nproc)
[ -n "$(nice -n -10 true 2>&1)" ] && parallel=$cores || parallel=$((3 * cores))
say() { echo "== $* ($((SECONDS / 60)) min $((SECONDS % 60)) s after the start)"; }

failed=()
compare=()
[ $# -gt 0 ] || compare=(debug clang-release)
for preset in "${compare[@]}"; do
    say "$preset: the program alone, without its page, and what it computes"
    cmake --preset "$preset" -B "build/$preset-alone" -DBUILD_TESTING=OFF -DPFSIM_REPORT_PAGE=OFF >/dev/null
    cmake --build "build/$preset-alone" --target pfsim
    PFSIM=build/$preset-alone/analysis/pfsim bash tests/determinism/test_determinism.sh || failed+=("$preset")
done
for preset in "${presets[@]}"; do
    say "$preset: configure and build"
    cmake --preset "$preset" -DBUILD_TESTING=ON >"/tmp/pfsim-configure.$$" 2>&1 || { cat "/tmp/pfsim-configure.$$"; exit 1; }
    rm -f "/tmp/pfsim-configure.$$"
    cmake --build --preset "$preset"
    say "$preset: test"
    ctest --preset "$preset" --parallel "$parallel" --no-tests=error || failed+=("$preset")
done
say "done"
if [ ${#failed[@]} -gt 0 ]; then
    echo "failed: ${failed[*]}"
    exit 1
fi
