// The page of `pthview report` in a real browser: it asks for nothing, and works.
//
//   node report_test.mjs --pthview BIN
//
// Every test also fails on any request but for the page itself, any console error, policy violation or uncaught error.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { launch, open } from './browser.mjs';

const binary = process.argv[process.argv.indexOf('--pthview') + 1];
if (!process.argv.includes('--pthview') || !existsSync(binary)) {
    console.error('usage: node report_test.mjs --pthview BIN');
    process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'pthview-report-'));
const here = dirname(fileURLToPath(import.meta.url));
const report = (name, ...options) => {
    const out = join(folder, `${name}.html`);
    execFileSync(binary, ['report', '-q', '--force', join(folder, name), '-o', out, ...options]);
    return out;
};

let browser = null;
before(async () => {
    execFileSync('python3', [join(here, 'make_files.py'), folder]);
    browser = await launch();
});
after(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
});

const shown = (name, file, body, options = {}) => test(name, async () => {
    const path = report(file);
    const { page, context, faults } = await open(browser, options);
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    try {
        await page.goto(pathToFileURL(path).href);
        await page.waitForSelector('html[data-report="drawn"]', { state: 'attached' });
        await body(page, path);
        assert.deepEqual(faults, []);
        assert.deepEqual(asked, [pathToFileURL(path).href]);
    } finally {
        await context.close();
    }
});

const names = (page) => page.$$eval('#tensors tr.row .name', (cells) => cells.map((cell) => cell.textContent));
const counted = (page, text) => page.locator('#count', { hasText: text }).waitFor();
const row = (page, name) => page.locator('#tensors tr.row', { has: page.locator('.name', { hasText: name }) }).first();

shown('all tensors stand in the file\'s order; headings sort, a third click gives the order back', 'small.pth', async (page) => {
    const inOrder = await names(page);
    assert.equal(inOrder[0], 'conv1.weight');
    const heading = page.getByRole('button', { name: /^elements/ });
    const column = page.locator('th', { has: heading });
    await heading.click();
    await page.locator('th[aria-sort="descending"]', { hasText: 'elements' }).waitFor();
    const sizes = await page.$$eval('#tensors tr.row', (rows) => rows.map((one) => Number(one.children[3].textContent.replaceAll(',', ''))));
    assert.deepEqual(sizes, [...sizes].sort((a, b) => b - a));
    assert.notDeepEqual(await names(page), inOrder);
    await heading.click();
    await page.locator('th[aria-sort="ascending"]', { hasText: 'elements' }).waitFor();
    await heading.click();
    await page.locator('th[aria-sort="none"]', { hasText: 'elements' }).waitFor();
    assert.equal(await column.count(), 1);
    assert.deepEqual(await names(page), inOrder);
});

shown('a filter by words of the name', 'small.pth', async (page) => {
    await page.getByRole('searchbox').fill('LAYER1 norm');
    await counted(page, '4 of 14 tensors');
    assert.deepEqual(await names(page), ['layer1.0.norm.weight', 'layer1.0.norm.bias', 'layer1.1.norm.weight', 'layer1.1.norm.bias']);
    await page.getByRole('searchbox').fill('');
    await counted(page, '14 tensors');
});

shown('a row unfolds to histogram, picture and figures, and folds again', 'small.pth', async (page) => {
    // conv1.weight holds 0, 0.125, 0.25 ... 13.375.
    await row(page, 'conv1.weight').click();
    const detail = page.locator('tr.unfolded');
    await detail.locator('.histogram rect').first().waitFor();
    const heights = await detail.locator('.histogram rect').evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute('height'))));
    assert.ok(heights.length >= 16 && Math.min(...heights) > Math.max(...heights) * 0.7, `evenly spread values: ${heights}`);
    assert.match(await detail.locator('.facts').textContent(), /mean6\.688.*std3\.897/);
    // Its filters in colours: the least value of each channel is dark, the largest light.
    const pixels = await detail.locator('.picture canvas').first().evaluate((canvas) => [canvas.width, canvas.height,
        ...canvas.getContext('2d').getImageData(0, 0, 1, 1).data, ...canvas.getContext('2d').getImageData(2, 2, 1, 1).data]);
    assert.deepEqual(pixels.slice(0, 2), [7, 7], 'four tiles of 3 x 3 with lines between');
    assert.ok(pixels[2] < 5 && pixels[4] > 150 && pixels[8] > 248, `${pixels}`);
    await row(page, 'fc.weight').click();
    assert.equal(await detail.count(), 2);
    await detail.nth(1).locator('canvas').first().waitFor();
    assert.deepEqual(await detail.nth(1).locator('.picture canvas').first().evaluate((canvas) => [canvas.width, canvas.height]), [4, 10]);
    await row(page, 'conv1.weight').click();
    await row(page, 'fc.weight').press('Enter');
    await page.locator('tr.unfolded').first().waitFor({ state: 'attached' });
});

shown('the keyboard unfolds a row', 'small.pth', async (page) => {
    await row(page, 'fc.bias').locator('.name').focus();
    await page.keyboard.press('Enter');
    await page.locator('tr.unfolded .curve').waitFor();
    assert.equal(await row(page, 'fc.bias').locator('.name').getAttribute('aria-expanded'), 'true');
});

