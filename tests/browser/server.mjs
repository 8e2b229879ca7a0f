// Starts and stops the servers that the scripts of this folder look at. Only processes started here are ended.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const waitForUrl = (child, seconds) => new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`no address after ${seconds} s: ${output}`)), seconds * 1000);
    const read = (data) => {
        output += data;
        const match = output.match(/https?:\/\/[^\s'"]+(?=[\s'"])/);
        if (match) {
            clearTimeout(timer);
            resolve(match[0]);
        }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}: ${output}`)));
});

const start = async (command, args, seconds) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
    try {
        const url = await waitForUrl(child, seconds);
        return {
            url,
            child,
            // Interrupts it as Ctrl-C does; {code, signal, ms} of its end.
            stop: async () => {
                const start = performance.now();
                child.kill('SIGINT');
                const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
                const end = await ended;
                clearTimeout(timer);
                return { ...end, ms: Math.round(performance.now() - start) };
            }
        };
    } catch (error) {
        child.kill('SIGKILL');
        throw error;
    }
};

// `BIN serve FILE... --no-open`, with its address as printed.
export const startServer = (binary, args, seconds = 20) => start(binary, ['serve', ...args, '--no-open'], seconds);

// Stock Netron with its own server, unpacked from its wheel.
export const startNetron = async (wheel, file, seconds = 60) => {
    const folder = mkdtempSync(join(tmpdir(), 'netron-'));
    execFileSync('python3', ['-m', 'zipfile', '-e', wheel, folder]);
    const script = 'import sys\nsys.path.insert(0, sys.argv[1])\nimport netron\n' +
        'host, port = netron.start(sys.argv[2], browse=False)\n' +
        'print(f"http://{host}:{port}/ ", flush=True)\nnetron.wait()\n';
    const server = await start('python3', ['-c', script, folder, file], seconds);
    return {
        ...server,
        stop: async () => {
            const end = await server.stop();
            rmSync(folder, { recursive: true });
            return end;
        }
    };
};
