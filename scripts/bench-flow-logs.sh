#!/usr/bin/env bash
# Queries over flow logs in files, beside DuckDB: scripts/bench-flow-logs.sh [RECORDS] [RUNS]
# Four questions (top talkers, REJECT by five minutes, port scan, blocked SSH) over one day of records in
# the S3 layout: plain text, .log.gz and Parquet, in Insights QL and in SQL. One fresh process a run,
# engines in turn; the answers are compared first. Times are median (least-most) of the query's
# wall-clock seconds, processor seconds and MiB at the peak. FLOW_LOGS=FOLDER keeps the records for the
# next time. DuckDB is that of WIRELAB_PYTHON (else python3); without it wirelab is measured alone.
set -euo pipefail
cd "$(dirname "$0")/.."

records=${1:-10000000}
runs=${2:-5}
target=${CARGO_TARGET_DIR:-target}
python=${WIRELAB_PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=${FLOW_LOGS:-$work/data}

cargo build --locked --release -p wirelab-flowlog --example generate
cargo build --locked --release -p wirelab-query --example files
ours=$target/release/examples/files
duckdb=$("$python" -c 'import duckdb; print(duckdb.__version__)' 2>/dev/null || true)
[ -n "$duckdb" ] || echo "no DuckDB here (pip install duckdb): wirelab alone" >&2

if [ ! -d "$data/log" ]; then
    "$target/release/examples/generate" "$records" "$data/log"
    cp -r "$data/log" "$data/gz"
    find "$data/gz" -name '*.log' -print0 | xargs -0 -n 8 -P "$(nproc)" gzip -6
fi
glob='AWSLogs/*/vpcflowlogs/*/*/*/*/*/*.log'
columns="{'version':'int','account_id':'varchar','interface_id':'varchar','srcaddr':'varchar',\
'dstaddr':'varchar','srcport':'int','dstport':'int','protocol':'int','packets':'bigint',\
'bytes':'bigint','start':'bigint','end':'bigint','action':'varchar','log_status':'varchar'}"
text() { echo "read_csv('$data/$1/$glob$2', delim=' ', header=true, auto_detect=false, nullstr='-', columns=$columns)"; }
cat >"$work/duck.py" <<'PY'
import duckdb, resource, sys, time
connection = duckdb.connect()
begun = time.perf_counter()
rows = connection.execute(sys.argv[1]).fetchall()
seconds = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
print(f"seconds {seconds:.3f} mib {peak}", file=sys.stderr)
for row in rows:
    print(",".join("" if value is None else str(value) for value in row))
PY
if [ -n "$duckdb" ] && [ ! -d "$data/parquet" ]; then
    mkdir -p "$data/parquet"
    for hour in $(seq -w 0 23); do
        from=$(text gz .gz)
        "$python" "$work/duck.py" \
            "COPY (SELECT * FROM ${from/vpcflowlogs\/\*\/\*\/\*\/\*\/\*/vpcflowlogs\/*\/*\/*\/*\/$hour\/*}) TO '$data/parquet/$hour.parquet' (FORMAT parquet, CODEC snappy)" \
            >/dev/null 2>&1
    done
fi

questions=(talkers rejects scan ssh)
declare -A insights=(
    [talkers]='stats sum(bytes) as b by srcAddr, dstAddr | sort b desc, srcAddr, dstAddr | limit 20 | display srcAddr, dstAddr, b'
    [rejects]='filter action = "REJECT" | stats count(*) as n by bin(5m) as t | sort t | display toMillis(t) / 1000 as s, n'
    [scan]='stats count_distinct(dstPort) as n by srcAddr | filter n > 5 and srcAddr != "-" | sort n desc, srcAddr | limit 50 | display srcAddr, n'
    [ssh]='filter action = "REJECT" and dstPort = 22 and protocol = 6 | stats count(*) as n by srcAddr | sort n desc, srcAddr | limit 20 | display srcAddr, n'
)
declare -A sql=(
    [talkers]='SELECT srcaddr, dstaddr, sum(bytes) AS b FROM flow_logs WHERE bytes IS NOT NULL GROUP BY srcaddr, dstaddr ORDER BY b DESC, srcaddr, dstaddr LIMIT 20'
    [rejects]="SELECT start - start % 300 AS t, count(*) AS n FROM flow_logs WHERE action = 'REJECT' GROUP BY 1 ORDER BY 1"
    [scan]="SELECT srcaddr, count(DISTINCT dstport) AS n FROM flow_logs WHERE srcaddr <> '-' GROUP BY srcaddr HAVING count(DISTINCT dstport) > 5 ORDER BY n DESC, srcaddr LIMIT 50"
    [ssh]="SELECT srcaddr, count(*) AS n FROM flow_logs WHERE action = 'REJECT' AND dstport = 22 AND protocol = 6 GROUP BY srcaddr ORDER BY n DESC, srcaddr LIMIT 20"
)

# once NAME COMMAND...: one run; its rows go to NAME.rows, its figures to NAME.
once() {
    local name=$1
    shift
    TIMEFORMAT='cpu %U %S'
    { time "$@" >"$work/$name.rows" 2>"$work/figures"; } 2>"$work/cpu"
    echo "$(grep seconds "$work/figures") $(cat "$work/cpu")" >>"$work/$name"
}

# figure NAME: median (least-most) seconds, processor seconds, MiB.
figure() {
    awk '{ print $2, $6 + $7, $4 }' "$work/$1" | sort -n | awk '
        { wall[NR] = $1; cpu[NR] = $2; if ($3 > peak) peak = $3 }
        END { m = int((NR + 1) / 2); printf "%.2f (%.2f-%.2f) / %.2f / %d", wall[m], wall[1], wall[NR], cpu[m], peak }'
}

printf '%-8s %-8s %-32s %-32s %s\n' from question "Insights QL" SQL "${duckdb:+DuckDB $duckdb}"
for format in log gz parquet; do
    [ -d "$data/$format" ] || continue
    case $format in
        log) source=$(text log '') ;;
        gz) source=$(text gz .gz) ;;
        parquet) source="read_parquet('$data/parquet/*.parquet')" ;;
    esac
    for question in "${questions[@]}"; do
        for ((run = 0; run < runs; run++)); do
            once "insights-$format-$question" "$ours" "$data/$format" insights "${insights[$question]}"
            once "sql-$format-$question" "$ours" "$data/$format" sql "${sql[$question]}"
            if [ -n "$duckdb" ]; then
                ducks=${sql[$question]/FROM flow_logs/FROM $source}
                once "duckdb-$format-$question" "$python" "$work/duck.py" "$ducks"
            fi
        done
        for other in insights "${duckdb:+duckdb}"; do
            if [ -n "$other" ] && ! cmp -s "$work/sql-$format-$question.rows" "$work/$other-$format-$question.rows"; then
                echo "$format, $question: SQL and $other differ" >&2
                exit 1
            fi
        done
        printf '%-8s %-8s %-32s %-32s %s\n' "$format" "$question" \
            "$(figure "insights-$format-$question")" "$(figure "sql-$format-$question")" \
            "$([ -z "$duckdb" ] || figure "duckdb-$format-$question")"
    done
done
