// `pthview serve` in a real browser, as a user would work with it.
//
//   node serve_test.mjs --pthview BIN [--fixtures DIR]
//
// DIR is where the files are made (make_files.py); a new temporary folder unless given. Every test also fails on any
// request to another origin, any console error, policy violation or uncaught error.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { drawn, launch, open } from './browser.mjs';
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
const served = (name, files, body, { flags = [], parameters = '', options = {}, wait = drawn } = {}) => test(name, async () => {
    const server = await startServer(binary, [...files.map(file), ...flags]);
    const { page, context, faults } = await open(browser, options);
    try {
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

served('a layer and its weight: names, values, the five statistics, histogram', ['small.pth'], async (page) => {
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
    assert.equal(await entry(page, 'min'), '0');
    assert.equal(await entry(page, 'max'), '13.375'); // 107 / 8
    assert.equal(await entry(page, 'mean'), '6.6875');
    assert.match(await entry(page, 'std'), /^3\.(8969|915)/); // of the population or of a sample
    assert.match(await entry(page, 'sparsity'), /0\.9%/); // one zero of 108
    await page.locator('.pthview-histogram rect').first().waitFor();
    await page.locator('.sidebar-item-value-button').first().click();
    const values = page.locator('#sidebar-content pre');
    await page.waitForFunction(() => /13\.375/.test(document.querySelector('#sidebar-content pre').textContent));
    assert.match(await values.innerText(), /0\.125,\s+0\.25,?\s/);
    assert.equal(await page.locator('.sidebar-item-value-button-context').count(), 0, 'a preview must not be saved as the tensor');
});

served('a sparse weight: dense values, and what is stored of it', ['sparse.pth'], async (page) => {
    await search(page, 'links.weight');
    await page.keyboard.press('Enter');
    await sidebar(page, 'Tensor Properties');
    assert.equal(await entry(page, 'min'), '-2.5');
    assert.equal(await entry(page, 'max'), '1.5');
    assert.match(await entry(page, 'indices'), /^int64\[2,2\] 0, 2, 1, 3$/);
    assert.match(await entry(page, 'values'), /^float32\[2\] 1\.5, -2\.5$/);
});

served('a block unfolds and folds', ['small.pth'], async (page) => {
    const folded = await nodes(page);
    await page.locator('.node-item-type', { hasText: '+' }).first().click();
    await page.waitForFunction((folded) => document.querySelectorAll('#canvas .graph-node').length > folded, folded);
    await page.locator('.node-item-type', { hasText: '\u2212' }).first().click();
    await page.waitForFunction((folded) => document.querySelectorAll('#canvas .graph-node').length === folded, folded);
});

served('layers are joined by edges', ['small.pth'], async (page) => {
    // conv1 -> bn1 -> layer1 -> fc
    assert.equal(await page.locator('#edge-paths > path.edge-path').count(), 3);
    assert.match(await page.locator('.pthview-info').innerText(), /inferred/);
});

served('search unfolds to a folded tensor, opens it, and Netron\'s own keys do not act', ['small.pth'], async (page) => {
    await search(page, 'layer1.1.norm.b');
    const hit = page.locator('.pthview-hits li.pthview-active');
    assert.match(await hit.innerText(), /layer1\.1\.norm\.bias/);
    await page.keyboard.press('Enter');
    await sidebar(page, 'Tensor Properties');
    assert.equal(await entry(page, 'name'), 'layer1.1.norm.bias');
    assert.equal(await entry(page, 'max'), '3');
    await page.locator('#canvas .select').first().waitFor();
    assert.equal(await page.evaluate(() => window.__view__.options.direction), 'vertical');
    await search(page, 'no such tensor');
    assert.match(await page.locator('.pthview-hits').innerText(), /Nothing found/);
});

served('a wide level folds into ranges', ['wide.pth'], async (page) => {
    await page.locator('.node-item-type', { hasText: '+' }).first().click();
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
    const values = async (name) => {
        await search(page, name);
        await page.keyboard.press('Enter');
        await page.waitForFunction((name) => {
            const input = document.querySelector('.sidebar-item .sidebar-item-value');
            return input && input.textContent.includes(name);
        }, name);
        await page.locator('.sidebar-item-value-button').first().click();
        await page.waitForFunction(() => /\]/.test((document.querySelector('#sidebar-content pre') || { textContent: '' }).textContent));
        return (await page.locator('#sidebar-content pre').innerText()).replace(/\s+/g, '');
    };
    assert.equal(await values('odd.weight'), '[NaN,Infinity,-Infinity,-1.5]');
    assert.equal(await values('odd.half'), '[1,-2.5,NaN,0]');
});

served('several files: the switcher draws another', ['small.pth', 'wide.pth'], async (page) => {
    const select = page.locator('select.pthview-file');
    assert.deepEqual(await select.locator('option').allInnerTexts(), ['small.pth', 'wide.pth']);
    await Promise.all([page.waitForNavigation(), select.selectOption({ index: 1 })]);
    await drawn(page);
    assert.equal(await page.title(), 'wide.pth');
    assert.match(await page.locator('.pthview-info').innerText(), /1,001 tensors/);
});

served('findings open as a list', ['small.pth'], async (page) => {
    await page.locator('button.pthview-findings').click();
    await sidebar(page, 'Findings');
    assert.ok(await page.locator('.pthview-finding').count() > 0);
});

served('a file that cannot be opened says why, and the others still draw', ['cut.pth', 'small.pth'], async (page, server, faults) => {
    await page.waitForSelector('html[data-pthview]', { state: 'attached' });
    if (await page.evaluate(() => document.documentElement.dataset.pthview) === 'failed') {
        assert.ok((await page.locator('#message-text').innerText()).length > 10);
    }
    const select = page.locator('select.pthview-file');
    await Promise.all([page.waitForNavigation(), select.selectOption({ index: 1 })]);
    await drawn(page);
    assert.equal(await page.title(), 'small.pth');
    assert.deepEqual(faults, []);
}, { wait: async () => {} });

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
        await Promise.all([page.waitForNavigation({ timeout: 15000 }), make('--changed')]);
        await drawn(page);
        assert.match(await page.locator('.pthview-info').innerText(), /15 tensors/);
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
