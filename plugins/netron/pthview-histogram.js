// What is added to an opened tensor: Netron's sidebar shows values and statistics; the histogram, the tensors that one of
// another layout is made of, and the facts of the storage go below.

import { make } from './pthview-page.js';
import { figure } from './pthview-text.js';

const SHOWN_ABOVE = ['kind', 'layout', 'bytes']; // by Netron, from the tensor's metadata

const PART_VALUES = 100;

const partText = (part) => {
    const values = (Array.isArray(part.values) ? part.values : []).slice(0, PART_VALUES);
    const more = part.count > values.length ? ', ...' : '';
    return `${part.dtype}[${(part.shape || []).join(',')}] ${values.length > 0 ? `${values.join(', ')}${more}` : ''}`.trim();
};

const svg = (tag, attributes, ...children) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
};

const label = (value) => typeof value === 'number' ? String(Number(value.toPrecision(4))) : String(value);

// Bars of equal width from `low` to `high`; the tallest almost fills the height, and none that counts is invisible.
const histogramElements = ({ counts, low, high }) => {
    const highest = Math.max(...counts);
    const bars = [...counts.entries()].filter(([, count]) => count > 0).map(([i, count]) => {
        const height = Math.max(1, 96 * count / highest);
        return svg('rect', { x: i + 0.05, y: 100 - height, width: 0.9, height, fill: 'currentColor' },
            svg('title', {}, figure(count)));
    });
    return [
        svg('svg', { class: 'pthview-histogram', viewBox: `0 0 ${counts.length} 100`, preserveAspectRatio: 'none' }, ...bars),
        make('div', 'pthview-scale', make('span', '', label(low)), make('span', '', label(high)))
    ];
};

// `value` is the argument whose tensor the sidebar has just opened.
export const decorateTensor = async (view, value) => {
    const stack = view._sidebar._stack;
    const sidebar = stack.length > 0 ? stack[stack.length - 1].content : null;
    const tensor = value.value[0].initializer;
    if (!sidebar || sidebar.identifier !== 'tensor' || !tensor || !tensor.read) {
        return;
    }
    await tensor.read();
    const reply = tensor.reply || {};
    if (reply.histogram && reply.histogram.counts && reply.histogram.counts.some((count) => count > 0)) {
        sidebar.addSection('Histogram');
        sidebar.element.append(...histogramElements(reply.histogram));
    }
    const parts = Array.isArray(reply.parts) ? reply.parts : [];
    if (parts.length > 0) {
        sidebar.addSection('Parts');
        for (const part of parts) {
            sidebar.addProperty(String(part.name), partText(part));
        }
    }
    const facts = (Array.isArray(reply.facts) ? reply.facts : []).filter(([name]) => !SHOWN_ABOVE.includes(name));
    if (facts.length > 0) {
        sidebar.addSection('Storage');
        for (const [name, text] of facts) {
            sidebar.addProperty(String(name), String(text));
        }
    }
};
