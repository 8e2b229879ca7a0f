// What the bar says about the shown file, and the list of its findings in the sidebar.

import { make } from './pthview-page.js';
import { plural, rounded, size, text } from './pthview-text.js';

const dangerous = (finding) => /danger|error|critical/i.test(finding.severity);

const findingsElement = (findings) => {
    const element = make('div', 'sidebar-object');
    for (const finding of findings) {
        const severity = /^[a-z]+$/.test(finding.severity) ? finding.severity : 'info';
        const code = [finding.severity, finding.code].filter((part) => part).join(' ');
        element.append(make('div', `pthview-finding pthview-${severity}`, text(finding.text),
            make('small', '', finding.where ? `${code} \u00b7 ${finding.where}` : code)));
    }
    return element;
};

// Fills `info`, and puts a button after it when there are findings. `data` is the model's.
export const describe = (info, view, file, data) => {
    const facts = [data.format];
    if (file.size) {
        facts.push(size(file.size));
    }
    facts.push(plural(data.tensors, 'tensor'), `${rounded(data.parameters)} parameters`);
    info.replaceChildren(...facts.filter((fact) => fact).map((fact) => make('span', '', fact)));
    if (data.inferred) {
        const element = make('span', '', 'graph inferred from order and shapes');
        element.title = 'The file holds weights, not a graph: each layer points to the one that stands after it.';
        info.append(element);
    }
    if (data.findings.length > 0) {
        const danger = data.findings.some(dangerous) ? ' pthview-danger' : '';
        const button = make('button', `pthview-findings${danger}`, plural(data.findings.length, 'finding'));
        button.addEventListener('click', () => view._sidebar.open(
            { identifier: 'findings', element: findingsElement(data.findings), render: () => {} }, 'Findings'));
        info.after(button);
    }
};
