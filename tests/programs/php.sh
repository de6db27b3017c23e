#!/usr/bin/env bash
# php, whose extensions are opened with RTLD_DEEPBIND: two allocators in one program, and a crash at its
# start. Then what it does with large strings and arrays.
set -euo pipefail

same=$(dirname "$0")/same.sh
command -v php >/dev/null || { echo 'skipped: no php here'; exit 77; }
count=$((${ZP_SOAK:-0} ? 3000000 : 200000))

"$same" php -r 'echo "started\n";'
# shellcheck disable=SC2016 # the variables are php's own
work='
    mt_srand(1);
    $count = (int) $argv[1];
    $text = str_replace("ba", "BBA", str_repeat("ab", 10 * $count));
    echo strlen($text), " ", md5($text), "\n";
    $list = range(1, $count);
    shuffle($list);
    echo md5(serialize($list)), " ", md5(implode(",", $list)), "\n";
    sort($list);
    echo array_sum($list), " ", count(json_decode(json_encode($list))), "\n";
    echo md5(gzuncompress(gzcompress($text))), "\n";
    $words = array_map(fn($number) => "word" . $number % 1000, $list);
    echo count(array_count_values($words)), "\n";
    echo preg_match_all("/BB(A)/", $text), "\n";
    $child = pcntl_fork();
    if ($child == 0) {
        $text[0] = "x";
        echo md5($text), "\n";
        exit(0);
    }
    pcntl_waitpid($child, $status);
    echo $status, " ", md5($text), "\n";'
"$same" php -d memory_limit=-1 -r "$work" "$count"
# So that it asks malloc for everything instead of mapping it itself.
"$same" --pooled env USE_ZEND_ALLOC=0 php -d memory_limit=-1 -r "$work" "$count"
