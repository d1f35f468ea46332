/* sweep.js -- one chart a metric over the varied keys: lines with confidence bands (bars for
 * keys whose values are words), or a heat map. */
import { GRID, legend, valueAxis } from './curves.js';
import { el, section, select, toggle } from './dom.js';
import { addFigure, tip } from './figure.js';
import { methodColour, nth, onRamp, ramp } from './theme.js';
import { sweepHead } from './sweephead.js';
import { axisNumber, axisUnit, clock, clockDecades, count, counted, quantity } from './units.js';

const LETTER = 6.8;    /* pixels, about */
const AXIS_SIDES = 90; /* pixels beside an axis */
const TURN = 35;       /* degrees */
const BAR_MAX = 90;         /* pixels */
const BAR_GAP = 0.3;        /* of a value's room, between the bars of two values */
const BAR_BETWEEN = 0.1;    /* of a bar, between two of one value */
const LIMIT_REACH = 1.5;    /* times the largest figure: a limit beyond is not drawn */
const WIDE = 30;       /* times: our choice, as with the times of files */
const FINE = 30;       /* seconds: an axis of fewer has them as they are, in place of minutes */
const TICKS_MAX = 12; /* more values than these are not named one by one on the axis */

/* What the reader chose: which key runs along the axis, which one makes the lines, where the rest
 * stand, and how it is drawn. */
function choices(sweep) {
  const x = Math.max(0, sweep.keys.findIndex((key) => key.numbers));
  const methods = sweep.keys.findIndex((key, i) => i !== x && key.path === 'method');
  return { x, by: methods >= 0 ? methods : sweep.keys.length > 1 ? (x === 0 ? 1 : 0) : -1,
    fixed: sweep.keys.map(() => 0), as: 'lines', scale: isWide(sweep, 0) ? 'log' : 'linear' };
}

/* Do a metric's means reach so far that on a linear axis the small ones all lie on the ground? */
function isWide(sweep, metric) {
  const means = sweep.points.map((point) => point.mean[metric]).filter((mean) => mean != null);
  return means.length > 1 && Math.min(...means) > 0 && Math.max(...means) > WIDE * Math.min(...means);
}

/* Between two words there is nothing that a line could stand for. */
function isWords(sweep, chosen) {
  return !sweep.keys[chosen.x].numbers;
}

/* The point of every (x, line), or null: lists by line. */
function lines(sweep, chosen) {
  const { keys } = sweep;
  const found = new Map(sweep.points.map((point) => [point.at.join(), point]));
  const at = chosen.fixed.slice();
  const bys = chosen.by < 0 ? [-1] : keys[chosen.by].values.map((value, i) => i);
  return bys.map((by) => {
    if (by >= 0) {
      at[chosen.by] = by;
    }
    return {
      name: by < 0 ? keys[chosen.x].path : `${keys[chosen.by].name} = ${keys[chosen.by].values[by]}`,
      points: keys[chosen.x].values.map((value, i) => {
        at[chosen.x] = i;
        return found.get(at.join()) ?? null;
      }),
    };
  });
}

/* Value, low and high of a metric at a point; the metric behind the last is the share of runs that
 * met every threshold. */
function figures(sweep, point, metric) {
  if (point === null) {
    return [null, null, null];
  }
  if (metric === sweep.metrics.length) {
    return [point.runs > 0 ? 100 * point.all_met / point.runs : null, null, null];
  }
  return [point.mean[metric] ?? null, point.low?.[metric] ?? null, point.high?.[metric] ?? null];
}

/* Every value is named: names that would not fit beside one another are turned. */
function axisNames(key, width) {
  const longest = key.values.reduce((max, value) => Math.max(max, value.length), 0) * LETTER;
  const turned = key.values.length <= TICKS_MAX &&
    (longest + 10) * key.values.length > width - AXIS_SIDES;
  return turned ? { label: { rotate: TURN, hideOverlap: false }, gap: 24 + Math.ceil(longest * 0.6) }
    : { label: { hideOverlap: true }, gap: 32 };
}

