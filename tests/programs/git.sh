#!/usr/bin/env bash
# A git that packs, checks out or remembers something else under the library.
set -euo pipefail

same=$(dirname "$0")/same.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v git >/dev/null || { echo 'skipped: no git here'; exit 77; }

export GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_AUTHOR_DATE='2024-01-01T00:00:00Z'
export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org GIT_COMMITTER_DATE='2024-01-01T00:00:00Z'

cat >"$work/script" <<'SCRIPT'
set -e
git init -q -b main .
seq 1 700000 >large
echo small >small
git add .
git commit -qm 'first'
seq 1 700001 >large
git commit -qam 'second'
git -c pack.threads=2 -c gc.auto=0 gc -q --aggressive
git fsck --full --strict
git log --stat --format='%H %s'
git checkout -q HEAD~
git status --short
wc large
rm -rf .git # of which packs and indexes hold times
SCRIPT
"$same" bash "$work/script"
