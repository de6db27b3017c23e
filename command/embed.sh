#!/bin/sh
# Writes a file as an array of bytes that ends with a zero.
# usage: embed.sh FILE NAME
set -eu
echo "static const unsigned char $2[] = {"
od -An -v -tu1 "$1" | sed 's/  */ /g; s/^ //; s/ /, /g; s/$/,/'
echo '0};'
