#!/bin/sh
# A class of 500 synthetic submissions over four labs, graded: prints wall time and peak memory.
#
#   scripts/class.sh BINARY [FOLDER]     needs jq, GNU time
#   SEEDS=125 scripts/class.sh ...       a network of their own for each of 125 learners a lab
#
# Each lab is drawn from five seeds. On each, a third of the learners hand in nothing, a third a wrong
# answer to the first task, a third the solution, each text with a comment of their own. Five files
# are damaged. Memory is that of all processes together, shared pages counted once.
#
# Then what is handed in to do harm: damaged files, archives that unpack to a gigabyte, a journal of
# a million calls, one of as many commands as are read at all, a query that would never end.
set -eu
wirelab=$(realpath "$1")
folder=${2:-$(mktemp -d)}
seeds=${SEEDS:-5}
class=500
labs='hello-filter nacl-ephemeral top-talkers port-scan'
mkdir -p "$folder/class" "$folder/submissions" "$folder/evil"
cd "$folder/class"

solve() {
    "$wirelab" author solution --json > solution.json
    jq -r '.tasks[] | select(.kind != "fix") | .file | sub(".*/"; "")' solution.json |
        while read -r file; do
            jq -r --arg f "$file" '.tasks[] | select(.file | endswith("/" + $f)) | .solution' \
                solution.json > "$1/answers/$file"
        done
    jq -r '.tasks[] | select(.kind == "fix") | .solution' solution.json |
        while read -r line; do
            case $line in
            exec*) eval "'$wirelab' $line" ;;
            *:*) eval "'$wirelab' call $line" ;;
            esac > reply 2>&1 < /dev/null || cat reply
        done
}

# hand_in LAB: one more learner, who has a comment in each answer.
hand_in() {
    rm -rf answers.kept
    cp -r "$1/answers" answers.kept
    for file in "$1"/answers/*; do
        [ ! -f "$file" ] || printf '\n# learner %s\n' "$learner" >> "$file"
    done
    to="$folder/submissions/learner-$(printf %03d "$learner").json"
    "$wirelab" submit --to "$to" > /dev/null
    rm -rf "$1/answers"
    mv answers.kept "$1/answers"
    learner=$((learner + 1))
}

# repeat N COMMAND...
repeat() {
    left=$1
    shift
    while [ "$left" -gt 0 ]; do
        "$@"
        left=$((left - 1))
    done
}

learner=0
each=$((class / 4 / seeds))
for lab in $labs; do
    seed=1
    while [ "$seed" -le "$seeds" ]; do
        dir=$lab-$seed
        "$wirelab" init "$dir" --lab "$lab" --seed "$seed" > /dev/null
        cd "$dir"
        # With one learner a seed, each third seed is of a kind.
        kind=$((seed % 3))
        [ "$each" -gt 1 ] || [ "$kind" -eq 0 ] && repeat $(((each + 2) / 3)) hand_in "$lab"
        first=$(find "$lab/answers" -type f | sort | head -n 1)
        cp "$first" first
        echo 'nothing of the kind' > "$first"
        [ "$each" -gt 1 ] || [ "$kind" -eq 1 ] && repeat $((each > 1 ? (each + 1) / 3 : 1)) hand_in "$lab"
        cp first "$first"
        if [ "$each" -gt 1 ] || [ "$kind" -eq 2 ]; then
            solve "$lab"
            repeat $((each > 2 ? each / 3 : 1)) hand_in "$lab"
        fi
        cd ..
        seed=$((seed + 1))
    done
done

cd "$folder"
for learner in 010 110 210 310 410; do
    truncate -s 300 "submissions/learner-$learner.json"
done

# tree PID: the process and all below it.
tree() {
    echo "$1"
    for child in $(cat "/proc/$1/task"/*/children 2> /dev/null); do
        tree "$child"
    done
}

# grade TO FOLDER OPTION...
grade() {
    to=$1
    shift
    begin=$(date +%s%N)
    /usr/bin/time -o cpu -f '%U %S' "$wirelab" grade "$@" --json > "$to" 2> /dev/null &
    pid=$!
    peak=0
    while kill -0 "$pid" 2> /dev/null; do
        files=''
        for one in $(tree "$pid"); do
            files="$files /proc/$one/smaps_rollup"
        done
        # shellcheck disable=SC2086
        now=$(cat $files 2> /dev/null | awk '/^Pss:/ { sum += $2 } END { print sum + 0 }') || true
        [ "$now" -le "$peak" ] || peak=$now
        sleep 0.05
    done
    wait "$pid" || true
    end=$(date +%s%N)
    tail -n 1 cpu | awk -v ns=$((end - begin)) -v kib="$peak" \
        '{ printf "wall %.1f s, processors %.1f s, all processes at most %d MiB\n", \
            ns / 1e9, $1 + $2, kib / 1024 }'
}

echo "$(find submissions -type f | wc -l) submissions"
grade first.json submissions
grade second.json submissions --jobs 1
cmp first.json second.json && echo 'two runs: the same bytes'
jq -c 'del(.results)' first.json

one=$(find class -maxdepth 1 -name 'nacl-ephemeral-*' | sort | head -n 1)
(cd "$one" && "$wirelab" submit --to "$folder/evil/good.json" > /dev/null)
head -c 1073741824 /dev/zero | gzip -9 > evil/bomb.json.gz
mkdir -p bomb
truncate -s 1073741824 bomb/bomb.json
tar -C bomb -czf evil/bomb.tar.gz bomb.json
rm -rf bomb
head -c 2000 /dev/urandom > evil/noise.json
head -c 300 evil/good.json > evil/cut.json
calls='{seq: ., at: $at, kind: {host: {host: "app", argv: ["ping", "-c", "1", "db"]}}, reply: ""}'
jq -c --argjson n 1000000 ".opens_at as \$at | .journal = [range(1; \$n + 1) | $calls]" \
    evil/good.json > evil/million.json
jq -c --argjson n 9999 ".opens_at as \$at | .journal = [range(1; \$n + 1) | $calls]" \
    evil/good.json > evil/ten-thousand.json
"$wirelab" init athena --lab athena-table --seed 3 > /dev/null
(cd athena && "$wirelab" submit --to ../athena.json > /dev/null)
many=$(seq 0 11 | sed 's/.*/flow_logs AS t&/' | paste -sd, | sed 's/,/ CROSS JOIN /g')
jq -c --arg q "SELECT max(t0.bytes * t1.bytes + t11.bytes) FROM $many" \
    '.answers["blocked-ssh"] = $q' athena.json > evil/endless.json
grade evil.json evil --time-limit 20
jq -r '.results[] | "\(.file): \(.status): \(.reason // "")"' evil.json
