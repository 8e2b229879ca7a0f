// The values of a tensor as a grid that scrolls: cells exist only for what is in sight.

import { make } from './pthview-page.js';
import { shown } from './pthview-window.js';

const ROW = 18; // pixels
const COLUMN = 72;
const MOST = 4e6; // pixels that browsers scroll reliably; beyond, a step of the bar is more than a cell
const VISIBLE_ROWS = 12;

// An element that shows `matrix` (pthview-window.js).
export const grid = (matrix) => {
    const labelWidth = 16 + 6.2 * matrix.label(matrix.rows - 1, 0)[0].length;
    const sheet = make('div', 'pthview-grid-sheet');
    const space = make('div', 'pthview-grid-space', sheet);
    const element = make('div', 'pthview-grid', space);
    element.tabIndex = 0;
    element.setAttribute('role', 'table');
    element.setAttribute('aria-label', 'Values');
    const [height, width] = [matrix.rows * ROW, matrix.columns * COLUMN];
    space.style.height = `${ROW + Math.min(height, MOST)}px`;
    space.style.width = `${labelWidth + Math.min(width, MOST)}px`;
    element.style.height = `${ROW * (1 + Math.min(matrix.rows, VISIBLE_ROWS)) + 18}px`;
    let pending = false;

    const cell = (text, x, y, w, style, title) => {
        const element = make('div', style, text);
        element.style.transform = `translate(${x}px, ${y}px)`;
        element.style.width = `${w}px`;
        if (title) {
            element.title = title;
        }
        return element;
    };
    const render = () => {
        pending = false;
        const first = (scroll, size, all, inView, step) => {
            const most = Math.max(1, Math.min(size, MOST) - inView);
            return size <= MOST ? Math.floor(scroll / step) : Math.floor(Math.min(1, scroll / most) * Math.max(0, all - inView / step));
        };
        const [h, w] = [element.clientHeight - ROW, element.clientWidth - labelWidth];
        const row = Math.min(first(element.scrollTop, height, matrix.rows, h, ROW), matrix.rows - 1);
        const column = Math.min(first(element.scrollLeft, width, matrix.columns, w, COLUMN), matrix.columns - 1);
        const rows = Math.min(matrix.rows - row, Math.ceil(h / ROW) + 1);
        const columns = Math.min(matrix.columns - column, Math.ceil(w / COLUMN) + 1);
        // The sheet stays in sight; a scroll by less than a cell moves it.
        const dx = width <= MOST ? -(element.scrollLeft % COLUMN) : 0;
        const dy = height <= MOST ? -(element.scrollTop % ROW) : 0;
        const cells = [];
        for (let r = 0; r < rows; r++) {
            for (let c = 0; c < columns; c++) {
                const value = matrix.at(row + r, column + c, later);
                const [y, x] = matrix.label(row + r, column + c);
                const text = value === undefined ? '\u2026' : value === null ? '\u2013' : shown(value);
                cells.push(cell(text, labelWidth + c * COLUMN + dx, ROW + r * ROW + dy, COLUMN, 'pthview-cell',
                    value === undefined || value === null ? '' : `[${[y, x].filter((part) => part).join(', ')}] = ${value}`));
            }
        }
        for (let c = 0; c < columns; c++) {
            cells.push(cell(matrix.label(0, column + c)[1], labelWidth + c * COLUMN + dx, 0, COLUMN, 'pthview-cell pthview-head'));
        }
        for (let r = 0; r < rows; r++) {
            cells.push(cell(matrix.label(row + r, 0)[0], 0, ROW + r * ROW + dy, labelWidth, 'pthview-cell pthview-head pthview-side'));
        }
        cells.push(cell('', 0, 0, labelWidth, 'pthview-cell pthview-head pthview-side'));
        sheet.style.width = `${element.clientWidth}px`;
        sheet.style.height = `${element.clientHeight}px`;
        sheet.replaceChildren(...cells);
    };
    const later = () => {
        if (!pending) {
            pending = true;
            requestAnimationFrame(render);
        }
    };
    element.addEventListener('scroll', later, { passive: true });
    element.addEventListener('keydown', (event) => event.stopPropagation());
    new ResizeObserver(later).observe(element);
    return element;
};
