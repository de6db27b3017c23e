#!/usr/bin/env bash
# ImageMagick: pixels by the hundred megabytes, worked on by several threads.
set -euo pipefail

same=$(dirname "$0")/same.sh
command -v convert-im6.q16 >/dev/null || { echo 'skipped: no imagemagick here'; exit 77; }
side=$((${ZP_SOAK:-0} ? 3000 : 1000))

export MAGICK_THREAD_LIMIT=2
# shellcheck disable=SC2016 # the inner shell's own
"$same" --pooled bash -c 'convert-im6.q16 -seed 1 -size "$0x$0" plasma:red-blue -blur 0x2 -rotate 30 -resize 70% -unsharp 0x1 out.ppm &&
    convert-im6.q16 out.ppm -quality 90 out.jpg && convert-im6.q16 out.jpg -edge 1 again.ppm &&
    montage-im6.q16 -geometry 600x600+2+2 out.ppm again.ppm out.jpg sheet.ppm && identify-im6.q16 *.ppm *.jpg | cut -d" " -f1-4' "$side"
