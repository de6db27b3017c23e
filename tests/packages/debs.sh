#!/usr/bin/env bash
# A package that installs but does not work, that breaks running programs when it is upgraded, or that leaves something
# behind. It changes the system: for a fresh one (run.sh).
# usage: debs.sh, with the packages in dist/
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck disable=SC1091 # it is checked by itself
source tests/packages/check.sh

export DEBIAN_FRONTEND=noninteractive
# apt's helper user must be able to read them.
packages=$(mktemp -d)
chmod 755 "$packages"
cp dist/*_"$(dpkg --print-architecture)".deb "$packages"
rm -f "$packages"/*-dbgsym_*
apt-get update -qq
apt-get install -qq -y --no-install-recommends gcc libc6-dev pkgconf man-db >/dev/null

# The same packages as of an older version.
older=$(mktemp -d)
chmod 755 "$older"
version=$(dpkg-deb -f "$packages"/zeropool_*.deb Version)
for package in "$packages"/*.deb; do
    rm -rf /tmp/unpacked
    dpkg-deb -R "$package" /tmp/unpacked
    sed -i "/^\(Version\|Depends\):/s/$version/0.0.1-1/g" /tmp/unpacked/DEBIAN/control
    dpkg-deb -b /tmp/unpacked "$older" >/dev/null
done

install() { apt-get install -qq -y --no-install-recommends "$@" >/dev/null; }
installed() { dpkg-query -W -f '${Version} ' zeropool libzeropool-preload libzeropool0 libzeropool-dev; }

files >/tmp/before
install "$older"/*.deb
[[ $(installed) == '0.0.1-1 0.0.1-1 0.0.1-1 0.0.1-1 ' ]] || complain "installed: $(installed)"
command_works zeropool

# A program that runs meanwhile keeps the library that it began with, and ends as it would have.
mkfifo /tmp/started /tmp/end
ZEROPOOL_STATS=exit LD_PRELOAD=libzeropool_preload.so /bin/bash -c '
    echo >/tmp/started
    read -r <>/tmp/end
    grep -q "libzeropool_preload.so (deleted)" /proc/$$/maps
    exit $(( $? == 0 ? 7 : 1 ))' 2>/tmp/running &
running=$!
read -r </tmp/started
install "$packages"/*.deb
[[ $(installed) == "$version $version $version $version " ]] || complain "upgraded: $(installed)"
echo >/tmp/end
status=0
wait "$running" || status=$?
[[ $status -eq 7 ]] || complain "a program that ran during the upgrade ends with status $status: $(</tmp/running)"
grep -q '^zeropool [0-9].*: bash (pid' /tmp/running || complain "it says at its end: $(</tmp/running)"
echo 'installed and upgraded'

command_works zeropool
in_force ZEROPOOL_STATS=exit LD_PRELOAD=libzeropool_preload.so
for page in zeropool libzeropool; do
    man -w "$page" >/dev/null || complain "no manual: $page"
done
for file in /usr/share/bash-completion/completions/zeropool /usr/share/doc/zeropool/changelog.gz; do
    [[ -s $file ]] || complain "no $file"
done
links=0
while IFS=: read -r file link; do
    [[ -e $(dirname "$file")/$link ]] || complain "$file links to $link, which is not installed"
    links=$((links + 1))
done < <(grep -roE --include='*.md' '\]\([^)#: ]+[)#]' /usr/share/doc/zeropool | sed 's/:\](/:/; s/.$//')
[[ $links -gt 30 ]] || complain "only $links links in /usr/share/doc/zeropool"

# A program that asks by name, and one that is linked with the library: it needs no LD_PRELOAD then.
cat >/tmp/asks.c <<'END'
#include <stdlib.h>
#include <string.h>
#include <zeropool.h>
#pragma weak zeropool_trim
int main(int count, char **arguments)
{
    char *volatile buffer = malloc(4 << 20);
    memset(buffer, count, 4 << 20);
    free(buffer);
    size_t given = zeropool_trim != NULL ? zeropool_trim() : 0;
    return (given != 0) == (strcmp(arguments[1], "there") == 0) ? 0 : 1;
}
END
# shellcheck disable=SC2046 # several words
gcc -o /tmp/asks /tmp/asks.c $(pkg-config --cflags zeropool)
/tmp/asks absent || complain 'zeropool_trim without the library'
LD_PRELOAD=libzeropool_preload.so /tmp/asks there || complain 'zeropool_trim with the library preloaded'
# shellcheck disable=SC2046
gcc -o /tmp/linked /tmp/asks.c $(pkg-config --cflags --libs zeropool-preload)
/tmp/linked there || complain 'zeropool_trim in a program that is linked with the library'
# One that gets its buffers by name, and keeps its malloc: shared and static.
cat >/tmp/named.c <<'END'
#include <zeropool.h>
int main(void)
{
    char *buffer = zeropool_get(4 << 20);
    if (buffer == NULL || !zeropool_owns(buffer))
        return 1;
    buffer[0] = 1;
    zeropool_put(buffer);
    return zeropool_trim() != 0 ? 0 : 1;
}
END
# shellcheck disable=SC2046
gcc -o /tmp/named /tmp/named.c $(pkg-config --cflags --libs zeropool)
/tmp/named || complain 'a program that is linked with libzeropool.so'
gcc -o /tmp/static /tmp/named.c -l:libzeropool.a -ldl -pthread
/tmp/static || complain 'a program that is linked with libzeropool.a'
LD_PRELOAD=libzeropool_preload.so /tmp/static || complain 'the same with the library preloaded'
echo 'used'

# No configuration stays behind when they are removed: nothing is left to purge.
for way in remove purge; do
    dpkg-query -W zeropool >/dev/null 2>&1 || install "$packages"/*.deb
    apt-get "$way" -qq -y zeropool libzeropool-preload libzeropool0 libzeropool-dev >/dev/null
    files | diff /tmp/before - || complain "the packages leave something behind ($way)"
    [[ -z $(dpkg-query -W -f '${Package} ' '*zeropool*' 2>/dev/null) ]] || complain "dpkg still knows them ($way)"
done
[[ $(LD_PRELOAD=libzeropool_preload.so /bin/ls -d / 2>&1) == *'cannot be preloaded'* ]] ||
    complain 'the library is still found'
echo 'removed and purged'
