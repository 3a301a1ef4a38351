#!/bin/sh
# Measures what a GPU does with Likebut, in three stages of at most 200 s each, and writes docs/benchmarks/gpu-DATE.md.
#   deploy/gpu_check.sh          all stages; parts that cannot run are skipped, with the reason in the page
#   deploy/gpu_check.sh 2        one stage; the page has those that were run before, too
#   deploy/gpu_check.sh --dry    tiny sizes on the CPU, into build/ alone: proves the check without a GPU
# PYTHON names the interpreter (.venv/bin/python); needs what `pip install -c constraints.txt -e '.[gpu,train]'` brings,
# and skips the parts whose packages are missing. FOLDER keeps results and what is built (build/gpu).
set -u
cd "$(dirname "$0")/.." || exit 1
python=${PYTHON:-.venv/bin/python}
seconds=200
stages="1 2 3"
dry=""
folder=${FOLDER:-build/gpu}
for argument in "$@"; do
    case $argument in
    --dry) dry=--dry folder=${FOLDER:-build/gpu-dry} ;;
    [123]) stages=$argument ;;
    *) echo "gpu_check.sh takes --dry and a stage, 1 to 3: not $argument" >&2 && exit 2 ;;
    esac
done
page="docs/benchmarks/gpu-$(date -u +%F).md"
[ -z "$dry" ] || page="$folder/gpu-dry.md"
export PYTHONPATH=.:deploy/benchmarks:deploy/benchmarks/train

status=0
for stage in $stages; do
    end=$(($(date +%s) + seconds)) resume=""
    while left=$((end - $(date +%s))) && [ "$left" -gt 20 ]; do
        # shellcheck disable=SC2086
        timeout "$left" "$python" -m gpu.check --stage "$stage" --seconds "$left" --folder "$folder" $dry $resume
        code=$?
        [ $code -eq 0 ] || status=1
        [ $code -gt 128 ] || break
        resume=--resume # a library crashed: the other parts are still worth the machine's time
    done
done
"$python" -m gpu.report --folder "$folder" --out "$page" || status=1
exit $status
