#!/usr/bin/env bash
# Checks and measures everything on a GPU: `benchmarks/gpu.sh DIR` (under ten minutes, no network) tries the
# shapes of kernels, goes on with the best, writes DIR/gpu.json and prints a short table last. It needs Python with torch >= 2.9 and Triton; runnel itself need
# not be installed. `benchmarks/gpu.sh DIR --try` runs all of it in tiny on a CPU, to see that it works.
set -euo pipefail
out=${1:?expected a directory for the results, as in: benchmarks/gpu.sh results}
cd "$(dirname "$0")/.."
mkdir -p "$out"
export PYTHONPATH=src
if [ "${2:-}" = --try ]; then
    export TRITON_INTERPRET=1
fi
exec timeout --kill-after=20 560 "${PYTHON:-python3}" benchmarks/gpu.py "$out/gpu.json" "${@:2}"
