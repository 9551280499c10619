#!/bin/sh
# The watch as tmux shows it, through a learner's first minutes with the lab `hello-filter`.
#
#   scripts/watch-screens.sh BINARY [--check]     needs tmux, python3
#
# Writes tests/golden/screens/NAME.txt, what is on the screen with NO_COLOR, and NAME.svg, the same
# with colours; with --check it compares instead. From the first screen to the last an answer gets
# right, and the terminal narrower.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
wirelab=$(realpath "$1")
golden=$root/tests/golden/screens
work=$(mktemp -d)
to=$golden
[ "${2:-}" != --check ] || to=$work/screens
mkdir -p "$to"
socket=wirelab-screens-$$
trap 'tmux -L "$socket" kill-server 2> /dev/null || true; rm -rf "$work"' EXIT
export HOME="$work" LANG=C.UTF-8
unset NO_COLOR COLUMNS LINES
cd "$work"
"$wirelab" init course --lab hello-filter --seed 7 > /dev/null
answer=course/hello-filter/answers/filter.bpf

# watch COLOR: the watch in a tmux of 80 by 24.
watch() {
    cat > watch.sh <<END
cd course
$1 '$wirelab'
echo "the shell is back, exit code \$?"
exec sleep 1000
END
    tmux -L "$socket" -f /dev/null new-session -d -x 80 -y 24 "sh $work/watch.sh"
    tmux -L "$socket" set-option -g status off
    tmux -L "$socket" resize-window -x 80 -y 24
}

# shows WORD NAME: waits for a word on the screen and keeps the screen.
shows() {
    n=0
    until tmux -L "$socket" capture-pane -p | grep -qF -- "$1"; do
        n=$((n + 1))
        if [ "$n" -ge 1200 ]; then
            echo "no '$1' on the screen:"
            tmux -L "$socket" capture-pane -p
            exit 1
        fi
        sleep 0.05
    done
    tmux -L "$socket" capture-pane -p "$keep" | sed 's/ *$//' > "$to/$2.$form"
}

journey() {
    shows 'it never reads the packet' 1-first
    tmux -L "$socket" send-keys t
    shows 'HOSTS' 2-ticket
    printf 'tcp port 443 and tcp[tcpflags] & (tcp-syn|tcp-ack) != 0\n' > "$answer"
    shows '|tcp-ack) != 0' 3-still-wrong
    printf 'tcp port 443 and tcp[tcpflags] & tcp-syn != 0\n' > "$answer"
    shows '9/10' 4-nearly
    tmux -L "$socket" send-keys h
    shows 'hint 1 of' 5-hint
    cat "$root/labs/hello-filter/solution/filter.bpf" > "$answer"
    shows '10/10' 6-right
    tmux -L "$socket" resize-window -x 46 -y 16
    shows '1-15 of' 7-narrow
    tmux -L "$socket" resize-window -x 80 -y 24
    shows 'quit' again
    rm "$to/again.$form"
    tmux -L "$socket" send-keys l
    shows 'Enter start' 8-list
    tmux -L "$socket" send-keys q
    shows 'the shell is back' 9-left
    tmux -L "$socket" kill-server
}

keep=-J
form=txt
watch 'NO_COLOR=1'
journey
rm -rf course
"$wirelab" init course --lab hello-filter --seed 7 > /dev/null
keep=-e
form=ansi
watch ''
journey
python3 "$root/scripts/screen-svg.py" "$to"/*.ansi
rm "$to"/*.ansi
if [ "${2:-}" = --check ]; then
    diff -r "$golden" "$to"
    echo 'the same screens'
fi
