// With --watch: draws the file again when it changes. Says when the server has ended.

import { gone, json } from './pthview-page.js';
import { chosen } from './pthview-files.js';

const PING = 15000; // ms between two questions whether the server is there

// Without --watch the server sends no events, so it is asked now and then.
const ping = () => {
    let timer = 0;
    const ask = () => fetch('api/v1/files', { method: 'HEAD' }).catch(() => {
        window.clearInterval(timer);
        gone();
    });
    timer = window.setInterval(ask, PING);
};

export const watch = (file, watched) => {
    if (!watched) {
        ping();
        return;
    }
    const events = new EventSource('api/v1/events');
    events.addEventListener('changed', (event) => {
        if (JSON.parse(event.data).id === file.id) {
            events.close();
            window.location.reload();
        }
    });
    const ended = () => {
        events.close();
        gone();
    };
    // A tunnel may drop and come back, and the file may have changed meanwhile.
    let failures = 0;
    events.addEventListener('bye', ended);
    events.addEventListener('error', () => ++failures === 3 && ended());
    events.addEventListener('open', async () => {
        const lost = failures > 0;
        failures = 0;
        if (lost && chosen((await json('api/v1/files')).files).version !== file.version) {
            window.location.reload();
        }
    });
    window.addEventListener('pagehide', () => events.close());
};
