/* gantt.js -- what every phone did when: one row a phone, one bar a phase. */
import { legend, timeAxis } from './curves.js';
import { graphic } from './echarts.js';
import { addFigure, tip } from './figure.js';
import { phaseColour } from './theme.js';
import { clock, seconds } from './units.js';

const ROW = 17;          /* pixels a phone, while they fit */
const LETTER = 6.6;      /* pixels, about */
const HEIGHT_MAX = 640;
const INSIDE_FROM = 700; /* narrower than this a finger must scroll the page, not the chart */

/* All bars of a phase are one shape: a timeline has tens of thousands of them, and an element each
 * would take seconds. `shape.bars`: x, y, width, height of one after another. */
graphic.registerShape('bars', graphic.extendShape({
  shape: { bars: [] },
  buildPath(path, { bars }) {
    for (let i = 0; i < bars.length; i += 4) {
      path.rect(bars[i], bars[i + 1], bars[i + 2], bars[i + 3]);
    }
  },
}));

/* `list`: [phone, from, to] of a phase. */
function phaseShape(color, rows, list) {
  return (params, api) => {
    const { x, y, width, height } = params.coordSys;
    const [left, top] = api.coord([0, 0]); /* both axes are linear: two points tell all */
    const [right, bottom] = api.coord([1, 1]);
    const perSecond = right - left;
    const perPhone = bottom - top;
    const thick = Math.max(perPhone * (rows > 60 ? 1 : 0.76), 1);
    const bars = [];
    for (const [phone, from, to] of list) {
      const middle = top + phone * perPhone;
      const start = Math.max(left + from * perSecond, x);
      const end = Math.min(left + to * perSecond, x + width);
      if (end >= x && start <= x + width && middle > y && middle < y + height) {
        const above = Math.floor(middle - thick / 2); /* whole pixels: no stripes between rows */
        bars.push(start, above, Math.max(end - start, 0.6),
          Math.max(Math.ceil(middle + thick / 2) - above, 1));
      }
    }
    return { type: 'bars', shape: { bars }, style: { fill: color } };
  };
}

function zooms(c, width) {
  const slider = {
    type: 'slider', borderColor: c.line, fillerColor: 'rgba(128,144,168,0.25)',
    textStyle: { color: c.muted }, handleStyle: { color: c.panel, borderColor: c.axis },
    moveHandleStyle: { color: c.axis }, brushSelect: false, showDetail: false,
    showDataShadow: false,
  };
  const list = [
    { ...slider, id: 'time', xAxisIndex: 0, bottom: 6, height: 18, filterMode: 'none' },
    { ...slider, id: 'phones', yAxisIndex: 0, right: 2, width: 16, filterMode: 'none' },
  ];
  if (width >= INSIDE_FROM) {
    list.push({ type: 'inside', xAxisIndex: 0, zoomOnMouseWheel: 'ctrl', moveOnMouseMove: true,
      filterMode: 'none' });
  }
  return list;
}

