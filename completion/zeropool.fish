# Completion of zeropool for fish. Written by `zeropool completion fish`.
complete -c zeropool -f
function __zeropool_program
    set -l words (commandline -opc) (commandline -ct)
    set -e words[1 2]
    while set -q words[2]
        switch $words[1]
            case --
                set -e words[1]
                break
            case '-*'
                if contains -- $words[1] $argv
                    set -e words[1]
                end
                set -e words[1]
            case '*'
                break
        end
    end
    if set -q words[1]; and not string match -q -- '-*' $words[1]
        complete -C "$words"
    end
end
complete -c zeropool -n __fish_use_subcommand -a run -d 'runs a program with the library'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l profile -x -a 'loader server debug' -d 'a named set of options: loader, server or debug'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l library -r -d 'the library to preload, instead of the one that is found'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l help -d 'prints help'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l enable -r -d '0 or 1'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l min-size -r -d 'a size from 64K to 1G'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l shards -x -a 'auto' -d 'auto or a power of two from 1 to 128'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l tls-cache -x -a 'auto' -d 'auto or a number from 0 to 64'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l tls-bytes -x -a 'auto' -d 'auto or a size'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l max-per-shard -x -a 'auto' -d 'auto or a number from 1 to 65536'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l max-memory -x -a 'auto' -d 'auto or a size'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l zero -x -a 'free both background off' -d 'free, both, background or off'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l eviction -x -a 'clockpro lifo' -d 'clockpro or lifo'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l decay-ms -r -d 'a number from -1 to 86400000'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l decay-by -x -a 'calls thread' -d 'calls or thread'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l reclaim -x -a 'lazy off' -d 'lazy or off'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l thp -x -a 'auto on off' -d 'auto, on or off'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l prewarm -x -a 'none' -d 'none or sizes up to 64G with counts, such as 154M,9M*24'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l read -x -a 'off parallel' -d 'off or parallel'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l stats -x -a 'off exit' -d 'off or exit'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l check -x -a 'basic full off' -d 'basic, full or off'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l stacks -x -a 'off on' -d 'off or on'
complete -c zeropool -n '__fish_seen_subcommand_from run' -l verbose -r -d 'a number from 0 to 3'
complete -c zeropool -n '__fish_seen_subcommand_from run' -x -a '(__zeropool_program --profile --library --enable --min-size --shards --tls-cache --tls-bytes --max-per-shard --max-memory --zero --eviction --decay-ms --decay-by --reclaim --thp --prewarm --read --stats --check --stacks --verbose)'
complete -c zeropool -n __fish_use_subcommand -a compare -d 'measures a program without and with the library'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l rounds -r -d 'measured runs of each, from 3 to 1000; 5 unless given'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l against -r -d 'measures another library, too; may be repeated'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l show -d 'lets the program\'s output through, to stderr'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l profile -x -a 'loader server debug' -d 'a named set of options: loader, server or debug'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l library -r -d 'the library to preload, instead of the one that is found'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l json -d 'prints JSON'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l help -d 'prints help'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l enable -r -d '0 or 1'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l min-size -r -d 'a size from 64K to 1G'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l shards -x -a 'auto' -d 'auto or a power of two from 1 to 128'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l tls-cache -x -a 'auto' -d 'auto or a number from 0 to 64'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l tls-bytes -x -a 'auto' -d 'auto or a size'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l max-per-shard -x -a 'auto' -d 'auto or a number from 1 to 65536'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l max-memory -x -a 'auto' -d 'auto or a size'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l zero -x -a 'free both background off' -d 'free, both, background or off'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l eviction -x -a 'clockpro lifo' -d 'clockpro or lifo'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l decay-ms -r -d 'a number from -1 to 86400000'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l decay-by -x -a 'calls thread' -d 'calls or thread'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l reclaim -x -a 'lazy off' -d 'lazy or off'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l thp -x -a 'auto on off' -d 'auto, on or off'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l prewarm -x -a 'none' -d 'none or sizes up to 64G with counts, such as 154M,9M*24'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l read -x -a 'off parallel' -d 'off or parallel'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l stats -x -a 'off exit' -d 'off or exit'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l check -x -a 'basic full off' -d 'basic, full or off'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l stacks -x -a 'off on' -d 'off or on'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -l verbose -r -d 'a number from 0 to 3'
complete -c zeropool -n '__fish_seen_subcommand_from compare' -x -a '(__zeropool_program --rounds --against --profile --library --enable --min-size --shards --tls-cache --tls-bytes --max-per-shard --max-memory --zero --eviction --decay-ms --decay-by --reclaim --thp --prewarm --read --stats --check --stacks --verbose)'
complete -c zeropool -n __fish_use_subcommand -a options -d 'lists the library\'s options'
complete -c zeropool -n '__fish_seen_subcommand_from options' -l json -d 'prints JSON'
complete -c zeropool -n '__fish_seen_subcommand_from options' -l help -d 'prints help'
complete -c zeropool -n '__fish_seen_subcommand_from options' -x -a 'ZEROPOOL_ENABLE ZEROPOOL_MIN_SIZE ZEROPOOL_SHARDS ZEROPOOL_TLS_CACHE ZEROPOOL_TLS_BYTES ZEROPOOL_MAX_PER_SHARD ZEROPOOL_MAX_MEMORY ZEROPOOL_ZERO ZEROPOOL_EVICTION ZEROPOOL_DECAY_MS ZEROPOOL_DECAY_BY ZEROPOOL_RECLAIM ZEROPOOL_THP ZEROPOOL_PREWARM ZEROPOOL_READ ZEROPOOL_STATS ZEROPOOL_CHECK ZEROPOOL_STACKS ZEROPOOL_VERBOSE'
complete -c zeropool -n __fish_use_subcommand -a completion -d 'prints the completion for a shell'
complete -c zeropool -n '__fish_seen_subcommand_from completion' -l help -d 'prints help'
complete -c zeropool -n '__fish_seen_subcommand_from completion' -x -a 'bash zsh fish'
complete -c zeropool -n __fish_use_subcommand -a version -d 'prints the version'
complete -c zeropool -n '__fish_seen_subcommand_from version' -l help -d 'prints help'
complete -c zeropool -n __fish_use_subcommand -a help -d 'explains a subcommand'
complete -c zeropool -n '__fish_seen_subcommand_from help' -l help -d 'prints help'
complete -c zeropool -n '__fish_seen_subcommand_from help' -x -a 'run compare options completion version help'
