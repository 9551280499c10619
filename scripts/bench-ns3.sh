#!/usr/bin/env bash
# The simulator beside ns-3 on the same workload, run after run in turn: scripts/bench-ns3.sh [RUNS]
# The answers are compared first: octets delivered and connections closed. Times are median (least,
# most) of the processor seconds and of the wall-clock seconds; the ratio is of processor seconds a
# hop, which other load on the machine disturbs least. Needs ns-3 (Debian: ns3 libns3-dev), else it
# says so and measures wirelab alone.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${1:-7}
target=${CARGO_TARGET_DIR:-target}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo build --locked --release -p wirelab-simulator --example anchor
ours=$target/release/examples/anchor
theirs=$work/ns3
libraries=(core network internet point-to-point applications stats traffic-control bridge config-store)
if ! g++ -O2 -std=c++17 simulator/benches/ns3/anchor.cc -o "$theirs" \
    "${libraries[@]/#/-lns3-}" 2>"$work/errors"; then
    echo "ns-3 is not here (Debian: apt-get install ns3 libns3-dev): wirelab alone" >&2
    theirs=
fi

# measure NAME COMMAND...: one run; its line goes to NAME.out, wall and processor seconds to NAME.
measure() {
    local name=$1 spent
    shift
    TIMEFORMAT='%U %S'
    { time "$@" >"$work/$name.out"; } 2>"$work/$name.time"
    spent=$(awk '{ printf "%.3f", $1 + $2 }' "$work/$name.time")
    echo "$(field "$name" run_s) $spent" >>"$work/$name"
}

# field NAME KEY: a value of the last run's line.
field() {
    awk -v key="$2" '{ for (i = 1; i < NF; i++) if ($i == key) print $(i + 1) }' "$work/$1.out"
}

# spread NAME COLUMN: median (least, most).
spread() {
    awk -v column="$2" '{ print $column }' "$work/$1" | sort -n | awk '
        { value[NR] = $1 }
        END { printf "%.3f (%.3f-%.3f)", value[int((NR + 1) / 2)], value[1], value[NR] }'
}

# rate NAME: hops a processor second, by the median.
rate() {
    awk '{ print $2 }' "$work/$1" | sort -n | awk -v hops="$(field "$1" hops)" '
        { value[NR] = $1 }
        END { printf "%d", hops / value[int((NR + 1) / 2)] }'
}

# answers NAME: what both must agree on.
answers() {
    echo "$(field "$1" bulk_rx) $(field "$1" http_bytes) $(field "$1" closed)"
}

# compare TITLE THEIR-ARGUMENTS -- OUR-ARGUMENTS
compare() {
    local title=$1 their=()
    shift
    while [ "$1" != -- ]; do
        their+=("$1")
        shift
    done
    shift
    rm -f "$work"/peer* "$work"/wirelab*
    for _ in $(seq "$runs"); do
        [ -z "$theirs" ] || measure peer "$theirs" 50 1000 "${their[@]}"
        measure wirelab "$ours" 50 1000 "$@"
    done
    echo "$title"
    for name in ${theirs:+peer} wirelab; do
        echo "  $name: hops $(field $name hops), cpu s $(spread $name 2), wall s $(spread $name 1)," \
            "$(rate $name) hops a cpu second"
    done
    if [ -n "$theirs" ]; then
        if [ "$(answers peer)" != "$(answers wirelab)" ]; then
            echo "the answers differ: ns-3 $(answers peer), wirelab $(answers wirelab)" >&2
            exit 1
        fi
        awk -v a="$(rate wirelab)" -v b="$(rate peer)" 'BEGIN { printf "  ratio %.1f\n", a / b }'
    fi
}

mkdir "$work/ours" "$work/theirs"
compare "nat, nobody looks on" -- nat
compare "plain, nobody looks on" -- plain
compare "nat, every frame made into bytes with its checksums; ns-3 makes checksums" \
    checksums -- nat bytes
compare "nat, a savefile of every interface; ns-3 makes checksums" \
    pcap "$work/theirs/ns3" checksums -- nat pcap "$work/ours"
compare "nat, flow logs of both VPCs" -- nat flowlogs
for count in 10 1000 10000; do
    compare "nat, $count interfaces more" -- nat enis "$count"
done
