/* units.js -- numbers as people read them: three digits and a unit. The same wording as the
 * program's own summaries. */

const NONE = '\u2013'; /* not known, did not happen */

const WHOLE = new Intl.NumberFormat('en-US'); /* making one is slow */

function known(value) {
  return typeof value === 'number' && Number.isFinite(value);
}

function digits(value) {
  const size = Math.abs(value);
  if (size >= 99.95 || Number.isInteger(value)) {
    return WHOLE.format(Math.round(value));
  }
  return String(Number(value.toFixed(size >= 9.995 ? 1 : 2)));
}

function scaled(value, units, base = 1000) {
  let size = value;
  let at = 0;
  while (Math.abs(size) >= base * 0.9995 && at + 1 < units.length) {
    size /= base;
    at += 1;
  }
  return `${digits(size)} ${units[at]}`;
}

export function count(value) {
  return known(value) ? WHOLE.format(Math.round(value)) : NONE;
}

/* "1 phone", "1,000 phones". */
export function counted(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

export function bytes(value) {
  return known(value) ? scaled(value, ['B', 'kB', 'MB', 'GB', 'TB', 'PB']) : NONE;
}

export function rate(value) {
  return known(value) ? scaled(value, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']) : NONE;
}

export function seconds(value) {
  if (!known(value)) {
    return NONE;
  }
  const size = Math.abs(value);
  if (size < 59.95) {
    return size > 0 && size < 0.9995
      ? scaled(value * 1e9, ['ns', 'us', 'ms']) : `${digits(value)} s`;
  }
  const whole = Math.round(size);
  const sign = value < 0 ? '-' : '';
  if (whole < 3600) {
    return `${sign}${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  const minutes = Math.round(size / 60);
  return `${sign}${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function times(value) {
  return known(value) ? `${value >= 9.995 ? digits(value) : value.toFixed(2)} \u00d7` : NONE;
}

/* In a sentence, as the terminal has it: "1.72", "30", "4560". */
export function factor(value) {
  return value >= 999.5 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

export function percent(share) {
  return known(share) ? `${digits(share * 100)} %` : NONE;
}

function rounded(value, most) {
  return Number(value.toPrecision(most)).toLocaleString('en-US');
}

/* A number whose unit is only known by name, as a sweep's metrics are. */
export function quantity(value, unit) {
  switch (unit) {
    case 's': return seconds(value);
    case 'B': case 'bytes': return bytes(value);
    case 'bit/s': return rate(value);
    case 'x': case '\u00d7': return times(value);
    case 'share': return percent(value);
    default: return known(value)
      ? `${Number.isInteger(value) ? WHOLE.format(value) : rounded(value, 4)}${unit ? ` ${unit}` : ''}`
      : NONE;
  }
}

/* How the time axis of a chart that ends at `end` seconds writes its times: what the axis says its
 * unit is, a formatter, and a distance of ticks that people count in. */
export function clock(end, ticks = 8) {
  const steps = [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120,
    300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  const wanted = end / ticks;
  const interval = steps.find((step) => step >= wanted) ?? Math.ceil(wanted / 86400) * 86400;
  const two = (value) => String(value).padStart(2, '0');
  const small = end > 0 && end < 1e-3 ? [1e6, 'us'] : end > 0 && end < 1 ? [1e3, 'ms'] : null;
  if (small !== null) {
    const [by, unit] = small;
    return { unit, interval, text: (t) => String(Number((t * by).toFixed(3))) };
  }
  if (end < 120) {
    return { unit: 's', interval, text: (t) => String(Number(t.toFixed(3))) };
  }
  if (end < 2 * 3600) {
    return {
      unit: 'min:s', interval,
      text: (t) => `${Math.floor(Math.round(t) / 60)}:${two(Math.round(t) % 60)}`,
    };
  }
  return {
    unit: 'h:min', interval,
    text: (t) => `${Math.floor(Math.round(t / 60) / 60)}:${two(Math.round(t / 60) % 60)}`,
  };
}

/* Ticks of a logarithmic axis of times from `low` to `high`, beyond both: powers of ten up to the
 * minute, then what people count in; and how they are written. */
export function clockDecades(low, high) {
  const steps = [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000, 360000, 3600000];
  const from = Math.max(0, steps.findLastIndex((step) => step <= low));
  const to = steps.findIndex((step) => step >= high);
  return {
    ticks: steps.slice(from, to < 0 ? steps.length : to + 1),
    text: (t) => (t >= 3600 ? `${count(t / 3600)} h` : t >= 60 ? `${t / 60} min` : seconds(t)),
  };
}

/* One unit for a whole axis: what to divide by, and the unit's name. */
export function axisUnit(max, unit) {
  if (unit === 'share') {
    return { by: 0.01, name: '%' };
  }
  const scales = { 'bit/s': ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'],
    B: ['B', 'kB', 'MB', 'GB', 'TB'] }[unit];
  if (scales === undefined) {
    return { by: 1, name: unit };
  }
  let by = 1;
  let at = 0;
  while (max / by >= 1000 && at + 1 < scales.length) {
    by *= 1000;
    at += 1;
  }
  return { by, name: scales[at] };
}

export function axisNumber(value) {
  return rounded(value, 6);
}
