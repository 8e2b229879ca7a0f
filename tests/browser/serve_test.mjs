// `pthview serve` in a real browser, as a user would work with it.
//
//   node serve_test.mjs --pthview BIN [--fixtures DIR] [--residual FILE]
//
// DIR is where the files are made (make_files.py); a new temporary folder unless given. FILE is a traced network with
// residual blocks, where the plug-in that makes its graph was built. Every test also fails on any
// request to another origin, any console error, policy violation or uncaught error.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { drawn, launch, open } from './browser.mjs';
import { recorded, rewrite, withInferred } from './graphs.mjs';
import { startServer } from './server.mjs';

const option = (name) => process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : null;
const binary = option('--pthview');
if (!binary || !existsSync(binary)) {
    console.error('usage: node serve_test.mjs --pthview BIN [--fixtures DIR]');
    process.exit(2);
}
const folder = option('--fixtures') || mkdtempSync(join(tmpdir(), 'pthview-browser-'));
const make = (...options) => execFileSync('python3',
    [join(dirname(fileURLToPath(import.meta.url)), 'make_files.py'), folder, ...options]);
const file = (name) => join(folder, name);

let browser = null;
before(async () => {
    mkdirSync(folder, { recursive: true });
    make();
    browser = await launch();
});
after(async () => {
    await browser.close();
    if (!option('--fixtures')) {
        rmSync(folder, { recursive: true });
    }
});

// Serves `files`, draws the first (or the one of `parameters`), runs `body`, and looks at what the page did.
const served = (name, files, body, { flags = [], parameters = '', options = {}, wait = drawn, prepare = async () => {} } = {}) => test(name, async () => {
    const server = await startServer(binary, [...files.map(file), ...flags]);
    const { page, context, faults } = await open(browser, options);
    try {
        await prepare(page, server);
        await page.goto(server.url + parameters);
        await wait(page);
        await body(page, server, faults);
        assert.deepEqual(faults, []);
    } finally {
        await context.close();
        await server.stop();
    }
});

const header = (page, title) => page.locator('#canvas .node-item-type', { hasText: title });
const nodes = (page) => page.locator('#canvas .graph-node').count();
const entry = async (page, name) => {
    const item = page.locator('.sidebar-item').filter({ has: page.locator(`.sidebar-item-name input[value="${name}"]`) }).first();
    await item.waitFor();
    return (await item.locator('.sidebar-item-value').first().innerText()).trim();
};
const sidebar = async (page, title) => {
    await page.waitForFunction((title) => document.getElementById('sidebar-title').textContent === title, title);
};
const search = async (page, text) => {
    await page.keyboard.press('Control+k');
    await page.keyboard.insertText(text);
    // The list may still answer what was asked before.
    await page.waitForFunction((text) => {
        const hits = document.querySelector('.pthview-hits.pthview-open');
        return hits && (hits.querySelector('.pthview-note') || [...hits.querySelectorAll('li')].every((hit) => hit.title.includes(text)));
    }, text);
};

const statistic = (page, name) => page.locator(`.pthview-statistic[data-name="${name}"] code`).innerText();
const cells = async (page) => {
    await page.waitForFunction(() => {
        const cells = [...document.querySelectorAll('.pthview-grid .pthview-cell:not(.pthview-head)')];
        return cells.length > 0 && cells.every((cell) => cell.textContent !== '\u2026');
    });
    return page.locator('.pthview-grid .pthview-cell:not(.pthview-head)').allInnerTexts();
};
const openTensor = async (page, name) => {
    await search(page, name);
    await page.keyboard.press('Enter');
    await page.waitForFunction((name) => {
        const value = document.querySelector('#sidebar .sidebar-item .sidebar-item-value');
        return value && value.textContent.includes(name);
    }, name);
};
const box = async (page, selector) => page.locator(selector).first().boundingBox();
const apart = (a, b) => a.x + a.width <= b.x + 0.5 || b.x + b.width <= a.x + 0.5 || a.y + a.height <= b.y + 0.5 || b.y + b.height <= a.y + 0.5;
const switchTo = async (page, name) => {
    await page.locator('select.pthview-file').selectOption({ label: name });
    await page.waitForFunction((name) => document.title === name && document.documentElement.dataset.pthview === 'drawn', name);
};
const settled = (page) => page.waitForTimeout(500); // Netron's animation of a redraw takes 300 ms

