#!/usr/bin/env python3
"""Screens with ANSI colours as pictures.

    scripts/screen-svg.py FILE.ansi...     writes FILE.svg beside each

For what `scripts/watch-screens.sh` keeps: SGR codes 0, 1, 2, 4, 30 to 37, 39. Characters stand in a
grid, so that a picture is the same with any monospaced font.
"""
import html, re, sys

WIDTH, HEIGHT, PAD = 8.4, 18, 12
COLORS = {31: "#e5534b", 32: "#57ab5a", 33: "#c69026", 34: "#539bf5", 35: "#b083f0", 36: "#39c5cf"}


def runs(line):
    style = {}
    for part in re.split("(\x1b\\[[0-9;]*m)", line):
        if not part.startswith("\x1b["):
            yield dict(style), part
            continue
        for code in (int(it or 0) for it in part[2:-1].split(";")):
            if code == 0:
                style = {}
            elif code == 39:
                style.pop("fill", None)
            elif code in COLORS:
                style["fill"] = COLORS[code]
            elif code in (1, 2, 4):
                name, value = {1: ("font-weight", "bold"), 2: ("opacity", "0.6"),
                               4: ("text-decoration", "underline")}[code]
                style[name] = value


for path in sys.argv[1:]:
    lines = open(path, encoding="utf-8").read().rstrip("\n").split("\n")
    columns = max((sum(len(text) for _, text in runs(line)) for line in lines), default=1)
    width, height = max(columns, 46) * WIDTH + 2 * PAD, len(lines) * HEIGHT + 2 * PAD
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
           'font-family="ui-monospace, DejaVu Sans Mono, Menlo, monospace" font-size="14">',
           '<rect width="100%" height="100%" rx="6" fill="#1c2128"/>']
    for number, line in enumerate(lines):
        column = 0
        for style, text in runs(line):
            if text.strip():
                lead = len(text) - len(text.lstrip())
                at = PAD + (column + lead) * WIDTH
                length = len(text.strip()) * WIDTH
                style = {"fill": "#cdd9e5", **style}
                said = " ".join(f'{name}="{value}"' for name, value in style.items())
                out.append(f'<text x="{at:.1f}" y="{PAD + 14 + number * HEIGHT}" '
                           f'textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs" {said} '
                           f'xml:space="preserve">{html.escape(text.strip())}</text>')
            column += len(text)
    with open(path.removesuffix(".ansi") + ".svg", "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n</svg>\n")
