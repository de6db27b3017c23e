# A zsh in a terminal of its own, with its own completion system: each line, with a tab behind it, has it show the word.
# usage: zsh -f completion.zsh FOLDER 'LINE|WORD'...
zmodload zsh/zpty zsh/zselect
folder=$1
shift
shown=
await() { # WORD: half a minute is for a machine that is busy; the word comes at once
    local part
    for ((i = 0; i < 3000; i++)); do
        while zpty -r -t shell part; do shown+=${part//$'\r'/}; done
        [[ $shown == *$1* ]] && return
        zselect -t 1
    done
    print -r -- "zsh does not offer $1: $shown"
    exit 1
}
TERM=dumb zpty -b shell zsh -f -i
zpty -w shell "PROMPT=; stty cols 200 rows 100; fpath=(${(q)folder} \$fpath); autoload -Uz compinit; compinit -u -D; echo rea''dy"
await ready
for line; do
    shown=
    zpty -w -n shell ${line%%|*}$'\t'
    await ${line##*|}
    zpty -w -n shell $'\C-u'
    zpty -w shell "echo nex''t"
    await next
done
