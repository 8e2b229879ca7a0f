// The ONNX files that `pthview convert` writes, in stock Netron.
//
//   node stock_test.mjs --pthview BIN [--programs DIR]
//
// DIR is what tests/fixtures/make_programs.py made: its .pt2 files have recorded graphs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, open } from './browser.mjs';
import { openInStockNetron, startStockNetron } from './stock_netron.mjs';

const option = (name) => process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : null;
const binary = option('--pthview');
if (!binary || !existsSync(binary)) {
    console.error('usage: node stock_test.mjs --pthview BIN [--programs DIR]');
    process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'pthview-stock-'));

let browser = null;
let netron = null;
before(async () => {
    execFileSync('python3', [join(dirname(fileURLToPath(import.meta.url)), 'make_files.py'), folder]);
    browser = await launch();
    netron = await startStockNetron(folder);
});
after(async () => {
    await browser.close();
    await netron.stop();
    rmSync(folder, { recursive: true });
});

// Converts `file`, opens the ONNX, and gives what is drawn: {title, style, rows} of each node, how many
// inputs and outputs there are, and how many edges.
const drawnOf = async (file, ...options) => {
    const name = `${basename(file)}.onnx`;
    execFileSync(binary, ['convert', file, '-o', join(folder, name), '--quiet', '--force', ...options]);
    const { page, context, faults } = await open(browser);
    try {
        await openInStockNetron(page, netron.url(name));
        await page.waitForSelector('#nodes > .graph-node');
        const drawn = await page.evaluate(() => ({
            nodes: [...document.querySelectorAll('#nodes > .graph-node')].map((node) => ({
                title: node.querySelector('text').textContent,
                style: node.querySelector('.node-item-type').getAttribute('class'),
                rows: [...node.querySelectorAll('.node-argument')].map((row) => [...row.querySelectorAll('tspan')].map((part) => part.textContent))
            })),
            ports: document.querySelectorAll('#nodes > .node:not(.graph-node)').length,
            edges: document.querySelectorAll('#edge-paths .edge-path').length
        }));
        assert.deepEqual(faults, []);
        return drawn;
    } finally {
        await context.close();
    }
};

const count = (names) => {
    const counts = {};
    names.forEach((name) => {
        counts[name] = (counts[name] || 0) + 1;
    });
    return counts;
};

// Of `graph --json`: how many nodes there are of each operator, and how many edges, those of inputs and outputs too.
const expectedOf = (file) => {
    const document = JSON.parse(execFileSync(binary, ['graph', '--json', '--quiet', file]));
    const graphs = document.graphs.filter((graph) => !graph.body);
    const edges = graphs.map((graph) => {
        const given = graph.nodes.flatMap((node) => node.inputs.flatMap((argument) => argument.values));
        return given.filter((value) => !graph.values[value].tensor).length + graph.outputs.length;
    });
    return {
        operators: count(graphs.flatMap((graph) => graph.nodes.map((node) => node.op))),
        inputs: graphs.flatMap((graph) => graph.inputs).length,
        outputs: graphs.flatMap((graph) => graph.outputs).length,
        edges: edges.reduce((a, b) => a + b, 0)
    };
};

test('a state_dict has the operators, names and colours of ONNX', async () => {
    const { nodes } = await drawnOf(join(folder, 'small.pth'));
    const conv = nodes.filter((node) => node.title === 'Conv');
    assert.equal(conv.length, 3);
    assert.match(conv[0].style, /node-item-type-layer/);
    assert.deepEqual(conv[0].rows, [['W', '〈4×3×3×3〉'], ['B', '〈4〉']]);
    const norm = nodes.find((node) => node.title === 'BatchNormalization');
    assert.match(norm.style, /node-item-type-normalization/);
    assert.deepEqual(norm.rows.map((row) => row[0]), ['scale', 'B', 'input_mean', 'input_var']);
    assert.match(nodes.find((node) => node.title === 'Gemm').style, /node-item-type-layer/);
});

test('layers that are not ONNX\'s have torch\'s names for their weights', async () => {
    const { nodes } = await drawnOf(join(folder, 'small.pth'), '--include', 'layer1.*.norm.*');
    const norms = nodes.filter((node) => node.title === 'Module' && node.rows.length > 0);
    assert.deepEqual(norms.map((node) => node.rows.map((row) => row[0])), [['weight', 'bias'], ['weight', 'bias']]);
});

test('transformers, markup in names, flat names and files without a model open too', async () => {
    for (const name of ['bert.pth', 'hostile.pth', 'wide.pth', 'sparse.pth', 'checkpoint.pth', 'cut.pth']) {
        const { nodes } = await drawnOf(join(folder, name));
        assert.ok(nodes.length > 0, name);
    }
});

const programs = option('--programs');
const recorded = programs && existsSync(programs)
    ? readdirSync(programs, { recursive: true }).filter((name) => name.endsWith('.pt2')).map((name) => join(programs, name)) : [];
for (const file of recorded) {
    test(`the recorded graph of ${basename(dirname(file))}/${basename(file)} has the same nodes and edges`, async () => {
        const { nodes, ports, edges } = await drawnOf(file, '--graph', 'recorded');
        const expected = expectedOf(file);
        assert.deepEqual(count(nodes.map((node) => node.title)), expected.operators);
        assert.equal(ports, expected.inputs + expected.outputs);
        assert.equal(edges, expected.edges);
    });
}
