#!/usr/bin/env bash
# ffmpeg: frames that go from thread to thread, through filters, encoders and decoders.
set -euo pipefail

same=$(dirname "$0")/same.sh
command -v ffmpeg >/dev/null || { echo 'skipped: no ffmpeg here'; exit 77; }
seconds=$((${ZP_SOAK:-0} ? 8 : 1))

for codec in ffv1 mpeg4; do
    # shellcheck disable=SC2016 # the inner shell's own
    "$same" --pooled bash -c 'ffmpeg -v error -nostdin -threads 4 -f lavfi -i testsrc2=size=1280x720:rate=25:duration="$0" \
        -f lavfi -i sine=frequency=440:duration="$0" -vf scale=1920:1080,hflip -c:v "$1" -c:a flac -threads 4 -fflags +bitexact \
        -flags:v +bitexact -flags:a +bitexact out.mkv && ffmpeg -v error -nostdin -threads 4 -i out.mkv -f framemd5 -' "$seconds" "$codec"
done