served('a layer and its weight: names, statistics, histogram, pictures, values', ['small.pth'], async (page) => {
    assert.equal(await page.title(), 'small.pth');
    assert.match(await page.locator('.pthview-info').innerText(), /14 tensors/);
    assert.equal(await page.locator('#canvas .node-argument > text > tspan').first().textContent(), 'weight');
    await header(page, 'Conv2d').first().click();
    await sidebar(page, 'Node Properties');
    assert.equal(await entry(page, 'name'), 'conv1');
    assert.equal(await entry(page, 'type'), 'Conv2d');
    await page.locator('.node-argument', { hasText: 'weight' }).first().click();
    await sidebar(page, 'Tensor Properties');
    assert.equal(await entry(page, 'name'), 'conv1.weight');
    assert.equal(await entry(page, 'shape'), '4,3,3,3');
    await page.locator('.pthview-histogram rect').first().waitFor();
    assert.equal(await statistic(page, 'min'), '0');
    assert.equal(await statistic(page, 'max'), '13.375'); // 107 / 8
    assert.equal(await statistic(page, 'mean'), '6.6875');
    assert.match(await statistic(page, 'std'), /^3\.(8969|915)/); // of the population or of a sample
    assert.equal(await statistic(page, 'sparsity'), '0.9%'); // one zero of 108
    assert.equal(await statistic(page, 'abs_max'), '13.375');
    assert.match(await statistic(page, 'kurtosis'), /^-1\.2/); // evenly spread
    assert.match(await page.locator('.pthview-statistic[data-name="max"]').getAttribute('title'), /\[3, 2, 2, 2\]/);
    assert.deepEqual((await cells(page)).slice(0, 4), ['0', '0.125', '0.25', '0.375']);
    assert.equal(await page.locator('.pthview-tile').count(), 4);
    await page.waitForFunction(() => (document.querySelector('.pthview-heatmap') || document).parentElement?.dataset.region === '0 4 0 27');
});

served('dtype, shape and strides of a tensor stand once', ['small.pth'], async (page) => {
    await openTensor(page, 'fc.weight');
    await page.locator('.pthview-histogram').waitFor();
    const names = await page.locator('#sidebar .sidebar-item-name input').evaluateAll((inputs) => inputs.map(({ value }) => value));
    assert.equal(new Set(names).size, names.length, names.join(' '));
    assert.ok(names.includes('dtype') && names.includes('shape') && !names.includes('stride'));
});

served('a heatmap zooms to the real values, by keys', ['small.pth'], async (page) => {
    await openTensor(page, 'fc.weight');
    const map = page.locator('.pthview-picture:has(.pthview-heatmap)');
    await page.waitForFunction(() => (document.querySelector('.pthview-heatmap') || document).parentElement?.dataset.region === '0 10 0 4');
    await map.locator('canvas').focus();
    for (let i = 0; i < 8; i++) {
        await page.keyboard.press('+');
    }
    await page.waitForFunction(() => /^\d+ 1 \d+ 1$/.test((document.querySelector('.pthview-heatmap') || document).parentElement?.dataset.region));
    await map.locator('canvas').hover();
    assert.match(await map.innerText(), /\[\d+, \d+\] = -?\d+(\.5)?/);
    await page.keyboard.press('0');
    await page.waitForFunction(() => (document.querySelector('.pthview-heatmap') || document).parentElement?.dataset.region === '0 10 0 4');
});

served('a tensor is saved whole as .npy', ['small.pth'], async (page) => {
    await openTensor(page, 'conv1.weight');
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('a', { hasText: 'Save as .npy' }).click()]);
    assert.equal(download.suggestedFilename(), 'conv1.weight.npy');
    const bytes = readFileSync(await download.path());
    assert.equal(bytes.subarray(1, 6).toString(), 'NUMPY');
    const start = 10 + bytes.readUInt16LE(8);
    assert.match(bytes.subarray(10, start).toString(), /'descr': '<f4'.*'shape': \(4, 3, 3, 3\)/);
    assert.equal(bytes.length, start + 4 * 108);
    assert.equal(bytes.readFloatLE(start + 4 * 107), 13.375);
});

served('a sparse weight: dense values, and what is stored of it', ['sparse.pth'], async (page) => {
    await openTensor(page, 'links.weight');
    await page.locator('.pthview-histogram').waitFor();
    assert.equal(await statistic(page, 'min'), '-2.5');
    assert.equal(await statistic(page, 'max'), '1.5');
    assert.match(await entry(page, 'indices'), /^int64\[2,2\] 0, 2, 1, 3$/);
    assert.match(await entry(page, 'values'), /^float32\[2\] 1\.5, -2\.5$/);
    assert.deepEqual((await cells(page)).slice(0, 4), ['0', '1.5', '0', '0']);
});

served('a header has name and class, and all of it unfolds and folds', ['small.pth'], async (page) => {
    const first = header(page, 'conv1').first();
    assert.match(await first.textContent(), /conv1.*Conv2d/);
    const most = await nodes(page); // this small a file is first shown with layer1 unfolded
    const click = async (text, unfolded) => {
        await header(page, text).first().click();
        await page.waitForFunction(([most, unfolded]) =>
            (document.querySelectorAll('#canvas .graph-node').length === most) === unfolded, [most, unfolded]);
        await settled(page);
    };
    await click('layer1', false);
    await click('layer1', true);
    await click('\u2212', false);
    await click('+', true);
});

served('modules unfold to a depth', ['bert.pth'], async (page) => {
    const more = page.getByLabel('Unfold one level of modules');
    const less = page.getByLabel('Fold one level of modules', { exact: true });
    const counts = [];
    for (const depth of [1, 2, 3]) {
        await more.click();
        await page.waitForFunction((depth) => document.querySelector('.pthview-depth-value').textContent === `depth ${depth}`, depth);
        await settled(page);
        counts.push(await nodes(page));
    }
    assert.ok(counts[0] < counts[1] && counts[1] < counts[2], counts.join(' '));
    await less.click();
    await settled(page);
    assert.equal(await nodes(page), counts[1]);
});

