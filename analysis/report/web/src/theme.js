/* theme.js -- colours. One colour means one thing on the whole page, light or dark; no two that
 * stand side by side differ in hue alone (the set of Okabe and Ito, darkened or lightened until it
 * stands out from the page). */

const LIGHT = {
  text: '#1d2430', muted: '#566070', line: '#d5dae2', axis: '#8a94a3', panel: '#ffffff',
  blue: '#0069b4', orange: '#c26a00', green: '#008a63', purple: '#9b4f96', sky: '#3f9fd8',
  yellow: '#d9bf1c', red: '#b3202e', brown: '#7d5a3a', tan: '#c8a882', grey: '#9aa4b2',
  slate: '#66727f', pale: '#d7dce3', mint: '#9ed6c0', navy: '#34507a', violet: '#b48bd0',
};
const DARK = {
  text: '#e8ebf0', muted: '#a8b1bf', line: '#363e4a', axis: '#6f7a89', panel: '#1a1f27',
  blue: '#56a8ea', orange: '#f0a33c', green: '#2fc194', purple: '#d595cf', sky: '#8fd0f5',
  yellow: '#efdc5a', red: '#ff7a80', brown: '#b38c66', tan: '#dcc3a0', grey: '#7d8796',
  slate: '#98a4b3', pale: '#454e5b', mint: '#5f8f7e', navy: '#8ea9d4', violet: '#b795d6',
};

const METHODS = { pfs: 'blue', traditional: 'orange', 'load-server': 'purple' };
const PHASES = {
  off: 'pale', booting: 'grey', configuring: 'slate', electing: 'violet', waiting: 'yellow',
  'from a peer': 'green', 'from the server': 'orange', verifying: 'sky', 'serving others': 'mint',
  applying: 'brown', rebooting: 'tan', 'in service': 'navy', failed: 'red',
};
const OTHERS = ['blue', 'orange', 'green', 'purple', 'sky', 'brown', 'slate', 'yellow'];
const DASHES = ['solid', 'dashed', 'dotted', [10, 3, 2, 3]];

let forced = null; /* 'light' or 'dark': chosen by the reader; 'paper': being printed */
const listeners = new Set();
const query = window.matchMedia('(prefers-color-scheme: dark)');

export function isDark() {
  return forced === null ? query.matches : forced === 'dark';
}

/* `paper`: nothing can be clicked. */
export function colours() {
  return isDark() ? { ...DARK, paper: false } : { ...LIGHT, paper: forced === 'paper' };
}

export function methodColour(method) {
  return colours()[METHODS[method] ?? 'green'];
}

export function phaseColour(name, index) {
  return colours()[PHASES[name] ?? OTHERS[index % OTHERS.length]];
}

/* Of a run among others: its method's, where methods tell them apart. */
export function runStyle(run) {
  return run.hue === null ? { color: methodColour(run.method), type: 'solid' } : nth(run.hue);
}

/* The n-th of several things without a colour of their own; dashes tell the rest apart. */
export function nth(index) {
  const c = colours();
  return { color: c[OTHERS[index % OTHERS.length]],
    type: DASHES[Math.floor(index / OTHERS.length) % DASHES.length] };
}

/* From 0 (early, little) to 1 (late, much): brightness alone tells them apart. */
export function ramp(share) {
  const stops = isDark()
    ? [[58, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]]
    : [[253, 205, 60], [80, 184, 110], [33, 120, 140], [68, 20, 100]];
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const mix = stops[low].map((value, i) =>
    Math.round(value + (stops[low + 1][i] - value) * (at - low)));
  return `rgb(${mix.join(',')})`;
}

/* What can be read on that colour. */
export function onRamp(share) {
  return (share < 0.5) === isDark() ? '#ffffff' : '#10141a';
}

export function onTheme(listener) {
  listeners.add(listener);
}

export function setTheme(name) {
  forced = name;
  if (name === null) {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = name;
  }
  for (const listener of listeners) {
    listener();
  }
}

/* What the reader sees now, to come back to after printing. */
export function chosenTheme() {
  return forced;
}

query.addEventListener('change', () => {
  if (forced === null) {
    setTheme(null);
  }
});