export function gantt(parent, id, run) {
  const g = run.gantt;
  const name = (phone) => g.phones.phone[phone];
  const site = (phone) => g.sites[g.phones.site[phone]] ?? '';
  const model = (phone) => g.models[g.phones.model[phone]] ?? '';
  const file = (at) => (g.bars.file[at] >= 0 ? g.files[g.bars.file[at]] : '');
  const rows = () => g.phones.phone.length;
  const end = () => g.bars.to.reduce((max, to) => Math.max(max, to ?? 0), 0);
  const byPhase = () => {
    const lists = g.names.map(() => []);
    g.bars.phase.forEach((phase, at) => lists[phase].push(
      [g.bars.phone[at], g.bars.from[at], g.bars.to[at] ?? end()]));
    return lists;
  };
  const ofPhone = g.phones.phone.map(() => []); /* its bars, in order of time */
  g.bars.phone.forEach((phone, at) => ofPhone[phone].push(at));
  ofPhone.forEach((list) => list.sort((a, b) => g.bars.from[a] - g.bars.from[b]));
  const tell = (at) => {
    const [phone, from, to] = [g.bars.phone[at], g.bars.from[at], g.bars.to[at] ?? end()];
    return tip(`${name(phone)}, ${site(phone)}`, [
      [phaseColour(g.names[g.bars.phase[at]], g.bars.phase[at]), g.names[g.bars.phase[at]],
        seconds(to - from)],
      ...(file(at) ? [[null, 'file', file(at)]] : []),
      [null, 'from', seconds(from)], [null, 'to', seconds(to)], [null, 'model', model(phone)],
      [null, 'in the end', g.phones.outcome[phone]],
    ]);
  };
  let picked = null; /* the bar that the keyboard stands on */
  let pointer = [0, 0];
  const under = (phase) => {
    const [t, row] = figure.chart().convertFromPixel({ gridIndex: 0 }, pointer);
    const away = (at) => Math.max(g.bars.from[at] - t, t - (g.bars.to[at] ?? end()), 0);
    return (ofPhone[Math.round(row)] ?? []).filter((at) => g.names[g.bars.phase[at]] === phase)
      .reduce((best, at) => (best === null || away(at) < away(best) ? at : best), null);
  };
  /* Ticks that people count in, of what the slider shows; `width` of the chart. */
  const ticks = (width, from = 0, to = end()) => {
    const step = clock(to - from, Math.max(2, Math.floor((width - 120) / 90))).interval;
    const first = Math.ceil(from / step);
    return to > from
      ? Array.from({ length: Math.floor(to / step) - first + 1 }, (unused, i) => (first + i) * step) : [0];
  };
  const option = (c, width) => {
    const labels = g.phones.phone.map((phone, i) => (g.sites.length > 1 ? `${phone} ${site(i)}` : phone));
    const room = Math.min(width < 600 ? 84 : 180,
      labels.reduce((max, label) => Math.max(max, label.length), 0) * LETTER + 6);
    const time = timeAxis(c, end(), width - 120, 'time since the run began');
    return {
      grid: { top: c.paper ? 62 : 44, right: 28, bottom: c.paper ? 46 : 78, left: room + 10 },
      legend: legend(c, { icon: 'roundRect' }),
      dataZoom: c.paper ? [] : zooms(c, width),
      tooltip: {
        trigger: 'item',
        formatter: (p) => {
          const at = picked ?? under(p.seriesName);
          return at === null ? '' : tell(at);
        },
      },
      xAxis: { ...time, interval: undefined, splitLine: { show: true, lineStyle: { color: c.line } },
        axisTick: { customValues: ticks(width) },
        axisLabel: { ...time.axisLabel, showMaxLabel: null, customValues: ticks(width) } },
      yAxis: {
        type: 'category', inverse: true, data: labels,
        axisLabel: { color: c.muted, fontSize: 11, lineHeight: 16, width: room, overflow: 'truncate',
          hideOverlap: true },
        axisTick: { show: false }, axisLine: { lineStyle: { color: c.axis } },
      },
      series: byPhase().map((list, phase) => {
        const color = phaseColour(g.names[phase], phase);
        return {
          type: 'custom', name: g.names[phase], data: list.length > 0 ? [[0, 0]] : [], itemStyle: { color },
          renderItem: phaseShape(color, rows(), list), encode: { x: 0, y: 1 },
          emphasis: { disabled: true },
        };
      }).filter((series) => series.data.length > 0),
    };
  };
  const figure = addFigure(parent, {
    id, title: 'What each phone did, and when', option, canvas: true,
    height: () => Math.min(HEIGHT_MAX, Math.max(260, rows() * ROW + 130)),
    summary: () => `${g.how} One row a phone, one colour a phase; a click on a phase in the legend ` +
      'hides it, the sliders zoom.',
    table: () => {
      const time = clock(0); /* seconds: these are figures to copy */
      return {
        columns: ['phone', 'site', 'model', 'phase', 'file', { name: 'from (s)', number: true },
          { name: 'to (s)', number: true }],
        rows: g.bars.phone.map((phone, at) => [name(phone), site(phone), model(phone),
          g.names[g.bars.phase[at]], file(at), time.text(g.bars.from[at]),
          g.bars.to[at] == null ? '' : time.text(g.bars.to[at])]),
      };
    },
    ready: (chart) => {
      chart.getZr().on('mousemove', (event) => {
        picked = null;
        pointer = [event.offsetX, event.offsetY];
      });
      chart.on('datazoom', () => {
        const { start, end: stop } = chart.getOption().dataZoom[0];
        const customValues = ticks(chart.getWidth(), end() * start / 100, end() * stop / 100);
        chart.setOption({ xAxis: { axisTick: { customValues }, axisLabel: { customValues } } });
      });
    },
    /* Rows are phones, and the points of a row its bars. */
    rows: () => ofPhone.map((list) => list.length),
    point: (row, i) => {
      const at = ofPhone[row][i];
      picked = at;
      const middle = (g.bars.from[at] + (g.bars.to[at] ?? end())) / 2;
      const [x, y] = figure.chart().convertToPixel({ gridIndex: 0 }, [middle, row]);
      return { x, y, told: tell(at) };
    },
  });
  return figure;
}
