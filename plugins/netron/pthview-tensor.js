// Netron's Tensor: its type is known at once, all else is put together or asked of the server when it is opened.

import { argument } from './pthview-node.js';
import { figure, list, text } from './pthview-text.js';

const PREVIEW = 10000; // values asked for; also what Netron prints of a tensor

// In the order of the server's codes.
export const KINDS = ['parameter', 'buffer', 'constant', 'state'];
const MISSING = ['', 'The file does not hold the bytes of this tensor.', 'This tensor lies outside its storage.',
    'This tensor was saved on the meta device: it has a shape and no values.'];

// torch's dtype names to the ones that Netron prints values for.
const DTYPES = new Map([
    ['bool', 'boolean'], ['complex32', 'complex<float32>'], ['complex64', 'complex<float32>'],
    ['complex128', 'complex<float64>'], ['quint4x2', 'uint4'], ['quint2x4', 'uint2']
]);

const netronType = (dtype) => {
    if (DTYPES.has(dtype)) {
        return DTYPES.get(dtype);
    }
    const name = dtype.startsWith('float8_') ? dtype.replace('_', '') : dtype;
    return /^(bfloat16|float(16|32|64)|float8e[a-z0-9]+|q?u?int(8|16|32)|u?int\d+)$/.test(name) ? name : 'object';
};

// Prints bare; a string would print in quotes.
class Literal {

    constructor(value) {
        this._text = text(value);
    }

    toString() {
        return this._text;
    }
}

// JSON's stand-ins for numbers it cannot write.
const number = (value) => {
    if (typeof value !== 'string') {
        return value;
    }
    if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') {
        return Number(value);
    }
    return /^-?\d+$/.test(value) ? BigInt(value) : new Literal(value);
};

const statistic = (value) => {
    if (value === null || value === undefined || value === '') {
        return 'n/a';
    }
    return typeof value === 'number' && !Number.isInteger(value) ? String(Number(value.toPrecision(7))) : String(value);
};

// An array that claims `length` elements (Netron checks it against the shape, and more than 2^32 are possible) and
// holds the first few. With `error`, reading an element throws: Netron prints the message in place of the values.
const preview = (values, length, error) => new Proxy(values, {
    get(target, key) {
        if (key === 'length') {
            return length;
        }
        if (error && typeof key === 'string' && /^\d+$/.test(key)) {
            throw new Error(error);
        }
        return Reflect.get(target, key);
    }
});

export class Tensor {

    constructor(document, index) {
        const tensors = document.tensors;
        const shape = list(tensors.shape[index]);
        const dtype = text(tensors.dtype[index]);
        this._document = document;
        this._statistics = {};
        this._numel = shape.reduce((a, b) => a * b, 1);
        this.index = index;
        this.name = text(tensors.name[index]);
        this.category = KINDS[tensors.kind[index]] || '';
        this.encoding = '|';
        this.values = null;
        this.type = {
            dataType: netronType(dtype),
            shape: { dimensions: shape, toString: () => `[${shape.join(',')}]` },
            toString: () => `${dtype}[${shape.join(',')}]`
        };
    }

    get metadata() {
        const tensors = this._document.tensors;
        const layout = text(tensors.layout[this.index]);
        const nbytes = tensors.nbytes[this.index];
        return [
            argument('path', text(tensors.path[this.index])),
            argument('dtype', text(tensors.dtype[this.index])),
            ...(layout ? [argument('layout', layout)] : []),
            argument('elements', figure(this._numel)),
            ...(Number.isFinite(nbytes) ? [argument('bytes', figure(nbytes))] : [])
        ];
    }

    // All five are named from the start: Netron would compute any that is absent from the preview alone.
    get metrics() {
        const sparsity = this._statistics.sparsity;
        return [
            ...['min', 'max', 'mean', 'std'].map((name) => argument(name, statistic(this._statistics[name]))),
            Number.isFinite(sparsity) ? argument('sparsity', sparsity, 'percentage') : argument('sparsity', 'n/a'),
            ...['zeros', 'nans', 'infinities'].filter((name) => this._statistics[name])
                .map((name) => argument(name, statistic(this._statistics[name])))
        ];
    }

    peek() {
        return this.values !== null;
    }

    // Never rejects: what goes wrong is shown where the values would stand.
    read() {
        this._promise = this._promise || this._read();
        return this._promise;
    }

    async _read() {
        const missing = MISSING[this._document.tensors.data[this.index]];
        if (missing) {
            this._fill([], missing);
            return;
        }
        try {
            const id = encodeURIComponent(this._document.id);
            const response = await fetch(`api/v1/files/${id}/tensors/${this.index}?values=${PREVIEW}`);
            const reply = await response.json();
            this.reply = reply;
            this._statistics = reply.statistics || {};
            const error = reply.error && reply.error.message ? reply.error.message : reply.error;
            this._fill(list(reply.values).map(number), text(error));
        } catch (error) {
            this._fill([], `The values could not be read (${error.message}).`);
        }
    }

    _fill(values, error) {
        if (!error && values.length < this._numel && values.length < PREVIEW) {
            error = 'No values.';
        }
        this.values = preview(values, error ? Math.max(this._numel, 1) : this._numel, error);
    }
}
