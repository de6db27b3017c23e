# Completion of zeropool for bash. Written by `zeropool completion bash`.
# shellcheck shell=bash
_zeropool() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local flags='' valued='' words='' program='' own='' start='' i
    [[ $current != = ]] || current=''
    [[ $previous != = ]] || previous=${COMP_WORDS[COMP_CWORD - 2]}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W 'run check compare record report doctor top metrics options completion version help --help --version' -- "$current")
        return
    fi
    case ${COMP_WORDS[1]} in
    run)
        flags=' --profile --library --help --enable --min-size --shards --tls-cache --tls-bytes --max-per-shard --max-memory --zero --eviction --decay-ms --decay-by --reclaim --thp --hugetlb --pin --numa --prewarm --read --stats --stats-format --stats-interval-ms --stats-signal --live --check --stacks --inherit --verbose'
        valued=' --profile --library --enable --min-size --shards --tls-cache --tls-bytes --max-per-shard --max-memory --zero --eviction --decay-ms --decay-by --reclaim --thp --hugetlb --pin --numa --prewarm --read --stats --stats-format --stats-interval-ms --stats-signal --live --check --stacks --inherit --verbose '
        case $previous in
            --profile) words='loader server debug' ;;
            --shards) words='auto' ;;
            --tls-cache) words='auto' ;;
            --tls-bytes) words='auto' ;;
            --max-per-shard) words='auto' ;;
            --max-memory) words='auto' ;;
            --zero) words='free both background off' ;;
            --eviction) words='clockpro lifo' ;;
            --decay-by) words='calls thread' ;;
            --reclaim) words='lazy off' ;;
            --thp) words='auto on off' ;;
            --hugetlb) words='off 2M 1G' ;;
            --pin) words='off on' ;;
            --numa) words='auto auto off local interleave' ;;
            --prewarm) words='none learn' ;;
            --read) words='off parallel' ;;
            --stats) words='off exit' ;;
            --stats-format) words='text json prometheus' ;;
            --stats-signal) words='off HUP QUIT USR1 USR2 URG PROF WINCH IO PWR RTMIN RTMAX' ;;
            --live) words='off on' ;;
            --check) words='basic full off' ;;
            --stacks) words='off on' ;;
            *) ;;
        esac
        own=''
        program=yes
        ;;
    check)
        flags=' --profile --library --json --help --enable --min-size --shards --tls-cache --tls-bytes --max-per-shard --max-memory --zero --eviction --decay-ms --decay-by --reclaim --thp --hugetlb --pin --numa --prewarm --read --stats --stats-format --stats-interval-ms --stats-signal --live --check --stacks --inherit --verbose'
        valued=' --profile --library --enable --min-size --shards --tls-cache --tls-bytes --max-per-shard --max-memory --zero --eviction --decay-ms --decay-by --reclaim --thp --hugetlb --pin --numa --prewarm --read --stats --stats-format --stats-interval-ms --stats-signal --live --check --stacks --inherit --verbose '
        case $previous in
            --profile) words='loader server debug' ;;
            --shards) words='auto' ;;
            --tls-cache) words='auto' ;;
            --tls-bytes) words='auto' ;;
            --max-per-shard) words='auto' ;;
            --max-memory) words='auto' ;;
            --zero) words='free both background off' ;;
            --eviction) words='clockpro lifo' ;;
            --decay-by) words='calls thread' ;;
            --reclaim) words='lazy off' ;;
            --thp) words='auto on off' ;;
            --hugetlb) words='off 2M 1G' ;;
            --pin) words='off on' ;;
            --numa) words='auto auto off local interleave' ;;
            --prewarm) words='none learn' ;;
            --read) words='off parallel' ;;
            --stats) words='off exit' ;;
            --stats-format) words='text json prometheus' ;;
            --stats-signal) words='off HUP QUIT USR1 USR2 URG PROF WINCH IO PWR RTMIN RTMAX' ;;
            --live) words='off on' ;;
            --check) words='basic full off' ;;
            --stacks) words='off on' ;;
            *) ;;
        esac
        own=''
        program=yes
        ;;
    compare)
        flags=' --rounds --against --show --profile --library --json --help --enable --min-size --shards --tls-cache --tls-bytes --max-per-shard --max-memory --zero --eviction --decay-ms --decay-by --reclaim --thp --hugetlb --pin --numa --prewarm --read --stats --stats-format --stats-interval-ms --stats-signal --live --check --stacks --inherit --verbose'
        valued=' --rounds --against --profile --library --enable --min-size --shards --tls-cache --tls-bytes --max-per-shard --max-memory --zero --eviction --decay-ms --decay-by --reclaim --thp --hugetlb --pin --numa --prewarm --read --stats --stats-format --stats-interval-ms --stats-signal --live --check --stacks --inherit --verbose '
        case $previous in
            --profile) words='loader server debug' ;;
            --shards) words='auto' ;;
            --tls-cache) words='auto' ;;
            --tls-bytes) words='auto' ;;
            --max-per-shard) words='auto' ;;
            --max-memory) words='auto' ;;
            --zero) words='free both background off' ;;
            --eviction) words='clockpro lifo' ;;
            --decay-by) words='calls thread' ;;
            --reclaim) words='lazy off' ;;
            --thp) words='auto on off' ;;
            --hugetlb) words='off 2M 1G' ;;
            --pin) words='off on' ;;
            --numa) words='auto auto off local interleave' ;;
            --prewarm) words='none learn' ;;
            --read) words='off parallel' ;;
            --stats) words='off exit' ;;
            --stats-format) words='text json prometheus' ;;
            --stats-signal) words='off HUP QUIT USR1 USR2 URG PROF WINCH IO PWR RTMIN RTMAX' ;;
            --live) words='off on' ;;
            --check) words='basic full off' ;;
            --stacks) words='off on' ;;
            *) ;;
        esac
        own=''
        program=yes
        ;;
    record)
        flags=' --output --profile --library --help --enable --min-size --shards --tls-cache --tls-bytes --max-per-shard --max-memory --zero --eviction --decay-ms --decay-by --reclaim --thp --hugetlb --pin --numa --prewarm --read --stats --stats-format --stats-interval-ms --stats-signal --live --check --stacks --inherit --verbose'
        valued=' --output --profile --library --enable --min-size --shards --tls-cache --tls-bytes --max-per-shard --max-memory --zero --eviction --decay-ms --decay-by --reclaim --thp --hugetlb --pin --numa --prewarm --read --stats --stats-format --stats-interval-ms --stats-signal --live --check --stacks --inherit --verbose '
        case $previous in
            --profile) words='loader server debug' ;;
            --shards) words='auto' ;;
            --tls-cache) words='auto' ;;
            --tls-bytes) words='auto' ;;
            --max-per-shard) words='auto' ;;
            --max-memory) words='auto' ;;
            --zero) words='free both background off' ;;
            --eviction) words='clockpro lifo' ;;
            --decay-by) words='calls thread' ;;
            --reclaim) words='lazy off' ;;
            --thp) words='auto on off' ;;
            --hugetlb) words='off 2M 1G' ;;
            --pin) words='off on' ;;
            --numa) words='auto auto off local interleave' ;;
            --prewarm) words='none learn' ;;
            --read) words='off parallel' ;;
            --stats) words='off exit' ;;
            --stats-format) words='text json prometheus' ;;
            --stats-signal) words='off HUP QUIT USR1 USR2 URG PROF WINCH IO PWR RTMIN RTMAX' ;;
            --live) words='off on' ;;
            --check) words='basic full off' ;;
            --stacks) words='off on' ;;
            *) ;;
        esac
        own=''
        program=yes
        ;;
    report)
        flags=' --top --folded --by --pprof --html --output --help'
        valued=' --top --by --output '
        case $previous in
            --by) words='bytes requests fresh peak live' ;;
            *) ;;
        esac
        own=''
        program=
        ;;
    doctor)
        flags=' --root --library --json --help'
        valued=' --root --library '
        case $previous in
            *) ;;
        esac
        own=''
        program=
        ;;
    top)
        flags=' --every --sort --once --json --help'
        valued=' --every --sort '
        case $previous in
            --sort) words='pid name gets hits live retained' ;;
            *) ;;
        esac
        own=''
        program=
        ;;
    metrics)
        flags=' --textfile --listen --help'
        valued=' --textfile --listen '
        case $previous in
            *) ;;
        esac
        own=''
        program=
        ;;
    options)
        flags=' --json --help'
        valued=' '
        case $previous in
            *) ;;
        esac
        own='ZEROPOOL_ENABLE ZEROPOOL_MIN_SIZE ZEROPOOL_SHARDS ZEROPOOL_TLS_CACHE ZEROPOOL_TLS_BYTES ZEROPOOL_MAX_PER_SHARD ZEROPOOL_MAX_MEMORY ZEROPOOL_ZERO ZEROPOOL_EVICTION ZEROPOOL_DECAY_MS ZEROPOOL_DECAY_BY ZEROPOOL_RECLAIM ZEROPOOL_THP ZEROPOOL_HUGETLB ZEROPOOL_PIN ZEROPOOL_NUMA ZEROPOOL_PREWARM ZEROPOOL_READ ZEROPOOL_STATS ZEROPOOL_STATS_FORMAT ZEROPOOL_STATS_INTERVAL_MS ZEROPOOL_STATS_SIGNAL ZEROPOOL_LIVE ZEROPOOL_PROFILE ZEROPOOL_CHECK ZEROPOOL_STACKS ZEROPOOL_INHERIT ZEROPOOL_VERBOSE'
        program=
        ;;
    completion)
        flags=' --help'
        valued=' '
        case $previous in
            *) ;;
        esac
        own='bash zsh fish'
        program=
        ;;
    version)
        flags=' --help'
        valued=' '
        case $previous in
            *) ;;
        esac
        own=''
        program=
        ;;
    help)
        flags=' --help'
        valued=' '
        case $previous in
            *) ;;
        esac
        own='run check compare record report doctor top metrics options completion version help'
        program=
        ;;
    *) return ;;
    esac
    for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --) start=$((i + 1)) && break ;;
        =) ;;
        -*) [[ $valued != *" ${COMP_WORDS[i]} "* ]] || {
            [[ ${COMP_WORDS[i + 1]-} != = ]] || ((i++))
            ((i++))
        } ;;
        *) start=$i && break ;;
        esac
    done
    if [[ $start && $program ]]; then
        if declare -F _command_offset >/dev/null; then
            _command_offset "$start"
        elif ((COMP_CWORD == start)); then
            mapfile -t COMPREPLY < <(compgen -c -- "$current")
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
        fi
    elif [[ $words ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    elif [[ $valued == *" $previous "* ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    elif [[ $current == -* || ! $program ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$flags $own" -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -c -- "$current")
    fi
}
complete -o filenames -o bashdefault -F _zeropool zeropool
