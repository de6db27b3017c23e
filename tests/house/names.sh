#!/usr/bin/env bash
# Documentation that names a file of the tree which is not there, such as the test that shows a promise, and
# code or documentation that names a decision without an entry in docs/decisions.md.
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
    done < <(grep -oE '`(core|config|stats|interface|linked|preload|command|tests|bench|scripts|docs)/[A-Za-z0-9_./*-]+`' "$page" | tr -d '`' | sort -u)
done

# "decision 9", "decisions 5 to 7 and 20"
while IFS=: read -r file number; do
    if ! grep -q "^### $number\\. " docs/decisions.md; then
        echo "$file names decision $number, which is not in docs/decisions.md"
        failures=$((failures + 1))
    fi
done < <(grep -roE --include='*.md' --include='*.[ch]' --include='*.sh' --include='*.py' \
    'decisions? [0-9]+((,| to| and)+ [0-9]+)*' README.md CONTRIBUTING.md core config stats interface linked preload command tests bench scripts docs |
    while IFS=: read -r file words; do
        grep -oE '[0-9]+' <<<"$words" | sed "s|^|$file:|"
    done | sort -u)

# The list of contents leads to every entry.
while read -r number; do
    if ! grep -q "^ *\\[$number\\](#$number-" docs/decisions.md; then
        echo "docs/decisions.md does not list decision $number in its contents"
        failures=$((failures + 1))
    fi
done < <(sed -n 's/^### \([0-9]*\)\. .*/\1/p' docs/decisions.md)
[[ $failures -eq 0 ]]
