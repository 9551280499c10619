#!/bin/sh
# date, by the lab's clock.
IFS=:
real=
for folder in $PATH; do
    case $folder in @BIN@ | */wirelab-shell-*/bin | '') continue ;; esac
    if [ -z "$real" ] && [ -x "$folder/date" ]; then real=$folder/date; fi
done
unset IFS
now=$(@WIRELAB@ shell --ask clock --port @PORT@) || exit 1

# BSD's and macOS's takes the moment by -r, and works -v out from there.
if ! "$real" --version >/dev/null 2>&1; then exec "$real" -r "$now" "$@"; fi

# Files' dates and setting the clock are not ours.
for word in "$@"; do
    case $word in -r* | -f* | -s* | --reference* | --file* | --set*) exec "$real" "$@" ;; esac
done

# The text of -d, apart from the other words.
zone=
text=
asked=
count=$#
while [ "$count" -gt 0 ]; do
    word=$1
    shift
    count=$((count - 1))
    case $word in
    -d | -ud | --date)
        [ "$count" -gt 0 ] || exec "$real" -d
        asked=yes
        text=$1
        shift
        count=$((count - 1))
        if [ "$word" = -ud ]; then word=-u; else continue; fi
        ;;
    --date=*) asked=yes text=${word#--date=} && continue ;;
    -d*) asked=yes text=${word#-d} && continue ;;
    esac
    case $word in -u | --utc | --universal) zone=-u ;; esac
    set -- "$@" "$word"
done
[ -n "$asked" ] || exec "$real" -d "@$now" "$@"

# What is relative is so to the lab's moment: with its time of day, without a zone where the text
# has one, or with its date alone where the text has a time of day. What is left is absolute.
moment=$("$real" -u -d "@$now" '+%Y-%m-%d %H:%M:%S')
local=$("$real" $zone -d "@$now" '+%Y-%m-%d %H:%M:%S')
day=${local% *}
case $text in '') exec "$real" -d "$day" "$@" ;; esac
for base in "$moment UTC" "$moment" "$day"; do
    if "$real" $zone -d "$base $text" >/dev/null 2>&1; then
        exec "$real" -d "$base $text" "$@"
    fi
done
exec "$real" -d "$text" "$@"
