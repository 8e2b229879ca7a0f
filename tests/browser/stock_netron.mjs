// Stock Netron, its pinned assets as they are, over one folder of files: for what is written to be opened in it.

import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const assets = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '.deps', 'netron');
const TYPES = { js: 'text/javascript', html: 'text/html', css: 'text/css', json: 'application/json' };

// Without these the page asks for consent and calls an outside address; it locks itself when its date is old.
const quiet = (html) => html
    .replace(/<meta name="version" content="[^"]*">/, '<meta name="version" content="0.0.0">')
    .replace(/<meta name="date" content="[^"]*">/, '<meta name="date" content="">');

// {url(name), stop()}: url of the page with a file of `folder` open.
export const startStockNetron = async (folder) => {
    const server = createServer((request, response) => {
        const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
        try {
            const data = path.startsWith('/data/') ? readFileSync(join(folder, path.slice('/data/'.length)))
                : readFileSync(join(assets, path === '/' ? 'index.html' : path));
            const body = path === '/' ? quiet(data.toString()) : data;
            response.writeHead(200, {
                'Content-Type': TYPES[path === '/' ? 'html' : path.split('.').pop()] || 'application/octet-stream',
                'Content-Length': Buffer.byteLength(body),
                'Set-Cookie': 'consent=1'
            });
            response.end(body);
        } catch {
            response.writeHead(404);
            response.end();
        }
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${server.address().port}`;
    return {
        url: (name) => `${origin}/?url=/data/${encodeURIComponent(name)}`,
        stop: () => new Promise((resolve) => {
            server.closeAllConnections();
            server.close(resolve);
        })
    };
};

// Opens a file and resolves when its graph is drawn; throws with what the page says when it is not.
export const openInStockNetron = async (page, url, timeout = 60000) => {
    await page.goto(url);
    await page.waitForFunction(() => document.body.classList.contains('default') ||
        document.body.classList.contains('alert'), null, { timeout });
    const message = await page.evaluate(() => document.body.classList.contains('alert')
        ? document.getElementById('message-text').innerText : '');
    if (message) {
        throw new Error(`Netron says: ${message}`);
    }
};
