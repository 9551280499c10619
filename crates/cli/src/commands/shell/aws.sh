#!/bin/sh
# The real aws, on the simulated network and nothing else.
url=@URL@
@WIRELAB@ shell --ask ping --port @PORT@ || exit 253

# Versions before 2.13 do not read AWS_ENDPOINT_URL and would go to AWS.
previous=
for word in "$@"; do
    given=
    case $previous in --endpoint-url) given=$word ;; esac
    case $word in --endpoint-url=*) given=${word#--endpoint-url=} ;; esac
    if [ -n "$given" ] && [ "${given%/}" != "$url" ]; then
        echo "error: in this shell aws speaks to the lab, at $url, not to $given" >&2
        exit 252
    fi
    previous=$word
done

IFS=:
for folder in $PATH; do
    case $folder in @BIN@ | '') continue ;; esac
    if [ -x "$folder/aws" ] && [ ! -d "$folder/aws" ]; then
        unset IFS
        exec "$folder/aws" --endpoint-url "$url" "$@"
    fi
done
echo "error: aws is not installed; \`pip install awscli\` does it. \`wirelab call\` needs none" >&2
exit 127
