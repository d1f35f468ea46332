/* times.js -- how long each file took, from peers and from the server: 5th to 95th percentile. */
import { GRID, legend } from './curves.js';
import { addFigure, tip } from './figure.js';
import { bytes, clock, clockDecades, count, seconds } from './units.js';

const WAYS = [['peer', 'from a peer', 'green'], ['server', 'from the server', 'orange']];

/* value: [file, p5, p50, p95, max]. A bar from p5 to p95, a mark at the median, a dot at the most. */
function range(color, text, offset) {
  return (params, api) => {
    const y = api.coord([api.value(1), api.value(0)])[1] + offset;
    const x = (at) => api.coord([api.value(at), api.value(0)])[0];
    const [low, mid, high, max] = [x(1), x(2), x(3), x(4)];
    return {
      type: 'group',
      children: [
        { type: 'line', shape: { x1: high, y1: y, x2: max, y2: y }, style: { stroke: color, lineWidth: 1.5 } },
        { type: 'rect', shape: { x: low, y: y - 6, width: Math.max(high - low, 2), height: 12, r: 2 },
          style: { fill: color } },
        { type: 'rect', shape: { x: mid - 1.5, y: y - 8, width: 3, height: 16 }, style: { fill: text } },
        { type: 'circle', shape: { cx: max, cy: y, r: 3 }, style: { fill: color, stroke: text } },
      ],
    };
  };
}

export function fileTimes(parent, id, run) {
  const { files } = run;
  const all = files.flatMap((file) => WAYS.map(([way]) => file[way])).filter((t) => t != null);
  const low = all.reduce((min, t) => Math.min(min, t.p5), Infinity);
  const high = all.reduce((max, t) => Math.max(max, t.max), 0);
  const log = low > 0 && high / low > 30;
  const decades = log ? clockDecades(low, high) : null;
  const option = (c, width) => ({
    grid: { ...GRID, top: 36, right: 24 }, legend: legend(c, { icon: 'roundRect' }),
    tooltip: {
      trigger: 'item',
      formatter: (p) => {
        const file = files[p.value[0]];
        const t = file[WAYS.find(([, name]) => name === p.seriesName)[0]];
        return tip(file.file, [[p.color, p.seriesName, `${count(t.count)} transfers`],
          [null, 'size', bytes(file.size)], [null, '5 % within', seconds(t.p5)],
          [null, 'median', seconds(t.p50)], [null, '95 % within', seconds(t.p95)],
          [null, 'longest', seconds(t.max)]]);
      },
    },
    xAxis: {
      type: log ? 'log' : 'value',
      ...(log ? { min: decades.ticks[0], max: decades.ticks[decades.ticks.length - 1] } : {}),
      axisTick: { customValues: log ? decades.ticks : undefined },
      name: `time of one transfer (${log ? 'logarithmic' : clock(high).unit})`,
      nameLocation: 'middle', nameGap: 30, nameTextStyle: { color: c.muted },
      axisLabel: { color: c.muted, formatter: log ? decades.text : clock(high).text, hideOverlap: true,
        customValues: log ? decades.ticks : undefined },
      splitLine: { lineStyle: { color: c.line } },
    },
    yAxis: {
      type: 'category', inverse: true, data: files.map((file) => file.file),
      axisLabel: { color: c.text, width: width < 600 ? 110 : 200, overflow: 'truncate' },
      axisTick: { show: false }, axisLine: { lineStyle: { color: c.axis } },
    },
    series: WAYS.map(([way, name, hue], at) => ({
      type: 'custom', name, itemStyle: { color: c[hue] }, encode: { x: [1, 2, 3, 4], y: 0 },
      renderItem: range(c[hue], c.text, at === 0 ? -10 : 10),
      data: files.map((file, i) => [i, file[way]])
        .filter(([, t]) => t != null).map(([i, t]) => [i, t.p5, t.p50, t.p95, t.max]),
    })).filter((series) => series.data.length > 0),
  });
  return addFigure(parent, {
    id, title: 'Time per file', option, height: () => Math.max(200, files.length * 46 + 100),
    summary: () => 'Bar: from the 5th to the 95th percentile of the finished transfers; mark: the ' +
      'median; dot: the longest.',
    table: () => ({
      columns: ['file', 'from', { name: 'transfers', number: true }, { name: '5 %', number: true },
        { name: 'median', number: true }, { name: '95 %', number: true },
        { name: 'longest', number: true }, { name: 'size', number: true }],
      rows: files.flatMap((file) => WAYS.filter(([way]) => file[way] != null).map(([way, name]) =>
        [file.file, name.replace('from ', ''), count(file[way].count), seconds(file[way].p5),
          seconds(file[way].p50), seconds(file[way].p95), seconds(file[way].max),
          bytes(file.size)])),
    }),
  });
}
