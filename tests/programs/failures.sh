# For test suites of others, which fail here and there by themselves: what fails with the library must fail
# without it as well. Source this, define
#   run_suite ITEM...    runs the items of the suite, in any environment; prints the output
#   failures             reads that output, prints a line for each failure, crashes as "crashed ..."
# and call same_failures ITEM...; it works in the folder $work.
# shellcheck shell=bash disable=SC2154

# What fails once and not again failed by chance, as tests of timing do on a busy machine; crashes count.
same_failures() {
    local round new=
    for round in 1 2; do
        LD_PRELOAD=$ZP_LIBRARY run_suite "$@" >"$work/with.log" 2>&1 || true
        failures <"$work/with.log" | sort -u >"$work/with"
        [[ -s $work/with ]] || return 0
        run_suite "$@" >"$work/without.log" 2>&1 || true
        failures <"$work/without.log" | sort -u >"$work/without"
        new=$(comm -23 "$work/with" "$work/without")
        [[ $round == 1 && $new && $new != *crashed* ]] || break
        echo "failed once: $new"
    done
    [[ $new ]] || return 0
    cat "$work/with.log"
    echo "fails with the library only: $new"
    return 1
}

# COUNT of the lines of stdin, chosen by ZP_TEST_SEED, so that many runs cover all.
some_of() {
    shuf -n "$1" --random-source=<(yes "${ZP_TEST_SEED:-1}")
}
