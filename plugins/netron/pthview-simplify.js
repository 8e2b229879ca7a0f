// What the simplified form of a graph leaves out: operators that only prepare others. What they pass on is joined to what
// takes it, so that no edge of the data is lost.

import { list, text } from './pthview-text.js';

const QUIET = new Set(['Constant', 'GetAttr', 'SetAttr', 'ListConstruct', 'TupleConstruct', 'DictConstruct', 'ListUnpack', 'TupleUnpack',
    'NumToTensor', 'ImplicitTensorToNum', 'Int', 'IntImplicit', 'Float', 'Bool', 'size', 'dim', 'len', '__getitem__', 'getitem', 'sym_size',
    'sym_numel', 'sym_stride', 'detach', 'detach_', 'alias', 'lift_fresh_copy', 'lift_fresh', '_assert_tensor_metadata', '_assert_scalar',
    '_assert_async', 'RaiseException', 'Print', 'requires_grad', 'annotate', 'unchecked_cast', 'is_scripting', '__isnot__', '__is__', 'Uninitialized',
    'ge', 'le', 'gt', 'lt', 'eq', 'ne', '__not__', '__and__', '__or__', 'floordiv', 'mod', 'ScalarImplicit', 'dtype', 'device', 'set_grad_enabled']);
const DROPOUT = /^(feature_|alpha_)?dropout(\dd)?_?$/;
// Of numbers these are arithmetic of sizes, of tensors they are layers.
const NUMBERS = new Set(['add', 'sub', 'mul', 'floordiv', 'mod', 'neg', 'div', 'truediv']);
const NUMBER_TYPE = /^(int|float|bool|number|SymInt|SymFloat|SymBool|Scalar)$/i;

const valuesOf = (rows) => list(rows).flatMap(([, values]) => values);

const isQuiet = (data, i) => {
    const op = text(data.nodes.op[i]);
    if (QUIET.has(op) || QUIET.has(op.split('.')[0])) {
        return true;
    }
    const attributes = new Map(list(list(data.nodes.attributes)[i]).map(([name, value]) => [text(name), text(value)]));
    if (DROPOUT.test(op)) {
        const training = attributes.get('train') || attributes.get('training');
        return training !== undefined && /^(false|0)$/i.test(training);
    }
    const outputs = valuesOf(data.nodes.outputs[i]);
    return NUMBERS.has(op) && outputs.length > 0 && outputs.every((value) => NUMBER_TYPE.test(text(data.values.type[value])));
};

// `data` is one graph of the server's (../../tools/server/graph_json.h). {hidden: node -> whether it is left out, sources:
// value -> the values that stand in for it}.
export const simplify = (data) => {
    const count = list(data.nodes.op).length;
    const hidden = new Uint8Array(count);
    const stands = new Map(); // value that a hidden node makes -> values
    const sources = (value) => stands.get(value) || [value];
    for (let i = 0; i < count; i++) {
        if (!isQuiet(data, i) || list(list(data.nodes.blocks)[i]).length > 0) {
            continue;
        }
        hidden[i] = 1;
        // Nodes stand in the order in which they run, so what this one takes is known. Weights stay with who uses them.
        const taken = [...new Set(valuesOf(data.nodes.inputs[i]).flatMap(sources))];
        valuesOf(data.nodes.outputs[i]).forEach((value) => stands.set(value, NUMBER_TYPE.test(text(data.values.type[value])) ? [] : taken));
    }
    return { hidden, sources };
};