shown('the treemap goes down, up by the trail, and to a tensor', 'small.pth', async (page) => {
    await page.locator('#treemap > .block', { hasText: 'layer1' }).click();
    await page.locator('#trail', { hasText: 'layer1' }).waitFor();
    assert.deepEqual((await page.locator('#treemap > .block > b').allTextContents()).sort(), ['0', '1']);
    await page.locator('#trail button').first().click();
    await page.locator('#treemap > .block', { hasText: 'conv1' }).click();
    await page.locator('#treemap > .block', { hasText: 'weight' }).click();
    await page.locator('tr.unfolded', { hasText: 'conv1.weight' }).waitFor();
    const areas = await page.evaluate(() => [...document.querySelectorAll('#treemap > .block')].map((block) => block.offsetWidth * block.offsetHeight));
    assert.equal(areas.length, 2, 'weight and bias');
    assert.ok(Math.abs(areas[0] / areas[1] - 108 / 4) < 4, `areas are in proportion to parameters: ${areas}`);
});

shown('names that are markup are text', 'markup.pth', async (page, path) => {
    const source = readFileSync(path, 'utf8');
    assert.equal(source.match(/<script/gi).length, 2, 'the data and the script');
    assert.equal(source.match(/<\/script/gi).length, 2);
    assert.ok(!/<(img|svg|!--)/i.test(source));
    const all = await names(page);
    assert.equal(all.length, 6);
    assert.ok(all.some((name) => name.includes('<script>window.hacked = 1')), 'and is shown');
    for (const one of await page.locator('#tensors tr.row').all()) await one.click();
    await page.locator('tr.unfolded').nth(5).waitFor();
    for (const block of await page.locator('#treemap > .block').all()) assert.ok(await block.getAttribute('title'));
    assert.equal(await page.evaluate(() => document.querySelectorAll('img, iframe, object').length), 0);
    assert.equal(await page.evaluate(() => typeof window.hacked), 'undefined');
    assert.ok((await page.locator('#summary').textContent()).includes('</script><script>window.hacked = 1</script>'), 'plain values too');
});

shown('warnings come first', 'hostile.pth', async (page) => {
    const order = await page.$$eval('main section', (sections) => sections.map((section) => section.id));
    assert.deepEqual(order, ['warnings', 'summary', 'modules', 'tensors']);
    assert.ok(await page.locator('#warnings .warning').count() > 0);
    await page.getByLabel('with warnings').check();
    await page.locator('#count', { hasText: ' of ' }).waitFor();
    assert.ok(await page.locator('tr.row .flag', { hasText: '⚠' }).count() === (await names(page)).length);
});

for (const [scheme, dark] of [['light', false], ['dark', true]]) {
    shown(`${scheme} mode: text stands out from what is behind it`, 'small.pth', async (page) => {
        const [back, text] = await page.evaluate(() => {
            const style = getComputedStyle(document.body);
            const light = (color) => color.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765;
            return [light(style.backgroundColor), light(style.color)];
        });
        assert.ok(dark ? back < 0.2 && text > 0.7 : back > 0.9 && text < 0.3, `${back} ${text}`);
    }, { colorScheme: scheme });
}

shown('it fits 1,000 pixels', 'small.pth', async (page) => {
    await row(page, 'conv1.weight').click();
    await page.locator('tr.unfolded canvas').first().waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 1000);
}, { viewport: { width: 1000, height: 700 } });

shown('it prints', 'small.pth', async (page) => {
    const pdf = await page.pdf({ format: 'A4' });
    assert.ok(pdf.length > 10000 && pdf.subarray(0, 5).toString() === '%PDF-');
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)', 'paper is white');
    assert.ok(!await page.locator('#controls').isVisible());
});

shown('3,000 tensors are sorted and filtered at once, and all are reached', 'flat.pth', async (page, path) => {
    assert.ok(statSync(path).size < 12e6);
    await counted(page, '3,000 tensors');
    assert.ok((await names(page)).length < 3000, 'not all are drawn at once');
    await page.getByRole('button', { name: 'more rows' }).scrollIntoViewIfNeeded();
    await page.waitForFunction(() => document.querySelectorAll('#tensors tr.row').length > 500);
    await page.getByRole('button', { name: /^name/ }).click();
    await page.locator('th[aria-sort="ascending"]', { hasText: 'name' }).waitFor();
    await page.emulateMedia({ media: 'print' });
    await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
    assert.deepEqual(await names(page), Array.from({ length: 3000 }, (_, i) => `tensor_${i}`), 'paper has all of them');
    await page.emulateMedia({ media: 'screen' });
    await page.getByRole('searchbox').fill('2999');
    await counted(page, '1 of 3,000 tensors');
});

test('the same file gives the same bytes', () => {
    const first = readFileSync(report('checkpoint.pth', '--all'));
    assert.ok(first.equals(readFileSync(report('checkpoint.pth', '--all'))));
    assert.ok(!first.includes(folder), 'no folder of this machine');
});

test('the policy lets nothing in', () => {
    const source = readFileSync(report('small.pth'), 'utf8');
    const policy = source.match(/Content-Security-Policy" content="([^"]*)"/)[1];
    assert.match(policy, /^default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}='; base-uri 'none'; form-action 'none'$/);
    assert.ok(!/https?:\/\/(?!www\.w3\.org\/2000\/svg)/.test(source), 'no address but the name of SVG');
});
