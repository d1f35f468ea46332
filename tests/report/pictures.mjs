/* pictures.mjs -- makes the README's pictures of reports (analysis/report/pictures) anew:
 *
 *   PFSIM=build/release/analysis/pfsim DRIVER=build/release/tests/report SCENARIOS=scenarios \
 *     node tests/report/pictures.mjs analysis/report/pictures */
import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { closeClean, openPage, startBrowser } from './browser.mjs';

const WIDTH = 1120;
const SIZE_MAX = 150000; /* bytes: a README is read on telephones too */

const out = process.argv[2] ?? '.';
process.env.DRIVER = resolve(process.env.DRIVER);
const browser = await startBrowser();

function pfsim(folder, command, scenario, ...words) {
  const dir = join(browser.work, folder);
  const { status, stderr } = spawnSync(process.env.PFSIM, [command,
    join(process.env.SCENARIOS, scenario), '--world', 'virtual', '--quiet', '--out', dir, ...words],
  { encoding: 'utf8' });
  if (status !== 0 && status !== 1) { /* 1: a phone failed, which makes a good picture */
    throw new Error(`pfsim ${command} ${scenario} ended with ${status}: ${stderr}`);
  }
  return join(dir, 'report.html');
}

/* Pictures of parts of a report: [name, selector], after `act` on the page. */
async function shoot(file, pictures, dark = false) {
  const opened = await openPage(browser, { file, width: WIDTH, dark });
  for (const [name, selector] of pictures) {
    const path = join(out, `${name}.png`);
    await opened.page.locator(selector).first().screenshot({ path, style: '.top { display: none; }' });
    console.log(`${path}: ${statSync(path).size} bytes`);
    if (statSync(path).size > SIZE_MAX) {
      throw new Error(`${path} is too big`);
    }
  }
  await closeClean(opened);
}

try {
  mkdirSync(out, { recursive: true });
  await shoot(pfsim('compare', 'compare', 'demo.json'),
    [['compare', 'section:has(#compare-completion)']]);
  await shoot(pfsim('run', 'run', 'dead-parent.json'),
    [['timeline', 'figure:has(#run-gantt)'], ['tree', 'figure:has(#run-trees)']]);
  await shoot(pfsim('sweep', 'sweep', 'branch-t1.json', '--vary', 'sites[0].wan.rate=384 kbit/s..3072 kbit/s x2',
    '--vary', 'method=traditional,pfs,load-server', '--repeat', '5'), [['sweep', 'figure:has(#sweep-0)']], true);
} finally {
  await browser.stop();
}
