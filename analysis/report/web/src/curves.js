/* curves.js -- everything over time: phones done, the WAN, phones by state. Of one run, or of
 * several over one another. */
import { select, toggle } from './dom.js';
import { addFigure, tip } from './figure.js';
import { nth, phaseColour, runStyle } from './theme.js';
import { axisNumber, axisUnit, clock, count, percent, rate, seconds } from './units.js';

export function last(list) {
  return list.length > 0 ? list[list.length - 1] : 0;
}

export function pairs(x, y, by = 1) {
  return x.map((value, i) => [value, y[i] == null ? null : y[i] / by]);
}

/* A time axis that ends at `end`. */
export function timeAxis(c, end, width, name = 'time') {
  const time = clock(end, Math.max(2, Math.floor(width / 90)));
  return {
    type: 'value', min: 0, max: end > 0 ? end : 1, interval: end > 0 ? time.interval : undefined,
    name: `${name} (${time.unit})`, nameLocation: 'middle', nameGap: 30,
    nameTextStyle: { color: c.muted },
    axisLabel: { color: c.muted, formatter: time.text, showMaxLabel: false, hideOverlap: true },
    axisLine: { lineStyle: { color: c.axis } }, splitLine: { show: false },
    axisPointer: { label: { show: false } },
  };
}

export function valueAxis(c, name, extra = {}) {
  return {
    type: 'value', min: 0, name, nameLocation: 'end', nameGap: 12,
    nameTextStyle: { color: c.muted, align: 'left', padding: [0, 0, 0, -24] },
    axisLabel: { color: c.muted, formatter: axisNumber, hideOverlap: true },
    axisLine: { show: false }, splitLine: { lineStyle: { color: c.line } }, ...extra,
  };
}

export function legend(c, extra = {}) {
  return {
    type: c.paper ? 'plain' : 'scroll', top: 0, left: 0, right: 0, textStyle: { color: c.text },
    inactiveColor: c.axis, inactiveBorderColor: c.axis, pageTextStyle: { color: c.text }, pageIconColor: c.text,
    pageIconInactiveColor: c.axis, itemWidth: 22,
    itemStyle: extra.icon ? {} : { opacity: 0 }, ...extra,
  };
}

export const GRID = { left: 8, right: 16, top: 56, bottom: 30, containLabel: true };

/* ---- Phones done ---- */

function steps(curve, end) {
  const points = [[0, 0], ...pairs(curve.t, curve.done)];
  if (last(curve.t) < end) {
    points.push([end, last(curve.done)]);
  }
  return points;
}

/* Since the start; before it, since the run began, so that the axis is not of no length. */
function elapsed(run) {
  const now = last(run.wan.t);
  return now > run.start_at_s ? now - run.start_at_s : now;
}

/* `runs`: of one scenario. */
export function completion(parent, id, runs) {
  let unit = 'phones';
  let split = 'all';
  const run = runs[0];
  const curves = () => {
    if (split === 'all') {
      return runs.map((one) => ({ ...one.completion, name: one.name,
        style: () => runStyle(one) }));
    }
    return run[split].map((one, i) => ({ ...one, style: () => nth(i) }));
  };
  /* To the last phone, or, while some are not done, to the end of what is known. */
  const end = () => 1.02 * Math.max(0, ...runs.map((one) =>
    (last(one.completion.done) < one.completion.of && last(one.wan.t) > 0
      ? elapsed(one) : last(one.completion.t))));
  const option = (c, width) => {
    const by = (curve) => (unit === 'phones' ? 1 : curve.of / 100 || 1);
    const list = curves();
    return {
      grid: { ...GRID, top: list.length > 1 ? 60 : 30 },
      legend: legend(c, { show: list.length > 1 }),
      tooltip: {
        trigger: 'axis',
        formatter: (params) => tip(`${seconds(params[0].value[0])} after the start`,
          params.map((p) => {
            const curve = list[p.seriesIndex];
            const done = p.value[1] * by(curve);
            return [p.color, p.seriesName,
              `${count(done)} of ${count(curve.of)} (${percent(done / curve.of)})`];
          })),
      },
      xAxis: timeAxis(c, end(), width, 'time after the start'),
      yAxis: valueAxis(c, unit === 'phones' ? 'phones done' : 'phones done (%)',
        unit === 'phones' ? { minInterval: 1, max: Math.max(1, ...list.map((curve) => curve.of)) }
          : { max: 100 }),
      series: list.map((curve) => {
        const style = curve.style();
        return {
          type: 'line', name: curve.name, step: 'end', showSymbol: false, symbolSize: 7,
          data: steps(curve, end()).map(([t, done]) => [t, done / by(curve)]),
          lineStyle: { width: 2.5, ...style }, itemStyle: { color: style.color },
          areaStyle: list.length === 1 ? { color: style.color, opacity: 0.12 } : undefined,
        };
      }),
    };
  };
  const controls = [toggle('Unit', [['phones', 'phones'], ['share', '%']], unit, (value) => {
    unit = value;
    figure.update();
  })];
  const ways = [['all', 'all phones'], ['classes', 'by class of site'], ['models', 'by model']]
    .filter(([key]) => key === 'all' || (runs.length === 1 && run[key]?.length > 1));
  if (ways.length > 1) {
    controls.push(select('Show', ways, split, (value) => {
      split = value;
      figure.update();
    }));
  }
  const figure = addFigure(parent, {
    id, title: 'Phones done over time', controls, option,
    summary: () => runs.map((one) => {
      const done = last(one.completion.done);
      const who = runs.length > 1 ? `${one.name}: ` : '';
      return done === 0 ? `${who}${who === '' ? 'No' : 'no'} phone has every file.`
        : `${who}${count(done)} of ${count(one.completion.of)} phones had every file verified, ` +
          `the last after ${seconds(last(one.completion.t))}.`;
    }).join(' '),
    table: () => ({
      columns: [split === 'all' ? 'method' : split === 'models' ? 'model' : 'class',
        { name: 'after (s)', number: true }, { name: 'phones done', number: true },
        { name: 'of', number: true }],
      rows: curves().flatMap((curve) => curve.t.map((t, i) =>
        [curve.name, t, count(curve.done[i]), count(curve.of)])),
    }),
  });
  return figure;
}