function xAxis(c, key, width) {
  const names = axisNames(key, width);
  const base = {
    name: key.path, nameLocation: 'middle', nameGap: names.gap, nameTextStyle: { color: c.muted },
    axisLine: { lineStyle: { color: c.axis } }, splitLine: { show: false },
  };
  const numbers = key.numbers;
  if (!numbers || (key.log && numbers.some((number) => number <= 0))) {
    return { ...base, type: 'category', data: key.values,
      axisLabel: { color: c.muted, ...names.label }, boundaryGap: numbers ? false : true };
  }
  const named = new Map(numbers.map((number, i) => [number, key.values[i]]));
  const custom = numbers.length <= TICKS_MAX ? { customValues: numbers } : {};
  return {
    ...base, type: key.log ? 'log' : 'value', min: Math.min(...numbers), max: Math.max(...numbers),
    name: `${key.path}${key.log ? ' (logarithmic)' : ''}`,
    axisTick: { ...custom }, axisLabel: { color: c.muted, ...names.label, ...custom,
      formatter: (value) => named.get(value) ?? axisNumber(value) },
  };
}

/* The 95 % confidence of a bar: a line with two ends. `at`: which of `of` bars side by side. */
function whisker(colour, at, of) {
  return (params, api) => {
    const band = api.size([1, 0])[0];
    const [share, gap] = [1 - BAR_GAP, BAR_BETWEEN];
    const bar = Math.min(BAR_MAX, band * share / (of + gap * (of - 1)));
    const move = (at - (of - 1) / 2) * bar * (1 + gap);
    const [x, low] = api.coord([api.value(0), api.value(1)]);
    const high = api.coord([api.value(0), api.value(2)])[1];
    const wing = Math.min(6, bar / 3);
    const line = (x1, y1, x2, y2) => ({ type: 'line', shape: { x1: x1 + x + move, y1, x2: x2 + x + move, y2 },
      style: { stroke: colour, lineWidth: 1.5 } });
    return { type: 'group', children: [line(0, low, 0, high), line(-wing, low, wing, low),
      line(-wing, high, wing, high)] };
  };
}

/* A bar a value, beside one another those of the other key; of methods alone each has its colour. */
function barSeries(c, sweep, chosen, styleOf, rowsOf, list) {
  const key = sweep.keys[chosen.x];
  return list.flatMap((line, i) => {
    const { color } = styleOf(i);
    const rows = rowsOf(line);
    const own = (at) => (list.length === 1 && key.path === 'method'
      ? { itemStyle: { color: methodColour(key.values[at]) } } : {});
    const main = { type: 'bar', id: `line${i}`, name: line.name, barMaxWidth: BAR_MAX,
      barCategoryGap: `${100 * BAR_GAP}%`, barGap: `${100 * BAR_BETWEEN}%`,
      data: rows.map((row) => ({ value: [row[0], row[1]], ...own(row[0]) })), itemStyle: { color } };
    const known = rows.filter((row) => row[2] !== null && row[3] !== null);
    return known.length === 0 ? [main] : [main, { type: 'custom', id: `sure${i}`, name: line.name,
      silent: true, tooltip: { show: false }, z: 3, encode: { x: 0, y: [1, 2] },
      renderItem: whisker(c.text, i, list.length), data: known.map((row) => [row[0], row[2], row[3]]) }];
  });
}

/* Limits of this metric that lie near what was measured. */
function limits(sweep, metric, most) {
  const name = sweep.metrics[metric]?.name;
  return sweep.thresholds.filter((one) => one.name === name && one.limit > 0 &&
    one.limit <= LIMIT_REACH * most);
}

function limitLines(c, list, by) {
  return list.length === 0 ? undefined : { symbol: 'none', silent: true,
    lineStyle: { color: c.red, type: 'dashed', width: 1.5 },
    data: list.map((one) => ({ yAxis: one.limit / by,
      label: { color: c.red, position: 'insideEndTop', formatter: one.expression } })) };
}

/* A logarithmic axis of these values and limits, and its least value; null: some are not above 0. */
function logAxis(c, values, marks, isTime, unit) {
  const all = [...values.filter((value) => value !== null), ...marks];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  if (all.length === 0 || !(low > 0) || high === low) {
    return null;
  }
  const decades = clockDecades(low, high);
  const ticks = isTime ? decades.ticks : powersOfTen(low, high);
  const text = isTime ? decades.text : axisNumber;
  return { least: ticks[0], axis: {
    ...valueAxis(c, isTime ? 'logarithmic' : `${unit === '' ? '' : `${unit}, `}logarithmic`),
    type: 'log', min: ticks[0], max: ticks[ticks.length - 1], axisTick: { customValues: ticks },
    axisLabel: { color: c.muted, formatter: text, hideOverlap: true, customValues: ticks },
  } };
}

