// node screenshot.mjs URL OUT.png [--dark] [--size WxH] [--run 'JavaScript run in the page first']
// Prints the page's faults, if any, and then exits 1.

import { drawn, launch, open } from './browser.mjs';

const [url, out, ...rest] = process.argv.slice(2);
const option = (name) => rest.includes(name) ? rest[rest.indexOf(name) + 1] : null;
if (!url || !out) {
    console.error('usage: node screenshot.mjs URL OUT.png [--dark] [--size WxH] [--run JAVASCRIPT]');
    process.exit(2);
}
const [width, height] = (option('--size') || '1440x900').split('x').map(Number);
const browser = await launch();
const { page, faults } = await open(browser, {
    viewport: { width, height }, colorScheme: rest.includes('--dark') ? 'dark' : 'light'
});
await page.goto(url);
await drawn(page);
if (option('--run')) {
    await page.evaluate(`(async () => { ${option('--run')} })()`);
    await page.waitForTimeout(700);
}
await page.screenshot({ path: out });
await browser.close();
faults.forEach((fault) => console.error(fault));
process.exit(faults.length > 0 ? 1 : 0);
