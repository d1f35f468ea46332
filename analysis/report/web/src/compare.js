/* compare.js -- the methods over one another, then each for itself. */
import { completion, GRID, legend, wan } from './curves.js';
import { el, section } from './dom.js';
import { addFigure, folded, tip } from './figure.js';
import { careful, failures, sites, thresholds, validity, verdict } from './head.js';
import { details, overTime } from './run.js';
import { table } from './table.js';
import { methodColour } from './theme.js';
import { axisNumber, bytes, clock, count, rate, seconds, times } from './units.js';

/* What is set side by side: name, value of a result, how it is written, and whether a ratio says
 * anything: always, never, or when all phones were upgraded (times of others are no measure). */
const ROWS = [
  ['phones upgraded', (r) => r.phones?.upgraded, count, false],
  ['phones failed', (r) => r.phones?.failed, count, false],
  ['first phone done', (r) => r.completion_s?.first, seconds, 'whole'],
  ['half of the phones done', (r) => r.completion_s?.p50, seconds, 'whole'],
  ['95 % of the phones done', (r) => r.completion_s?.p95, seconds, 'whole'],
  ['last phone done', (r) => r.completion_s?.last, seconds, 'whole'],
  ['last back in service', (r) => r.back_in_service_s?.last, seconds, 'whole'],
  ['best possible', (r) => r.bounds?.optimum_s, seconds, false],
  ['distance from it', (r) => r.bounds?.gap, times, false],
  ['firmware over the WAN', (r) => r.wan?.payload_bytes, bytes, true],
  ['all bytes on the WAN', (r) => r.wan?.bytes, bytes, true],
  ['WAN busy', (r) => r.wan?.busy_s, seconds, true],
  ['mean rate on the WAN', (r) => r.wan?.mean_bit_s, rate, false],
  ['between phones', (r) => r.lan?.payload_bytes, bytes, false],
  ['requests to the server', (r) => r.server?.requests, count, true],
];

function ratio(first, other) {
  return first > 0 && other > 0 ? first / other : null;
}

/* Phones that needed the firmware and did not get it. */
function behind(run) {
  const phones = run.result.phones ?? {};
  return Math.max(0, (phones.total ?? 0) - (phones.current ?? 0) - (phones.upgraded ?? 0));
}

/* Empty when no method left phones behind. */
function leftBehind(view) {
  const told = view.runs.filter((run) => behind(run) > 0).map((run) => {
    const { total = 0, current = 0 } = run.result.phones ?? {};
    return `${run.method} left ${count(behind(run))} of ${count(total - current)} phones behind`;
  });
  const whole = view.runs.filter((run) => behind(run) === 0)
    .map((run) => `${run.method} upgraded all of them in ` +
      seconds(run.result.completion_s?.last));
  return told.length > 0 ? `${[...told, ...whole].join('; ')}.` : '';
}

function sentence(view) {
  const left = leftBehind(view);
  if (left !== '') {
    return left;
  }
  const [first, ...others] = view.runs;
  return others.map((run) => {
    const faster = ratio(first.result.completion_s?.last, run.result.completion_s?.last);
    const saved = (first.result.wan?.payload_bytes ?? 0) - (run.result.wan?.payload_bytes ?? 0);
    const speed = faster === null ? 'did not finish to be compared'
      : faster >= 1 ? `finished ${times(faster)} as fast as ${first.method}`
        : `took ${times(1 / faster)} as long as ${first.method}`;
    const amount = saved > 0 ? `took ${bytes(saved)} less firmware over the WAN`
      : saved < 0 ? `took ${bytes(-saved)} more firmware over the WAN`
        : 'took the same bytes over the WAN';
    return `${run.method} ${speed} and ${amount}.`;
  }).join(' ');
}

function sideBySide(parent, view) {
  const [first, ...others] = view.runs;
  const lines = first.result.wan?.lines ?? 1;
  const label = (name) => (name === 'WAN busy' && lines > 1
    ? `${name}, ${count(lines)} lines together`
    : name);
  const rows = ROWS.map(([name, of, text, comparable]) => {
    const values = view.runs.map((run) => of(run.result));
    return [label(name), ...values.map(text), ...others.map((run, i) =>
      (comparable === 'whole' && behind(first) + behind(others[i]) > 0 ? times(null)
        : comparable ? times(ratio(values[0], values[i + 1])) : ''))];
  });
  parent.append(table(['figure', ...view.runs.map((run) => ({ name: run.method, number: true })),
    ...others.map((run) => ({ name: `${first.method} / ${run.method}`, number: true }))], rows,
  'Side by side'));
}

