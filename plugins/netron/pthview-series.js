// One tensor over the files of this server, as checkpoints of a run: a line for a figure, and a slider that shows the
// histogram at each.

import { findTensor, tensorOf } from './pthview-figures.js';
import { histogram } from './pthview-histogram.js';
import { make } from './pthview-page.js';
import { shown } from './pthview-window.js';

const MOST = 100; // files
const SVG = 'http://www.w3.org/2000/svg';

// In the order of the run: by its step where every file has one, else as named.
export const ordered = (files) => {
    const open = files.filter((entry) => !entry.error).slice(0, MOST);
    return open.every(({ step }) => Number.isFinite(step)) ? [...open].sort((a, b) => a.step - b.step) : open;
};

const title = (entry) => Number.isFinite(entry.step) ? `${entry.name} (${entry.step})` : entry.name;

const lineElement = (values) => {
    const finite = values.filter(Number.isFinite);
    const [low, high] = [Math.min(...finite), Math.max(...finite)];
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', `0 0 ${Math.max(1, values.length - 1)} 100`);
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('class', 'pthview-series');
    const line = document.createElementNS(SVG, 'polyline');
    line.setAttribute('points', values.map((value, i) => Number.isFinite(value) ?
        `${i},${high > low ? 95 - 90 * (value - low) / (high - low) : 50}` : '').filter((point) => point).join(' '));
    svg.append(line);
    return svg;
};

// Fills `element` for the tensor `name` of `shownId`. Nothing is asked for before the reader asks.
export const series = (files, shownId, name) => {
    const entries = ordered(files);
    const element = make('div', 'pthview-series-panel');
    const slider = make('input');
    [slider.type, slider.min, slider.max] = ['range', '0', String(entries.length - 1)];
    slider.value = String(Math.max(0, entries.findIndex(({ id }) => id === shownId)));
    slider.setAttribute('aria-label', 'Checkpoint');
    const figure = make('select');
    figure.setAttribute('aria-label', 'Figure over the checkpoints');
    ['std', 'mean', 'min', 'max'].forEach((name) => figure.append(make('option', '', name)));
    const line = make('div');
    const picture = make('div');
    const note = make('div', 'pthview-remark');
    element.append(line, slider, make('div', 'pthview-scale', figure, note), picture);
    const replies = new Map();
    const replyOf = async (entry) => {
        if (!replies.has(entry.id)) {
            const index = await findTensor(entry.id, name);
            replies.set(entry.id, index < 0 ? null : await tensorOf(entry.id, index));
        }
        return replies.get(entry.id);
    };
    const draw = async () => {
        const entry = entries[Number(slider.value)];
        const reply = await replyOf(entry).catch((error) => ({ error: error.message }));
        if (entry !== entries[Number(slider.value)]) {
            return;
        }
        const statistics = reply && reply.statistics;
        note.textContent = `${title(entry)}: ${!reply ? 'has no such tensor' : !statistics ? String(reply.error) : `${figure.value} ${shown(statistics[figure.value])}`}`;
        picture.replaceChildren(...(reply && reply.histogram ? histogram(reply.histogram) : []));
    };
    const drawLine = async () => {
        const values = [];
        for (const entry of entries) {
            if (!element.isConnected) {
                return; // the reader has moved on
            }
            const reply = await replyOf(entry).catch(() => null);
            values.push(reply && reply.statistics ? Number(reply.statistics[figure.value]) : NaN);
            line.replaceChildren(lineElement([...values, ...entries.slice(values.length).map(() => NaN)]));
        }
    };
    slider.addEventListener('input', draw);
    slider.addEventListener('keydown', (event) => event.stopPropagation());
    figure.addEventListener('keydown', (event) => event.stopPropagation());
    figure.addEventListener('change', () => {
        draw();
        drawLine();
    });
    window.setTimeout(() => draw().then(drawLine), 0);
    return element;
};