function powersOfTen(low, high) {
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  return Array.from({ length: Math.max(to - from, 1) + 1 }, (unused, i) => 10 ** (from + i));
}

/* A band may reach below what a logarithmic axis can show. */
function cutBelow(series, least) {
  series.forEach((low, i) => {
    const high = series[i + 1];
    if (!low.id.startsWith('low')) {
      return;
    }
    low.data = low.data.map(([x, value], at) => {
      const over = value === null ? 0 : Math.max(least - value, 0);
      if (over > 0) {
        high.data[at] = [x, Math.max(high.data[at][1] - over, 0)];
      }
      return [x, value === null ? null : value + over];
    });
  });
}

function lineOption(sweep, chosen, metric, about) {
  return (c, width) => {
    const key = sweep.keys[chosen.x];
    const list = lines(sweep, chosen);
    const most = about.most();
    const unit = axisUnit(most, about.unit);
    const axis = xAxis(c, key, width);
    const x = (i) => (axis.type === 'category' ? i : key.numbers[i]);
    const styleOf = (i) => (chosen.by >= 0 && sweep.keys[chosen.by].path === 'method'
      ? { color: methodColour(sweep.keys[chosen.by].values[i]), type: 'solid' } : nth(i));
    const rowsOf = (line) => line.points.map((point, at) => [x(at),
      ...figures(sweep, point, metric).map((v) => (v === null ? null : v / unit.by))]);
    const series = isWords(sweep, chosen) ? barSeries(c, sweep, chosen, styleOf, rowsOf, list)
      : list.flatMap((line, i) => {
        const style = styleOf(i);
        const rows = rowsOf(line);
        const main = { type: 'line', id: `line${i}`, name: line.name, symbolSize: 7,
          symbol: ['circle', 'rect', 'triangle', 'diamond'][i % 4],
          data: rows.map((row) => [row[0], row[1]]),
          lineStyle: { width: 2.5, ...style }, itemStyle: { color: style.color } };
        if (!rows.some((row) => row[2] !== null && row[3] !== null)) {
          return [main];
        }
        const band = (id, data, area) => ({
          type: 'line', id: `${id}${i}`, name: line.name, silent: true, symbol: 'none', data,
          stack: `band${i}`, stackStrategy: 'all', lineStyle: { opacity: 0 },
          itemStyle: { color: style.color }, areaStyle: area, tooltip: { show: false },
        });
        return [main, band('low', rows.map((row) => [row[0], row[2]])),
          band('high', rows.map((row) => [row[0], row[2] === null ? null : row[3] - row[2]]),
            { color: style.color, opacity: 0.18 })];
      });
    series[0].markLine = limitLines(c, limits(sweep, metric, about.measured()), unit.by);
    const log = chosen.scale === 'log' && !isWords(sweep, chosen) ? logAxis(c, list.flatMap((line) =>
      rowsOf(line).map((row) => row[1])), limits(sweep, metric, about.measured()).map((one) =>
      one.limit / unit.by), about.unit === 's', unit.name) : null;
    if (log !== null) {
      cutBelow(series, log.least);
    }
    const time = about.unit === 's' ? clock(most, 5) : null;
    const step = time && most > 0 ? time.interval : undefined;
    return {
      grid: { ...GRID, top: list.length > 1 ? 60 : 36, right: 38 },
      legend: legend(c, { show: list.length > 1, ...(isWords(sweep, chosen) ? { icon: 'roundRect' } : {}) }),
      tooltip: {
        trigger: 'axis',
        formatter: (params) => {
          const at = params[0].dataIndex;
          return tip(`${key.path} = ${key.values[at]}`, params
            .filter((p) => p.seriesId.startsWith('line')).map((p) => {
              const point = list[Number(p.seriesId.slice(4))].points[at];
              const [mean, low, high] = figures(sweep, point, metric);
              return [p.color, list.length > 1 ? p.seriesName : about.label,
                quantity(mean, about.unit) + (low === null ? ''
                  : ` (${quantity(low, about.unit)} to ${quantity(high, about.unit)})`)];
            }));
        },
      },
      xAxis: axis,
      yAxis: log?.axis ?? valueAxis(c, time ? time.unit : unit.name, time
        ? { axisLabel: { color: c.muted, formatter: time.text }, interval: step,
          max: step && Math.ceil(most / step) * step } : {}),
      series,
    };
  };
}

