#!/usr/bin/env bash
# sshd, which reads what comes before the login in a process whose seccomp filter kills: a system call of the
# library that the filter does not know ends the connection.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sshd=/usr/sbin/sshd
[[ -x $sshd ]] || { echo 'skipped: no sshd here'; exit 77; }
command -v ssh >/dev/null || { echo 'skipped: no ssh here'; exit 77; }
[[ $(id -u) == 0 ]] || { echo 'skipped: needs root, as sshd has no sandbox without'; exit 77; }
count=$((${ZP_SOAK:-0} ? 20000000 : 1000000))
mkdir -p /run/sshd # in which the sandboxed process is locked up

ssh-keygen -q -t ed25519 -N '' -f "$work/host"
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
cat >"$work/config" <<END
HostKey $work/host
AuthorizedKeysFile $work/key.pub
PidFile none
UsePAM no
StrictModes no
LoginGraceTime 0
Compression yes
SetEnv LD_PRELOAD=$ZP_LIBRARY
Subsystem sftp internal-sftp
END
# Speaks through a pipe, so it needs no port, and stays the parent of what it starts.
cat >"$work/serve" <<END
#!/usr/bin/env bash
# With 64K the sandboxed process uses the pool, which it did not before its filter.
export LD_PRELOAD=$ZP_LIBRARY ZEROPOOL_MIN_SIZE=64K
exec $sshd -i -e -f $work/config 2>>$work/log
END
chmod +x "$work/serve"
client=(-F none -i "$work/key" -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR
    -o "UserKnownHostsFile=/dev/null" -o "ProxyCommand=$work/serve")

failed() {
    cat "$work/log"
    echo "$*"
    exit 1
}

login() {
    local options=("${@:2}")
    # shellcheck disable=SC2016 # the remote shell's own
    [[ $(ssh "${client[@]}" "${options[@]}" here 'grep -l zeropool /proc/$PPID/maps /proc/$$/maps' | wc -l) == 2 ]] ||
        failed "$1: not under the library, or no login"
    seq "$count" | cmp - <(ssh -n "${client[@]}" "${options[@]}" here "seq $count") || failed "$1: output"
    [[ $(seq "$count" | ssh "${client[@]}" "${options[@]}" here md5sum) == $(seq "$count" | md5sum) ]] ||
        failed "$1: input"
    seq "$count" >"$work/sent"
    LD_PRELOAD=$ZP_LIBRARY sftp -q "${client[@]}" "${options[@]}" -b - here >"$work/sftp" 2>&1 <<END || failed "$1: sftp"
put $work/sent $work/there
get $work/there $work/back
END
    cmp "$work/sent" "$work/back" || failed "$1: sftp"
}

login plain
login compressed -C
if grep -iE 'signal|fatal|abort|zeropool' "$work/log"; then failed 'complaints of sshd'; fi
