'use strict';
// Draws the report from the JSON in the page. No library, no network: what is here is all there is.
(() => {
const data = JSON.parse(document.getElementById('data').textContent);
const run = data.run;
const byId = (id) => document.getElementById(id);

// ---- small tools ----
const kSvg = 'http://www.w3.org/2000/svg';
function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(kSvg, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'style') node.style.cssText = value; else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}
const count = (n) => n.toLocaleString('en-US');
const plural = (n, word) => `${count(n)} ${word}${n === 1 ? '' : 's'}`;
const percent = (part, whole, digits = 1) => whole ? (100 * part / whole).toFixed(digits) + ' %' : '–';
function duration(ms) {  // [number, unit] with three significant digits
  if (ms === 0) return ['0', 'ms'];
  const [value, unit] = ms < 1 ? [ms * 1000, 'µs'] : ms < 1000 ? [ms, 'ms'] : [ms / 1000, 's'];
  return [value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2), unit];
}
const time = (ms) => duration(ms).join(' ');

// ---- header and tiles ----
const file = run.trace.file.split('/').pop();
document.title = `Isopop replay: ${file}`;
byId('title').textContent = file;
byId('subtitle').textContent =
  `${plural(run.offered, 'request')} of ${plural(run.trace.clients, 'client')} at speed ${run.speed}, ` +
  `${run.started_at.slice(0, 16).replace('T', ' ')} UTC, took ${time(run.duration_s * 1000)}`;
const verdict = byId('verdict');
verdict.textContent = run.aborted ? 'aborted: a part of the trace' : run.valid ? 'valid run' : 'invalid: rate not held';
verdict.className = run.valid ? 'good' : 'bad';

const starts = Object.entries(run.starts).filter(([, n]) => n > 0);
const started = starts.reduce((sum, [, n]) => sum + n, 0);
function tile(name, value, unit, note, bad) {
  const big = element('b', {}, value);
  if (unit) big.append(element('small', {}, unit));
  byId('tiles').append(element('div', {class: 'tile' + (bad ? ' bad' : '')},
    element('span', {class: 'name'}, name), big, element('span', {}, note)));
}
const sent = run.latency_ms.sent;
tile('Median latency', ...duration(sent.p50), 'from the actual send');
tile('p99 latency', ...duration(sent.p99), `p99.9 ${time(sent.p999)}`);
tile('Completed', count(run.completed), '', `of ${count(run.issued)} issued`);
tile('Failed', count(run.failed), '', run.dropped ? `${count(run.dropped)} dropped` : 'none dropped', run.failed > 0);
tile('Rate', run.rate_per_s.completed.toFixed(0), '/s', 'answers');
if (started) tile('Cold starts', percent(run.starts.cold, started), '', `${count(run.starts.cold)} of ${count(started)}`);
if (run.kv) tile('KV hits', percent(run.kv.hits + run.kv.joined, run.kv.reads), '', `${count(run.kv.reads)} reads, ${count(run.kv.writes)} writes${run.kv.invalidations > 0 ? `; copies old for p50 ${run.kv.staleness_ms.p50} ms, p99 ${run.kv.staleness_ms.p99} ms` : ''}`);
if (run.distance_km.max > 0) tile('Distance', run.distance_km.p50.toFixed(0), 'km', `median; p90 ${run.distance_km.p90.toFixed(0)} km`);
tile('PoPs', count(run.pops.length), '', 'answered');

