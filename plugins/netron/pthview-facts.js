// What the bar says about the shown file.

import { make } from './pthview-page.js';
import { plural, rounded, size } from './pthview-text.js';

const hasDanger = (findings) => findings.some(({ severity }) => /danger|error|critical/i.test(severity));

// Fills `info`, and puts a button after it when there are findings. `data` is the model's.
export const describe = (info, view, file, data) => {
    const facts = [data.format];
    if (file.size) {
        facts.push(size(file.size));
    }
    facts.push(plural(data.tensors, 'tensor'), `${rounded(data.parameters)} parameters`);
    info.replaceChildren(...facts.filter((fact) => fact).map((fact) => make('span', '', fact)));
    info.title = facts.filter((fact) => fact).join(' \u00b7 ');
    if (data.findings.length > 0) {
        const button = make('button', `pthview-findings${hasDanger(data.findings) ? ' pthview-danger' : ''}`, plural(data.findings.length, 'finding'));
        button.addEventListener('click', async () => {
            const { findingsElement } = await import('./pthview-properties.js');
            view._sidebar.open({ identifier: 'findings', element: findingsElement(view, data.findings), render: () => {} }, 'Findings');
        });
        info.after(button);
    }
};
