#!/usr/bin/env bash
# zeropool run that does not hand on options, status, signals or an LD_PRELOAD that was there; that preloads where this
# harms, or not where it would serve.
# usage: run.sh HOLD OWN_MALLOC
# shellcheck disable=SC1091,SC2154 # of common.sh
source "$(dirname "$0")/common.sh"
hold_program=$1 own_malloc=$2

# ---- Options
ends 0 "$zeropool" run --shards 16 --zero=background --tls-cache 0 -- env
says ZEROPOOL_SHARDS=16
says ZEROPOOL_ZERO=background
says ZEROPOOL_TLS_CACHE=0
says "LD_PRELOAD=$ZP_LIBRARY"
silent
ZEROPOOL_ZERO=off ZEROPOOL_STACKS=on ends 0 "$zeropool" run --zero both env
says ZEROPOOL_ZERO=both
says ZEROPOOL_STACKS=on
ends 0 "$zeropool" run --stats "$work/report.json" "$hold_program"
grep -q '"large\|"counters"' "$work/report.json" || broken "no report"
ends 0 "$zeropool" run --stats "$work/report.json" --stats-format text "$hold_program"
grep -q '^zeropool .*large requests\|large requests' "$work/report.json" || broken "the format that was given is not used"

# ---- Profiles: each of their options is one, and a flag overrides it
for profile in loader server debug; do
    ends 0 "$zeropool" run --profile "$profile" -- sh -c 'env | grep ^ZEROPOOL_ | sort'
    silent_or_info=$(grep -v 'zeropool: pool started' "$work/err" || true)
    [[ -z $silent_or_info ]] || broken "profile $profile: an option is refused"
    [[ -s $work/out ]] || broken "profile $profile sets nothing"
done
ends 0 "$zeropool" run --profile loader -- env
says ZEROPOOL_READ=parallel
says ZEROPOOL_PREWARM=learn
ends 0 "$zeropool" run --read off --profile loader -- env
says ZEROPOOL_READ=off
ends 0 "$zeropool" run --profile server -- env
says ZEROPOOL_DECAY_BY=thread
ends 0 "$zeropool" run --profile debug -- env
says ZEROPOOL_CHECK=full

# ---- Words of the program are its own
ends 0 "$zeropool" run -- echo --zero nonsense --help
says '--zero nonsense --help'
ends 0 "$zeropool" run echo -- --shards
says '-- --shards'

# ---- Status and signals
ends 7 "$zeropool" run -- sh -c 'exit 7'
# shellcheck disable=SC2016 # the inner shell's
ends 143 "$zeropool" run -- sh -c 'kill -TERM $$'
start signalled "$zeropool" run "$hold_program"
kill -USR1 "$pid"
status=0
wait "$pid" || status=$?
[[ $status -eq 138 ]] || broken "a signal to zeropool run does not reach the program: $status"
exec {hold}>&-

# ---- LD_PRELOAD that is there: kept, behind the library, which comes once
LD_PRELOAD=libm.so.6 ends 0 "$zeropool" run env
says "LD_PRELOAD=$ZP_LIBRARY:libm.so.6"
LD_PRELOAD="libm.so.6 $ZP_LIBRARY:libdl.so.2" ends 0 "$zeropool" run env
says "LD_PRELOAD=$ZP_LIBRARY:libm.so.6:libdl.so.2"

# ---- The library: named, beside the command, not there, in a folder that LD_PRELOAD cannot name
mkdir "$work/beside" "$work/a b" "$work/alone"
cp "$zeropool" "$ZP_LIBRARY" "$work/beside"
cp "$zeropool" "$ZP_LIBRARY" "$work/a b"
cp "$zeropool" "$work/alone"
ends 0 "$work/beside/zeropool" run env
says "LD_PRELOAD=$work/beside/"
ends 0 "$work/alone/zeropool" run --library "$ZP_LIBRARY" env
says "LD_PRELOAD=$ZP_LIBRARY"
ends 125 "$work/a b/zeropool" run env
warns 'space or a colon'
if ! "$work/alone/zeropool" version | grep -q '; library'; then
    ends 125 "$work/alone/zeropool" run env
    warns 'no libzeropool_preload.so'
fi

# ---- No such program, none that can be run
ends 127 "$zeropool" run "$work/nothing"
ends 127 "$zeropool" run zeropool-no-such-program
ends 126 "$zeropool" run /etc/passwd
ends 126 "$zeropool" run /

