#!/bin/sh
# There is no endpoint, so there is no aws: the real one would go to a real account.
cat >&2 <<'END'
error: aws: this shell was given to a wirelab endpoint, and there is none
hint: `eval "$(wirelab env)"` in a lab's folder gives it one;
hint: `eval "$(wirelab env --stop)"` gives it back what it had before
END
exit 253
