"""The style and the script of report.html."""

STYLE = """
:root { color-scheme: light dark; --back: #fff; --panel: #f5f6f8; --ink: #1a2230; --faint: #5a6474;
  --line: #d8dde5; --link: #1d4ed8; --warn: #fff4d6; --warnink: #6b4500; --heat: 37, 99, 235; --real: #0d7a5f;
  --base: #98a1ae; --band: rgba(13, 122, 95, .16); --c0: #2563eb; --c1: #c2410c; --c2: #8b3fc7; --c3: #a16207;
  --c4: #0e7490; --c5: #be185d; --c6: #4d7c0f; --c7: #475569; }
@media screen and (prefers-color-scheme: dark) { :root { --back: #11141a; --panel: #191e26; --ink: #e5e9f1;
  --faint: #9ba6b6; --line: #303846; --link: #93b8ff; --warn: #3a2f10; --warnink: #ffd98a;
  --heat: 110, 160, 255; --real: #3ecfa3; --base: #727c8b; --band: rgba(62, 207, 163, .17);
  --c0: #7aa7ff; --c1: #ff9a5c; --c2: #c79bff; --c3: #e5bf4b; --c4: #55cfe6; --c5: #ff86b8; --c6: #a9d65c;
  --c7: #b4bfce; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1360px; padding: 20px clamp(12px, 3vw, 36px) 40px; background: var(--back);
  color: var(--ink); font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 24px; margin: 4px 0; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 36px 0 8px; padding-top: 10px; border-top: 1px solid var(--line); }
h3 { font-size: 14px; margin: 12px 0 4px; overflow-wrap: anywhere; }
p { margin: 4px 0 10px; } small { font-size: 11.5px; color: var(--faint); font-weight: 400; }
a { color: var(--link); } :focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.facts, .how { color: var(--faint); } .how { max-width: 90ch; } .facts span { overflow-wrap: anywhere; }
.warning { background: var(--warn); color: var(--warnink); padding: 8px 12px; border-radius: 6px; }
.warned { color: var(--warnink); background: var(--warn); font-weight: 500; }
.notes { padding-left: 18px; margin: 6px 0; } .plain { padding-left: 18px; color: var(--faint); }
nav ul, .links, .legend { list-style: none; padding: 0; margin: 10px 0; display: flex; flex-wrap: wrap;
  gap: 4px 16px; }
.wide { position: relative; overflow-x: auto; margin: 6px 0 18px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding: 2px 0 4px; }
th, td { text-align: left; vertical-align: top; padding: 5px 12px 5px 8px;
  border-bottom: 1px solid var(--line); }
thead th { background: var(--panel); font-weight: 600; vertical-align: bottom; }
thead small, td small { display: block; white-space: nowrap; }
tbody th { font-weight: 500; overflow-wrap: anywhere; min-width: 9em; max-width: 18em; }
.words td, .words tbody th { overflow-wrap: anywhere; } .words td small { display: inline; }
.words td:last-child { min-width: 15em; } td.tight, .words td.tight { white-space: nowrap; }
.figures th, .heated th { background: var(--panel); }
.figures tbody th, .heated tbody th { position: sticky; left: 0; background: var(--back); }
.figures td { white-space: nowrap; } .figures td b { font-weight: 500; } .figures td i { font-style: normal; }
.figures th[aria-sort] button::after { content: " \\2191"; }
.figures th[aria-sort="descending"] button::after { content: " \\2193"; }
tr.baseline, tr.baseline td b { color: var(--faint); font-weight: 400; }
.heated tr.baseline td { color: var(--ink); } .figures tr.real { background: var(--band); }
tr.real th { box-shadow: inset 3px 0 var(--real); }
td.best b, td.best i { font-weight: 750; color: var(--ink); } td.best { box-shadow: inset 0 -2px var(--c0); }
td.even { box-shadow: inset 0 -1px var(--faint); }
td.none, tr.untold td { color: var(--faint); } tr.told td:last-child { font-weight: 600; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
  text-align: left; }
th button:hover { text-decoration: underline; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.grid { display: flex; flex-wrap: wrap; gap: 14px 22px; align-items: flex-start; }
figure { margin: 0; max-width: 100%; break-inside: avoid; } figcaption { font-weight: 600; margin-bottom: 2px;
  max-width: 440px; overflow-wrap: anywhere; }
svg { max-width: 100%; height: auto; display: block; overflow: visible; }
svg text { fill: currentColor; font-size: 12px; }
svg .small { font-size: 10.5px; fill: var(--faint); } svg .name { font-size: 10.5px; }
svg .number { font-size: 11.5px; }
svg .best { font-weight: 700; } svg text.faint { fill: var(--faint); }
.swatch { display: inline-block; width: 28px; height: 10px; margin-right: 6px; vertical-align: middle; }
.rule { stroke: var(--line); stroke-width: 1; fill: none; }
.axis { stroke: var(--faint); stroke-width: 1; fill: none; }
.frame { fill: var(--panel); stroke: var(--line); }
.band { fill: var(--band); } .whisker { stroke: currentColor; stroke-width: 1.2; fill: none; }
.cut { fill: var(--back); stroke: currentColor; } .chance { stroke: var(--faint); stroke-width: 1.6;
  stroke-dasharray: 2 3; fill: none; }
.line { fill: none; stroke-width: 2; } .line.thin { stroke-width: 1.5; }
.bar { opacity: .8; } .bar.real { fill: var(--real); } .bar.baseline { fill: var(--base); }
.line.real { stroke: var(--real); } .line.real1 { stroke-dasharray: 7 3; }
.line.real2 { stroke-dasharray: 2 2; }
.line.baseline { stroke: var(--base); stroke-width: 1.5; } .line.baseline1 { stroke-dasharray: 7 3; }
.line.baseline2 { stroke-dasharray: 2 2; } .line.baseline3, .line.baseline4 { stroke-dasharray: 8 3 2 3; }
.line.made1, .line.made5 { stroke-dasharray: 8 3; } .line.made2, .line.made6 { stroke-dasharray: 8 3 2 3; }
.line.made3, .line.made7 { stroke-dasharray: 3 2; }
.line.solid { stroke-dasharray: none; }
.cell { fill: rgb(var(--heat)); stroke: var(--line); } .right { fill: none; stroke: var(--faint); }
svg .cellnumber { font-size: 10px; } .left-hand { color: #4080fa; } .right-hand { color: #ee6a18; }
.left-hand, .right-hand { font-weight: 600; } image { image-rendering: pixelated; }
iframe { width: 420px; max-width: 100%; aspect-ratio: 4 / 5; border: 1px solid var(--line);
  border-radius: 6px; }
details div { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 8px; } summary { cursor: pointer; }
footer { margin-top: 40px; color: var(--faint); }
SHADES
@page { size: A4 landscape; margin: 12mm; }
@media print { :root { color-scheme: light; --ink: #000; --faint: #444; --line: #bbb; --link: #000; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } nav, details { display: none; }
  body { max-width: none; padding: 0; font-size: 11px; } th, td { padding: 3px 6px 3px 4px; }
  small { font-size: 9.5px; } .wide { overflow: visible; break-inside: avoid; }
  h2 { break-after: avoid; } tr { break-inside: avoid; } .grid { gap: 10px 14px; } }
"""
STYLE = STYLE.replace(
    "SHADES",
    "\n".join(f".q{k} {{ background: rgba(var(--heat), {0.04 + 0.055 * k:.3f}); }}" for k in range(10))
    + "\n"
    + "\n".join(f".bar.made{k} {{ fill: var(--c{k}); }} .line.made{k} {{ stroke: var(--c{k}); }}" for k in range(8)),
)