function heatOption(sweep, chosen, metric, about) {
  return (c) => {
    const list = lines(sweep, chosen);
    const cells = list.flatMap((line, y) => line.points.map((point, x) => ({
      value: [x, y, figures(sweep, point, metric)[0]],
    }))).filter((cell) => cell.value[2] !== null);
    const values = cells.map((cell) => cell.value[2]);
    const low = values.reduce((a, b) => Math.min(a, b), Infinity);
    const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    for (const cell of cells) {
      cell.label = { color: onRamp(high > low ? (cell.value[2] - low) / (high - low) : 0) };
    }
    const category = (key) => ({
      type: 'category', data: key.values, name: key.path, nameTextStyle: { color: c.muted },
      axisLabel: { color: c.muted, hideOverlap: true }, axisTick: { show: false },
      axisLine: { lineStyle: { color: c.axis } },
    });
    return {
      grid: { ...GRID, top: 36, bottom: 92, right: 24 },
      tooltip: { trigger: 'item', formatter: (p) => tip(
        `${sweep.keys[chosen.x].values[p.value[0]]}, ${sweep.keys[chosen.by].values[p.value[1]]}`,
        [[p.color, about.label, quantity(p.value[2], about.unit)]]) },
      xAxis: { ...category(sweep.keys[chosen.x]), nameLocation: 'middle', nameGap: 32 },
      yAxis: { ...category(sweep.keys[chosen.by]),
        nameTextStyle: { color: c.muted, align: 'left', padding: [0, 0, 0, -24] } },
      visualMap: { type: 'continuous', min: low, max: high > low ? high : low + 1, calculable: false,
        orient: 'horizontal', left: 'center', bottom: 4, itemHeight: 160, itemWidth: 12,
        textStyle: { color: c.text },
        text: [quantity(high, about.unit), quantity(low, about.unit)],
        inRange: { color: [0, 0.25, 0.5, 0.75, 1].map(ramp) } },
      series: [{ type: 'heatmap', name: about.label, data: cells,
        itemStyle: { borderColor: c.panel, borderWidth: 1 },
        label: { show: cells.length <= 150, fontSize: 12, textBorderWidth: 0,
          formatter: (p) => quantity(p.value[2], about.unit) } }],
    };
  };
}

/* ---- One scenario, and nothing but its seeds ---- */

function areSeeds(sweep, metric) {
  return sweep.points.length === 1 && (sweep.points[0].seeds[metric] ?? []).length > 1;
}

function holds({ op, limit }, value) {
  return { '<': value < limit, '<=': value <= limit, '>': value > limit, '>=': value >= limit }[op] ??
    value === limit;
}

function unseen(data, more = {}) {
  return { type: 'line', silent: true, symbol: 'none', lineStyle: { opacity: 0 }, data, ...more };
}

/* A dot a seed, a triangle where a limit is missed: the spread is what is asked for, so the axis need
 * not begin at nothing. */