// ---- map: the Natural Earth projection (Patterson, Savric), as polynomials ----
function project(lat, lon) {
  const l = lon * Math.PI / 180, p = lat * Math.PI / 180, p2 = p * p, p4 = p2 * p2;
  return [
    500 + 174 * l * (0.8707 - 0.131979 * p2 + p4 * (-0.013791 + p4 * (0.003971 * p2 - 0.001529 * p4))),
    252 - 174 * p * (1.007226 + p2 * (0.015085 + p4 * (-0.044475 + 0.028874 * p2 - 0.005916 * p4))),
  ];
}
const range = (from, to, step) => Array.from({length: Math.round((to - from) / step) + 1}, (_, i) => from + i * step);
const path = (points) => 'M' + points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join('L');
function mix(ratio) {  // fast, middling, slow; by CSS so that it follows the theme
  const [from, to, share] = ratio < .5 ? ['--low', '--mid', ratio * 2] : ['--mid', '--high', ratio * 2 - 1];
  return `color-mix(in srgb, var(${to}) ${(share * 100).toFixed(0)}%, var(${from}))`;
}
function drawMap() {
  const placed = run.pops.filter((pop) => pop.lat !== undefined);
  const canvas = svg('svg', {viewBox: '16 0 968 532', role: 'img', 'aria-label': 'Map of PoPs'});
  const edge = [...range(-90, 90, 3).map((lat) => project(lat, 180)), ...range(-90, 90, 3).reverse().map((lat) => project(lat, -180))];
  canvas.append(svg('path', {class: 'sphere', d: path(edge) + 'Z'}));
  for (const lon of range(-150, 150, 30)) canvas.append(svg('path', {class: 'graticule', d: path(range(-90, 90, 3).map((lat) => project(lat, lon)))}));
  for (const lat of range(-60, 60, 30)) canvas.append(svg('path', {class: 'graticule', d: path(range(-180, 180, 6).map((lon) => project(lat, lon)))}));
  for (const [lat, lon, n] of data.clients) {
    const [x, y] = project(lat, lon);
    canvas.append(svg('circle', {class: 'client', cx: x.toFixed(1), cy: y.toFixed(1), r: Math.min(4, 1.2 + Math.log10(n)).toFixed(1)}));
  }
  const values = placed.map((pop) => pop.latency_ms.p99).filter((v) => v > 0).sort((a, b) => a - b);
  const low = values[Math.floor(values.length * .05)] || 1, high = Math.max(values[Math.floor(values.length * .95)] || 2, low * 1.01);
  const ratio = (v) => Math.max(0, Math.min(1, Math.log(Math.max(v, low) / low) / Math.log(high / low)));
  const most = Math.max(1, ...placed.map((pop) => pop.requests));
  for (const pop of placed) {  // busiest first, so the small ones lie on top
    const [x, y] = project(pop.lat, pop.lon);
    const dot = svg('circle', {class: 'pop', cx: x.toFixed(1), cy: y.toFixed(1), r: (2.4 + 17 * Math.sqrt(pop.requests / most)).toFixed(1)});
    dot.style.fill = mix(ratio(pop.latency_ms.p99));
    dot.append(svg('title', {}, `${pop.id} ${pop.city}, ${pop.country}\n${plural(pop.requests, 'request')} (${percent(pop.requests, run.issued)})\np50 ${time(pop.latency_ms.p50)}, p99 ${time(pop.latency_ms.p99)}`));
    canvas.append(dot);
  }
  const labels = [];  // of the busiest, where they do not cover each other
  for (const pop of placed.slice(0, 12)) {
    const [x, y] = project(pop.lat, pop.lon);
    if (pop.requests / most < .15 || labels.some(([a, b]) => Math.abs(a - x) < 34 && Math.abs(b - y) < 14)) continue;
    labels.push([x, y]);
    const label = svg('text', {class: 'strong label', x: x.toFixed(1), y: (y + 4).toFixed(1), 'text-anchor': 'middle'}, pop.id);
    canvas.append(label);
  }
  if (placed.length) {
    for (let i = 0; i < 60; ++i) {
      const cell = svg('rect', {x: 380 + i * 4, y: 516, width: 4.5, height: 9});
      cell.style.fill = mix(i / 59);
      canvas.append(cell);
    }
    canvas.append(svg('text', {x: 372, y: 525, 'text-anchor': 'end'}, `p99 ${time(low)}`), svg('text', {x: 628, y: 525}, time(high)));
  }
  byId('map').append(canvas);
  const unplaced = run.pops.length - placed.length;
  byId('map-note').textContent = 'Each circle is a PoP: its area is its traffic, its colour the p99 latency there.' +
    (data.clients.length ? ' Small dots are where clients were.' : '') +
    (unplaced ? ` The place of ${plural(unplaced, 'PoP')} is not known.` : '');
}

