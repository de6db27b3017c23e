#!/usr/bin/env bash
# A page that a browser does not show: a script that fails, a flame graph or a table that is empty.
# usage: page.sh SITES ZEROPOOL
# shellcheck disable=SC1091,SC2154 # of common.sh
set -euo pipefail

sites=$1 zeropool=$2
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [[ -z $browser ]]; then
    echo 'no Chromium here (package chromium): skipped'
    exit 77
fi
source "$(dirname "$0")/common.sh"

shown() { # PAGE [WIDTH]: what the page has become after its script
    HOME=$work timeout 100 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
        --user-data-dir="$work/browser" --window-size="${2:-1200},1500" --dump-dom "file://$work/$1" 2>browser.log
}

LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_PROFILE=known "$sites" data
"$zeropool" report --html --output page.html known
shown page.html >dom || fail "$(tail -5 browser.log)"
grep -q "data-ready=\"$(grep -c '^site ' known)\"" dom || fail "the script did not come to its end"
frames=$(sed -n 's/.*data-frames="\([0-9]*\)".*/\1/p' dom)
[[ ${frames:-0} -ge 8 ]] || fail "$frames frames"
grep -q '<path d="M[0-9]' dom || fail 'no curve'
sed '/<script/,/<\/script>/d' dom >visible
! grep -q 'NaN\|undefined\|Infinity' visible || fail 'a number is none'
for name in fills touches keeps ZEROPOOL_READ=parallel; do
    grep -q "$name" visible || fail "$name is not shown"
done

# In a narrow window a name has room to be read, and nothing is beyond the edge.
{
    cat page.html
    echo '<script>
      const narrowest = Math.min(...[...document.querySelectorAll("#rows td:first-child")].map(cell => cell.clientWidth));
      document.documentElement.dataset.fits = narrowest > 200 && document.documentElement.scrollWidth <= innerWidth;
    </script>'
} >narrow.html
shown narrow.html 500 >dom || fail "$(tail -5 browser.log)"
grep -q 'data-fits="true"' dom || fail 'a narrow window does not show it'

# One without any point of time or site, as a program with one request may leave it.
sed '/^site \|^time /d' known >bare
"$zeropool" report --html --output bare.html bare
shown bare.html >dom || fail "$(tail -5 browser.log)"
grep -q 'data-ready="0"' dom || fail 'an empty profile is not shown'

# What looks like markup is text.
cp "$sites" '<img src=x onerror=document.title=1>'
# shellcheck disable=SC2288
LD_PRELOAD="$ZP_LIBRARY" ZEROPOOL_PROFILE=odd './<img src=x onerror=document.title=1>' data
"$zeropool" report --html --output odd.html odd
shown odd.html >dom || fail "$(tail -5 browser.log)"
sed '/<script/,/<\/script>/d' dom >visible
! grep -q '<img' visible || fail 'a name is markup'