function seedOption(sweep, metric, about) {
  return (c) => {
    const [point] = sweep.points;
    const values = point.seeds[metric];
    const known = values.filter((value) => value !== null);
    const [mean, low, high] = figures(sweep, point, metric);
    const near = limits(sweep, metric, about.measured());
    const all = [...known, ...near.map((one) => one.limit)];
    const [least, most] = [Math.min(...all), Math.max(...all)];
    const unit = axisUnit(most, about.unit);
    const time = about.unit === 's' ? clock(most, 5) : null;
    const fine = time !== null && most - least < FINE ? 's' : null;
    const style = nth(0);
    return {
      grid: { ...GRID, top: 36, right: 38 }, legend: legend(c, { show: false }),
      tooltip: { trigger: 'item', formatter: (p) => tip(`seed ${p.name}`,
        [[p.color, about.label, quantity(values[p.dataIndex], about.unit)]]) },
      xAxis: { type: 'category', name: 'seed', nameLocation: 'middle', nameGap: 32,
        nameTextStyle: { color: c.muted }, axisLabel: { color: c.muted, hideOverlap: true },
        axisLine: { lineStyle: { color: c.axis }, onZero: false },
        data: values.map((value, i) => String(BigInt(sweep.seed) + BigInt(i))) },
      yAxis: valueAxis(c, fine ?? time?.unit ?? unit.name, { min: null, scale: true, minInterval:
        fine === null && time !== null ? 1 : 0,
        ...(time && fine === null ? { axisLabel: { color: c.muted, formatter: time.text } } : {}) }),
      series: [{
        type: 'line', name: about.label, symbol: 'circle', symbolSize: 8, showSymbol: true,
        showAllSymbol: true, lineStyle: { opacity: 0 }, itemStyle: { color: style.color, opacity: 1 },
        z: 3, data: values.map((value) => (value === null ? '-' : { value: value / unit.by,
          ...(near.every((one) => holds(one, value)) ? {}
            : { symbol: 'triangle', symbolSize: 11, itemStyle: { color: c.red, opacity: 1 } }) })),
        markLine: { symbol: 'none', silent: true, data: [
          { yAxis: mean / unit.by, lineStyle: { color: c.text, type: 'solid', width: 1.5 },
            label: { color: c.text, position: 'insideStartTop', formatter: 'mean' } },
          ...limitLines(c, near, unit.by)?.data.map((one) => ({ ...one,
            lineStyle: { color: c.red, type: 'dashed', width: 1.5 } })) ?? []] },
      }, unseen([least / unit.by, most / unit.by]), /* room for limits */
      ...(low === null ? [] : [unseen(values.map(() => low / unit.by), { stack: 'sure' }),
        unseen(values.map(() => (high - low) / unit.by), { stack: 'sure',
          areaStyle: { color: style.color, opacity: 0.18 } })])],
    };
  };
}

function seedSummary(sweep, metric, about) {
  const [point] = sweep.points;
  const known = point.seeds[metric].filter((value) => value !== null);
  const [mean, , high] = figures(sweep, point, metric);
  if (known.length === 0) {
    return 'No run gave this figure.';
  }
  const [least, most] = [Math.min(...known), Math.max(...known)];
  return least === most ? `${quantity(most, about.unit)} with every seed.`
    : `From ${quantity(least, about.unit)} to ${quantity(most, about.unit)} over ` +
      `${counted(known.length, 'seed')}; the mean is ${quantity(mean, about.unit)}` +
      (high === null ? '.' : ` \u00b1 ${quantity(high - mean, about.unit)}, which the band shows (95 % ` +
        'confidence).');
}

function summary(sweep, chosen, metric, about) {
  if (areSeeds(sweep, metric)) {
    return seedSummary(sweep, metric, about);
  }
  const all = lines(sweep, chosen).flatMap((line) => line.points.map((point, i) =>
    [figures(sweep, point, metric)[0], sweep.keys[chosen.x].values[i], line.name]))
    .filter(([value]) => value !== null).sort((a, b) => a[0] - b[0]);
  if (all.length === 0) {
    return 'No run gave this figure.';
  }
  const where = ([value, x, line]) => `${quantity(value, about.unit)} at ${sweep.keys[chosen.x].name} ` +
    `= ${x}${chosen.by >= 0 ? `, ${line}` : ''}`;
  const most = all[all.length - 1];
  return all[0][0] === most[0] ? `${quantity(most[0], about.unit)} everywhere.`
    : `From ${where(all[0])} to ${where(most)}.` +
      (sweep.repeat > 1 && metric < sweep.metrics.length && chosen.as === 'lines'
        ? ` The ${isWords(sweep, chosen) ? 'whisker' : 'band'} is the 95 % confidence of the mean.` : '');
}

function metricTable(sweep, metric, about) {
  return {
    columns: [...sweep.keys.map((key) => key.path), { name: 'runs', number: true },
      { name: `mean${about.unit ? ` (${about.unit})` : ''}`, number: true },
      { name: '95 % low', number: true }, { name: '95 % high', number: true }],
    rows: sweep.points.map((point) => [...point.at.map((at, i) => sweep.keys[i].values[at]),
      count(point.runs), ...figures(sweep, point, metric).map((v) => (v === null ? '' : axisNumber(v)))]),
  };
}

