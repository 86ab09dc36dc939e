#!/usr/bin/env bash
# Prints a file with what stands there between @ signs filled in: fill.sh FILE NAME=VALUE ...
set -euo pipefail

text=$(<"$1")
shift
for pair; do
    text=${text//"@${pair%%=*}@"/"${pair#*=}"}
done
if [[ $text =~ @[A-Z_]+@ ]]; then
    printf 'fill.sh: nothing was given for %s\n' "${BASH_REMATCH[0]}" >&2
    exit 1
fi
printf '%s\n' "$text"