/* How far each method is from what any scheme could do. */
function distances(parent, view) {
  const { runs } = view;
  const optimum = runs[0].result.bounds?.optimum_s;
  const value = (run) => run.result.completion_s?.last;
  const option = (c, width) => {
    const most = Math.max(...runs.map((run) => value(run) ?? 0));
    const time = clock(most, Math.max(2, Math.floor(width / 110)));
    return {
      grid: { ...GRID, top: 30, right: 80 }, legend: legend(c, { show: false }),
      tooltip: { trigger: 'item', formatter: (p) => tip(p.name, [[p.color, 'last phone done',
        seconds(p.value)], [null, 'from the best possible', times(optimum ? p.value / optimum : null)]]) },
      xAxis: { type: 'value', name: `time after the start (${time.unit})`, nameLocation: 'middle',
        nameGap: 30, nameTextStyle: { color: c.muted }, axisLabel: { color: c.muted,
          formatter: time.text, hideOverlap: true },
        ...(most > 0 ? { interval: time.interval, max: Math.ceil(most / time.interval) * time.interval }
          : {}),
        splitLine: { lineStyle: { color: c.line } } },
      yAxis: { type: 'category', inverse: true, data: runs.map((run) => run.method),
        axisLabel: { color: c.text }, axisTick: { show: false } },
      series: [{
        type: 'bar', name: 'last phone done', barMaxWidth: 26,
        data: runs.map((run) => ({ value: value(run), itemStyle: { color: methodColour(run.method) } })),
        label: { show: true, position: 'right', color: c.text, formatter: (p) => seconds(p.value) },
        markLine: optimum == null ? undefined : { symbol: 'none', silent: true,
          lineStyle: { color: c.text, type: 'dashed', width: 2 },
          label: { color: c.text, formatter: 'best possible', position: 'start', align: 'left' },
          data: [{ xAxis: optimum }] },
      }],
    };
  };
  addFigure(parent, {
    id: 'compare-distance', title: 'Last phone done, and the best that any scheme could do', option,
    height: () => 110 + runs.length * 46,
    summary: `No scheme could be done before ${seconds(optimum)}. ` +
      runs.map((run) => `${run.method}: ${seconds(value(run))}`).join(', ') + '.',
    table: () => ({
      columns: ['method', { name: 'last phone done (s)', number: true },
        { name: 'from the best possible', number: true }],
      rows: runs.map((run) => [run.method, value(run) == null ? '' : axisNumber(value(run)),
        times(run.result.bounds?.gap)]),
    }),
  });
}

/* To the box of a method further down, which opens. */
function detailsLink(runs, run) {
  const id = `method${runs.indexOf(run)}`;
  return el('a', { href: `#${id}`, onclick: () => {
    document.getElementById(id).open = true;
  } }, `All of ${run.method}: its charts, phones and trees`);
}

export function comparePage(parent, view) {
  const [first] = view.runs;
  parent.append(el('h1', {}, view.title), el('p', { class: 'subtitle' },
    `${view.runs.map((run) => run.method).join(' beside ')}, ${first.result.world ?? '?'} world, ` +
    `seed ${first.result.seed ?? '?'}`));
  const short = section(parent, 'In short', { short: 'In short' });
  short.append(el('p', { class: 'lead' }, sentence(view)));
  for (const run of view.runs) {
    validity(short, run);
    short.append(el('h3', {}, run.method), verdict(run));
    careful(short, run);
    short.append(el('p', {}, detailsLink(view.runs, run)));
  }
  sideBySide(short, view);
  const node = section(parent, 'Over one another', { short: 'Over one another' });
  completion(node, 'compare-completion', view.runs);
  wan(node, 'compare-wan', view.runs);
  if (first.result.bounds?.optimum_s != null) {
    distances(node, view);
  }
  const each = section(parent, 'Each method for itself', { short: 'Each method' });
  view.runs.forEach((run, i) => {
    const fold = folded(each, run.method, (body) => {
      thresholds(body, run);
      failures(body, run);
      sites(body, run);
      overTime(body, `run${i}`, run, null);
      details(body, `run${i}`, run, false);
    });
    fold.id = `method${i}`;
  });
}
