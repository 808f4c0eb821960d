"""What HTML pages share: one file each, no script, no external resource.

Whatever comes from a model or a proof is escaped.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

_CSS = """
:root{color-scheme:light dark;--bg:#fbfaf7;--card:#fff;--ink:#1d2329;--soft:#68727d;--line:#e4e1d9;
--accent:#0f766e;--tint:#d5ece8;--warn:#b45309;--bad:#b91c1c}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1c2126;--ink:#e7e9ea;--soft:#98a2ab;
--line:#2d343b;--accent:#4fd1c1;--tint:#1e3a38;--warn:#f2b35e;--bad:#f58a8a}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1040px;margin:0 auto;padding:40px 20px 64px}
h1{font-size:26px;margin:0 0 4px;letter-spacing:-.01em}h2{font-size:17px;margin:36px 0 10px}
p{margin:0 0 12px;color:var(--soft);max-width:72ch}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:12px;margin:24px 0}
.tile,.card{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:14px 16px}
.tile b{display:block;font-size:23px;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:13px}
.card{overflow-x:auto}.plots{display:grid;gap:12px;
grid-template-columns:repeat(auto-fit,minmax(300px,1fr))}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600;color:var(--soft)}
th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);white-space:nowrap}
tr:last-child td{border-bottom:0}.n{text-align:right}
code{font:12.5px ui-monospace,SFMono-Regular,Menlo,monospace}
.tag{padding:1px 8px;border-radius:9px;background:var(--tint);color:var(--accent);font-size:12.5px}
.warn{color:var(--warn)}.bad{color:var(--bad)}
svg{width:100%;height:auto;display:block}svg.scatter{max-width:380px}
svg text{fill:var(--soft);font-size:11px}
.axis{stroke:var(--line);fill:none}.bar{fill:var(--accent)}.rest{fill:var(--tint)}
.dot{fill:var(--accent);fill-opacity:.45}.ideal{stroke:var(--soft);stroke-dasharray:3 4}
.over{fill:var(--warn)}
"""


NAME_WIDTH = 30
"""Characters of a name that are shown."""


def document(title: str, parts: Iterable[str]) -> str:
    """A page."""
    head = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width,initial-scale=1'>",
        f"<title>{escape(title)}</title><style>{_CSS}</style></head><body><main>",
    )
    return "".join((*head, *parts, "</main></body></html>\n"))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of ready HTML cells; a heading that begins with a dash has numbers below it."""
    classes = [" class='n'" if title.startswith("-") else "" for title in head]

    def line(cells: Sequence[str], tag: str) -> str:
        made = (f"<{tag}{kind}>{cell}</{tag}>" for kind, cell in zip(classes, cells, strict=True))
        return f"<tr>{''.join(made)}</tr>"

    titles = line([title.removeprefix("-") for title in head], "th")
    body = "".join(line(row, "td") for row in rows)
    return f"<div class='card'><table><thead>{titles}</thead><tbody>{body}</tbody></table></div>"


def code(name: str) -> str:
    """A name in the font of code; a long one is shown in full when it is pointed at."""
    return f"<code title='{escape(name)}'>{escape(short(name))}</code>"


def visibility_table(rows: Sequence[Mapping[str, str]]) -> str:
    """Who sees what: the rows of `visibility.who_sees_what`."""
    return table(
        ("What", "Status", "Where"),
        [
            (
                escape(row["what"]),
                f"<span class='tag'>{escape(row['status'])}</span>",
                escape(row["where"]),
            )
            for row in rows
        ],
    )


def short(name: str) -> str:
    """A name with its middle left out if it is long."""
    if len(name) <= NAME_WIDTH:
        return name
    half = NAME_WIDTH // 2
    return f"{name[: half - 1]}…{name[-half:]}"
