/* compare.js -- the methods over one another, then each for itself. */
import { completion, GRID, legend, wan } from './curves.js';
import { el, section } from './dom.js';
import { addFigure, folded, tip } from './figure.js';
import { careful, failures, sites, thresholds, validity, verdict } from './head.js';
import { details, overTime } from './run.js';
import { table } from './table.js';
import { methodColour } from './theme.js';
import { axisNumber, bytes, clock, count, factor, rate, seconds, times } from './units.js';

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

const SAME = 1.05; /* runs on real sockets differ by as much */

/* " and took 30 times less firmware over the WAN"; empty when that is unknown. */
function load(first, run) {
  const over = ratio(first.result.wan?.payload_bytes, run.result.wan?.payload_bytes);
  if (over === null) {
    return '';
  }
  const most = Math.max(over, 1 / over);
  return most < SAME ? ' and took as much firmware over the WAN'
    : ` and took ${factor(most)} times ${over >= 1 ? 'less' : 'more'} firmware over the WAN`;
}

function pace(first, run) {
  const faster = ratio(first.result.completion_s?.last, run.result.completion_s?.last);
  if (faster === null) {
    return 'No phone completed with one of the methods.';
  }
  const told = faster < SAME && faster > 1 / SAME ? `finished about as fast as ${first.method}`
    : faster > 1 ? `finished ${factor(faster)} times as fast as ${first.method}`
      : `took ${factor(1 / faster)} times as long as ${first.method}`;
  return `${run.method} ${told}${load(first, run)}.`;
}

/* The same words as the terminal's (summary_compare.c). */
function sentence(view) {
  const invalid = view.runs.filter((run) => run.result.validity?.valid === false);
  if (invalid.length > 0) {
    const why = invalid[0].result.validity.reasons?.[0] ?? 'the machine fell behind';
    return `INVALID (${invalid.map((run) => run.method).join(', ')}): ${why}; the figures say ` +
      'nothing about the phones.';
  }
  const left = leftBehind(view);
  const [first, ...others] = view.runs;
  return left !== '' ? left : others.map((run) => pace(first, run)).join(' ');
}

/* Narrow pages have no room for columns of ratios: each stands under what it is about. */
function withUnder(text, ratioText) {
  return el('span', {}, text, el('small', { class: 'under' }, ratioText));
}

function sideBySide(parent, view) {
  const [first, ...others] = view.runs;
  const lines = first.result.wan?.lines ?? 1;
  const label = (name) => (name === 'WAN busy' && lines > 1
    ? `${name}, ${count(lines)} lines together`
    : name);
  const rows = ROWS.map(([name, of, text, comparable]) => {
    const values = view.runs.map((run) => of(run.result));
    const ratios = others.map((run, i) =>
      (comparable === 'whole' && behind(first) + behind(run) > 0 ? times(null)
        : comparable ? times(ratio(values[0], values[i + 1])) : ''));
    return [label(name), ...values.map((value, i) =>
      (i === 0 ? text(value) : withUnder(text(value), ratios[i - 1]))), ...ratios];
  });
  const heads = others.map((run) => `${first.method} / ${run.method}`);
  parent.append(table(['figure', ...view.runs.map((run, i) => ({
    name: i === 0 ? run.method : withUnder(run.method, heads[i - 1]), number: true })),
  ...heads.map((name) => ({ name, number: true, wide: true }))], rows, 'Side by side'));
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
