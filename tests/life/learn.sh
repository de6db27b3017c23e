#!/usr/bin/env bash
# ZEROPOOL_PREWARM=learn: what a program held at its peak is not in the file, not prepared at the next start, or
# kept although it is not needed any more; a file, a folder or an end of the program that does harm.
# usage: learn.sh LEARNER
set -euo pipefail

learner=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache
folder=$XDG_CACHE_HOME/zeropool
mkdir "$XDG_CACHE_HOME"

fail() {
    echo "$*"
    ls -la "$folder" || true
    exit 1
}

run() {
    env LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_PREWARM=learn "$@" || fail "status $?: $*"
}

anew() { # all is forgotten
    chmod -R u+w "$XDG_CACHE_HOME"
    rm -rf "$XDG_CACHE_HOME"
    mkdir "$XDG_CACHE_HOME"
}

count_files() {
    find "$folder" -type f 2>/dev/null | wc -l
}

the_file() {
    [[ $(count_files) == 1 ]] || fail "$(count_files) files instead of one"
    find "$folder" -type f
}

# What a file lists: sizes in MiB without what a start takes, and how often.
listed() {
    sed -n 's/^sizes //p' "$(the_file)" | tr ',' '\n' |
        while IFS='*' read -r size count; do echo -n "$((size >> 20))*${count:-1} "; done
}

expect() { # LIST WHEN
    [[ $(listed) == "$1 " ]] || fail "$2: listed is $(listed)"
}

# What is known at start, in bytes, or nothing.
known() {
    run ZEROPOOL_VERBOSE=1 "$@" 2>&1 >/dev/null | sed -n 's/.*learn: \([0-9]*\) bytes.*/\1/p'
}

expect_unknown() { # WHEN
    [[ -z $(known "$learner" 0 1 now) ]] || fail "$1: it is taken"
    run "$learner" 2 3 now >"$work/said" 2>&1
    [[ ! -s $work/said ]] || fail "$1: $(cat "$work/said")"
}

# ---- What is learned, and forgotten

run "$learner" 8 3 exit
expect '3*8' 'the first time'
[[ $(stat -c %a "$folder" "$(the_file)") == $'700\n600' ]] || fail 'others may read it'
before=$(stat -c '%i %y' "$(the_file)")
run "$learner" 8 3 exit 24
[[ $(stat -c '%i %y' "$(the_file)") == "$before" ]] || fail 'written again although nothing is new'
run "$learner" 5 4 exit 24
expect '4*5' 'another need'

for how in _exit quick_exit exec child; do
    run "$learner" 30 3 "$how" 20
    expect '4*5' "$how"
done
env LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_PREWARM=learn "$learner" 30 3 signal 20 && fail 'not killed'
expect '4*5' signal

run "$learner" 8 3 exit 20
for left in 4 2 1; do
    run "$learner" 0 3 exit "$((left * 6))"
    expect "3*$left" 'not needed any more'
done
run "$learner" 0 3 exit 3
[[ $(count_files) == 0 ]] || fail 'not forgotten'
run "$learner" 0 3 exit
[[ $(count_files) == 0 ]] || fail 'a file about nothing'

run "$learner" 1 200 read
[[ $(count_files) == 0 ]] || fail 'what was never in memory is listed'

# On a busy machine even this may take a tenth of a second: once is enough.
for _ in {1..50}; do
    run "$learner" 8 3 early
    [[ $(count_files) != 0 ]] || break
    rm -r "$folder"
done
[[ $(count_files) == 0 ]] || fail 'a program that ends early has a file'

# ---- Which program it is

cp "$learner" "$work/program"
run "$work/program" 4 3 exit
[[ -n $(known "$work/program" 0 1 now) ]] || fail 'not known'
ln -s program "$work/other"
[[ -n $(known "$work/other" 0 1 now) ]] || fail 'not known by a link'
[[ -n $(known "$work/program" 1 3 now 0 other) ]] || fail 'the arguments of a program count'
touch "$work/program"
[[ -z $(known "$work/program" 0 1 now) ]] || fail 'another version is taken for the same'
run "$work/program" 2 3 exit
expect '3*2' 'another version'
anew

