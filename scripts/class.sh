#!/bin/sh
# A class of 500 synthetic submissions over four labs, graded: prints wall time and peak memory.
#
#   scripts/class.sh BINARY [FOLDER]     needs GNU time and jq
#
# Each lab is drawn from five seeds; on each seed one learner hands in nothing, one the solution, and
# one an answer to the first task that is wrong. The files are then handed in under 500 names. Five
# are damaged, and one is an archive.
set -eu
wirelab=$(realpath "$1")
folder=${2:-$(mktemp -d)}
mkdir -p "$folder/class" "$folder/submissions"
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

for lab in hello-filter nacl-ephemeral top-talkers port-scan; do
    for seed in 1 2 3 4 5; do
        dir=$lab-$seed
        "$wirelab" init "$dir" --lab "$lab" --seed "$seed" > /dev/null
        (
            cd "$dir"
            "$wirelab" submit --to "../$dir-empty.json" > /dev/null
            first=$(find "$lab/answers" -type f | sort | head -n 1)
            echo 'nothing of the kind' > "$first"
            "$wirelab" submit --to "../$dir-wrong.json" > /dev/null
            solve "$lab"
            "$wirelab" submit --to "../$dir-solved.json" > /dev/null
        )
    done
done

learner=0
while [ "$learner" -lt 500 ]; do
    for file in *.json; do
        [ "$learner" -lt 500 ] || break
        cp "$file" "../submissions/learner-$(printf %03d "$learner").json"
        learner=$((learner + 1))
    done
done
cd ../submissions
for learner in 010 110 210 310 410; do
    truncate -s 300 "learner-$learner.json"
done
gzip -kc learner-000.json > learner-500.json.gz

cd ..
grade() {
    /usr/bin/time -f 'wall %e s, largest process %M KiB' "$wirelab" grade submissions --json "$@"
}
grade > first.json || true
grade --jobs 1 > second.json || true
cmp first.json second.json && echo 'two runs: the same bytes'
jq -c 'del(.results)' first.json
