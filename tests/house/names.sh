#!/usr/bin/env bash
# Documentation that names a file of the tree which is not there, such as the test that shows a promise.
# usage: names.sh SOURCE_FOLDER
set -euo pipefail
cd "$1"

failures=0
for page in README.md CONTRIBUTING.md docs/*.md tests/README.md bench/README.md; do
    # shellcheck disable=SC2016 # the backquotes are the page's
    while read -r name; do
        [[ $name == *'*'* ]] && name=${name%%\**} # the part before a star is enough
        if ! compgen -G "$name*" >/dev/null; then
            echo "$page names $name, which is not there"
            failures=$((failures + 1))
        fi
    done < <(grep -oE '`(core|config|preload|tests|bench|scripts|docs)/[A-Za-z0-9_./*-]+`' "$page" | tr -d '`' | sort -u)
done
[[ $failures -eq 0 ]]
