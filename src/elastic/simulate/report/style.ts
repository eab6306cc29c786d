/** How many policies have a line of their own: colour and dashes; later ones begin anew. */
export const policyStyles = 8

/** The page's style. Colours are told apart by people who don't see red or green, and lines also by their dashes. */
export const css = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --text: #1c2126; --faint: #5b6570; --rule: #d9dee3; --panel: #f6f8fa;
  --p0: #0067a8; --p1: #c4530a; --p2: #007d5a; --p3: #9b4f96; --p4: #8a6d00; --p5: #c0392f; --p6: #2f7f8f; --p7: #555f6b;
  --busy: #2b7bba; --idle: #e8a33d; --coming: #5fb58c; --leaving: #a3abb5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14181c; --text: #e4e8ec; --faint: #9aa5b0; --rule: #323a42; --panel: #1b2026;
    --p0: #58b0f0; --p1: #f4924c; --p2: #3fc79a; --p3: #d893d3; --p4: #d9b93a; --p5: #f0776c; --p6: #6cc4d4; --p7: #a9b4c0;
    --busy: #3d8fd1; --idle: #d8952f; --coming: #48a27a; --leaving: #6f7882;
  }
}
body { background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1160px; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } h3 { font-size: .95rem; margin: .25rem 0; overflow-wrap: anywhere; }
p { margin: .25rem 0; } .faint { color: var(--faint); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--rule); padding: .25rem .75rem; text-align: right; white-space: nowrap; }
th[scope=row], thead th:first-child, td.name { text-align: left; font-weight: 500; }
figure { background: var(--panel); border: 1px solid var(--rule); border-radius: 6px; margin: .5rem 0; padding: .5rem .75rem; }
.panels { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); } .panels { margin-bottom: .75rem; } .panels figure { margin: 0; }
svg { display: block; height: auto; width: 100%; } .wide { overflow-x: auto; } .wide svg { min-width: 720px; }
svg text { fill: var(--faint); font: 11px system-ui, sans-serif; } .value { text-anchor: end; } .time { text-anchor: middle; }
.grid { stroke: var(--rule); } .tick { stroke: var(--faint); }
.line { fill: none; stroke-linejoin: round; stroke-opacity: .9; stroke-width: 1.4; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; margin: .25rem 0; padding: 0; }
.legend svg { display: inline-block; height: 10px; margin-right: .4rem; vertical-align: baseline; width: 28px; }
.p0 { stroke: var(--p0); } .p1 { stroke: var(--p1); stroke-dasharray: 7 3; } .p2 { stroke: var(--p2); stroke-dasharray: 2 2; } .p3 { stroke: var(--p3); stroke-dasharray: 9 3 2 3; }
.p4 { stroke: var(--p4); stroke-dasharray: 4 4; } .p5 { stroke: var(--p5); stroke-dasharray: 12 4; } .p6 { stroke: var(--p6); stroke-dasharray: 1 3; } .p7 { stroke: var(--p7); stroke-dasharray: 6 2 2 2 2 2; }
.busy { fill: var(--busy); } .idle { fill: var(--idle); } .coming { fill: var(--coming); } .leaving { fill: var(--leaving); }
@media print { figure { break-inside: avoid; } }
`
