#!/usr/bin/env bash
# Submits a normalize run to Slurm: an array of shards, and a job that joins them when all have ended.
#
# usage: tools/slurm/normalize.sh SHARDS DIR [sbatch option ...] -- SRC... [normalize option ...]
# e.g.   tools/slurm/normalize.sh 64 /archive --time=4:00:00 --cpus-per-task=4 -- /data/checkpoints --dedup files
#
# SRC and DIR must be reachable under the same paths on every node, on a file system with working locks. A shard that is
# killed, requeued or submitted again goes on where it stopped. $PTHVIEW is the program (default: pthview on the PATH).
set -euo pipefail

usage() {
  sed -n 's/^# \{0,1\}//; 2,8p' "$0" >&2
  exit 2
}
(($# >= 4)) || usage
shards=$1
directory=$2
shift 2
[[ $shards =~ ^[1-9][0-9]*$ ]] || usage
options=()
while (($# > 0)) && [[ $1 != -- ]]; do
  options+=("$1")
  shift
done
(($# >= 2)) || usage
shift
program=${PTHVIEW:-pthview}
bag=
for argument in "$@"; do
  if [[ $argument == --bagit ]]; then bag=--bagit; fi
done

# One line of shell, each word quoted for it.
quoted() { printf '%q ' "$@"; }

# Exit status 1 means that some sources were refused: the manifest says so, and the array has not failed.
array=$(sbatch --parsable --job-name=normalize --array="0-$((shards - 1))" --requeue --open-mode=append \
  "${options[@]}" --wrap "$(quoted "$program" normalize "$@" -o "$directory" --no-progress) || [ \$? -eq 1 ]")
array=${array%%;*}
merge=$(sbatch --parsable --job-name=normalize-merge --dependency="afterok:$array" --open-mode=append \
  "${options[@]}" --wrap "$(quoted "$program" normalize merge "$directory" $bag) || [ \$? -eq 1 ]")
echo "array $array of $shards shards, merge ${merge%%;*}"