# ---- Scripts: their interpreter counts, also behind env
# shellcheck disable=SC2016 # the scripts' own
{
    printf '#!/bin/sh\necho preload "$LD_PRELOAD"\n' >"$work/script"
    printf '#!/usr/bin/env -S sh\necho preload "$LD_PRELOAD"\n' >"$work/env_script"
    printf 'echo preload "$LD_PRELOAD"\n' >"$work/bare_script"
}
chmod +x "$work/script" "$work/env_script" "$work/bare_script"
for script in script env_script bare_script; do
    ends 0 "$zeropool" run "$work/$script"
    says "preload $ZP_LIBRARY"
    silent
done

# ---- Programs that cannot be served: said, and run all the same
cat >"$work/tell.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    const char *list = getenv("LD_PRELOAD");
    printf("preload %s\n", list != NULL ? list : "none");
    return 5;
}
END
gcc -o "$work/dynamic" "$work/tell.c"
ends 5 "$zeropool" run "$work/dynamic"
says "preload $ZP_LIBRARY"
silent
ends 5 "$zeropool" run /lib64/ld-linux-x86-64.so.2 "$work/dynamic"
silent
for kind in -static -static-pie; do
    gcc $kind -o "$work/static" "$work/tell.c"
    ends 5 "$zeropool" run "$work/static"
    warns 'statically linked'
    says "preload $ZP_LIBRARY" # for what it starts
done
printf '#!%s\n' "$work/static" >"$work/static_script"
chmod +x "$work/static_script"
ends 5 "$zeropool" run "$work/static_script"
warns "$work/static is statically linked"

ends 0 "$zeropool" run "$own_malloc"
warns 'own malloc'

parts=()
# Not of this machine's kind: 32-bit code that ends with status 6.
# shellcheck disable=SC2016 # of the assembler
printf '.globl _start\n_start: movl $1, %%eax\n movl $6, %%ebx\n int $0x80\n' >"$work/foreign.s"
if as --32 -o "$work/foreign.o" "$work/foreign.s" 2>/dev/null && ld -m elf_i386 -o "$work/foreign" "$work/foreign.o" &&
    { "$work/foreign" || [[ $? -eq 6 ]]; } 2>/dev/null; then
    ends 6 "$zeropool" run "$work/foreign"
    warns 'another architecture'
else
    parts+=("no 32-bit programs run here")
fi
# One for a machine that nobody has here: refused by the kernel, but not before it was told apart.
python3 - "$work/dynamic" "$work/riscv" <<'END'
import sys
code = bytearray(open(sys.argv[1], "rb").read())
code[18:20] = (243).to_bytes(2, "little")
open(sys.argv[2], "wb").write(code)
END
chmod +x "$work/riscv"
ends 126 "$zeropool" run "$work/riscv"
warns 'another architecture'

if command -v musl-gcc >/dev/null; then
    musl-gcc -o "$work/musl" "$work/tell.c"
    ends 5 "$zeropool" run "$work/musl"
    warns 'another C library'
    says 'preload none'
else
    parts+=("no musl-gcc here")
fi

# Set-user-ID: of another user, where such files count.
if [[ $(id -u) -eq 0 ]] && ! findmnt -no OPTIONS -T "$work" 2>/dev/null | grep -qw nosuid; then
    cp "$work/dynamic" "$work/set_id"
    chown nobody "$work/set_id"
    chmod u+s "$work/set_id"
    chmod 755 "$work"
    ends 5 "$zeropool" run "$work/set_id"
    warns "another user's"
    says 'preload none'
    chown root "$work/set_id"
    chmod u+s "$work/set_id" # of its own user: nothing changes hands
    ends 5 "$zeropool" run "$work/set_id"
    silent
else
    parts+=("no set-user-ID programs here")
fi

# ---- A file that only looks like a program
head -c 80 "$work/dynamic" >"$work/cut"
chmod +x "$work/cut"
for ((i = 0; i < 4; i++)); do
    status=0
    "$zeropool" run "$work/cut" >"$work/out" 2>"$work/err" </dev/null || status=$?
    [[ $status -lt 128 ]] || broken "status $status: a file that is cut short"
    head -c $((64 + i * 100)) "$work/dynamic" >"$work/cut"
done

[[ ${#parts[@]} -eq 0 ]] || printf 'not tested: %s\n' "${parts[@]}"
