/* compare.js -- the methods over one another, then each for itself. */
import { completion, GRID, legend, wan } from './curves.js';
import { el, section } from './dom.js';
import { addFigure, folded, tip } from './figure.js';
import { failures, judge, mind, sites, thresholds } from './head.js';
import { details, overTime } from './run.js';
import { table } from './table.js';
import { runStyle } from './theme.js';
import { axisNumber, bytes, clock, count, factor, rate, seconds, times } from './units.js';

const TIME = { less: 'faster', more: 'slower', whole: true };
const AMOUNT = { less: 'less', more: 'more', whole: false };

/* What is set side by side: name, value of a result, how it is written, and what less and more of
 * it are called: null where that says nothing. `whole`: only when all phones were upgraded, as times
 * of others are no measure. */
const ROWS = [
  ['phones upgraded', (r) => r.phones?.upgraded, count, null],
  ['phones failed', (r) => r.phones?.failed, count, null],
  ['first phone done', (r) => r.completion_s?.first, seconds, TIME],
  ['half of the phones done', (r) => r.completion_s?.p50, seconds, TIME],
  ['95 % of the phones done', (r) => r.completion_s?.p95, seconds, TIME],
  ['last phone done', (r) => r.completion_s?.last, seconds, TIME],
  ['last back in service', (r) => r.back_in_service_s?.last, seconds, TIME],
  ['best possible', (r) => r.bounds?.optimum_s, seconds, null],
  ['distance from it', (r) => r.bounds?.gap, times, null],
  ['firmware over the WAN', (r) => r.wan?.payload_bytes, bytes, AMOUNT],
  ['all bytes on the WAN', (r) => r.wan?.bytes, bytes, AMOUNT],
  ['WAN busy', (r) => r.wan?.busy_s, seconds, AMOUNT],
  ['mean rate on the WAN', (r) => r.wan?.mean_bit_s, rate, null],
  ['between phones', (r) => r.lan?.payload_bytes, bytes, null],
  ['requests to the server', (r) => r.server?.requests, count, AMOUNT],
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
    return `${run.name} left ${count(behind(run))} of ${count(total - current)} phones behind`;
  });
  const whole = view.runs.filter((run) => behind(run) === 0)
    .map((run) => `${run.name} upgraded all of them in ` +
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
  const told = faster < SAME && faster > 1 / SAME ? `finished about as fast as ${first.name}`
    : faster > 1 ? `finished ${factor(faster)} times as fast as ${first.name}`
      : `took ${factor(1 / faster)} times as long as ${first.name}`;
  return `${run.name} ${told}${load(first, run)}.`;
}

/* The same words as the terminal's (summary_compare.c). */
function sentence(view) {
  const invalid = view.runs.filter((run) => run.result.validity?.valid === false);
  if (invalid.length > 0) {
    const why = invalid[0].result.validity.reasons?.[0] ?? 'the machine fell behind';
    return `INVALID (${invalid.map((run) => run.name).join(', ')}): ${why}; the figures say ` +
      'nothing about the phones.';
  }
  const left = leftBehind(view);
  const [first, ...others] = view.runs;
  return left !== '' ? left : others.map((run) => pace(first, run)).join(' ');
}

/* "5.69 x faster": what a figure is beside the first run's. The same words as the terminal's. */
function judged(first, value, words) {
  const over = ratio(first, value);
  if (first > 0 && value === 0) {
    return ['better', 'none'];
  }
  if (over === null) {
    return [null, times(null)];
  }
  if (over < SAME && over > 1 / SAME) {
    return [null, 'about the same'];
  }
  return over > 1 ? ['better', `${times(over)} ${words.less}`]
    : ['worse', `${times(1 / over)} ${words.more}`];
}

/* Narrow pages have no room for columns of judgements: each stands under what it is about. */
function withUnder(text, under) {
  return el('span', {}, text, el('small', { class: 'under' }, under));
}

function sideBySide(parent, view) {
  const [first, ...others] = view.runs;
  const lines = first.result.wan?.lines ?? 1;
  const label = (name) => (name === 'WAN busy' && lines > 1
    ? `${name}, ${count(lines)} lines together`
    : name);
  const rows = ROWS.map(([name, of, text, words]) => {
    const values = view.runs.map((run) => of(run.result));
    const judgement = (run, i) => {
      const [kind, said] = words === null ? [null, '']
        : words.whole && behind(first) + behind(run) > 0 ? [null, times(null)]
          : judged(values[0], values[i + 1], words);
      return el('span', { class: kind }, said);
    };
    return [label(name), ...values.map((value, i) =>
      (i === 0 ? text(value) : withUnder(text(value), judgement(view.runs[i], i - 1)))),
    ...others.map(judgement)];
  });
  const node = section(parent, 'Side by side', { level: 3 });
  node.append(table(['figure', ...view.runs.map((run, i) => ({
    name: i === 0 ? run.name : withUnder(run.name, `beside ${first.name}`), number: true })),
  ...others.map((run) => ({ name: `${run.name} is`, number: true, wide: true }))], rows,
  'Side by side'));
  node.lastChild.classList.add('whole');
}

/* A mark across a bar. */
function bestMark(color) {
  return (params, api) => {
    const [x, y] = api.coord([api.value(0), api.value(1)]);
    return { type: 'rect', shape: { x: x - 1.5, y: y - 18, width: 3, height: 36 }, style: { fill: color } };
  };
}

