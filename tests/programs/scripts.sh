#!/usr/bin/env bash
# Interpreters that hold large strings and arrays.
set -euo pipefail

same=$(dirname "$0")/same.sh
command -v perl >/dev/null || { echo 'skipped: no perl here'; exit 77; }

# shellcheck disable=SC2016 # the variables are bash's own
"$same" --pooled bash -c 'x=$(seq 1 400000); y=$x$x; echo "${#x} ${#y}"; echo "${y:2000000:30}"; y+=end; echo "${y: -9}"
    for i in {1..50000}; do a[i]=$i; done; echo "${#a[@]}"'

# shellcheck disable=SC2016 # and these perl's
"$same" --pooled perl -e '
    my $s = "ab" x 3_000_000; $s =~ s/ba/BBA/g; print length($s), "\n";
    my %h = map { $_ => "v$_" } 1 .. 100_000; my $n = 0; $n += length for values %h; print "$n\n";
    my @sorted = sort { $b <=> $a } map { ($_ * 7919) % 100_003 } 1 .. 200_000; print "@sorted[0..4]\n";
    my $pid = fork; if (!$pid) { substr($s, 0, 5) = "child"; print substr($s, 0, 9), "\n"; exit } waitpid $pid, 0;'
