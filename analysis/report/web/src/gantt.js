/* gantt.js -- what every phone did when: one row a phone, one bar a phase. */
import { GRID, legend, timeAxis } from './curves.js';
import { addFigure, tip } from './figure.js';
import { phaseColour } from './theme.js';
import { clock, count, seconds } from './units.js';

const ROW = 17;          /* pixels a phone, while they fit */
const HEIGHT_MAX = 640;
const INSIDE_FROM = 700; /* narrower than this a finger must scroll the page, not the chart */

function bar(color, rows) {
  return (params, api) => {
    const start = api.coord([api.value(1), api.value(0)]);
    const end = api.coord([api.value(2), api.value(0)]);
    const thick = Math.max(api.size([0, 1])[1] * (rows > 60 ? 1 : 0.76), 1);
    const top = Math.round(start[1] - thick / 2); /* whole pixels: no stripes between thin rows */
    return {
      type: 'rect', style: { fill: color },
      shape: { x: start[0], y: top, width: Math.max(end[0] - start[0], 0.6),
        height: Math.max(Math.round(start[1] + thick / 2) - top, 1) },
    };
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
    { ...slider, id: 'time', xAxisIndex: 0, bottom: 6, height: 18, filterMode: 'weakFilter' },
    { ...slider, id: 'phones', yAxisIndex: 0, right: 2, width: 16, filterMode: 'weakFilter' },
  ];
  if (width >= INSIDE_FROM) {
    list.push({ type: 'inside', xAxisIndex: 0, zoomOnMouseWheel: 'ctrl', moveOnMouseMove: true,
      filterMode: 'weakFilter' });
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
      [g.bars.phone[at], g.bars.from[at], g.bars.to[at] ?? end(), at]));
    return lists;
  };
  const option = (c, width) => {
    const time = timeAxis(c, end(), width - 120, 'time since the run began');
    return {
      grid: { ...GRID, top: c.paper ? 62 : 44, right: 28, bottom: c.paper ? 30 : 62 },
      legend: legend(c, { icon: 'roundRect' }),
      dataZoom: c.paper ? [] : zooms(c, width),
      tooltip: {
        trigger: 'item',
        formatter: (p) => {
          const [phone, from, to, at] = p.value;
          return tip(`${name(phone)}, ${site(phone)}`, [
            [p.color, p.seriesName, seconds(to - from)],
            ...(file(at) ? [[null, 'file', file(at)]] : []),
            [null, 'from', seconds(from)], [null, 'to', seconds(to)],
            [null, 'model', model(phone)], [null, 'in the end', g.phones.outcome[phone]],
          ]);
        },
      },
      xAxis: { ...time, interval: undefined, splitLine: { show: true, lineStyle: { color: c.line } },
        axisLabel: { ...time.axisLabel } },
      yAxis: {
        type: 'category', inverse: true, data: g.phones.phone.map((phone, i) =>
          (g.sites.length > 1 ? `${phone} ${site(i)}` : phone)),
        axisLabel: { color: c.muted, fontSize: 11, lineHeight: 16, width: width < 600 ? 78 : 150, overflow: 'truncate',
          hideOverlap: true },
        axisTick: { show: false }, axisLine: { lineStyle: { color: c.axis } },
      },
      series: byPhase().map((data, phase) => {
        const color = phaseColour(g.names[phase], phase);
        return {
          type: 'custom', name: g.names[phase], data, clip: true, itemStyle: { color },
          renderItem: bar(color, rows()), encode: { x: [1, 2], y: 0 }, progressive: 0, /* print waits for nobody */
          emphasis: { disabled: true },
        };
      }).filter((series) => series.data.length > 0),
    };
  };
  return addFigure(parent, {
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
    note: g.of > rows() ? `${count(rows())} of ${count(g.of)} phones are shown.` : null,
  });
}