/* ---- The WAN, and the generator's lag under it ---- */

const LIMIT = 'configured rate';
const ALIKE = 0.01; /* of a rate: means of means are rounded, and ends to milliseconds */

/* A mean holds since the point before; the first one's began with the run. */
function fromZero(points) {
  return points.length > 0 && points[0][0] > 0 ? [[0, points[0][1]], ...points] : points;
}

/* The line that was used most of several, as if it were a run's only one; null: not known. */
function busiestLine(run) {
  const { busiest } = run.wan;
  return busiest === null || run.wan.sites < 2 || busiest.t.length === 0 ? null : { ...run, wan: {
    t: busiest.t, down: busiest.down, up: busiest.t.map(() => null), lan: busiest.t.map(() => null),
    sites: 1, busiest: null, configured_bit_s: busiest.configured_bit_s,
    configured: run.wan.configured === null ? null : { t: [], bit_s: [] },
  }, result: { wan: {} }, lag: null, alone: true };
}

function wanSeries(c, runs, unit) {
  const many = runs.length > 1;
  const line = (name, t, values, color, extra = {}) => ({
    type: 'line', name, step: 'start', showSymbol: false, symbolSize: 6,
    data: fromZero(pairs(t, values, unit.by)),
    lineStyle: { width: 2, color }, itemStyle: { color }, ...extra,
  });
  const list = [];
  for (const run of runs) {
    const color = runStyle(run).color;
    list.push(line(many ? run.name : 'to the phones', run.wan.t, run.wan.down, color,
      { areaStyle: { color, opacity: many ? 0.1 : 0.15 } }));
  }
  if (!many && !runs[0].alone) {
    const [run] = runs;
    list.push(line('to the server', run.wan.t, run.wan.up, c.slate));
    list.push(line('between phones', run.wan.t, run.wan.lan, c.green));
  }
  return list;
}

const end = (run) => Math.max(last(run.wan.t), last(run.lag?.t ?? []));

function wanTable(runs) {
  return {
    columns: ['method', { name: 'until (s)', number: true }, 'to the phones', 'to the server',
      'between phones'].map((column, i) => (i > 1 ? { name: column, number: true } : column)),
    rows: runs.flatMap((run) => run.wan.t.map((t, i) =>
      [run.name, t, rate(run.wan.down[i]), rate(run.wan.up[i]), rate(run.wan.lan[i])])),
  };
}

/* What the lines of a run could carry, in means until each t; null: not known. `flat`: one figure,
 * which is the `mean` of a rate that changes where nobody knows how. */
function limitOf(run) {
  const { configured, configured_bit_s: rated } = run.wan;
  if (configured !== null && configured.t.length > 0) {
    return { t: configured.t, bit_s: configured.bit_s, flat: false, mean: false };
  }
  return rated ? { t: [Infinity], bit_s: [rated], flat: true, mean: configured !== null } : null;
}

function limitAt(limit, t) {
  const at = limit.t.findIndex((until) => until >= t);
  return limit.bit_s[at < 0 ? limit.t.length - 1 : at];
}

/* The mean of a limit over (from, to]. */
function limitOver(limit, from, to) {
  let sum = 0;
  let begin = from;
  for (let i = limit.t.findIndex((until) => until > from); begin < to; i += 1) {
    const end = i < 0 || i >= limit.t.length ? to : Math.min(limit.t[i], to);
    sum += (end - begin) * limitAt(limit, end);
    begin = end;
  }
  return sum / (to - from);
}