function addMetric(parent, sweep, chosen, metric) {
  const about = metric < sweep.metrics.length ? { ...sweep.metrics[metric] }
    : { label: 'Runs that met every threshold', unit: '%', name: 'met' };
  about.measured = () => lines(sweep, chosen).flatMap((line) => line.points).reduce((max, point) =>
    figures(sweep, point, metric).reduce((a, b) => Math.max(a, b ?? 0), max), 0);
  about.most = () => limits(sweep, metric, about.measured())
    .reduce((max, one) => Math.max(max, one.limit), about.measured());
  const title = about.label || about.name;
  return addFigure(parent, {
    id: `sweep-${metric}`, title: title.charAt(0).toUpperCase() + title.slice(1),
    height: () => (chosen.as === 'heat'
      ? Math.max(300, sweep.keys[chosen.by].values.length * 34 + 170) : undefined),
    option: (c, width) => (areSeeds(sweep, metric) ? seedOption(sweep, metric, about)(c, width)
      : (chosen.as === 'heat' && chosen.by >= 0 ? heatOption : lineOption)(sweep, chosen, metric,
        about)(c, width)),
    summary: () => summary(sweep, chosen, metric, about),
    table: () => metricTable(sweep, metric, about),
  });
}

export function sweepPage(parent, view) {
  const { sweep } = view;
  const { keys } = sweep;
  const chosen = choices(sweep);
  const shown = [];
  const bar = el('div', { class: 'controls' });
  const update = () => shown.forEach((figure) => figure.update());
  /* Made anew when a choice changes what may be chosen; who came by keyboard stays where he was. */
  const controls = () => {
    const nameOf = (node) => node.getAttribute('aria-label') ?? node.textContent;
    const held = bar.contains(document.activeElement) ? nameOf(document.activeElement) : null;
    makeControls();
    [...bar.querySelectorAll('select, button')].find((node) => nameOf(node) === held)?.focus();
  };
  const makeControls = () => {
    const others = keys.map((key, i) => i).filter((i) => i !== chosen.x);
    bar.replaceChildren(...(keys.length < 2 ? [] : [
      select('Along the axis', keys.map((key, i) => [String(i), key.path]), String(chosen.x), (value) => {
        const was = chosen.x;
        chosen.x = Number(value);
        chosen.by = chosen.by === chosen.x ? was : chosen.by;
        controls();
        update();
      }),
      select(isWords(sweep, chosen) ? 'One bar each' : 'One line each', others.map((i) => [String(i), keys[i].path]), String(chosen.by), (value) => {
        chosen.by = Number(value);
        controls();
        update();
      }),
      ...others.filter((i) => i !== chosen.by).map((i) => select(keys[i].path,
        keys[i].values.map((value, at) => [String(at), value]), String(chosen.fixed[i]), (value) => {
          chosen.fixed[i] = Number(value);
          update();
        }))]), ...(isWords(sweep, chosen) || chosen.as === 'heat' ? []
      : [toggle('Scale', [['linear', 'linear'], ['log', 'logarithmic']], chosen.scale, (value) => {
        chosen.scale = value;
        update();
      })]), ...(keys.length < 2 ? [] : [toggle('Drawn as', [['lines', isWords(sweep, chosen) ? 'bars' : 'lines'], ['heat', 'heat map']], chosen.as, (value) => {
        chosen.as = value;
        controls();
        update();
      })]));
  };
  controls();
  parent.append(el('h1', {}, view.title), el('p', { class: 'subtitle' },
    (sweep.points.length === 1 ? `${count(sweep.runs)} runs, each with a seed of its own`
      : `${count(sweep.runs)} runs, ${count(sweep.points.length)} combinations of ` +
        `${keys.map((key) => key.path).join(', ')}, ${count(sweep.repeat)} of each`) +
    (sweep.failed > 0 ? `; ${count(sweep.failed)} runs failed and are left out` : '')));
  sweepHead(parent, sweep);
  const node = section(parent, sweep.points.length > 1 ? 'Over the varied keys' : 'Over the seeds', { short: 'Figures' });
  node.append(bar);
  for (let metric = 0; metric <= sweep.metrics.length; metric += 1) {
    if (metric < sweep.metrics.length ||
        (sweep.points.length > 1 && sweep.points.some((point) => point.all_met != null))) {
      shown.push(addMetric(node, sweep, chosen, metric));
    }
  }
}
