// A tensor as a picture: a heatmap that zooms to the real values, or the filters of a convolution as tiles.

import { json, make } from './pthview-page.js';
import { number, shown } from './pthview-window.js';

const WIDTH = 440; // pixels of the drawing; shown as wide as the panel
const HEIGHT = 240;
const VALUE_WIDTH = 44; // a cell this wide has its value written on it
const TILES = 64;

// Blue below zero, white (black in dark mode) at it, red above: told apart by those who confuse red and green, too.
const dark = () => window.matchMedia('(prefers-color-scheme: dark)').matches;
const colour = (value, most) => {
    if (!Number.isFinite(value)) {
        return [230, 200, 0];
    }
    const t = most > 0 ? Math.max(-1, Math.min(1, value / most)) : 0;
    const end = t < 0 ? [33, 102, 172] : [178, 24, 43];
    const middle = dark() ? [45, 45, 45] : [247, 247, 247];
    const amount = Math.sqrt(Math.abs(t)); // small values differ visibly, too
    return middle.map((from, i) => Math.round(from + (end[i] - from) * amount));
};

const canvasElement = (label) => {
    const canvas = make('canvas', 'pthview-heatmap');
    [canvas.width, canvas.height] = [WIDTH, HEIGHT];
    canvas.tabIndex = 0;
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', label);
    return canvas;
};