served('the first view says something; a nest of single modules is one frame', ['bert.pth'], async (page) => {
    assert.ok(await nodes(page) >= 6);
    const titles = await page.locator('#canvas .pthview-name').allTextContents();
    assert.ok(titles.includes('encoder.layer') && titles.includes('pooler.dense'), titles.join(' '));
    assert.ok(!titles.includes('encoder') && !titles.includes('layer'));
});

served('a level with hardly more than one block opens with it', ['wide.pth'], async (page) => {
    // blocks and head: blocks holds ten ranges
    assert.match(await page.locator('#canvas').textContent(), /blocks\.0-99/);
});

served('no arrow without evidence: neighbours in the file are joined by a line that the legend explains', ['small.pth'], async (page) => {
    const order = page.locator('#canvas .pthview-edge-order');
    if (await order.count() > 0) {
        assert.equal(await order.first().evaluate((path) => getComputedStyle(path).markerEnd), 'none');
        await page.locator('.pthview-legend', { hasText: 'order in the file' }).waitFor();
    }
    const arrows = await page.locator('#canvas .edge-path:not(.pthview-edge)').count();
    assert.equal(arrows, 0);
});

served('an inferred edge is dashed, the legend says so, and a click says why', ['small.pth'], async (page) => {
    const edge = page.locator('#canvas > g > #edge-paths > .pthview-edge-inferred');
    assert.ok(await edge.count() >= 1);
    assert.notEqual(await edge.first().evaluate((path) => getComputedStyle(path).strokeDasharray), 'none');
    assert.notEqual(await edge.first().evaluate((path) => getComputedStyle(path).markerEnd), 'none');
    await page.locator('.pthview-legend', { hasText: 'inferred: click to see why' }).waitFor();
    // The first line of those that take clicks is that of the first edge, conv1 -> bn1.
    await page.locator('#canvas > g > #edge-paths-hit-test > path').first().dispatchEvent('click');
    await sidebar(page, 'Edge');
    assert.equal(await entry(page, 'edge'), 'inferred');
    assert.match(await entry(page, 'evidence'), /^pattern/);
    assert.equal(await entry(page, 'why'), 'convolution and its norm');
    // What the pattern adds is a node, with its two inputs.
    await search(page, 'layer1.0.conv');
    await page.keyboard.press('Enter');
    await page.locator('#canvas .node-item-type', { hasText: '~add' }).waitFor();
    await settled(page);
    await page.locator('#canvas .node-item-type', { hasText: '~add' }).click();
    await sidebar(page, 'Node Properties');
    const from = await page.locator('#sidebar .pthview-link').allInnerTexts();
    assert.equal(from.length, 2, from.join(' | '));
}, { prepare: (page) => rewrite(page, '**/data/0.netron', withInferred) });

const withRecorded = { prepare: async (page) => {
    let graph = null;
    let waiting = 1; // answers before the graph is there
    const made = new Promise((resolve) => rewrite(page, '**/data/0.netron', (document) => {
        graph = recorded(document);
        resolve();
    }));
    await page.route('**/api/v1/files/0/graph', async (route) => {
        await made;
        await route.fulfill({ json: waiting-- > 0 ? { state: 'coming', message: 'the recorded graph is coming: 40%', graphs: [] } : graph });
    });
} };

served('a recorded graph comes later, and is drawn folded by module', ['small.pth'], async (page) => {
    await page.locator('.pthview-coming', { hasText: '40%' }).waitFor();
    await page.locator('#canvas .graph-input', { hasText: 'image' }).waitFor();
    assert.equal(await page.locator('.pthview-coming').count(), 0);
    await page.locator('.pthview-legend', { hasText: 'recorded in the file' }).waitFor();
    await settled(page);
    const tooltips = await page.locator('#canvas #edge-paths-hit-test > path title').allTextContents();
    assert.ok(tooltips.includes('image: float32[1, 3, 10, 10]'), tooltips.join(' | '));
    const labels = await page.locator('#canvas .edge-label').allTextContents();
    assert.ok(labels.includes('1\u00D73\u00D710\u00D710') && labels.includes('1\u00D710'), labels.join(' '));
    const outputs = await page.locator('#canvas .graph-item-output text').allTextContents();
    assert.ok(outputs.includes('logits'), outputs.join(' '));
    // A layer's node has the hyper-parameters of its operator, and where it comes from.
    await header(page, 'conv1').first().click();
    await sidebar(page, 'Node Properties');
    assert.equal(await entry(page, 'stride'), '(2, 2)');
    assert.equal(await entry(page, 'line'), 'model.py:97');
    assert.match(await page.locator('.pthview-source').innerText(), /x = self\.conv1\(x\)/);
}, withRecorded);

