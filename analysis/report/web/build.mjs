/* build.mjs -- the page of all reports, out of src/, style.css, page.html and ECharts.
 *
 *   node build.mjs --modules FOLDER/node_modules --out FOLDER
 *
 * Writes report_page.html (with the placeholder for the view in it, once), report_page.c (the same
 * as bytes for the program) and report_page.h to --out. Same sources, same bytes. Not here:
 * fetching the packages (install.cmake). */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const PLACEHOLDER = '<!--VIEW-->';
const here = dirname(fileURLToPath(import.meta.url));

function argument(name) {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0 || at + 1 >= process.argv.length) {
    throw new Error(`--${name} FOLDER is missing`);
  }
  return resolve(process.argv[at + 1]);
}

async function script(modules) {
  const esbuild = createRequire(join(modules, '..', 'package.json'))('esbuild');
  const result = await esbuild.build({
    entryPoints: [join(here, 'src/main.js')],
    nodePaths: [modules],
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2020',
    charset: 'ascii',
    legalComments: 'none', /* all licences stand at the top of the page */
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
    logLevel: 'warning',
  });
  /* Inside <script> only these two could end it, or begin a comment. */
  return result.outputFiles[0].text.trim()
    .replace(/<\/script/gi, '<\\/script').replace(/<!--/g, '<\\!--');
}

/* What the licences of the bundled packages ask for: notice, copyright, and the licence's text. */
function licences(modules) {
  const read = (file) => readFileSync(join(modules, file), 'utf8').trim();
  const version = (name) => JSON.parse(read(`${name}/package.json`)).version;
  const parts = [
    'This page is made by pfsim (MIT licence) and contains:',
    `Apache ECharts ${version('echarts')}, Apache License 2.0, http://www.apache.org/licenses/LICENSE-2.0\n` +
      read('echarts/NOTICE'),
    `ZRender ${version('zrender')}, BSD 3-Clause:\n${read('zrender/LICENSE')}`,
    `tslib ${version('tslib')}, 0BSD, Copyright (c) Microsoft Corporation.`,
    'd3-hierarchy (layout of trees, inside ECharts), BSD 3-Clause, Copyright 2010-2016 Mike Bostock.',
  ];
  return parts.join('\n\n').replace(/-->?/g, '- -');
}

function page(text, modules) {
  const css = readFileSync(join(here, 'style.css'), 'utf8').trim();
  const hash = createHash('sha256').update(text, 'utf8').digest('base64');
  const values = {
    SCRIPT_HASH: `sha256-${hash}`,
    LICENCES: licences(modules),
    STYLE: css,
    SCRIPT: text,
  };
  const out = readFileSync(join(here, 'page.html'), 'utf8')
    .replace(/\{\{([A-Z_]+)\}\}/g, (whole, name) => values[name]);
  if (out.split(PLACEHOLDER).length !== 2) {
    throw new Error(`the page must contain ${PLACEHOLDER} exactly once`);
  }
  return out;
}

/* One string literal a line; '?' is escaped since "??=" would be a trigraph. */
function cSource(bytes) {
  const lines = [
    '/* Made by analysis/report/web/build.mjs. */',
    '#include "report_page.h"',
    '',
    'const unsigned char analysis_report_page_bytes[] =',
  ];
  const escaped = { 9: '\\t', 10: '\\n', 34: '\\"', 63: '\\?', 92: '\\\\' };
  for (let i = 0; i < bytes.length; i += 4000) {
    let line = '';
    for (const byte of bytes.subarray(i, i + 4000)) {
      line += escaped[byte] ?? (byte >= 32 && byte < 127 ? String.fromCharCode(byte)
        : `\\${byte.toString(8).padStart(3, '0')}`);
    }
    lines.push(`"${line}"`);
  }
  lines.push(';', `const size_t analysis_report_page_len = ${bytes.length};`, '');
  return lines.join('\n');
}

const HEADER = `/* Made by analysis/report/web/build.mjs: the whole page of all reports, UTF-8. It holds the
 * placeholder ${PLACEHOLDER} exactly once. In its place belongs
 *   <script type="application/json" id="view">...</script>
 * with the view (view.h), every '<' in it escaped; a page whose placeholder was left alone asks
 * "events" (server-sent events) for its view. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include <stddef.h>

extern const unsigned char analysis_report_page_bytes[]; /* NUL-ended */
extern const size_t analysis_report_page_len;            /* without the NUL */

#endif /* REPORT_PAGE_H */
`;

const modules = argument('modules');
const out = argument('out');
const html = page(await script(modules), modules);
writeFileSync(join(out, 'report_page.html'), html);
writeFileSync(join(out, 'report_page.h'), HEADER);
writeFileSync(join(out, 'report_page.c'), cSource(Buffer.from(html, 'utf8')));
