// With --watch: draws the file again when it changes, and says when the server has ended.

import { json, toast } from './pthview-page.js';
import { chosen } from './pthview-files.js';

export const watch = (file) => {
    const events = new EventSource('api/v1/events');
    events.addEventListener('changed', (event) => {
        if (JSON.parse(event.data).id === file.id) {
            events.close();
            window.location.reload();
        }
    });
    const ended = () => {
        events.close();
        toast('pthview has ended: what is drawn stays, values can no longer be read.');
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
