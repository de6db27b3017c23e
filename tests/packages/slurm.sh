#!/usr/bin/env bash
# A Slurm job (examples/slurm) that Slurm does not take, or whose ranks do not run under the library: two nodes on this one
# machine, with CPUs and memory that it does not have. It changes the system: for a fresh one (run.sh).
# usage: slurm.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck disable=SC1091 # it is checked by itself
source tests/packages/check.sh

build_and_install
export DEBIAN_FRONTEND=noninteractive
apt-get install -qq -y --no-install-recommends slurm-wlm munge python3 >/dev/null

configure() {
    local name
    name=$(hostname)
    grep -qw "$name" /etc/hosts || echo "127.0.0.1 $name" >>/etc/hosts
    mkdir -p /run/munge /var/spool/slurmctld /var/spool/slurmd/{n1,n2} /etc/slurm
    chown munge: /run/munge
    # Nothing is measured or limited by control groups here.
    echo 'CgroupPlugin=cgroup/v1' >/etc/slurm/cgroup.conf
    cat >/etc/slurm/slurm.conf <<END
ClusterName=one
SlurmctldHost=$name(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd/%n
SlurmdPidFile=/run/slurmd.%n.pid
SlurmctldPidFile=/run/slurmctld.pid
SlurmdLogFile=/var/log/slurmd.%n.log
SlurmctldLogFile=/var/log/slurmctld.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
SwitchType=switch/none
MpiDefault=none
NodeName=n1 NodeHostname=$name NodeAddr=127.0.0.1 Port=17001 CPUs=32 RealMemory=300000
NodeName=n2 NodeHostname=$name NodeAddr=127.0.0.1 Port=17002 CPUs=32 RealMemory=300000
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
END
}

configure
su -s /bin/sh munge -c munged
# They do not outlive the system. Their output would keep whoever reads this script's.
slurmctld >/dev/null 2>&1
for node in n1 n2; do
    slurmd -N "$node" >/dev/null 2>&1
done
for ((second = 0; second < 120; second++)); do
    [[ $(sinfo -h -N -o %t 2>/dev/null) != *idle*idle* ]] || break
    sleep 1
done
[[ $(sinfo -h -N -o %t) == *idle*idle* ]] || complain "no nodes: $(sinfo -N -l; tail -n 5 /var/log/slurm*.log)"
sbatch --test-only examples/slurm/train.sbatch model.pt || complain 'sbatch --test-only'
echo 'taken'

place=$(mktemp -d)
cp examples/slurm/train.sbatch "$place"
cd "$place"
cat >train.py <<'END'
import os, sys
assert sys.argv[1:] == ["--checkpoint", "model.pt"], sys.argv
bytearray(50_000_000)
with open("/proc/self/maps") as maps:
    loaded = "libzeropool_preload.so" in maps.read()
options = [os.environ.get("ZEROPOOL_" + name) for name in ("MAX_MEMORY", "READ")]
print("rank", os.environ["SLURM_PROCID"], "on", os.environ["SLURMD_NODENAME"], loaded, *options)
END
timeout 300 sbatch --wait --output=said train.sbatch model.pt || complain "the job: $(cat said)"
for rank in {0..7}; do
    grep -qx "rank $rank on n$((rank / 4 + 1)) True 16G parallel" said || complain "rank $rank: $(cat said)"
done
echo 'eight ranks on two nodes ran under the library'