served('a recorded block unfolds to its addition with two inputs; simplified and everything differ', ['small.pth'], async (page) => {
    await page.locator('#canvas .graph-input', { hasText: 'image' }).waitFor();
    await page.keyboard.press('2');
    const add = page.locator('#canvas .pthview-name', { hasText: /^add$/ });
    await add.waitFor();
    await settled(page);
    assert.equal(await page.locator('#canvas .node-item-type', { hasText: 'dropout' }).count(), 0);
    await add.click();
    await sidebar(page, 'Node Properties');
    // It is marked and in sight beside the panel, though it stands in a block.
    await page.locator('#canvas .graph-node.select .pthview-name', { hasText: /^add$/ }).waitFor();
    assert.ok(apart(await box(page, '#canvas .graph-node.select'), await box(page, '#sidebar')));
    assert.match(await page.locator('.pthview-source').innerText(), /return out \+ x/);
    const links = page.locator('#sidebar .pthview-link');
    const ends = await links.allInnerTexts();
    assert.equal(ends.length, 3, ends.join(' | ')); // two from, one to
    await page.locator('#sidebar-closebutton').click();
    await page.locator('#menu-button').click();
    await page.locator('#menu .menu-command', { hasText: 'Everything' }).click();
    await page.locator('#canvas .node-item-type', { hasText: 'dropout' }).waitFor();
    await page.locator('#canvas .node-item-type-constant').first().waitFor();
}, withRecorded);

const residual = option('--residual');
test('the graph of a traced network comes from the plug-in, block by block, and is there at once the next time', { skip: !residual }, async () => {
    const server = await startServer(binary, [residual]);
    const { page, context, faults } = await open(browser, {});
    try {
        await page.goto(server.url);
        await drawn(page);
        await page.locator('#canvas .graph-input', { hasText: 'image' }).waitFor({ timeout: 60000 });
        await page.locator('.pthview-legend', { hasText: 'recorded in the file' }).waitFor();
        await settled(page);
        await page.keyboard.press('3');
        const add = page.locator('#canvas .pthview-name', { hasText: /^add$/ }).first();
        await add.waitFor();
        await settled(page);
        await add.click();
        await sidebar(page, 'Node Properties');
        assert.match(await entry(page, 'line'), /torch_programs\.py:\d+$/);
        const ends = await page.locator('#sidebar .pthview-link').allInnerTexts();
        assert.equal(ends.length, 3, ends.join(' | ')); // two from, one to
        // Kept by the server: the next page need not wait.
        const reply = await page.evaluate(() => fetch('api/v1/files/0/graph').then((reply) => reply.json()));
        assert.equal(reply.state, 'ready');
        await page.reload();
        await drawn(page);
        await page.locator('#canvas .graph-input', { hasText: 'image' }).waitFor();
        assert.deepEqual(faults, []);
    } finally {
        await context.close();
        await server.stop();
    }
});

served('the branches of an If fold', ['small.pth'], async (page) => {
    await page.locator('#canvas .graph-input', { hasText: 'image' }).waitFor();
    await settled(page);
    assert.equal(await page.locator('#canvas .node-item-type', { hasText: 'sigmoid' }).count(), 0);
    await header(page, 'If').first().click();
    await page.locator('#canvas .node-item-type', { hasText: 'else' }).first().waitFor();
    await settled(page);
    await header(page, 'else').first().click();
    await page.locator('#canvas .node-item-type', { hasText: 'sigmoid' }).waitFor();
}, withRecorded);

served('from a weight to the nodes that use it, and back', ['small.pth'], async (page) => {
    await page.locator('#canvas .graph-input', { hasText: 'image' }).waitFor();
    await openTensor(page, 'fc.weight');
    const use = page.locator('#sidebar .pthview-link', { hasText: 'linear' });
    await use.click();
    await sidebar(page, 'Node Properties');
    await page.locator('#sidebar .pthview-link', { hasText: 'weight' }).first().click();
    await sidebar(page, 'Tensor Properties');
    assert.equal(await entry(page, 'name'), 'fc.weight');
}, withRecorded);

served('all tensors stand in a table to sort and filter, from which a click leads to the graph', ['wide.pth'], async (page) => {
    await page.keyboard.press('t');
    const rows = page.locator('.pthview-table-row');
    await rows.first().waitFor();
    assert.match(await page.locator('.pthview-table-count').innerText(), /1,001 tensors/);
    assert.ok(await rows.count() < 100); // only those in sight exist
    await page.getByRole('columnheader', { name: 'elements' }).click();
    assert.match(await rows.first().innerText(), /head\.weight/); // the only one of six elements
    await page.getByLabel('Filter tensors').fill('blocks.*7.weight 2x2');
    await page.waitForFunction(() => document.querySelector('.pthview-table-count').textContent === '100 of 1,001 tensors');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await sidebar(page, 'Tensor Properties');
    assert.match(await entry(page, 'name'), /^blocks\.\d*7\.weight$/);
    assert.equal(await page.locator('.pthview-table').isVisible(), false);
    // And back, to where the reader was.
    await page.locator('#target').focus();
    await page.keyboard.press('t');
    assert.equal(await page.locator('.pthview-table-count').innerText(), '100 of 1,001 tensors');
    assert.match(await page.locator('.pthview-table-row.pthview-cursor').innerText(), /blocks\.17\.weight|blocks\.\d*7\.weight/);
});

