#!/usr/bin/env bash
# A profile whose numbers are wrong, that does not come, or that takes another's place.
# usage: record.sh SITES ZEROPOOL
# shellcheck disable=SC1091,SC2154 # of common.sh
set -euo pipefail

sites=$1 zeropool=$2
source "$(dirname "$0")/common.sh"

profiled() { # FILE WORD...
    env LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_PROFILE="$1" ZEROPOOL_DECAY_MS=-1 "${@:2}"
}

# The values of some fields of the site with so many requests of so many bytes.
site() { # FILE COUNT BYTES FIELD...
    awk -v count="$2" -v most="$3" -v wanted="${*:4}" '
        $1 == "fields" { for (i = 2; i <= NF; i++) at[$i] = i }
        $1 == "site" && $at["count"] == count && $at["most"] == most {
            n = split(wanted, names, " ")
            for (i = 1; i <= n; i++) printf "%s%s", $at[names[i]], i < n ? " " : "\n"
        }' "$1"
}

expect() { # EXPECTED ACTUAL WHAT
    [[ $1 == "$2" ]] || fail "$3: expected '$1', got '$2'"
}

M=1048576
profiled known "$sites" data 2>stderr
[[ ! -s stderr ]] || fail "$(cat stderr)"
[[ $(stat -c %a known) == 600 ]] || fail "others may read it"
[[ $(head -1 known) == 'zeropool-profile 1' && $(tail -1 known) == end ]] || fail 'cut off'
expect "$((40 * M)) 0 1 10 1 0" "$(site known 10 $((4 * M)) bytes live peak freed fresh refused)" fills
expect "$((72 * M)) 3 $((72 * M)) 0" "$(site known 3 $((24 * M)) bytes live peak_bytes freed)" keeps
expect "$((40 * M)) $((40 * M))" "$(site known 10 $((4 * M)) looked_bytes written)" 'all is written'
read -r looked written <<<"$(site known 3 $((24 * M)) looked_bytes written)" # not those in pages of former owners
[[ $looked == "$written" && $looked -ge $((24 * M)) ]] || fail "what lives at the end: $written of $looked"
read -r looked written <<<"$(site known 5 $((16 * M)) looked_bytes written)"
[[ $looked == $((80 * M)) && $written -lt $((8 * M)) ]] || fail "touches: $written of $looked"
expect "$((80 * M))" "$(site known 4 $((20 * M)) read_bytes)" reads
expect 6 "$(site known 1 $((2 * M)) resized)" grows
grep -q '^requests 23$' known || fail "$(grep ^requests known)"
[[ $(grep -c '^time ' known) -ge 2 ]] || fail 'no timeline'

# Without scrubbing, and with each option that changes the way of a buffer, requests are seen.
for option in ZERO=off ZERO=background CHECK=full TLS_CACHE=0 STACKS=on ZERO=both; do
    env "ZEROPOOL_$option" LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_PROFILE=other "$sites" data
    expect "$((40 * M)) 10" "$(site other 10 $((4 * M)) bytes freed)" "$option"
done

# Several threads: nothing is lost or counted twice. So few that each is recorded.
profiled threads "$sites" data threads
expect '400 400 0' "$(site threads 400 $((4 * M)) count freed live)" threads

# A child of a fork does not take its parent's place; with %p it has a file of its own, about itself.
profiled parent "$sites" data fork
grep -q '^requests 23$' parent || fail 'the child wrote'
profiled 'each.%p' "$sites" data fork
each=(each.*)
[[ ${#each[@]} == 2 ]] || fail "${each[*]}"
expect "$(printf '%s\n' 23 5)" "$(sed -n 's/^requests //p' each.* | sort -nr)" 'fork'

# A shell that starts the program writes none, nor does what makes no large request.
profiled shell bash -c "\"$sites\" data; :"
grep -q '^program sites$' shell || fail "$(grep ^program shell)"
profiled none true
[[ ! -e none ]] || fail 'a profile of nothing'

# Where it cannot be written one line says so, and the program ends as ever.
profiled /nowhere/there "$sites" data 2>stderr || fail "status $?"
expect 'zeropool: the profile could not be written: /nowhere/there' "$(cat stderr)" stderr
parts=$(find . -name "*.part")
[[ -z $parts ]] || fail "left: $parts"

# The command: its file lies where it was started, whatever folder the program goes to.
"$zeropool" record --library "$ZP_LIBRARY" -- "$sites" data
[[ -s zeropool.profile ]] || fail 'no zeropool.profile'
status=0
"$zeropool" record --library "$ZP_LIBRARY" --output other -- bash -c 'cd /; exit 7' || status=$?
expect 7 "$status" status
for wrong in "--output= -- true" "--output" "--nothing -- true" ""; do
    status=0
    # shellcheck disable=SC2086
    "$zeropool" record $wrong >stdout 2>stderr || status=$?
    [[ $status == 2 && ! -s stdout && $(wc -l <stderr) == 1 ]] || fail "record $wrong: $status $(cat stderr)"
done

# Names that a line cannot hold: the profile is read all the same.
part=$(printf '%0200d' 0)
deep=$work/$part/$part/$part/$part/$part/$part/$part/$part
mkdir -p "$deep"
cp "$sites" "$deep/"$'two\nlines'
profiled odd "$deep/"$'two\nlines' data
"$zeropool" report odd >stdout || fail 'a name makes a profile unreadable'
grep -q '^two?lines (pid' stdout || fail "$(head -1 stdout)"

# What is no file is written to, not replaced; and where it cannot be written is said before the program runs.
ln -s behind link
profiled link "$sites" data
[[ -L link && $(tail -1 behind) == end ]] || fail 'a link is replaced'
for wrong in nowhere/profile . data/profile; do
    status=0
    "$zeropool" record --output "$wrong" -- touch made 2>stderr || status=$?
    [[ $status == 2 && ! -e made && $(wc -l <stderr) == 1 ]] || fail "--output $wrong: status $status, $(cat stderr)"
done
