// How long a file takes from its address to the drawn graph, and what the browser holds then. Used by tests/bench.
//
//   node timing.mjs --url URL [--unfold] [--runs N]          a server that runs already (pthview's or Netron's own)
//   node timing.mjs --pthview BIN FILE [--unfold] [--runs N]   starts `BIN serve FILE --no-open`
//   node timing.mjs --netron WHEEL FILE [--runs N]             starts stock Netron's own server from its wheel
//
// Prints one JSON line: {"drawn_ms": median, "runs_ms": [...], "browser_mb": median, "nodes": n, "unfold_ms": slowest}.
// drawn_ms counts from the navigation; a started server counts from its start, too (`serve_ms`). browser_mb is the sum
// of the proportional set size of all Chromium processes of the run.

import { readdirSync, readFileSync } from 'node:fs';
import { launch, open } from './browser.mjs';
import { startNetron, startServer } from './server.mjs';

const args = process.argv.slice(2);
const take = (name, values = 1) => {
    const at = args.indexOf(name);
    return at < 0 ? null : args.splice(at, values + 1).slice(1);
};
const unfold = take('--unfold', 0) !== null;
const runs = Number((take('--runs') || ['3'])[0]);
const url = take('--url');
const pthview = take('--pthview');
const netron = take('--netron');
const [file] = args;
if (!url && !((pthview || netron) && file)) {
    console.error('usage: node timing.mjs --url URL | --pthview BIN FILE | --netron WHEEL FILE  [--unfold] [--runs N]');
    process.exit(2);
}

const median = (values) => values.slice().sort((a, b) => a - b)[Math.floor(values.length / 2)];

// All processes below `pid`, as /proc tells.
const family = (pid) => {
    const children = new Map();
    for (const entry of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
        try {
            const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
            const parent = Number(stat.substring(stat.lastIndexOf(')') + 2).split(' ')[1]);
            children.set(parent, (children.get(parent) || []).concat(Number(entry)));
        } catch {
            // ended meanwhile
        }
    }
    const all = [];
    const queue = [pid];
    while (queue.length > 0) {
        const next = queue.pop();
        all.push(next);
        queue.push(...(children.get(next) || []));
    }
    return all;
};

const megabytes = (pids) => {
    let kilobytes = 0;
    for (const pid of pids) {
        try {
            const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Pss:\s+(\d+)/m);
            kilobytes += Number(rollup[1]);
        } catch {
            // ended meanwhile
        }
    }
    return Math.round(kilobytes / 1024);
};

const graph = (page) => page.waitForFunction(() =>
    document.body && document.body.classList.contains('default') && document.querySelectorAll('#canvas .graph-node').length > 0,
null, { timeout: 600000, polling: 'raf' });

// Unfolds the first block of each level, as a click on its plus does; the slowest of them in milliseconds.
const unfoldAll = async (page) => {
    let slowest = 0;
    for (let depth = 0; depth < 8; depth++) {
        const time = await page.evaluate(async (depth) => {
            const view = window.__view__;
            const nodes = (level) => level.nodes.filter((node) => node.block);
            let level = view.activeTarget;
            for (let i = 0; i < depth; i++) {
                const [node] = nodes(level);
                if (!node) {
                    return null;
                }
                level = node.block;
            }
            const [node] = nodes(level);
            if (!node) {
                return null;
            }
            const start = performance.now();
            view.target.blocks.add(node.block);
            await view.refresh();
            await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
            return performance.now() - start;
        }, depth);
        if (time === null) {
            break;
        }
        slowest = Math.max(slowest, time);
    }
    return Math.round(slowest);
};

const results = [];
for (let run = 0; run < runs; run++) {
    const started = performance.now();
    const server = url ? { url: url[0], stop: async () => {} } :
        pthview ? await startServer(pthview[0], [file]) : await startNetron(netron[0], file);
    const serve = performance.now() - started;
    const before = new Set(family(process.pid));
    const browser = await launch();
    const { page, context } = await open(browser);
    // Else stock Netron asks before it opens anything.
    await context.addCookies([{ name: 'consent', value: '1', url: new URL(server.url).origin }]);
    const start = performance.now();
    await page.goto(server.url, { waitUntil: 'commit' });
    await graph(page);
    const time = performance.now() - start;
    const memory = megabytes(family(process.pid).filter((pid) => !before.has(pid)));
    results.push({
        drawn: Math.round(time), serve: Math.round(serve), memory,
        nodes: await page.evaluate(() => document.querySelectorAll('#canvas .graph-node').length),
        unfold: unfold ? await unfoldAll(page) : undefined
    });
    await browser.close();
    await server.stop();
}
const column = (name) => results.map((result) => result[name]);
console.log(JSON.stringify({
    drawn_ms: median(column('drawn')), runs_ms: column('drawn'), serve_ms: median(column('serve')),
    browser_mb: median(column('memory')), nodes: results[0].nodes,
    ...(unfold ? { unfold_ms: Math.max(...column('unfold')) } : {})
}));
