#!/usr/bin/env bash
# Goal: the examples for Slurm and Kubernetes in docker/ do what they say. Method: the YAML is parsed and held against what
# the kinds need; then the very commands in it, and the very batch scripts, run here: mpirun and a stand-in for srun start
# the ranks, the indexes of arrays and jobs come from loops. Only scenarios, folders and the numbers of ranks are this test's.
. "$(dirname "$0")/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
python=/usr/bin/python3
"$python" -c 'import yaml' 2>/dev/null || { echo "no python3-yaml here"; exit 77; }
mkdir "$WORK/bin"
ln -s "$PROGRAM" "$WORK/bin/pfsim"
PATH=$WORK/bin:$PATH
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
cat >"$WORK/small.json" <<'JSON'
{ "name": "small", "firmware": [ { "model": "CP-7961G", "load": "L", "files": [ { "name": "a.sbn", "size": "60 KB" } ] } ],
  "server": { "protocol": "http", "max_transfers": "none" },
  "sites": [ { "name": "branch", "count": 40, "wan": { "rate": "1 Mbit/s", "rtt": "40 ms" },
    "phones": [ { "model": "CP-7961G", "count": 4 } ] } ] }
JSON
has_mpi=no
if command -v mpirun >/dev/null && pfsim version | grep -q 'Open MPI'; then
    has_mpi=yes
    export ASAN_OPTIONS=detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS} # the launcher's library leaks by itself
fi

# The command of the container named $2 in file $1, a word a line, after all its documents were checked.
cat >"$WORK/read.py" <<'PY'
import sys, yaml
found = None
def pods(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "template":
                yield value["spec"]
            yield from pods(value)
for document in yaml.safe_load_all(open(sys.argv[1])):
    kind, spec = document["kind"], document["spec"]
    assert document["metadata"]["name"].startswith("pfsim-"), document["metadata"]
    if kind == "MPIJob":
        assert document["apiVersion"] == "kubeflow.org/v2beta1"
        assert set(spec["mpiReplicaSpecs"]) == {"Launcher", "Worker"}
        launcher, worker = spec["mpiReplicaSpecs"]["Launcher"], spec["mpiReplicaSpecs"]["Worker"]
        command = launcher["template"]["spec"]["containers"][0]["command"]
        ranks = int(command[command.index("-n") + 1])
        assert ranks == worker["replicas"] * spec["slotsPerWorker"], "as many ranks as slots"
    elif kind == "Job":
        assert document["apiVersion"] == "batch/v1"
        if spec.get("completionMode") == "Indexed":
            command = spec["template"]["spec"]["containers"][0]["command"]
            assert int(command[command.index("--shard") + 1]) == spec["completions"], "a pod a share"
    else:
        assert kind == "PersistentVolumeClaim", kind
    for pod in pods(document):
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes
            if container["name"] == sys.argv[2]:
                found = container["command"]
print("\n".join(found))
PY
command_of() { # FILE CONTAINER: into the array `command`, the image's paths replaced by this test's
    mapfile -t command < <("$python" "$WORK/read.py" "$top/docker/kubernetes/$1" "$2" |
        sed -e "s|/usr/local/share/pfsim/scenarios/[a-z0-9-]*\.json|$WORK/small.json|" -e "s|/results|$WORK/results|g")
    [ ${#command[@]} -gt 2 ] || fail "$1 has no command for $2"
}

# ---- One run shared out, and merged: equal to the whole ----
pfsim run "$WORK/small.json" --quiet --out "$WORK/whole" >/dev/null || fail "the whole run fails"
same() { # FOLDER
    cmp -s "$WORK/whole/phones.csv" "$1/phones.csv" || fail "$1: phones.csv is not that of the whole run"
    expect "$1: hash" "$(json "$WORK/whole/result.json" d.engine.trace_hash)" "$(json "$1/result.json" d.engine.trace_hash)"
}
command_of shards.yaml shard
for index in $(seq 0 15); do
    # Kubernetes puts variables into commands itself.
    JOB_COMPLETION_INDEX=$index run_status 0 "pod $index" timeout 60 "${command[@]//\$(JOB_COMPLETION_INDEX)/$index}"
done
command_of merge.yaml merge
run_status 0 "the merge of the pods' results" timeout 60 "${command[@]}"
same "$WORK/results/whole"

export SCENARIO=$WORK/small.json RESULTS=$WORK/array REPEAT=1
array=$(sed -n 's/^#SBATCH --array=0-//p' "$top/docker/slurm/shards.sbatch")
[ "$array" -gt 0 ] || fail "shards.sbatch has no array"
for index in $(seq 0 "$array"); do
    SLURM_ARRAY_TASK_ID=$index SLURM_ARRAY_TASK_COUNT=$((array + 1)) SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=$array \
        run_status 0 "array task $index" timeout 60 bash "$top/docker/slurm/shards.sbatch"
done
run_status 0 "the merge of the array's results" timeout 60 bash "$top/docker/slurm/merge.sbatch"
same "$WORK/array/whole"

# ---- A sweep over ranks ----
if [ $has_mpi = yes ]; then
    command_of sweep.yaml launcher
    for i in "${!command[@]}"; do
        case "${command[i]}" in -n) command[i + 1]=2 ;; --repeat) command[i + 1]=1 ;; esac
    done
    run_status 0 "the MPIJob's command" timeout 100 "${command[@]}"
    # srun gives each task its number by PMIx, as mpirun does.
    cat >"$WORK/bin/srun" <<'SRUN'
#!/bin/sh
while [ "${1#--}" != "$1" ]; do shift; done
exec mpirun -n 2 "$@"
SRUN
    chmod 755 "$WORK/bin/srun"
    RESULTS=$WORK/slurm run_status 0 "the sbatch script" timeout 100 bash "$top/docker/slurm/sweep.sbatch"
    cmp -s "$WORK/results/rates/sweep.csv" "$WORK/slurm/sweep.csv" || fail "Slurm's table is not that of Kubernetes"
    expect "rows" 9 "$(wc -l <"$WORK/slurm/sweep.csv")"
else
    echo "no Open MPI here: ranks are not tried"
fi
finish