// ---- latency distribution ----
function drawCdf() {
  const width = 640, height = 360, left = 62, right = 18, top = 12, bottom = 40;
  const canvas = svg('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'Latency distribution'});
  const all = [...data.cdf.intended, ...data.cdf.sent];
  if (!all.length) { byId('cdf').append('No request was completed.'); return; }
  const least = Math.max(.01, Math.min(...all.map((p) => p[0]))), greatest = Math.max(...all.map((p) => p[0]), least * 1.1);
  const deepest = Math.min(5, Math.max(2, Math.ceil(Math.log10(Math.max(run.completed, 2)))));
  const x = (ms) => left + (width - left - right) * Math.log(Math.max(ms, least) / least) / Math.log(greatest / least);
  // Below the median the axis is linear in share, above it logarithmic in what is left.
  const depth = (share) => share >= 1 ? deepest : Math.min(deepest, share <= .5 ? share * 2 * .30103 : -Math.log10(1 - share));
  const y = (share) => height - bottom - (height - top - bottom) * depth(share) / deepest;
  for (const share of [0, .5, .9, .99, .999, .9999, .99999].filter((s) => s === 0 || -Math.log10(1 - s) <= deepest + .001)) {
    canvas.append(svg('line', {class: 'axis', x1: left, x2: width - right, y1: y(share), y2: y(share)}),
      svg('text', {x: left - 8, y: y(share) + 4, 'text-anchor': 'end'}, share === 0 ? '0 %' : `${+(share * 100).toFixed(4)} %`));
  }
  let lastLabel = -100;
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(greatest)); ++power) {
    for (const digit of [1, 2, 5]) {
      const ms = digit * 10 ** power;
      if (ms < least || ms > greatest) continue;
      canvas.append(svg('line', {class: 'axis', x1: x(ms), x2: x(ms), y1: top, y2: height - bottom}));
      if (x(ms) - lastLabel < 44) continue;
      lastLabel = x(ms);
      canvas.append(svg('text', {x: x(ms), y: height - bottom + 18, 'text-anchor': 'middle'}, `${+duration(ms)[0]} ${duration(ms)[1]}`));
    }
  }
  for (const [name, color, dash] of [['intended', '--second', '6 4'], ['sent', '--accent', '']]) {
    const points = data.cdf[name].map(([ms, share]) => [x(ms), y(share)]);
    const curve = svg('path', {class: 'curve', d: path([[points[0][0], y(0)], ...points]), 'stroke-dasharray': dash});
    curve.style.stroke = `var(${color})`;
    canvas.append(curve);
  }
  [['from the actual send', '--accent', ''], ['from the intended send', '--second', '6 4']].forEach(([name, color, dash], i) => {
    const line = svg('line', {x1: width - 200, x2: width - 172, y1: height - bottom - 34 + i * 18, y2: height - bottom - 34 + i * 18, 'stroke-width': 2.2, 'stroke-dasharray': dash});
    line.style.stroke = `var(${color})`;
    canvas.append(line, svg('text', {x: width - 164, y: height - bottom - 30 + i * 18}, name));
  });
  byId('cdf').append(canvas);
}