# Sorting: one order of rows for all tables of figures; the third click brings the first order back. Frames
# are filled when they are first shown (loading="lazy" does not see that a <details> is closed).
SCRIPT = """
"use strict";
const tables = [...document.querySelectorAll("table.figures")];
const heads = tables.flatMap((table) => [...table.tHead.rows[0].cells]);
const rowsOf = (table) => [...table.tBodies[0].rows];
const number = (row) => Number(row.dataset.row);
const orderBy = (head, sign) => {
  const key = (row) => {
    const cell = row.cells[head.cellIndex];
    if (head.dataset.sort === "text") return cell.textContent;
    return cell.dataset.value === undefined ? null : Number(cell.dataset.value.replace("inf", "Infinity"));
  };
  const compare = (a, b) => {
    const [one, two] = [key(a), key(b)];
    if (one === null || two === null) return (one === null) - (two === null); // what was not measured: last
    return sign * (typeof one === "string" ? one.localeCompare(two) : one < two ? -1 : one > two ? 1 : 0);
  };
  return rowsOf(head.closest("table")).sort((a, b) => compare(a, b) || number(a) - number(b)).map(number);
};
for (const head of heads) {
  head.querySelector("button").addEventListener("click", () => {
    const was = head.getAttribute("aria-sort");
    for (const other of heads) other.removeAttribute("aria-sort");
    const now = was === null ? "ascending" : was === "ascending" ? "descending" : null;
    if (now) head.setAttribute("aria-sort", now);
    const order = now
      ? orderBy(head, now === "ascending" ? 1 : -1)
      : rowsOf(tables[0]).map(number).sort((a, b) => a - b);
    for (const table of tables) {
      const byNumber = new Map(rowsOf(table).map((row) => [number(row), row]));
      table.tBodies[0].append(...order.map((k) => byNumber.get(k)));
    }
  });
}
for (const details of document.querySelectorAll(".player details")) {
  details.hidden = false;
  details.addEventListener("toggle", () => {
    for (const frame of details.querySelectorAll("iframe:not([src])")) frame.src = frame.dataset.src;
  }, { once: true });
}
"""