served('the table reads the values when asked to, and warns', ['hostile.pth'], async (page) => {
    await page.keyboard.press('t');
    await page.locator('.pthview-table-row').first().waitFor();
    await page.getByRole('button', { name: 'Read the values' }).click();
    await page.locator('.pthview-table-bar', { hasText: 'Values read' }).waitFor();
    await page.getByRole('columnheader', { name: 'warning' }).click();
    const first = await page.locator('.pthview-table-row').first().innerText();
    assert.match(first, /odd\.weight[\s\S]*3 not finite[\s\S]*-1\.5/);
    await page.getByLabel('Filter tensors').fill('finite');
    await page.waitForFunction(() => document.querySelector('.pthview-table-count').textContent === '2 of 3 tensors');
});

const figureOf = (page, name) => page.locator('#canvas .node-item-type', { hasText: name }).first().getAttribute('data-figure');

served('a figure colours the nodes', ['small.pth'], async (page) => {
    const select = page.getByLabel('Colour nodes by a figure');
    const fill = () => header(page, 'fc').first().locator('path').evaluate((path) => getComputedStyle(path).fill);
    const before = await fill();
    await select.selectOption('parameters');
    await page.waitForFunction(() => document.querySelector('#canvas [data-figure]'));
    assert.equal(await figureOf(page, 'fc'), '50');
    assert.notEqual(await fill(), before);
    assert.match(await page.locator('.pthview-overlay-scale').innerText(), /parameters\s+8\s+474/);
    await select.selectOption('sparsity');
    await page.locator('.pthview-overlay-scale', { hasText: 'share of zeros' }).waitFor();
    assert.equal(await figureOf(page, 'bn1'), '0.25'); // each of its four tensors counts from 0 to 3
    // Blocks that unfold later are coloured, too.
    await page.keyboard.press('2');
    await page.waitForFunction(() => [...document.querySelectorAll('#canvas [data-figure]')].some(({ textContent }) => /norm/.test(textContent)));
    await select.selectOption('');
    await page.waitForFunction(() => !document.querySelector('#canvas [data-figure]'));
    assert.equal(await fill(), before);
});

served('figures of one\'s own colour the nodes, and are saved in the same form', ['small.pth'], async (page) => {
    const data = JSON.stringify({ run: { results: { conv1: { value: 3 }, 'layer1/0/norm': { value: 7.5 }, nowhere: { value: 1 } } } });
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.getByLabel('Colour nodes by a figure').selectOption('read')]);
    await chooser.setFiles({ name: 'mine.json', mimeType: 'application/json', buffer: Buffer.from(data) });
    await page.waitForFunction(() => document.querySelector('#canvas [data-figure]'));
    assert.equal(await figureOf(page, 'conv1'), '3');
    await page.locator('.pthview-toast', { hasText: '1 of the figures' }).waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByLabel('Colour nodes by a figure').selectOption('write')]);
    const saved = JSON.parse(readFileSync(await download.path(), 'utf8'));
    assert.deepEqual(Object.values(saved)[0].results, { conv1: { value: 3 }, 'layer1.0.norm': { value: 7.5 } });
});

served('two files are compared: changed layers are marked, in the graph and in the table', ['run_a.pth', 'run_b.pth'], async (page) => {
    await page.getByLabel('Colour nodes by a figure').selectOption({ label: 'change from run_b.pth' });
    await page.waitForFunction(() => document.querySelector('#canvas [data-figure]'));
    assert.equal(await figureOf(page, 'bn1'), '0');
    assert.equal(await figureOf(page, 'conv1'), '0.5'); // half of it is what was added
    await page.keyboard.press('t');
    await page.getByRole('columnheader', { name: 'change' }).click();
    const rows = await page.locator('.pthview-table-row').allInnerTexts();
    assert.match(rows[0], /fc2\.weight[\s\S]*only here/);
    assert.match(rows[1], /conv1\.weight[\s\S]*50\.0 %/);
    assert.match(rows[2], /equal/);
    await page.locator('.pthview-table-row').nth(1).click();
    await sidebar(page, 'Tensor Properties');
    assert.equal(await entry(page, 'verdict'), 'differs');
    assert.equal(await entry(page, 'largest'), '13.375');
});

served('a slider goes over the checkpoints of a run, in its order', ['run_a.pth', 'run_b.pth'], async (page) => {
    await openTensor(page, 'conv1.weight');
    const panel = page.locator('.pthview-series-panel');
    await panel.locator('.pthview-remark', { hasText: 'run_a.pth (20)' }).waitFor();
    const slider = panel.getByLabel('Checkpoint', { exact: true });
    assert.equal(await slider.inputValue(), '1'); // the later of the two
    await panel.locator('select').selectOption('max');
    await panel.locator('.pthview-remark', { hasText: 'max 26.75' }).waitFor();
    await slider.focus();
    await page.keyboard.press('ArrowLeft');
    await panel.locator('.pthview-remark', { hasText: /run_b\.pth \(10\): max 13\.375/ }).waitFor();
    assert.ok(await panel.locator('.pthview-histogram rect').count() > 0);
    assert.match(await panel.locator('polyline').getAttribute('points'), /^0,95 1,5$/);
    // A key goes to the checkpoint before; what is selected stays.
    await page.locator('#target').focus();
    await page.keyboard.press('[');
    await page.waitForFunction(() => document.title === 'run_b.pth' && document.documentElement.dataset.pthview === 'drawn');
    await sidebar(page, 'Tensor Properties');
    assert.equal(await entry(page, 'name'), 'conv1.weight');
});