// ---- bars with a legend ----
function stackedBar(where, parts, heads) {
  const total = parts.reduce((sum, part) => sum + part.value, 0);
  if (!total) { where.append(element('p', {class: 'muted'}, 'No answer told of it.')); return; }
  const bar = element('div', {class: 'bar'});
  const legend = element('div', {class: 'legend'});
  legend.append(element('span'), element('span'), ...heads.map((head) => element('span', {class: 'head number'}, head)));
  for (const part of parts) {
    bar.append(element('i', {title: part.name, style: `flex:${part.value / total} 0 0;background:var(${part.color})`}));
    legend.append(element('span', {class: 'swatch', style: `background:var(${part.color})`}), element('span', {}, part.name),
      ...part.cells.map((cell) => element('span', {class: 'number'}, cell)));
  }
  where.append(bar, legend);
}
function drawPhases() {
  const names = {access: 'last mile', net: 'backbone', setup: 'connection set-up', router: 'router', queue: 'waiting for an isolate',
    isolate: 'making the isolate', run: 'running the worker'};
  const phases = run.phases_ms, parts = [];
  Object.keys(names).forEach((key, i) => {
    const phase = phases[key];
    if (!phase || !phase.max) return;
    // A phase that only some requests have weighs by how many.
    parts.push({name: names[key], value: phase.mean * phase.count / Math.max(run.completed, 1), color: `--p${i}`, phase});
  });
  const known = parts.reduce((sum, part) => sum + part.value, 0);
  for (const part of parts) part.cells = [time(part.value), time(part.phase.p50), time(part.phase.p99)];
  if (known && sent.mean > known) parts.push({name: 'between the programs', value: sent.mean - known, color: '--p7', cells: [time(sent.mean - known), '', '']});
  stackedBar(byId('phases'), parts, ['mean', 'p50', 'p99']);
}
function drawStarts() {
  const colors = {fresh: '--p2', warm: '--p6', pristine: '--p1', cold: '--p5'};
  stackedBar(byId('starts'), starts.map(([name, n]) => ({name, value: n, color: colors[name], cells: [count(n), percent(n, started), '']})), ['requests', 'share', '']);
}

// ---- timeline ----
function drawTimeline() {
  const {width_ms, completed, failed} = data.timeline;
  const width = 1100, height = 150, left = 56, bottom = 24, top = 8;
  const canvas = svg('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'Answers over time'});
  const rate = (n) => n * 1000 / width_ms;
  const most = Math.max(1, ...completed.map((n, i) => rate(n + failed[i])));
  const step = (width - left) / Math.max(completed.length, 1);
  const y = (value) => height - bottom - (height - top - bottom) * value / most;
  for (const share of [0, .5, 1]) {
    canvas.append(svg('line', {class: 'axis', x1: left, x2: width, y1: y(most * share), y2: y(most * share)}),
      svg('text', {x: left - 8, y: y(most * share) + 4, 'text-anchor': 'end'}, `${count(Math.round(most * share))}/s`));
  }
  completed.forEach((n, i) => {
    const x = left + i * step, w = Math.max(.6, step - Math.min(1, step * .2));
    const good = svg('rect', {x, y: y(rate(n)), width: w, height: y(0) - y(rate(n))});
    good.style.fill = 'var(--accent)';
    good.append(svg('title', {}, `${time(i * width_ms)}: ${plural(n, 'answer')}, ${failed[i]} failed`));
    const bad = svg('rect', {x, y: y(rate(n + failed[i])), width: w, height: y(rate(n)) - y(rate(n + failed[i]))});
    bad.style.fill = 'var(--bad)';
    canvas.append(good, bad);
  });
  for (let i = 0; i <= 4; ++i) {
    canvas.append(svg('text', {x: left + (width - left) * i / 4, y: height - 4, 'text-anchor': i === 0 ? 'start' : i === 4 ? 'end' : 'middle'},
      i === 0 ? 'start' : time(completed.length * width_ms * i / 4)));
  }
  byId('timeline').append(canvas);
}

// ---- table ----
const columns = [
  {name: 'PoP', key: (p) => p.id, text: true}, {name: 'City', key: (p) => p.city || '', text: true}, {name: 'Country', key: (p) => p.country || '', text: true},
  {name: 'Requests', key: (p) => p.requests, show: (p) => count(p.requests)},
  {name: 'Share', key: (p) => p.requests, bar: true, show: (p) => percent(p.requests, run.issued)},
  {name: 'p50', key: (p) => p.latency_ms.p50, show: (p) => time(p.latency_ms.p50)}, {name: 'p99', key: (p) => p.latency_ms.p99, show: (p) => time(p.latency_ms.p99)},
  {name: 'Failed', key: (p) => p.failed, show: (p) => count(p.failed)},
];
let sorting = {column: 3, direction: -1};
function drawTable() {
  const words = byId('filter').value.toLowerCase();
  const rows = run.pops.filter((p) => `${p.id} ${p.city || ''} ${p.country || ''}`.toLowerCase().includes(words));
  const key = columns[sorting.column].key;
  rows.sort((a, b) => sorting.direction * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) || (a.id < b.id ? -1 : 1));
  const head = element('tr', {}, ...columns.map((column, i) => {
    const button = element('button', {type: 'button'}, column.name);
    button.addEventListener('click', () => {
      sorting = {column: i, direction: sorting.column === i ? -sorting.direction : column.text ? 1 : -1};
      drawTable();
    });
    const cell = element('th', {class: column.text ? '' : 'number', scope: 'col'}, button);
    if (sorting.column === i) cell.setAttribute('aria-sort', sorting.direction < 0 ? 'descending' : 'ascending');
    return cell;
  }));
  byId('pops').tHead.replaceChildren(head);
  const most = Math.max(1, ...run.pops.map((p) => p.requests));
  byId('pops').tBodies[0].replaceChildren(...rows.map((p) => element('tr', p.failed ? {class: 'failing'} : {}, ...columns.map((column) => {
    const cell = element('td', {class: column.text ? '' : 'number'}, column.show ? column.show(p) : column.key(p));
    if (column.bar) cell.prepend(element('span', {class: 'share', style: `width:${(70 * p.requests / most).toFixed(1)}px;margin-right:8px`}));
    return cell;
  }))));
  byId('pops-title').textContent = rows.length === run.pops.length ? plural(rows.length, 'PoP') : `${rows.length} of ${plural(run.pops.length, 'PoP')}`;
}

