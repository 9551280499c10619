#!/usr/bin/env bash
# Queries over flow logs in files, beside DuckDB and DataFusion: scripts/bench-flow-logs.sh [RECORDS] [RUNS]
# Four questions (top talkers, REJECT by five minutes, port scan, blocked SSH) over one day of records in
# the S3 layout, plain text and .log.gz, over Parquet of DuckDB's, and over the compact layout; in Insights
# QL and in SQL. One fresh process a run, engines in turn; the answers are compared first. Times are median
# (least-most) of the query's wall-clock seconds, processor seconds and MiB at the peak. Then records a
# second that one core writes. FLOW_LOGS=FOLDER keeps the records for the next time. DuckDB and DataFusion
# are those of WIRELAB_PYTHON (else python3); which of them is not there is left out. What came out: crates/query/SPEED.md.
set -euo pipefail
cd "$(dirname "$0")/.."

records=${1:-10000000}
runs=${2:-5}
target=${CARGO_TARGET_DIR:-target}
python=${WIRELAB_PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=${FLOW_LOGS:-$work/data}

# With the CLI, so that both are built of the same features.
cargo build --locked --release -p wirelab-cli -p wirelab-query -p wirelab-flowlog \
    --bin wirelab --example files --example generate --example speed
ours=$target/release/examples/files
version() { "$python" -c "import $1; print($1.__version__)" 2>/dev/null || true; }
duckdb=$(version duckdb)
datafusion=$(version datafusion)
[ -n "$duckdb" ] || echo "no DuckDB here (pip install duckdb)" >&2
[ -n "$datafusion" ] || echo "no DataFusion here (pip install datafusion pyarrow)" >&2

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
cat >"$work/fusion.py" <<'PY'
import os, resource, sys, time
import datafusion, pyarrow
data, form, sql = sys.argv[1:]
columns = ["version", "account_id", "interface_id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol",
           "packets", "bytes", "start", "end", "action", "log_status"]
types = {name: "int" for name in ("version", "srcport", "dstport", "protocol")}
types |= {name: "bigint" for name in ("packets", "bytes", "start", "end")}
config = datafusion.SessionConfig().with_target_partitions(os.cpu_count())
# Without it the files below the folders of a day are not seen.
config = config.set("datafusion.execution.listing_table_ignore_subdirectory", "false")
context = datafusion.SessionContext(config)
begun = time.perf_counter()
if form == "parquet":
    context.register_parquet("flow_logs", f"{data}/parquet")
else:
    # `-` is no number for its reader: all is text first.
    schema = pyarrow.schema([(name, pyarrow.string()) for name in columns])
    packed = form == "gz"
    options = datafusion.CsvReadOptions(
        delimiter=" ", has_header=True, schema=schema, file_extension=".log.gz" if packed else ".log",
        file_compression_type="gzip" if packed else "")
    context.register_csv("raw", f"{data}/{form}/AWSLogs/", options=options)
    cells = (f'TRY_CAST("{name}" AS {types[name]}) AS "{name}"' if name in types else f'"{name}"'
             for name in columns)
    context.sql("CREATE VIEW flow_logs AS SELECT " + ", ".join(cells) + " FROM raw")
batches = context.sql(sql).collect()
rows = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
seconds = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
print(f"seconds {seconds:.3f} mib {peak}", file=sys.stderr)
for row in rows:
    print(",".join("" if value is None else str(value) for value in row))
PY
if [ ! -d "$data/store" ]; then
    mkdir -p "$data/store"
    "$ours" "$data/gz" compact "$data/store/day.parquet"
fi
if [ -n "$duckdb" ] && [ ! -d "$data/parquet" ]; then
    mkdir -p "$data/parquet"
    for hour in $(seq -w 0 23); do
        from=$(text gz .gz)
        # Of the folder of an hour.
        "$python" "$work/duck.py" \
            "COPY (SELECT * FROM ${from/\*\/\*.log/$hour/*.log}) TO '$data/parquet/$hour.parquet' (FORMAT parquet, CODEC snappy)" \
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
    # Equals stand in Insights' order of texts (.8 before .14) or in that of SQL (.14 before .8).
    sort -o "$work/$name.rows" "$work/$name.rows"
    echo "$(grep seconds "$work/figures") $(cat "$work/cpu")" >>"$work/$name"
}

# figure NAME: median (least-most) seconds, processor seconds, MiB.
figure() {
    awk '{ print $2, $6 + $7, $4 }' "$work/$1" | sort -n | awk '
        { wall[NR] = $1; cpu[NR] = $2; if ($3 > peak) peak = $3 }
        END { m = int((NR + 1) / 2); printf "%.2f (%.2f-%.2f) / %.2f / %d", wall[m], wall[1], wall[NR], cpu[m], peak }'
}

# asked FORMAT QUESTION: one run of each engine.
asked() {
    local format=$1 question=$2 source=''
    once "insights-$format-$question" "$ours" "$data/$format" insights "${insights[$question]}"
    once "sql-$format-$question" "$ours" "$data/$format" sql "${sql[$question]}"
    case $format in
        log) source=$(text log '') ;;
        gz) source=$(text gz .gz) ;;
        parquet) source="read_parquet('$data/parquet/*.parquet')" ;;
        store) return ;;
    esac
    if [ -n "$duckdb" ]; then
        once "duckdb-$format-$question" "$python" "$work/duck.py" "${sql[$question]/FROM flow_logs/FROM $source}"
    fi
    if [ -n "$datafusion" ]; then
        once "datafusion-$format-$question" "$python" "$work/fusion.py" "$data" "$format" "${sql[$question]}"
    fi
}

line='%-8s %-8s %-32s %-32s %-32s %s\n'
printf "$line" from question "Insights QL" SQL "${duckdb:+DuckDB $duckdb}" "${datafusion:+DataFusion $datafusion}"
for format in log gz parquet store; do
    [ -d "$data/$format" ] || continue
    for question in "${questions[@]}"; do
        for ((run = 0; run < runs; run++)); do
            asked "$format" "$question"
        done
        figures=()
        for engine in insights sql duckdb datafusion; do
            name=$engine-$format-$question
            if [ ! -f "$work/$name" ]; then
                figures+=('')
                continue
            fi
            if ! cmp -s "$work/sql-log-$question.rows" "$work/$name.rows"; then
                echo "$format, $question: $engine answers other rows than SQL over text" >&2
                exit 1
            fi
            figures+=("$(figure "$name")")
        done
        printf "$line" "$format" "$question" "${figures[@]}"
    done
done
echo 'records a second, one core:'
"$target/release/examples/speed"
