// A histogram as the server counted it.

import { make } from './pthview-page.js';
import { figure } from './pthview-text.js';

const svg = (tag, attributes, ...children) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
};

const label = (value) => typeof value === 'number' ? String(Number(value.toPrecision(4))) : String(value);

// Bars of equal width from `low` to `high`; the tallest almost fills the height, and none that counts is invisible.
export const histogram = ({ counts, low, high }) => {
    const highest = Math.max(...counts);
    const width = (high - low) / counts.length;
    const bars = [...counts.entries()].filter(([, count]) => count > 0).map(([i, count]) => {
        const height = Math.max(1, 96 * count / highest);
        return svg('rect', { x: i + 0.05, y: 100 - height, width: 0.9, height, fill: 'currentColor' },
            svg('title', {}, `${figure(count)} in ${label(low + i * width)} to ${label(low + (i + 1) * width)}`));
    });
    const zero = low < 0 && high > 0 ? [svg('line', { x1: counts.length * -low / (high - low), x2: counts.length * -low / (high - low),
        y1: 0, y2: 100, class: 'pthview-zero' })] : [];
    return [
        svg('svg', { class: 'pthview-histogram', viewBox: `0 0 ${counts.length} 100`, preserveAspectRatio: 'none', role: 'img',
            'aria-label': `Histogram from ${label(low)} to ${label(high)}` }, ...zero, ...bars),
        make('div', 'pthview-scale', make('span', '', label(low)), make('span', '', label(high)))
    ];
};