served('the keys are told by one of them', ['small.pth'], async (page) => {
    await page.keyboard.press('?');
    assert.match(await page.locator('dialog.pthview-keys').innerText(), /all tensors as a table/);
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('dialog.pthview-keys').isVisible(), false);
    await page.keyboard.press('0');
    await page.waitForFunction(() => document.querySelector('.pthview-depth-value').textContent === 'depth 0');
});

served('an outline of modules stands at the left', ['bert.pth'], async (page) => {
    const rows = page.locator('.pthview-outline-row');
    assert.match((await rows.allInnerTexts()).join(' '), /bert.*cls/s);
    await rows.filter({ hasText: 'bert' }).locator('.pthview-outline-sign').first().click();
    await rows.filter({ hasText: 'pooler' }).click();
    await sidebar(page, 'Node Properties');
    assert.match(await entry(page, 'name'), /^bert\.pooler/);
    await page.locator('#canvas .select').first().waitFor();
    // What is selected elsewhere is marked in it.
    await openTensor(page, 'cls.decoder.weight');
    assert.match(await page.locator('.pthview-outline-row.pthview-marked').innerText(), /decoder/);
    // Keys: from there up to its neighbour, and into the graph.
    await page.locator('.pthview-outline-rows').focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => /norm/.test(document.querySelector('.pthview-outline-row.pthview-marked').textContent));
    await page.getByLabel('Outline of modules').click();
    assert.equal(await page.locator('.pthview-outline').isVisible(), false);
});

const nothingHides = async (page) => {
    await header(page, 'fc').first().click();
    await sidebar(page, 'Node Properties');
    await settled(page);
    const [bar, panel, outline, graph] = [await box(page, '.pthview-bar'), await box(page, '#sidebar'),
        await box(page, '.pthview-outline'), await box(page, '#target')];
    [bar, panel, ...(outline ? [outline] : [])].forEach((other) => assert.ok(apart(graph, other), JSON.stringify([graph, other])));
    assert.ok(apart(panel, bar));
    const selected = await box(page, '#canvas .select');
    assert.ok(selected.x >= graph.x && selected.x + selected.width <= graph.x + graph.width + 0.5, JSON.stringify([selected, graph]));
    assert.ok(selected.y >= graph.y && selected.y + selected.height <= graph.y + graph.height + 0.5);
    // Nor does one thing of the bar hide another.
    const parts = await page.locator('.pthview-bar > *').evaluateAll((elements) => elements.map((element) => element.getBoundingClientRect().toJSON()));
    parts.filter(({ width }) => width > 0).forEach((part, i, all) =>
        assert.ok(i === 0 || all[i - 1].right <= part.left + 0.5, `${i}: ${JSON.stringify(all)}`));
};

served('nothing hides behind the bar, the outline or the panel', ['small.pth'], nothingHides);

served('nothing hides at a width of 1,000 pixels either, in dark colours', ['small.pth'], nothingHides,
    { options: { viewport: { width: 1000, height: 700 }, colorScheme: 'dark' } });

served('selection, unfolded blocks and zoom survive reloading and the switch to another file', ['small.pth', 'checkpoint.pth'], async (page) => {
    const state = () => page.evaluate(() => ({
        zoom: Math.round(window.__view__.target.zoom * 100), open: [...window.__view__.target.blocks].map(({ key }) => key).sort()
    }));
    await openTensor(page, 'layer1.1.norm.bias');
    await page.evaluate(() => { window.__view__.target.zoom = 1.2; });
    await page.waitForFunction(() => /zoom=1\.2/.test(window.location.hash) && /select=tensor/.test(window.location.hash));
    const before = await state();
    assert.ok(before.open.includes('layer1.1'));
    const same = async () => {
        await drawn(page);
        await sidebar(page, 'Tensor Properties');
        assert.equal(await entry(page, 'name'), 'layer1.1.norm.bias');
        assert.deepEqual(await state(), before);
    };
    await page.reload();
    await same();
    await switchTo(page, 'checkpoint.pth');
    await same();
});

served('an address with a selection that is not there says so', ['small.pth'], async (page) => {
    await page.locator('.pthview-toast', { hasText: 'gone.weight is not in this file' }).waitFor();
}, { parameters: '#select=tensor%3Agone.weight&open=nowhere%0Alayer1&zoom=7' });

served('search finds classes, globs, several words, plain values', ['checkpoint.pth'], async (page) => {
    const found = async (text) => {
        await page.keyboard.press('Control+k');
        await page.keyboard.insertText(text);
        await page.waitForFunction((text) => document.querySelector('.pthview-hits').dataset.query === text, text);
        return page.locator('.pthview-hits li').allInnerTexts();
    };
    assert.match((await found('batchnorm')).join('\n'), /^bn1\s/m);
    const glob = await found('layer1.?.conv.w*');
    assert.equal(glob.length, 2);
    assert.match(glob[1], /layer1\.1\.conv\.weight/);
    assert.match((await found('bias LAYER1 1')).join('\n'), /^state_dict\.layer1\.1\.norm\.bias/m);
    const [value] = await found('76.25');
    assert.match(value, /best_accuracy/);
    await page.keyboard.press('Enter');
    await sidebar(page, 'Model Properties');
});

