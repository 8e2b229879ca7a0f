// A tensor's values, a window at a time: the page never holds a whole tensor.

import { json } from './pthview-page.js';

const ROWS = 64;
const COLUMNS = 32;
const KEPT = 400; // windows

// JSON's stand-ins for numbers that it cannot write.
export const number = (value) => {
    if (typeof value === 'number') {
        return value;
    }
    return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : NaN;
};

// As few digits as tell values apart; what is no number (complex values, long integers) as it came.
export const shown = (value) => {
    if (typeof value !== 'number') {
        return value === 'NaN' ? 'nan' : String(value).replace('Infinity', 'inf');
    }
    return Number.isInteger(value) && Math.abs(value) < 1e6 ? String(value) : String(Number(value.toPrecision(5)));
};

// The tensor as a matrix: its first `split` dimensions make the rows, the others the columns.
export class Matrix {

    constructor(file, index, shape, split) {
        this._address = `api/v1/files/${encodeURIComponent(file)}/window/${index}?split=${split}`;
        this._tiles = new Map();
        this._shape = shape;
        this._split = split;
        this.rows = shape.slice(0, split).reduce((a, b) => a * b, 1);
        this.columns = shape.slice(split).reduce((a, b) => a * b, 1);
    }

    // ('3, 0', '5') for an element of a tensor of three dimensions whose first two make the rows.
    label(row, column) {
        const indices = (at, extents) => {
            const result = [];
            for (let i = extents.length - 1; i >= 0; i--) {
                result.unshift(at % extents[i]);
                at = Math.floor(at / extents[i]);
            }
            return result.join(', ');
        };
        return [indices(row, this._shape.slice(0, this._split)), indices(column, this._shape.slice(this._split))];
    }

    // The value where it is known; else undefined, and `changed` is called once it is.
    at(row, column, changed) {
        const [top, left] = [Math.floor(row / ROWS), Math.floor(column / COLUMNS)];
        const key = `${top},${left}`;
        let tile = this._tiles.get(key);
        if (!tile) {
            tile = { values: null };
            if (this._tiles.size >= KEPT) {
                this._tiles.delete(this._tiles.keys().next().value);
            }
            this._tiles.set(key, tile);
            const rows = Math.min(ROWS, this.rows - top * ROWS);
            const columns = Math.min(COLUMNS, this.columns - left * COLUMNS);
            this.read(top * ROWS, rows, left * COLUMNS, columns).then(
                (values) => { tile.values = values; },
                (error) => { tile.values = { error }; }).then(changed);
            tile.columns = columns;
        }
        if (!tile.values) {
            return undefined;
        }
        return tile.values.error ? null : tile.values[(row - top * ROWS) * tile.columns + (column - left * COLUMNS)];
    }

    // The values of a window, row by row.
    async read(row, rows, column, columns) {
        const reply = await json(`${this._address}&row=${row}&rows=${rows}&column=${column}&columns=${columns}`);
        return reply.values;
    }
}
