#!/usr/bin/env bash
# The built book in a real browser: accessibility (axe), dead links, search, width of a phone, dark
# theme, print. Says why and passes where the tools are missing.
# usage: scripts/check-book.sh [--install] [BUILT-BOOK]
set -euo pipefail
cd "$(dirname "$0")/.."
modules=target/book-check
install=0
[ "${1:-}" != --install ] || { install=1; shift; }
book=${1:-target/book}

skip() { echo "book check skipped: $1"; exit 0; }
[ -f "$book/index.html" ] || skip "no book in $book (make book builds it)"
command -v node >/dev/null || skip "node is missing"
for browser in chromium chromium-browser google-chrome chrome; do
    command -v "$browser" >/dev/null && break
    browser=
done
[ -n "$browser" ] || skip "Chromium is missing (apt install chromium)"
packages=(axe-core@4 playwright-core@1)
if [ ! -d "$modules/node_modules/axe-core" ]; then
    [ "$install" = 1 ] || skip "axe-core is missing (scripts/check-book.sh --install fetches ${packages[*]} into $modules)"
    npm install --silent --no-audit --no-fund --prefix "$modules" "${packages[@]}"
fi
exec node scripts/check-book.mjs "$book" "$modules" "$(command -v "$browser")"
