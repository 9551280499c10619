#!/bin/sh
# `make play`: a built wirelab, a lab folder, and the first ticket. On a terminal it ends in a shell
# with `wirelab` on its PATH, inside the lab; elsewhere it prints ticket, evidence and next commands.
set -eu

bin=$1
folder=${WIRELAB_PLAY:-play}
lab=${LAB:-}
PATH=$(cd "$(dirname "$bin")" && pwd):$PATH
export PATH

if [ ! -d "$folder" ]; then
    wirelab init "$folder" ${lab:+--lab "$lab"} ${SEED:+--seed "$SEED"}
elif [ -n "$lab" ]; then
    (cd "$folder" && wirelab start "$lab" ${SEED:+--seed "$SEED"})
fi
cd "$folder"
wirelab status

if [ -t 0 ] && [ -t 1 ]; then
    printf '\nThis shell is inside the course folder and knows `wirelab`; `exit` leaves it.\n'
    printf 'In a second terminal:  cd %s && PATH=%s:$PATH\n\n' "$PWD" "$(dirname "$(command -v wirelab)")"
    exec "${SHELL:-/bin/sh}" -i
fi