// ---- manifest ----
function drawManifest() {
  const net = {account: 'account: modelled network time is added to what was measured', real: 'real: modelled network time was waited out',
    none: 'none: no answer told of a network model', mixed: 'mixed'};
  const gib = (run.machine.memory_bytes / 2 ** 30).toFixed(1);
  const entries = [
    ['Trace', `${run.trace.file} (${run.trace.format}, ${run.trace.first} to ${run.trace.last})`],
    ['Trace SHA-256', run.trace.sha256],
    ['Lines', `${count(run.trace.lines)}, ${count(run.trace.broken_lines)} broken, ${count(run.trace.out_of_order)} out of order`],
    ['Seed', run.seed], ['Speed', run.speed], ['Network', net[run.net_mode] || run.net_mode],
    ['Started, ended', `${run.started_at} – ${run.ended_at}`],
    ['Requests', `offered ${count(run.offered)}, issued ${count(run.issued)}, completed ${count(run.completed)}, failed ${count(run.failed)}, dropped ${count(run.dropped)}`],
    ['Failures', Object.entries(run.failures).map(([name, n]) => `${name} ${count(n)}`).join(', ')],
    ['Behind schedule', `p50 ${time(run.schedule_slip_ms.p50)}, p99 ${time(run.schedule_slip_ms.p99)}`],
    ['Isolation', run.isolation && `${run.isolation}, of workers that do not say`],
    ['Sent to', `${run.target}, at most ${count(run.max_inflight)} in flight`],
    ['Commit', run.commit], ['Configuration', `SHA-256 ${run.config_sha256}`],
    ['Machine', `${run.machine.system}, ${plural(run.machine.cores, 'core')}${run.machine.processor ? `, ${run.machine.processor}` : ''}, ${gib} GiB`],
  ];
  for (const [name, value] of entries) {
    if (value === undefined || value === '') continue;
    byId('manifest').append(element('dt', {}, name), element('dd', {}, String(value)));
  }
}

drawMap();
drawCdf();
drawPhases();
drawStarts();
drawTimeline();
drawTable();
drawManifest();
byId('filter').addEventListener('input', drawTable);
})();
