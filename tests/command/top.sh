#!/usr/bin/env bash
# zeropool top that leaves the terminal as it should not be, draws past it, uses colours, or does not end.
# usage: top.sh HOLD
# shellcheck disable=SC1091,SC2154 # of common.sh
source "$(dirname "$0")/common.sh"

start served "$zeropool" run --live on -- "$1"
served=$pid
for ((i = 0; i < 600; i++)); do
    ends 0 "$zeropool" top --once
    ! grep -q "^ *$served " "$work/out" || break
    sleep 0.1
done
says RETAINED
! grep -nE '^.{81}' "$work/out" || broken "lines of more than 80 columns"
! grep -q $'\033' "$work/out" || broken "escape sequences without a terminal"
ends 0 "$zeropool" top --once "$served"
says "process $served"
says 'thread_cache'
! grep -nE '^.{81}' "$work/out" || broken "lines of more than 80 columns"
ends 0 "$zeropool" top --once --json
holds "any(p['pid'] == $served for p in it)"
for order in pid name gets hits live retained; do ends 0 "$zeropool" top --once --sort $order; done
ends 1 "$zeropool" top --once $$
warns 'ZEROPOOL_LIVE=on'

# Without a terminal pictures follow each other, until the reader has gone.
{ "$zeropool" top 2>"$work/err" || true; } | head -n 5 >"$work/out"
says "$served"
grep -qE "^ *$served +[^ ]+ +- +- " "$work/out" || broken "a rate that nobody can know yet"

command -v tmux >/dev/null || {
    echo "skipped: no tmux here for the terminal"
    exit 77
}
tmux() { command tmux -S "$work/socket" -f /dev/null "$@"; }
screen() { tmux capture-pane -p -t top; }
# until TEXT: the screen shows it.
until_shown() {
    for ((i = 0; i < 600; i++)); do
        ! screen | grep -qF -- "$1" || return 0
        sleep 0.1
    done
    screen
    broken "the screen does not show: $1"
}
trap 'command tmux -S "$work/socket" kill-server 2>/dev/null || true; finish' EXIT
TERM=xterm tmux new-session -d -s top -x 80 -y 24 'sh'
shell() { tmux send-keys -t top "$1" Enter; }
shell "stty -g >$work/stty.before; PS1='prompt '"
shell "'$zeropool' top"
until_shown 'q quits'
until_shown "$served"
screen >"$work/out"
! grep -nE '^.{81}' "$work/out" || broken "lines of more than 80 columns"
[[ $(wc -l <"$work/out") -le 24 ]] || broken "more lines than the terminal has"
# No colours: a capture with attributes has no sequence that sets one.
tmux capture-pane -e -p -t top >"$work/colours"
! grep -q $'\033\[[0-9;]*[34][0-9]' "$work/colours" || broken "colours"
tmux send-keys -t top p
until_shown 'by pid'
tmux send-keys -t top l
until_shown 'by live'
tmux send-keys -t top Up x
tmux resize-window -t top -x 40 -y 8
until_shown 'q quits'
tmux resize-window -t top -x 300 -y 24
until_shown 'r retained'
until_shown '#.......' # a longer bar
tmux resize-window -t top -x 20 -y 24
until_shown 'q quits, p'
tmux resize-window -t top -x 80 -y 24
tmux send-keys -t top C-z
until_shown 'prompt'
shell fg
until_shown 'q quits'
tmux send-keys -t top q
until_shown 'prompt'
shell "echo ended with \$?; stty -g >$work/stty.after"
until_shown 'ended with 0'
for ((i = 0; i < 600; i++)); do
    [[ ! -s $work/stty.after ]] || break
    sleep 0.1
done
cmp "$work/stty.before" "$work/stty.after" || broken "the terminal is not as it was"
shell "clear; '$zeropool' top"
until_shown 'q quits'
tmux send-keys -t top C-c
until_shown 'prompt'
shell "echo ended with \$?"
until_shown 'ended with 130'

tmux kill-server # it has inherited the descriptor
exec {hold}>&-
wait "$served"