/* How far each run is from what any scheme could do. Servers that were filled beforehand leave less
 * to do: then each run has a mark of its own in place of one line. */
function distances(parent, view) {
  const { runs } = view;
  const best = (run) => run.result.bounds?.optimum_s;
  const value = (run) => run.result.completion_s?.last;
  const optimum = best(runs[0]);
  const one = runs.every((run) => best(run) === optimum);
  const option = (c, width) => {
    const most = Math.max(...runs.map((run) => value(run) ?? 0));
    const time = clock(most, Math.max(2, Math.floor(width / 110)));
    return {
      grid: { ...GRID, top: 30, right: 80 },
      legend: legend(c, { show: !one, data: ['best possible'], itemStyle: {} }),
      tooltip: { trigger: 'item', formatter: (p) => tip(p.name, [[p.color, 'last phone done',
        seconds(p.value)], [null, 'best possible', seconds(best(runs[p.dataIndex]))],
        [null, 'from the best possible', times(ratio(p.value, best(runs[p.dataIndex])))]]) },
      xAxis: { type: 'value', name: `time after the start (${time.unit})`, nameLocation: 'middle',
        nameGap: 30, nameTextStyle: { color: c.muted }, axisLabel: { color: c.muted,
          formatter: time.text, hideOverlap: true },
        ...(most > 0 ? { interval: time.interval, max: Math.ceil(most / time.interval) * time.interval }
          : {}),
        splitLine: { lineStyle: { color: c.line } } },
      yAxis: { type: 'category', inverse: true, data: runs.map((run) => run.name),
        axisLabel: { color: c.text }, axisTick: { show: false } },
      series: [{
        type: 'bar', name: 'last phone done', barMaxWidth: 26,
        data: runs.map((run) => ({ value: value(run), itemStyle: { color: runStyle(run).color } })),
        label: { show: true, position: 'right', color: c.text, formatter: (p) => seconds(p.value) },
        markLine: !one ? undefined : { symbol: 'none', silent: true,
          lineStyle: { color: c.text, type: 'dashed', width: 2 },
          label: { color: c.text, formatter: 'best possible', position: 'start', align: 'left' },
          data: [{ xAxis: optimum }] },
      }, ...(one ? [] : [{
        type: 'custom', name: 'best possible', silent: true, itemStyle: { color: c.text }, z: 3,
        encode: { x: 0, y: 1 }, renderItem: bestMark(c.text),
        data: runs.map((run, i) => [best(run), i]).filter(([at]) => at != null),
      }])],
    };
  };
  addFigure(parent, {
    id: 'compare-distance', title: 'Last phone done, and the best that any scheme could do', option,
    height: () => 110 + runs.length * 46,
    summary: one ? `No scheme could be done before ${seconds(optimum)}. ` +
      runs.map((run) => `${run.name}: ${seconds(value(run))}`).join(', ') + '.'
      : runs.map((run) => `${run.name}: ${seconds(value(run))}, where the best possible is ` +
        `${seconds(best(run))}`).join('; ') + '.',
    table: () => ({
      columns: ['method', { name: 'last phone done (s)', number: true },
        { name: 'best possible (s)', number: true }, { name: 'from it', number: true }],
      rows: runs.map((run) => [run.name, value(run) == null ? '' : axisNumber(value(run)),
        best(run) == null ? '' : axisNumber(best(run)), times(run.result.bounds?.gap)]),
    }),
  });
}

/* To the box of a method further down, which opens. */
function detailsLink(runs, run) {
  const id = `method${runs.indexOf(run)}`;
  return el('a', { href: `#${id}`, onclick: () => {
    document.getElementById(id).open = true;
  } }, `All of ${run.name}`);
}

/* What all runs have in common of this; null: they differ. */
function common(runs, key) {
  return runs.every((run) => run.result[key] === runs[0].result[key]) ? runs[0].result[key] ?? '?'
    : null;
}

export function comparePage(parent, view) {
  const [first] = view.runs;
  parent.append(el('h1', {}, view.title), el('p', { class: 'subtitle' },
    `${view.runs.map((run) => run.name).join(' beside ')}, ` +
    `${common(view.runs, 'world') ?? 'more than one'} world, ` +
    (common(view.runs, 'seed') === null ? 'several seeds' : `seed ${first.result.seed ?? '?'}`)));
  const short = section(parent, 'In short', { short: 'In short' });
  short.append(el('p', { class: 'lead' }, sentence(view)));
  for (const run of view.runs) {
    judge(short, run, run.name, detailsLink(view.runs, run));
  }
  sideBySide(short, view);
  mind(short, view.runs);
  const node = section(parent, 'Over one another', { short: 'Over one another' });
  completion(node, 'compare-completion', view.runs);
  wan(node, 'compare-wan', view.runs);
  if (first.result.bounds?.optimum_s != null) {
    distances(node, view);
  }
  const each = section(parent, 'Each method for itself', { short: 'Each method' });
  view.runs.forEach((run, i) => {
    const fold = folded(each, run.name, (body) => {
      thresholds(body, run);
      failures(body, run);
      sites(body, run);
      overTime(body, `run${i}`, run, null);
      details(body, `run${i}`, run, false);
    });
    fold.id = `method${i}`;
  });
}
