// Figures of all tensors of a file, and what they differ by from another file's: asked for a stretch at a time, kept, and
// given up when the reader moves on.

import { json } from './pthview-page.js';

const kept = new Map(); // address -> rows so far, and whether they are all

// Asks for stretch after stretch. `each(rows)` is called with all rows so far; false from it ends the asking.
const stretches = async (address, each) => {
    const entry = kept.get(address) || { rows: [], next: 0, rest: {} };
    kept.set(address, entry);
    if (entry.rows.length > 0 && each(entry) === false) {
        return entry;
    }
    while (entry.next >= 0) {
        const reply = await json(`${address}?first=${entry.next}`);
        entry.rows.push(...reply.rows);
        entry.next = reply.next;
        entry.rest = { ...reply, ...entry.rest };
        if (each(entry) === false) {
            break;
        }
    }
    return entry;
};

const file = (id) => `api/v1/files/${encodeURIComponent(id)}`;

// `each(figures)` with a Map from a tensor to {count, min, max, mean, std, l2, zeros, not_finite}.
export const figuresOf = async (id, each) => {
    const byTensor = new Map();
    let used = 0;
    await stretches(`${file(id)}/figures`, ({ rows, rest, next }) => {
        for (; used < rows.length; used++) {
            const [index, ...values] = rows[used];
            byTensor.set(index, Object.fromEntries(rest.names ? rest.names.map((name, i) => [name, Number(values[i])]) : []));
        }
        return each(byTensor, next < 0);
    });
};

// `each(changes)` with a Map from a tensor to {other, verdict, max, relative}; `only` are the tensors of the other file alone.
export const changesOf = async (id, other, each) => {
    const byTensor = new Map();
    let used = 0;
    await stretches(`${file(id)}/compare/${encodeURIComponent(other)}`, ({ rows, rest, next }) => {
        for (; used < rows.length; used++) {
            const [index, there, verdict, max, relative] = rows[used];
            byTensor.set(index, { other: there, verdict, max: Number(max), relative: Number(relative) });
        }
        return each(byTensor, next < 0, rest.only_b || []);
    });
};

// The tensor of that name in another file; -1 for none.
export const findTensor = async (id, name) => (await json(`${file(id)}/find?name=${encodeURIComponent(name)}`)).index;

// Statistics and histogram of one tensor of any file.
export const tensorOf = (id, index) => json(`${file(id)}/tensors/${index}?values=0`);
