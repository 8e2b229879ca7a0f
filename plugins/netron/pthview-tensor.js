// Netron's Tensor: its type is known at once, all else is asked of the server when it is opened.

import { json } from './pthview-page.js';
import { figure, list, text } from './pthview-text.js';

const PREVIEW = 16; // values asked for with the figures; the panel reads others by windows

// In the order of the server's codes.
export const KINDS = ['parameter', 'buffer', 'constant', 'state'];
const MISSING = ['', 'The file does not hold the bytes of this tensor.', 'This tensor lies outside its storage.',
    'This tensor was saved on the meta device: it has a shape and no values.'];

// torch's dtype names to the ones that Netron prints values for.
const DTYPES = new Map([
    ['bool', 'boolean'], ['complex32', 'complex<float32>'], ['bcomplex32', 'complex<float32>'],
    ['complex64', 'complex<float32>'],
    ['complex128', 'complex<float64>'], ['quint4x2', 'uint4'], ['quint2x4', 'uint2']
]);

const netronType = (dtype) => {
    if (DTYPES.has(dtype)) {
        return DTYPES.get(dtype);
    }
    const name = dtype.startsWith('float8_') ? dtype.replace('_', '') : dtype;
    return /^(bfloat16|float(16|32|64)|float8e[a-z0-9]+|q?u?int(8|16|32)|u?int\d+)$/.test(name) ? name : 'object';
};

export class Tensor {

    constructor(document, index) {
        const tensors = document.tensors;
        const shape = list(tensors.shape[index]);
        const dtype = text(tensors.dtype[index]);
        this._document = document;
        this._numel = shape.reduce((a, b) => a * b, 1);
        this.index = index;
        this.name = text(tensors.name[index]);
        this.category = KINDS[tensors.kind[index]] || '';
        this.encoding = '|';
        this.values = [];
        this.type = {
            dataType: netronType(dtype),
            shape: { dimensions: shape, toString: () => `[${shape.join(',')}]` },
            toString: () => `${dtype}[${shape.join(',')}]`
        };
    }

    get file() {
        return this._document.id;
    }

    get shape() {
        return this.type.shape.dimensions;
    }

    // [[name, text]]: what is known without asking.
    get facts() {
        const tensors = this._document.tensors;
        const path = text(tensors.path[this.index]);
        const layout = text(tensors.layout[this.index]);
        const nbytes = tensors.nbytes[this.index];
        return [
            ...(path && path !== this.name ? [['path', path]] : []),
            ['kind', this.category],
            ['dtype', text(tensors.dtype[this.index])],
            ['shape', this.shape.length > 0 ? this.shape.join(',') : '()'],
            ...(layout ? [['layout', layout]] : []),
            ['elements', figure(this._numel)],
            ...(Number.isFinite(nbytes) ? [['bytes', figure(nbytes)]] : [])
        ].filter(([, value]) => value);
    }

    get numeric() {
        return !/^(complex|quint4x2|quint2x4|float4)/.test(text(this._document.tensors.dtype[this.index]));
    }

    // Whether the server can write it as a file of its own.
    get saved() {
        return this._document.tensors.data[this.index] === 0;
    }

    // Calls `known(text)` with the value of a tensor of no dimensions, now or once the server has told it.
    scalar(known) {
        this._document.scalar(this.index, known);
    }

    address(suffix = '') {
        return `api/v1/files/${encodeURIComponent(this.file)}/tensors/${this.index}${suffix}`;
    }

    // For Netron, which would print values of its own.
    peek() {
        return false;
    }

    // Asks the server once; `reply` is its answer, `error` what there is to say in place of values. Never rejects.
    read() {
        this._promise = this._promise || this._read();
        return this._promise;
    }

    // The reader has moved on: what is still being computed is not wanted any more. The next look asks again.
    giveUp() {
        if (this._asking) {
            this._asking.abort();
            [this._asking, this._promise] = [null, null];
        }
    }

    async _read() {
        const asking = new AbortController();
        this._asking = asking;
        let error = MISSING[this._document.tensors.data[this.index]] || '';
        let reply = null;
        let again = false; // the next look may have more luck
        try {
            reply = await json(`${this.address()}?values=${PREVIEW}`, asking.signal);
            error = error || text(reply.error && reply.error.message ? reply.error.message : reply.error);
        } catch (failure) {
            error = error || `The values could not be read: ${failure.message}`;
            again = true;
        }
        if (this._asking !== asking) {
            return; // given up
        }
        [this._asking, this.error] = [null, error];
        this.reply = reply || this.reply;
        this._promise = again ? null : this._promise;
    }
}
