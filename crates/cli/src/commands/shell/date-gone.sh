#!/bin/sh
# There is no endpoint, so there is no lab's time: the machine's would be taken for it.
cat >&2 <<'END'
error: date: this shell was given to a wirelab endpoint, and there is none
hint: `eval "$(wirelab env --stop)"` gives it back what it had before
END
exit 1
