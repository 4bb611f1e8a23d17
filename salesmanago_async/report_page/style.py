"""How the page looks: on a phone, on a desk, printed, light and dark."""

STYLE = """
:root{--bg:#f6f7f9;--paper:#fff;--ink:#1c2430;--soft:#5b6675;--line:#dfe3e8;--code:#eef1f5;
--accepted:#16805c;--submitted:#2f66d0;--rejected:#c2332b;--in_doubt:#a8690b;--not_sent:#77808d;--plain:#1c2430}
@media (prefers-color-scheme:dark){:root{--bg:#12161c;--paper:#1b2129;--ink:#e7ebf0;--soft:#9aa6b4;--line:#313a45;
--code:#262e38;--accepted:#45c194;--submitted:#79a6ff;--rejected:#ff7d74;--in_doubt:#e8b04f;--not_sent:#9aa4b1;
--plain:#e7ebf0}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);line-height:1.5;
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:960px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:1.6rem;line-height:1.2;margin:0;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:0 0 12px}
h3{font-size:1rem;font-weight:600;margin:0;overflow-wrap:anywhere}
p{margin:0 0 8px}
header p{color:var(--soft);margin:4px 0 0;overflow-wrap:anywhere}
section{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:18px;margin:16px 0}
.verdict{margin:18px 0 0;padding:12px 16px;border-radius:12px;border:1px solid var(--line);background:var(--paper);
border-left:6px solid var(--c);font-size:1.1rem;font-weight:600;overflow-wrap:anywhere}
.accepted{--c:var(--accepted)}.submitted{--c:var(--submitted)}.rejected{--c:var(--rejected)}
.in_doubt{--c:var(--in_doubt)}.not_sent{--c:var(--not_sent)}.plain{--c:var(--plain)}
.bar{display:flex;gap:2px;height:14px;border-radius:7px;overflow:hidden;background:var(--line);margin-bottom:14px}
.bar i{background:var(--c);min-width:3px}
dl,dd{margin:0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:14px 18px}
.card{border-top:3px solid var(--c);padding-top:6px}
.card dt{color:var(--soft);font-size:.9rem}
.card dd{font-size:1.5rem;font-weight:650;font-variant-numeric:tabular-nums;line-height:1.2}
.card.none{border-color:var(--line)}.card.none dd{color:var(--soft);font-weight:400}
figure{margin:0 0 22px}figure:last-child{margin:0}
figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:2px 16px;margin-bottom:10px}
.keys{display:flex;gap:14px;color:var(--soft);font-size:.9rem}
.key i{display:inline-block;width:18px;height:0;border-top:3px solid var(--c);margin-right:6px;vertical-align:middle}
.key i.area{height:10px;background:color-mix(in srgb,var(--c) 28%,transparent)}
.key i.line{border-top-width:2px}.key i.dashed{border-top:2px dashed var(--c)}
.plot{position:relative;padding:0 0 22px 44px}
.plot svg{display:block;width:100%;height:170px;overflow:visible}
.plot path{fill:none;stroke:var(--c);stroke-width:2;vector-effect:non-scaling-stroke}
.plot path.fill{fill:var(--c);fill-opacity:.2;stroke:none}
.plot path.line{stroke-width:1.5;stroke-opacity:.75}
.plot path.dashed{stroke-width:1.5;stroke-dasharray:5 5;stroke-opacity:.75}
.plot path.grid{stroke:var(--line);stroke-width:1}
.ticks,.times{position:absolute;color:var(--soft);font-size:.8rem;display:flex;justify-content:space-between;
font-variant-numeric:tabular-nums}
.ticks{left:0;top:-9px;width:38px;height:188px;flex-direction:column;text-align:right}
.times{left:44px;right:0;bottom:0}
.summary{color:var(--soft);font-size:.9rem;margin:6px 0 0}
article{border-top:1px solid var(--line);padding:14px 0}
article:last-child{padding-bottom:0}h2+article{border-top:0;padding-top:0}
.badge{display:inline-block;min-width:2.2em;padding:0 8px;border-radius:10px;border:1.5px solid var(--c);
color:var(--c);text-align:center;font-variant-numeric:tabular-nums;margin-right:4px}
.row{margin:10px 0 0;padding:8px 12px;background:var(--code);border-radius:8px;font-size:.92rem;overflow-wrap:anywhere}
.row p{margin:0 0 4px}.row dl{display:flex;flex-wrap:wrap;gap:2px 18px}
.row dl div{display:flex;gap:6px;min-width:0}.row dt{color:var(--soft);flex:none}.row dd{min-width:0}
.next{border-left:6px solid var(--submitted)}
.doubt{font-weight:600}
pre{background:var(--code);border-radius:8px;padding:10px 12px;margin:0 0 12px;white-space:pre-wrap;
overflow-wrap:anywhere;font:.88rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.next>:last-child{margin-bottom:0}
.warnings{margin:0;padding-left:20px}.warnings li{margin:0 0 6px;overflow-wrap:anywhere}
.note{color:var(--soft)}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(250px,1fr));gap:4px 32px}
.facts div{display:flex;justify-content:space-between;gap:16px;border-bottom:1px solid var(--line);padding:4px 0}
.facts dt{color:var(--soft);flex:none}.facts dd{text-align:right;overflow-wrap:anywhere;min-width:0;
font-variant-numeric:tabular-nums}
@media print{:root{--bg:#fff;--paper:#fff;--ink:#000;--soft:#444;--line:#ccc;--code:#f2f2f2;--accepted:#16805c;
--submitted:#2f66d0;--rejected:#c2332b;--in_doubt:#a8690b;--not_sent:#77808d;--plain:#000}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}html{font-size:12px}body{font-size:12px}main{max-width:none;padding:0}
section{padding:12px;margin:10px 0}figure,article,.row,.verdict,.card,pre{break-inside:avoid}h2{break-after:avoid}
.plot svg{height:120px}.ticks{height:138px}@page{margin:14mm}}
"""