/* Of one scenario? A longer run's points are means over more. */
function alike(a, b) {
  if (a.flat || b.flat) {
    return a.flat === b.flat && a.mean === b.mean && a.bit_s[0] === b.bit_s[0];
  }
  const [short, long] = last(a.t) < last(b.t) ? [a, b] : [b, a];
  return long.t.every((t, i) => t > last(short.t) || Math.abs(
    limitOver(short, long.t[i - 1] ?? 0, t) - long.bit_s[i]) <= ALIKE * long.bit_s[i]);
}

/* Limits of one scenario: where runs end earlier they are known closer. Longest first. */
function joined(limits) {
  return limits.slice(1).reduce((long, short) => {
    const end = last(short.t);
    const rest = long.t.map((t, i) => i).filter((i) => long.t[i] > end);
    return { ...long, t: [...short.t, ...rest.map((i) => long.t[i])],
      bit_s: [...short.bit_s, ...rest.map((i) => long.bit_s[i])] };
  }, limits[0]);
}

/* What lines could carry: dashed; where it changes a faint hill, as dashes would not show its shape.
 * One for all runs where they may carry the same. */
function limitSeries(c, runs, unit, longest) {
  const limits = runs.map((run) => [run, limitOf(run)]).filter(([, limit]) => limit !== null)
    .sort(([, a], [, b]) => last(b.t) - last(a.t));
  const shared = limits.every(([, limit]) => alike(limit, limits[0][1]));
  const shown = !shared || limits.length < 2 || limits[0][1].flat ? limits
    : [[limits[0][0], joined(limits.map(([, limit]) => limit))]];
  return (shared ? shown.slice(0, 1) : shown).map(([run, limit]) => {
    const color = !shared ? runStyle(run).color : limit.flat ? c.text : c.axis;
    const name = limit.mean ? `mean ${LIMIT}` : LIMIT;
    const t = limit.flat ? [longest || 1] : limit.t;
    return {
      type: 'line', name: shared ? name : `${name}: ${run.name}`, step: 'start', showSymbol: false,
      symbolSize: 6, data: fromZero(pairs(t, limit.bit_s, unit.by)), z: limit.flat ? 3 : 1,
      lineStyle: limit.flat ? { width: 2, color, type: 'dashed' } : { width: 1, color, opacity: 0.7 },
      areaStyle: limit.flat ? undefined : { color, opacity: 0.12 }, itemStyle: { color },
    };
  });
}

/* " of 1.54 Mbit/s", and what that is. */
function ofLimit(run) {
  const limit = limitOf(run);
  if (limit === null) {
    return '';
  }
  const { sites } = run.wan;
  const lines = sites > 1 ? ` (${count(sites)} lines together)` : '';
  const low = Math.min(...limit.bit_s);
  const high = Math.max(...limit.bit_s);
  const averaged = run.result.wan?.peak_bit_s > high ? ' in means over some seconds' : '';
  if (limit.flat || low === high) {
    return ` of ${rate(limit.bit_s[0])}${limit.mean ? ' (the mean of a rate that changes)' : ''}${lines}`;
  }
  return `, where it could be from ${rate(low)} to ${rate(high)}${averaged}${lines}`;
}

function wanSummary(runs) {
  const text = runs.map((run) => {
    const peak = run.result.wan?.peak_bit_s ??
      run.wan.down.reduce((max, value) => Math.max(max, value ?? 0), 0);
    const busy = run.result.wan?.busy_s;
    return `${runs.length > 1 ? `${run.name}: at` : 'At'} most ${rate(peak)}${ofLimit(run)}` +
      (busy > 0 && run.wan.sites === 1 ? `, busy for ${seconds(busy)}` : '') + '.';
  }).join(' ');
  const worst = Math.max(0, ...runs.map((run) => Math.max(0, ...run.lag?.s ?? [])));
  return runs.some((run) => run.lag?.t.length > 0)
    ? `${text} The generator itself was at most ${seconds(worst)} late.` : text;
}

/* Is a point drawn above what the line could carry? */
function isOver(run) {
  const limit = limitOf(run);
  return limit !== null && !limit.mean && run.wan.t.some((t, i) =>
    run.wan.down[i] > 1.001 * limitAt(limit, t));
}