// `address` answers with averages of a region's blocks, `matrix` with its values once they are few.
export const heatmap = (address, matrix) => {
    const canvas = canvasElement('Heatmap of the values; plus and minus zoom, arrows move');
    const note = make('div', 'pthview-scale', make('span'), make('span'));
    const element = make('div', 'pthview-picture', canvas, note);
    const context = canvas.getContext('2d');
    let region = { row: 0, rows: matrix.rows, column: 0, columns: matrix.columns };
    let most = 0;
    let asked = 0;
    let asking = new AbortController();
    let drawn = null;

    const paint = ({ rows, columns, values }) => {
        drawn = { rows, columns, values, region };
        const [w, h] = [canvas.width / columns, canvas.height / rows];
        for (let r = 0; r < rows; r++) {
            for (let c = 0; c < columns; c++) {
                const value = values[r * columns + c];
                const [red, green, blue] = colour(number(value), most);
                context.fillStyle = `rgb(${red},${green},${blue})`;
                const [x, y] = [Math.floor(c * w), Math.floor(r * h)];
                context.fillRect(x, y, Math.floor((c + 1) * w) - x, Math.floor((r + 1) * h) - y);
                if (w >= VALUE_WIDTH && h >= 12 && rows === region.rows && columns === region.columns) {
                    context.fillStyle = red + green + blue > 380 ? '#000' : '#fff';
                    context.font = '10px sans-serif';
                    context.textAlign = 'center';
                    context.textBaseline = 'middle';
                    context.fillText(shown(value), x + w / 2, y + h / 2, w - 4);
                }
            }
        }
    };
    const say = (text) => {
        const { row, rows, column, columns } = region;
        const whole = rows === matrix.rows && columns === matrix.columns;
        note.firstChild.textContent = text || (whole ? `${rows} \u00D7 ${columns}` :
            `rows ${row}\u2013${row + rows - 1}, columns ${column}\u2013${column + columns - 1}`);
        note.lastChild.textContent = `\u00B1${shown(most)}`;
        element.dataset.region = [row, rows, column, columns].join(' ');
    };
    const draw = async () => {
        const question = ++asked;
        asking.abort();
        asking = new AbortController();
        const { row, rows, column, columns } = region;
        try {
            const values = rows * columns <= 4096 && rows <= 256 && columns <= 256 ?
                { rows, columns, values: await matrix.read(row, rows, column, columns) } :
                await json(`${address}&row=${row}&rows=${rows}&column=${column}&columns=${columns}`, asking.signal);
            if (question !== asked) {
                return; // the reader has moved on
            }
            if (most === 0) {
                most = values.values.reduce((most, value) =>
                    Number.isFinite(number(value)) ? Math.max(most, Math.abs(number(value))) : most, 0);
            }
            paint(values);
            say('');
        } catch (error) {
            if (question === asked) {
                note.firstChild.textContent = error.message;
            }
        }
    };
    // Zooms so that the point at (x, y), each 0 to 1, stays where it is.
    const zoom = (factor, x, y) => {
        const axis = (from, count, all, at) => {
            const next = Math.max(1, Math.min(all, Math.round(count * factor)));
            const size = next === count && factor < 1 && count > 1 ? count - 1 : next === count && factor > 1 ? Math.min(all, count + 1) : next;
            return [Math.max(0, Math.min(all - size, Math.round(from + (count - size) * at))), size];
        };
        const [row, rows] = axis(region.row, region.rows, matrix.rows, y);
        const [column, columns] = axis(region.column, region.columns, matrix.columns, x);
        region = { row, rows, column, columns };
        draw();
    };
    const move = (dr, dc) => {
        const row = Math.max(0, Math.min(matrix.rows - region.rows, region.row + dr));
        const column = Math.max(0, Math.min(matrix.columns - region.columns, region.column + dc));
        region = { ...region, row, column };
        draw();
    };
    const place = (event) => [event.offsetX / canvas.clientWidth, event.offsetY / canvas.clientHeight];
    canvas.addEventListener('wheel', (event) => {
        event.preventDefault();
        event.stopPropagation();
        zoom(event.deltaY < 0 ? 0.7 : 1 / 0.7, ...place(event));
    }, { passive: false });
    canvas.addEventListener('dblclick', () => {
        region = { row: 0, rows: matrix.rows, column: 0, columns: matrix.columns };
        draw();
    });
    let drag = null;
    canvas.addEventListener('pointerdown', (event) => {
        drag = { x: event.offsetX, y: event.offsetY, region };
        canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointerup', () => { drag = null; });
    canvas.addEventListener('pointermove', (event) => {
        if (drag) {
            const dr = Math.round((drag.y - event.offsetY) / canvas.clientHeight * region.rows);
            const dc = Math.round((drag.x - event.offsetX) / canvas.clientWidth * region.columns);
            move(drag.region.row + dr - region.row, drag.region.column + dc - region.column);
            return;
        }
        if (!drawn) {
            return;
        }
        const [x, y] = place(event);
        const [r, c] = [Math.floor(y * drawn.rows), Math.floor(x * drawn.columns)];
        const value = drawn.values[r * drawn.columns + c];
        const exact = drawn.rows === drawn.region.rows && drawn.columns === drawn.region.columns;
        if (value !== undefined) {
            const [row, column] = [drawn.region.row + Math.floor((r * drawn.region.rows) / drawn.rows),
                drawn.region.column + Math.floor((c * drawn.region.columns) / drawn.columns)];
            say(`[${matrix.label(row, column).filter((part) => part).join(', ')}] ${exact ? '=' : '\u2248'} ${shown(value)}`);
        }
    });
    canvas.addEventListener('pointerleave', () => say(''));
    const keys = {
        '+': () => zoom(0.7, 0.5, 0.5), '=': () => zoom(0.7, 0.5, 0.5), '-': () => zoom(1 / 0.7, 0.5, 0.5),
        ArrowLeft: () => move(0, -Math.ceil(region.columns / 4)), ArrowRight: () => move(0, Math.ceil(region.columns / 4)),
        ArrowUp: () => move(-Math.ceil(region.rows / 4), 0), ArrowDown: () => move(Math.ceil(region.rows / 4), 0),
        '0': () => canvas.dispatchEvent(new MouseEvent('dblclick'))
    };
    canvas.addEventListener('keydown', (event) => {
        if (keys[event.key] && !event.ctrlKey && !event.metaKey) {
            event.preventDefault();
            event.stopPropagation();
            keys[event.key]();
        }
    });
    draw();
    return element;
};

// The filters of a convolution's weight, each scaled on its own: gray, or in colour where they look at three channels.
// `matrix` has a row a filter.
export const filterTiles = (matrix, shape) => {
    const [filters, channels, height, width] = shape;
    const colours = channels === 3;
    const pixels = height * width;
    const tiles = make('div', 'pthview-tiles');
    const note = make('span');
    const channel = make('input');
    [channel.type, channel.min, channel.max, channel.value] = ['range', '0', String(channels - 1), '0'];
    channel.setAttribute('aria-label', 'Input channel');
    const earlier = make('button', 'pthview-button', '\u2039');
    const later = make('button', 'pthview-button', '\u203A');
    earlier.title = 'Earlier filters';
    later.title = 'Later filters';
    const bar = make('div', 'pthview-scale', earlier, note, ...(colours || channels === 1 ? [] : [channel]), later);
    let first = 0;
    let asked = 0;
    const tile = (values, at) => {
        const canvas = make('canvas', 'pthview-tile');
        [canvas.width, canvas.height] = [width, height];
        const finite = values.filter(Number.isFinite);
        const [low, high] = finite.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
        const level = (value) => high > low ? Math.round(255 * (value - low) / (high - low)) : 128;
        const image = new ImageData(width, height);
        for (let i = 0; i < pixels; i++) {
            for (let c = 0; c < 3; c++) {
                image.data[4 * i + c] = level(values[colours ? c * pixels + i : i]);
            }
            image.data[4 * i + 3] = 255;
        }
        canvas.getContext('2d').putImageData(image, 0, 0);
        canvas.title = `filter ${at}: ${shown(low)} to ${shown(high)}`;
        return canvas;
    };
    const draw = async () => {
        const question = ++asked;
        const count = Math.min(TILES, filters - first);
        const columns = colours ? 3 * pixels : pixels;
        const start = colours ? 0 : Number(channel.value) * pixels;
        try {
            const values = (await matrix.read(first, count, start, columns)).map(number);
            if (question !== asked) {
                return;
            }
            tiles.replaceChildren(...Array.from({ length: count }, (_, i) =>
                tile(values.slice(i * columns, (i + 1) * columns), first + i)));
            note.textContent = `filters ${first}\u2013${first + count - 1} of ${filters}` +
                (colours ? ', in colour' : channels > 1 ? `, input channel ${channel.value} of ${channels}` : '');
            earlier.disabled = first === 0;
            later.disabled = first + count >= filters;
        } catch (error) {
            note.textContent = error.message;
        }
    };
    const step = (by) => () => {
        first = Math.max(0, first + by);
        draw();
    };
    earlier.addEventListener('click', step(-TILES));
    later.addEventListener('click', step(TILES));
    channel.addEventListener('input', draw);
    channel.addEventListener('keydown', (event) => event.stopPropagation());
    draw();
    return make('div', 'pthview-picture', tiles, bar);
};
