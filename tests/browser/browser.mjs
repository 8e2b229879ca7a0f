// Headless Chromium for the scripts of this folder, and the watch over what a page must not do.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const { chromium } = createRequire(join(root, '.deps', 'npm', 'package.json'))('playwright-core');

const ARGUMENTS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    // No name is ever looked up: what a page asks of another host fails at once.
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'];

export const launch = async () => {
    const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
    if (!existsSync(executablePath)) {
        throw new Error(`no Chromium at ${executablePath}; set CHROMIUM to one`);
    }
    return chromium.launch({ executablePath, args: ARGUMENTS });
};

// A page, and `faults`: every request to another origin, console error, policy violation and uncaught error.
export const open = async (browser, options = {}) => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    const page = await context.newPage();
    const faults = [];
    let origin = null;
    // Netron replaces window.eval, which page.evaluate needs.
    await page.addInitScript(() => {
        const original = window.eval;
        Object.defineProperty(window, 'eval', { configurable: true, get: () => original, set: () => {} });
        document.addEventListener('securitypolicyviolation', (event) => {
            console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
        });
    });
    page.on('request', (request) => {
        const url = new URL(request.url());
        if (!['data:', 'blob:', 'about:'].includes(url.protocol)) {
            origin = origin || url.origin;
            if (url.origin !== origin) {
                faults.push(`request to ${request.url()}`);
            }
        }
    });
    page.on('console', (message) => {
        if (message.type() === 'error') {
            faults.push(`console: ${message.text()} (${message.location().url})`);
        }
    });
    page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`));
    return { page, context, faults };
};

// Resolves when the graph of the file is on the page (pthview only).
export const drawn = (page, timeout = 30000) => page.waitForSelector('html[data-pthview="drawn"]', { state: 'attached', timeout });
