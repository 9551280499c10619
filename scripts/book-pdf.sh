#!/usr/bin/env bash
# The cheat sheets as PDF, one A4 page each, printed from the built book's own pages.
# usage: scripts/book-pdf.sh [BUILT-BOOK [FOLDER]]     needs Chromium; `make book` builds the book
set -euo pipefail
cd "$(dirname "$0")/.."
book=$(realpath -m "${1:-target/book}")
out=${2:-target/book-pdf}

[ -d "$book/appendix/sheets" ] || { echo "no book in $book: \`make book\` builds it" >&2; exit 3; }
for browser in chromium chromium-browser google-chrome chrome; do
    command -v "$browser" >/dev/null && break
    browser=
done
[ -n "$browser" ] || { echo "Chromium is missing: apt install chromium" >&2; exit 3; }

flags=(--headless --disable-gpu --no-pdf-header-footer --virtual-time-budget=5000)
[ "$(id -u)" != 0 ] || flags+=(--no-sandbox)   # Chromium's sandbox does not work for root
mkdir -p "$out"
failed=0
for page in "$book"/appendix/sheets/*.html; do
    pdf=$out/$(basename "$page" .html).pdf
    "$browser" "${flags[@]}" --print-to-pdf="$pdf" "file://$page" 2>/dev/null
    pages='not counted, no pdfinfo'
    if command -v pdfinfo >/dev/null; then
        pages=$(pdfinfo "$pdf" | sed -n 's/^Pages: *//p')
        [ "$pages" = 1 ] || failed=1
    fi
    echo "$pdf  pages: $pages"
done
[ "$failed" = 0 ] || { echo "a sheet has to fit one page" >&2; exit 1; }