served('model properties are grouped, and long lists are a grid that scrolls', ['checkpoint.pth'], async (page) => {
    await page.locator('#sidebar-model-button').click();
    await sidebar(page, 'Model Properties');
    const sections = (await page.locator('#sidebar .sidebar-section').allInnerTexts()).map((title) => title.toLowerCase());
    for (const title of ['tensors', 'parts', 'values', 'args', 'history']) {
        assert.ok(sections.includes(title), sections.join(' '));
    }
    assert.match(await entry(page, 'what it is'), /checkpoint at epoch 30/);
    assert.equal(await entry(page, 'epoch'), '30');
    assert.equal(await entry(page, 'arch'), 'resnet50');
    assert.match(await entry(page, 'float32'), /^38 tensors/);
    const table = page.locator('#sidebar .pthview-values');
    assert.equal(await table.locator('tbody tr').count(), 8);
    assert.deepEqual(await table.locator('th').allInnerTexts(), ['', 'loss', 'accuracy']);
});

served('states of the optimizer stand in their parameter\'s panel', ['checkpoint.pth'], async (page) => {
    await openTensor(page, 'layer1.0.norm.weight');
    const link = page.locator('#sidebar .pthview-link', { hasText: 'exp_avg' });
    await link.waitFor();
    await link.click();
    await page.waitForFunction(() => /exp_avg/.test(document.querySelector('#sidebar .sidebar-item-value').textContent));
    assert.match(await entry(page, 'path'), /^optimizer\.state\[5\]\.exp_avg$/);
    assert.equal(await entry(page, 'shape'), '4');
});

served('scalars stand beside their names', ['bert.pth'], async (page) => {
    await openTensor(page, 'cls.norm.running_mean');
    await page.waitForFunction(() => /num_batches_tracked\s*=\s*1234/.test(document.getElementById('canvas').textContent));
    await openTensor(page, 'num_batches_tracked');
    assert.equal(await entry(page, 'value'), '1234');
});

served('search unfolds to a folded tensor, opens it, and Netron\'s own keys do not act', ['small.pth'], async (page) => {
    await search(page, 'layer1.1.norm.b');
    const hit = page.locator('.pthview-hits li.pthview-active');
    assert.match(await hit.innerText(), /layer1\.1\.norm\.bias/);
    await page.keyboard.press('Enter');
    await sidebar(page, 'Tensor Properties');
    assert.equal(await entry(page, 'name'), 'layer1.1.norm.bias');
    await page.locator('.pthview-histogram').waitFor();
    assert.equal(await statistic(page, 'max'), '3');
    await page.locator('#canvas .select').first().waitFor();
    assert.equal(await page.evaluate(() => window.__view__.options.direction), 'vertical');
    await search(page, 'no such tensor');
    assert.match(await page.locator('.pthview-hits').innerText(), /Nothing found/);
});

served('a wide level folds into ranges', ['wide.pth'], async (page) => {
    await page.waitForFunction(() => /blocks\.0-99/.test(document.getElementById('canvas').textContent));
    assert.ok(await nodes(page) <= 200);
    assert.match(await page.locator('#canvas').textContent(), /blocks\.900-999/);
    await search(page, 'blocks.777.weight');
    await page.keyboard.press('Enter');
    await sidebar(page, 'Tensor Properties');
    assert.equal(await entry(page, 'name'), 'blocks.777.weight');
    assert.ok(await nodes(page) <= 400);
});

served('flat names fold, too', ['flat.pth'], async (page) => {
    assert.ok(await nodes(page) <= 200);
    assert.match(await page.locator('#canvas').textContent(), /tensor_2900-2999/);
    await search(page, 'tensor_1234');
    await page.keyboard.press('Enter');
    await sidebar(page, 'Tensor Properties');
    assert.equal(await entry(page, 'name'), 'tensor_1234');
});

served('names that are markup stay text; NaN, infinity and bfloat16 show as numbers', ['hostile.pth'], async (page) => {
    assert.equal(await page.locator('img').count(), 0);
    await search(page, 'onerror');
    assert.match(await page.locator('.pthview-hits').innerText(), /<img src=x onerror=/);
    await page.keyboard.press('Enter');
    await page.waitForTimeout(300);
    assert.equal(await page.locator('img').count(), 0);
    await openTensor(page, 'odd.weight');
    assert.deepEqual(await cells(page), ['nan', 'inf', '-inf', '-1.5']);
    // What is wrong with it is said, and what that may mean.
    assert.match(await page.locator('#sidebar .pthview-warning').first().innerText(), /NaN[\s\S]*nan$/i);
    await openTensor(page, 'odd.half');
    await page.waitForFunction(() => /nan/.test((document.querySelector('.pthview-grid') || document.createElement('i')).textContent));
    assert.deepEqual(await cells(page), ['1', '-2.5', 'nan', '0']);
});

served('several files: the switcher draws another', ['small.pth', 'wide.pth'], async (page) => {
    const select = page.locator('select.pthview-file');
    assert.deepEqual(await select.locator('option').allInnerTexts(), ['small.pth', 'wide.pth']);
    await switchTo(page, 'wide.pth');
    assert.match(await page.locator('.pthview-info').innerText(), /1,001 tensors/);
});