export function wan(parent, id, all) {
  const alone = all.length === 1 ? busiestLine(all[0]) : null;
  let runs = all;
  const lagged = () => runs.filter((run) => run.lag && run.lag.t.length > 0);
  const option = (c, width) => {
    const tops = runs.flatMap((run) =>
      [...run.wan.down, ...run.wan.up, ...limitOf(run)?.bit_s ?? []]);
    const most = tops.reduce((a, b) => Math.max(a, b ?? 0), 0);
    const unit = axisUnit(most, 'bit/s');
    const longest = Math.max(...runs.map(end));
    const lags = lagged();
    const list = wanSeries(c, runs, unit);
    const rates = list.length;
    list.push(...limitSeries(c, runs, unit, longest));
    const x = timeAxis(c, longest, width, 'time since the run began');
    const flush = { ...GRID, left: 58, containLabel: false, bottom: 46 }; /* one left edge for both */
    const grids = [{ ...flush, bottom: lags.length > 0 ? 156 : 46 }];
    const xs = [x];
    const ys = [valueAxis(c, unit.name, most > 0 ? {} : { max: 1 })];
    if (lags.length > 0) {
      grids.push({ ...flush, top: undefined, height: 62 });
      xs[0] = { ...x, name: '', axisLabel: { show: false } };
      xs.push({ ...x, gridIndex: 1 });
      ys.push(valueAxis(c, 'generator late by (ms)', { gridIndex: 1, splitNumber: 2,
        nameTextStyle: { color: c.muted, align: 'left', padding: [0, 0, 0, -24] } }));
      for (const run of lags) {
        list.push({ type: 'line', name: runs.length > 1 ? `late: ${run.name}` : 'generator late by',
          xAxisIndex: 1, yAxisIndex: 1, showSymbol: false, symbolSize: 6,
          data: pairs(run.lag.t, run.lag.s, 0.001), lineStyle: { width: 1.5, color: c.red },
          itemStyle: { color: c.red } });
      }
    }
    return {
      grid: grids, legend: legend(c, { selected: { 'between phones': false } }),
      tooltip: {
        trigger: 'axis',
        formatter: (params) => tip(`until ${seconds(params[0].value[0])}`, params.map((p) =>
          [p.color, p.seriesName, p.seriesIndex < rates || p.seriesName.includes(LIMIT)
            ? rate(p.value[1] * unit.by) : seconds(p.value[1] / 1000)])),
      },
      axisPointer: { link: [{ xAxisIndex: 'all' }] },
      xAxis: xs, yAxis: ys, series: list,
    };
  };
  const controls = alone === null ? [] : [select('Line', [['all', `all ${count(all[0].wan.sites)} together`],
    ['busiest', `${all[0].wan.busiest.site}, the one used most`]], 'all', (value) => {
    runs = value === 'all' ? all : [alone];
    figure.update();
  })];
  const figure = addFigure(parent, {
    id, title: 'Use of the WAN over time', controls, option, taller: () => (lagged().length > 0 ? 120 : 0),
    summary: () => wanSummary(runs), table: () => wanTable(runs),
    note: () => (runs.some(isOver)
      ? 'A second may show more than the rate: answers are booked when they end.' : ''),
  });
  return figure;
}

/* ---- Phones by state ---- */

export function states(parent, id, run) {
  const { names } = run.states;
  const used = () => names.map((name, i) => [name, i])
    .filter(([, i]) => run.states.counts[i].some((value) => value > 0));
  const option = (c, width) => ({
    grid: { ...GRID, top: c.paper ? 82 : 60 }, legend: legend(c, { icon: 'roundRect' }),
    tooltip: {
      trigger: 'axis',
      formatter: (params) => tip(seconds(params[0].value[0]), params
        .filter((p) => p.value[1] > 0).map((p) => [p.color, p.seriesName, count(p.value[1])])),
    },
    xAxis: timeAxis(c, last(run.states.t), width, 'time since the run began'),
    yAxis: valueAxis(c, 'phones', { minInterval: 1, max: run.completion.of || undefined }),
    series: used().map(([name, i]) => {
      const color = phaseColour(name, i);
      return {
        type: 'line', name, step: 'end', stack: 'phones', showSymbol: false, symbolSize: 6,
        data: pairs(run.states.t, run.states.counts[i]), areaStyle: { color, opacity: 1 },
        lineStyle: { width: 0.5, color: c.panel }, itemStyle: { color },
      };
    }),
  });
  return addFigure(parent, {
    id, title: 'Phones by state over time', option,
    summary: () => {
      const now = used().map(([name, i]) => [name, last(run.states.counts[i])])
        .filter(([, value]) => value > 0);
      return now.length === 0 ? 'Nothing is known yet.'
        : `At ${seconds(last(run.states.t))}: ` +
          `${now.map(([name, value]) => `${count(value)} ${name}`).join(', ')}.`;
    },
    table: () => ({
      columns: ['at (s)', ...used().map(([name]) => ({ name, number: true }))],
      rows: run.states.t.map((t, at) =>
        [t, ...used().map(([, i]) => count(run.states.counts[i][at]))]),
    }),
  });
}
