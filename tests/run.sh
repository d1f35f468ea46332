#!/usr/bin/env bash
# Installs what is missing, builds in every way and passes all tests: gcc release, gcc with ASan and UBSan, clang with ASan
# and UBSan. `tests/run.sh release` runs one preset only. Ends with ctest's closing line; fails if any preset failed.
set -euo pipefail
cd "$(dirname "$0")/.."

bash docker/install.sh build test
presets=("$@")
[ ${#presets[@]} -gt 0 ] || presets=(asan-ubsan clang release)
ulimit -n "$(ulimit -Hn)" || true

failed=()
for preset in "${presets[@]}"; do
    echo "== $preset: configure and build"
    cmake --preset "$preset" -DBUILD_TESTING=ON >"/tmp/pfsim-configure.$$" 2>&1 || { cat "/tmp/pfsim-configure.$$"; exit 1; }
    rm -f "/tmp/pfsim-configure.$$"
    cmake --build --preset "$preset"
    echo "== $preset: test"
    # Where timing counts a test runs alone (RUN_SERIAL).
    ctest --preset "$preset" --parallel 2 --no-tests=error || failed+=("$preset")
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "failed: ${failed[*]}"
    exit 1
fi