served('findings lead with their subject, and a click on it jumps there', ['checkpoint.pth'], async (page) => {
    await page.locator('button.pthview-findings').click();
    await sidebar(page, 'Findings');
    const first = page.locator('.pthview-finding').first();
    assert.ok(await first.evaluate((element) => element.firstElementChild.classList.contains('pthview-subject')));
    const subject = page.locator('button.pthview-subject').first();
    const path = await subject.innerText();
    await subject.click();
    await page.waitForFunction((path) => [...document.querySelectorAll('#sidebar .sidebar-item-value')]
        .some(({ textContent }) => textContent.includes(path)), path.split('.').slice(-1)[0]);
});

served('a bad file among good ones is said in words, and the good ones draw', ['bad.pth', 'small.pth'], async (page) => {
    assert.equal(await page.title(), 'small.pth');
    await page.locator('.pthview-toast', { hasText: /bad\.pth: cannot be opened\. .{10}/ }).waitFor();
    const select = page.locator('select.pthview-file');
    assert.match(await select.innerText(), /bad\.pth \(cannot be opened\)/);
    await select.selectOption({ index: 0 });
    await page.waitForSelector('html[data-pthview="failed"]', { state: 'attached' });
    assert.ok((await page.locator('#message-text').innerText()).length > 10);
});

served('a server that has ended is said in words', ['small.pth'], async (page, server, faults) => {
    await server.stop();
    await page.locator('.node-argument', { hasText: 'weight' }).first().click();
    await page.locator('.pthview-toast', { hasText: 'pthview has ended' }).waitFor();
    assert.match(await page.locator('#sidebar').innerText(), /could not be read/);
    assert.ok(faults.every((fault) => /ERR_CONNECTION_REFUSED/.test(fault)), faults.join(' '));
    faults.length = 0;
});

served('nothing leads outside: menu, drag and drop, About', ['small.pth'], async (page) => {
    await page.locator('#menu-button').click();
    const menu = await page.locator('#menu').innerText();
    assert.match(menu, /Export as PNG/);
    assert.doesNotMatch(menu, /Open|Report|About/);
    assert.equal(await page.locator('a[href^="http"], a[href^="javascript"]').count(), 0);
    assert.equal(await page.locator('#open-file-dialog').count(), 0);
    await page.evaluate(() => document.body.dispatchEvent(new Event('drop', { bubbles: true, cancelable: true })));
    assert.equal(await page.title(), 'small.pth');
});

served('the sidebar closes without breaking the policy', ['small.pth'], async (page) => {
    await page.locator('#sidebar-model-button').click();
    await sidebar(page, 'Model Properties');
    await page.locator('#sidebar-closebutton').click();
    await page.waitForFunction(() => document.getElementById('sidebar').style.opacity === '0');
});

served('dark colours', ['small.pth'], async (page) => {
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.notEqual(background, 'rgb(255, 255, 255)');
}, { options: { colorScheme: 'dark' } });

served('with --watch a changed file is drawn again', ['small.pth'], async (page) => {
    try {
        make('--changed');
        await page.locator('.pthview-info', { hasText: '15 tensors' }).waitFor({ timeout: 15000 });
        await drawn(page);
        await search(page, 'fc2');
        assert.match(await page.locator('.pthview-hits').innerText(), /fc2/);
    } finally {
        make();
    }
}, { flags: ['--watch'] });

served('unfolded blocks do not wait one after another', ['small.pth'], async (page) => {
    // One redraw asks for Netron's three frames before it animates, however many blocks are unfolded.
    const [waits, blocks] = await page.evaluate(async () => {
        const view = window.__view__;
        const { Graph } = window.exports.view;
        const unfold = (level) => level.nodes.filter((node) => node.block).forEach((node) => {
            view.target.blocks.add(node.block);
            unfold(node.block);
        });
        unfold(view.activeTarget);
        let [waiting, waits] = [true, 0];
        const request = window.requestAnimationFrame;
        window.requestAnimationFrame = (callback) => {
            waits += waiting ? 1 : 0;
            return request.call(window, callback);
        };
        const restore = Graph.prototype.restore;
        Graph.prototype.restore = function stop(state) {
            waiting = false; // what follows is animation
            return restore.call(this, state);
        };
        await view.refresh();
        return [waits, view.target.blocks.size];
    });
    assert.ok(blocks >= 2, `${blocks} blocks`);
    assert.equal(waits, 3);
});

test('no file but message.js stands in place of one of Netron\'s', () => {
    const viewer = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'plugins', 'netron');
    const served = readdirSync(viewer).filter((name) => /\.(js|css)$/.test(name));
    assert.deepEqual(served.filter((name) => !name.startsWith('pthview')), ['message.js']);
});

test('Ctrl-C ends the server within a second while a page is open', async () => {
    const server = await startServer(binary, [file('small.pth'), '--watch']);
    const { page, context } = await open(browser);
    await page.goto(server.url);
    await drawn(page);
    const end = await server.stop();
    await context.close();
    assert.ok(end.ms < 1000, `it took ${end.ms} ms`);
    assert.ok(end.code === 0 || end.code === 130, `it ended with ${end.code} ${end.signal}`);
});