if [[ -x /usr/bin/python3 ]]; then
    printf '%s\n' 'import time' 'held = [b"a" * (3 << 20) for _ in range(3)]' 'time.sleep(0.15)' >"$work/script.py"
    cp "$work/script.py" "$work/second.py"
    ln -s script.py "$work/link.py"
    { echo '#!/usr/bin/python3'; cat "$work/script.py"; } >"$work/started"
    chmod +x "$work/started"
    code=$(cat "$work/script.py")
    cd "$work"
    for what in script.py ./script.py link.py "-B link.py" "-X dev $work/script.py"; do
        # shellcheck disable=SC2086 # words
        run /usr/bin/python3 $what
        [[ $(count_files) == 1 ]] || fail "another file by $what"
    done
    run /usr/bin/python3 second.py
    run /usr/bin/python3 -c "$code"
    run /usr/bin/python3 -c "$code # other"
    run /usr/bin/python3 -Bm script
    run ./started
    [[ $(count_files) == 6 ]] || fail "$(count_files) files of six programs"
    cd - >/dev/null
    anew
fi

# ---- Many at once, and many files

for _ in {1..6}; do run "$learner" 8 3 exit & done
wait
expect '3*8' 'six at once'
[[ -n $(known "$learner" 0 1 now) ]] || fail 'six at once: torn'
rm "$(the_file)"
python3 - "$folder" <<'END'
import os, sys
for number in range(1, 301):
    path = f"{sys.argv[1]}/{number:016x}"
    open(path, "w").close()
    os.utime(path, (number * 60, number * 60))
END
for i in {1..7}; do
    cp "$learner" "$work/program$i"
    run "$work/program$i" 2 3 exit
done
(($(count_files) <= 256)) || fail "$(count_files) files"
[[ ! -e $folder/0000000000000001 && -e $folder/000000000000012c ]] || fail 'not the oldest went'
anew

# ---- Files that are none

run "$learner" 4 3 exit
good=$work/good
cp "$(the_file)" "$good"
file=$(the_file)
spoil() { # WHAT COMMAND...
    rm -rf "$folder"
    mkdir -m 700 "$folder"
    install -m 600 "$good" "$file"
    "${@:2}"
    expect_unknown "$1"
}
# shellcheck disable=SC2317 # spoil calls it
turn_into() { # COMMAND...: what it does in the place of the file
    rm "$file"
    "$@"
}
[[ -n $(known "$learner" 0 1 now) ]] || fail 'the good one'
spoil 'cut off' truncate -s -1 "$file"
spoil 'cut off in the list' truncate -s -30 "$file"
spoil empty truncate -s 0 "$file"
spoil 'too long' truncate -s 1M "$file"
spoil changed sed -i 's/^sizes 3/sizes 4/' "$file"
spoil 'of another program' sed -i 's/^program ./program x/' "$file"
spoil 'not text' dd if=/dev/urandom of="$file" bs=700 count=1 status=none
spoil 'others may write' chmod 620 "$file"
spoil 'others may write to the folder' chmod 770 "$folder"
spoil 'a link' turn_into ln -s "$good" "$file"
spoil 'a pipe' turn_into mkfifo "$file"
spoil 'a folder' turn_into mkdir "$file"
rm -rf "$folder"
mkdir "$work/elsewhere"
cp "$good" "$work/elsewhere/$(basename "$file")"
ln -s "$work/elsewhere" "$folder"
expect_unknown 'the folder is a link'
run "$learner" 8 3 exit
cmp -s "$good" "$work/elsewhere/$(basename "$file")" || fail 'written through a link'
if [[ $(id -u) == 0 ]]; then
    rm "$folder"
    spoil "another user's" chown 65534 "$file"
    spoil "another user's folder" chown 65534 "$folder"
    anew
    run "$learner" 4 3 exit
    run "$learner" 8 3 nobody 12
    expect '3*4' 'the user has changed'
fi

# ---- Homes that are none

rm -rf "${XDG_CACHE_HOME:?}"
for place in "$work/none/at/all" /proc /dev/null relative '' "/$(printf '%01100d' 0)"; do
    run XDG_CACHE_HOME="$place" HOME="$place" "$learner" 4 3 exit >"$work/said" 2>&1
    [[ ! -s $work/said ]] || fail "$place: $(cat "$work/said")"
done
(unset XDG_CACHE_HOME HOME && run "$learner" 4 3 exit)
mkdir "$work/home"
run XDG_CACHE_HOME=relative HOME="$work/home" "$learner" 4 3 exit
[[ -d $work/home/.cache/zeropool ]] || fail 'no folder in the home'
[[ $(stat -c %a "$work/home/.cache") == 700 ]] || fail 'others may read the cache folder'

# ---- Under a filter of system calls

export XDG_CACHE_HOME=$work/filtered
folder=$XDG_CACHE_HOME/zeropool
mkdir "$XDG_CACHE_HOME"
run "$learner" 4 3 exit
status=0
env LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_PREWARM=learn "$learner" 8 3 filter 12 || status=$?
[[ $status == 0 || $status == 77 ]] || fail "under a filter: status $status"
expect '3*4' 'under a filter'
exit "$status"
