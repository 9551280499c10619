#!/bin/sh
# The real aws, on the simulated network and nothing else.
url=@URL@
@WIRELAB@ shell --ask ping --port @PORT@ || exit 253

# Versions before 2.13 do not read AWS_ENDPOINT_URL and would go to AWS, so the address is given
# below, before other words. Of two the last one counts, and any beginning of the option's name is
# the option.
is_next=
for word in "$@"; do
    given=$url
    if [ -n "$is_next" ]; then given=$word; fi
    is_next=
    case $word in
    --e*=*) case --endpoint-url in "${word%%=*}"*) given=${word#*=} ;; esac ;;
    --e*) case --endpoint-url in "$word"*) is_next=yes ;; esac ;;
    esac
    case ${given%/} in http://localhost:@PORT@) given=$url ;; esac
    if [ "${given%/}" != "$url" ]; then
        echo "error: in this shell aws speaks to the lab, at $url, not to $given" >&2
        exit 252
    fi
done

IFS=:
for folder in $PATH; do
    case $folder in @BIN@ | */wirelab-shell-*/bin | '') continue ;; esac
    if [ -x "$folder/aws" ] && [ ! -d "$folder/aws" ]; then
        unset IFS
        exec "$folder/aws" --endpoint-url "$url" "$@"
    fi
done
echo "error: aws is not installed; \`pip install awscli\` does it. \`wirelab call\` needs none" >&2
exit 127
