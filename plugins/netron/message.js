// Netron's model of one file served by `pthview serve`, built lazily from the document at data/<id>.netron
// (README.md has the document and the rules). Netron loads this module first for any address ending in .netron.
//
// In: a JSON document of parallel arrays. Everything in it comes from an untrusted file and is only ever handed on as
// text and numbers. Out: the objects that view.js reads (Model, Graph, Node, Argument, Value, Tensor).
// Objects are made only for what is drawn: a level's nodes exist once the level is unfolded, a tensor's values once it
// is opened.

const SIGNATURE = 'pthview/1';
const PREVIEW = 10000; // values asked for; also what Netron prints of a tensor
const LEVEL_MAX = 200; // nodes on one drawn level; wider levels fold into ranges
const RANGE = 100; // items in a range, then ranges in a range of ranges, ...
const ROWS_MAX = 24; // tensors listed on a module's own node; more become nodes of their own

const KINDS = ['parameter', 'buffer', 'constant', 'state'];
const MISSING = ['', 'The file does not hold the bytes of this tensor.', 'This tensor lies outside its storage.',
    'This tensor was saved on the meta device: it has a shape and no values.'];

// Colours: Netron's category for a class name (its last component), first match wins.
const CATEGORIES = [
    [/attention|attn/i, 'attention'],
    [/^(lazy)?(conv|linear|bilinear|embedding|lstm|gru|rnn|lora)/i, 'layer'],
    [/(conv\dd|linear|embedding|lstmcell|grucell|rnncell)$/i, 'layer'],
    [/norm(\dd)?$|^(sync)?batchnorm|^localresponsenorm/i, 'normalization'],
    [/pool(\dd)?$/i, 'pool'],
    [/dropout(\dd)?$|^droppath$/i, 'dropout'],
    [/(relu6?|gelu|sigmoid|tanh|softmax\w*|softmin|softplus|softsign|silu|mish|swish|glu|elu|celu|selu|shrink|hardtanh)$/i,
        'activation'],
    [/^(flatten|unflatten|fold|unfold|pixelshuffle|pixelunshuffle|upsample\w*|channelshuffle|identity)$/i, 'shape'],
    [/pad(\dd)?$/i, 'tensor'],
    [/^(quant|dequant|quantize|dequantize|fakequantize)|observer$/i, 'quantization']
];

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

const category = (name) => {
    const last = name.split('.').pop();
    const entry = CATEGORIES.find(([pattern]) => pattern.test(last));
    return entry ? entry[1] : '';
};

const text = (value) => value === undefined || value === null ? '' : String(value);
const list = (value) => Array.isArray(value) ? value : [];
const plural = (count, noun) => `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
const shorten = (name) => name.length > 24 ? `\u2026${name.slice(-23)}` : name;

// `path` without that of what holds it: ('a.b.weight', 'a.b') -> 'weight', ('a["x"]', 'a') -> '["x"]'.
const local = (path, parent) => {
    const rest = parent && path.startsWith(parent) ? path.substring(parent.length) : '';
    if (rest.startsWith('.')) {
        return rest.substring(1);
    }
    return rest.startsWith('[') ? rest : path;
};

// Netron draws what stands after the last dot; a name that has dots of its own gets look-alikes.
const undotted = (name) => name.split('.').join('\u2024');

const argument = (name, value, type = null) => ({ name, value, type });

class Value {

    constructor(name, tensor) {
        this.name = name;
        this.initializer = tensor || null;
        this.type = tensor ? tensor.type : null;
    }
}

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

class Tensor {

    constructor(document, index) {
        const tensors = document.tensors;
        const shape = list(tensors.shape[index]);
        const dtype = text(tensors.dtype[index]);
        this._document = document;
        this._missing = MISSING[tensors.data[index]] || '';
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
        const nbytes = tensors.nbytes[index];
        this.metadata = [
            argument('path', text(tensors.path[index])),
            argument('dtype', dtype),
            ...(text(tensors.layout[index]) ? [argument('layout', text(tensors.layout[index]))] : []),
            argument('elements', this._numel.toLocaleString('en-US')),
            ...(Number.isFinite(nbytes) ? [argument('bytes', nbytes.toLocaleString('en-US'))] : [])
        ];
        // All five are named from the start: Netron would compute any that is absent from the preview alone.
        this._setMetrics({});
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
        if (this._missing) {
            this._fill([], this._missing);
            return;
        }
        try {
            const id = encodeURIComponent(this._document.id);
            const response = await fetch(`api/v1/files/${id}/tensors/${this.index}?values=${PREVIEW}`);
            const reply = await response.json();
            this.reply = reply;
            this._setMetrics(reply.statistics || {});
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

    _setMetrics(statistics) {
        this.metrics = ['min', 'max', 'mean', 'std'].map((name) => argument(name, statistic(statistics[name])));
        const sparsity = statistics.sparsity;
        this.metrics.push(Number.isFinite(sparsity) ?
            argument('sparsity', sparsity, 'percentage') : argument('sparsity', 'n/a'));
        for (const name of ['zeros', 'nans', 'infinities']) {
            if (statistics[name]) {
                this.metrics.push(argument(name, statistic(statistics[name])));
            }
        }
    }
}

// What is drawn as one node: a module, a tensor, the tensors of the drawn root itself, or a range of these.
class Node {

    constructor(type, name) {
        this.type = { name: type, category: '' };
        this.name = name;
        this.inputs = [];
        this.outputs = [];
        this.attributes = [];
        this.metadata = [];
        this.block = null;
    }

    // A foldable level inside the node. It stands in `inputs`: of the graphs in `blocks` Netron reads the nodes even
    // while they are folded.
    fold(label, level) {
        this.block = level;
        this.inputs.unshift(argument(label, level, 'graph'));
    }
}

// One drawn level: Netron's Graph. `makeItems` is called when its nodes are first needed.
class Level {

    constructor(document, { name, identifier, owner, chained, makeItems }) {
        this._document = document;
        this._makeItems = makeItems;
        this._chained = chained;
        this._owner = owner;
        this.type = 'graph';
        this.name = name;
        this.identifier = identifier;
        this.inputs = [];
        this.outputs = [];
        this.signatures = [];
        this.metadata = [];
        this.metrics = [];
    }

    get items() {
        this._items = this._items || this._makeItems();
        return this._items;
    }

    // Items to a node: 1, or a power of RANGE.
    get step() {
        let step = 1;
        while (this.items.length / step > LEVEL_MAX) {
            step *= RANGE;
        }
        return step;
    }

    get nodes() {
        if (!this._nodes) {
            const step = this.step;
            this._nodes = [];
            for (let i = 0; i < this.items.length; i += step) {
                this._nodes.push(step === 1 ?
                    this._document.node(this.items[i], this._chained) : this._range(this.items.slice(i, i + step)));
            }
            if (this._chained) {
                this._chain();
            }
        }
        return this._nodes;
    }

    _range(items) {
        const names = [items[0], items[items.length - 1]].map((item) => this._document.label(item));
        const owner = this._owner ? `${this._owner}.` : '';
        const [first, last] = names.map((name) => name.match(/^(.*?)\[?(\d+)\]?$/));
        const label = first && last && first[1] === last[1] ?
            `${owner}${first[1]}${first[2]}-${last[2]}` : names.map(shorten).join(' \u2026 ');
        const tensors = items.every((item) => item.kind === 'tensor');
        const node = new Node('Range', label);
        node.fold(label, new Level(this._document, {
            name: plural(items.length, tensors ? 'tensor' : 'module'), identifier: label, owner: this._owner,
            chained: this._chained, makeItems: () => items
        }));
        node.chained = !tensors;
        return node;
    }

    // x -> node -> x: the order of appearance, which is all that a state_dict tells.
    _chain() {
        let last = null;
        for (const node of this._nodes.filter((node) => node.chained)) {
            if (last) {
                const value = new Value(last.name);
                last.outputs.push(argument('output', [value]));
                node.inputs.unshift(argument('input', [value]));
            }
            last = node;
        }
    }

    // The node that shows an item, and the ranges to unfold for it; null where the item is not here.
    find(kind, index) {
        const blocks = [];
        let level = this;
        let at = level.items.findIndex((item) => item.kind === kind && item.index === index);
        if (at < 0) {
            return null;
        }
        while (level.step > 1) {
            const step = level.step;
            const block = level.nodes[Math.floor(at / step)].block;
            blocks.push(block);
            level = block;
            at %= step;
        }
        return { blocks, node: level.nodes[at] };
    }
}

class Document {

    constructor(data) {
        this.id = text(data.id);
        this.modules = data.modules || {};
        this.tensors = data.tensors || {};
        const modules = list(this.modules.name).length;
        const tensors = list(this.tensors.name).length;
        this._children = Array.from({ length: modules }, () => []);
        this._own = Array.from({ length: modules }, () => []);
        this._partPaths = new Map(list(data.parts).map((part) => [part.root, text(part.path)]));
        this.parameters = new Array(modules).fill(0);
        for (let i = 0; i < modules; i++) {
            const parent = this.parent(i);
            if (parent >= 0) {
                this._children[parent].push(i);
            }
        }
        for (let i = 0; i < tensors; i++) {
            const module = this.tensors.module[i];
            if (!this._own[module]) {
                throw new Error(`Tensor ${i} belongs to no module.`);
            }
            this._own[module].push(i);
            if (this.tensors.kind[i] === 0) {
                this.parameters[module] += list(this.tensors.shape[i]).reduce((a, b) => a * b, 1);
            }
        }
        for (let i = modules - 1; i >= 0; i--) {
            if (this.parent(i) >= 0) {
                this.parameters[this.parent(i)] += this.parameters[i];
            }
        }
    }

    // A parent stands before its children; anything else is no parent, so walks up always end.
    parent(module) {
        const parent = this.modules.parent[module];
        return Number.isInteger(parent) && parent >= 0 && parent < module ? parent : -1;
    }

    // A lone module without tensors of its own is not worth a click: the part opens at what it holds.
    root(module) {
        while (this._own[module].length === 0 && this._children[module].length === 1 &&
            this._isContainer(this._children[module][0])) {
            [module] = this._children[module];
        }
        return module;
    }

    level(module, name, root, chained) {
        return new Level(this, {
            name, identifier: text(this.modules.path[module]) || name, chained,
            owner: this.parent(module) < 0 ? '' : this._local(module),
            makeItems: () => {
                const own = this._own[module];
                const children = this._children[module].map((index) => ({ kind: 'module', index }));
                if (own.length > ROWS_MAX) {
                    return own.map((index) => ({ kind: 'tensor', index })).concat(children);
                }
                return root && own.length > 0 ? [{ kind: 'own', index: module }].concat(children) : children;
            }
        });
    }

    label(item) {
        return item.kind === 'tensor' ? this._tensorLabel(item.index) : this._local(item.index);
    }

    node(item, chained) {
        switch (item.kind) {
            case 'tensor': {
                const node = new Node(undotted(this._tensorLabel(item.index)), text(this.tensors.name[item.index]));
                node.inputs.push(this._weight(item.index, KINDS[this.tensors.kind[item.index]] || 'tensor'));
                return node;
            }
            case 'own': {
                const node = new Node('Tensors', this._path(item.index));
                node.type.category = 'data';
                node.inputs = this._weights(item.index);
                return node;
            }
            default: {
                return this._moduleNode(item.index, chained);
            }
        }
    }

    // Where a module or tensor is drawn: {target, blocks, node, argument}; see pthview.js for how it is used.
    locate(parts, kind, index) {
        const module = kind === 'tensor' ? this.tensors.module[index] : index;
        const chain = [];
        let at = module;
        while (at >= 0 && !parts.has(at)) {
            chain.unshift(at);
            at = this.parent(at);
        }
        const target = parts.get(at);
        if (!target) {
            return null;
        }
        const location = { target, blocks: [], node: null, argument: null };
        let level = target;
        const step = (kind, index) => {
            const found = level.find(kind, index);
            if (found) {
                location.blocks.push(...found.blocks);
                location.node = found.node;
            }
            return found;
        };
        for (const index of chain) {
            if (location.node) {
                location.blocks.push(location.node.block);
                level = location.node.block;
            }
            if (!step('module', index)) {
                return null;
            }
        }
        if (kind === 'tensor') {
            const own = this._own[module];
            if (own.length > ROWS_MAX) {
                if (location.node) {
                    location.blocks.push(location.node.block);
                    level = location.node.block;
                }
                step('tensor', index);
            } else if (!location.node) {
                step('own', module);
            }
            location.argument = location.node.inputs.find((argument) =>
                Array.isArray(argument.value) && argument.value[0].initializer && argument.value[0].initializer.index === index);
        }
        return location;
    }

    _isContainer(module) {
        return this._children[module].length > 0 || this._own[module].length > ROWS_MAX;
    }

    _path(module) {
        return text(this.modules.path[module]) || text(this.modules.name[module]);
    }

    // The last step of the module's path.
    _local(module) {
        return text(this.modules.name[module]) || this._path(module);
    }

    // The tensor's name within its module. Names of parts that collide are paths, which begin with the part's.
    _tensorLabel(index) {
        const module = this.tensors.module[index];
        let top = module;
        while (this.parent(top) >= 0) {
            top = this.parent(top);
        }
        const name = text(this.tensors.name[index]);
        const parents = [this._path(module), [this._partPaths.get(top), this._path(module)].filter((path) => path).join('.')];
        return parents.map((parent) => local(name, parent)).find((label) => label !== name) || name;
    }

    _moduleNode(module, chained) {
        const name = this._local(module);
        const type = text(this.modules.class[module]);
        const container = this._isContainer(module);
        const node = new Node(type || undotted(name) || 'Module', this._path(module));
        node.chained = true;
        if (type) {
            node.type.category = container ? '' : category(type);
        }
        node.attributes = list(this.modules.attributes[module]).map(([name, value, inferred]) =>
            argument(text(name), text(value), inferred ? 'inferred from shapes' : null));
        if (this._own[module].length <= ROWS_MAX) {
            node.inputs = this._weights(module);
        }
        if (container) {
            const count = this._children[module].length;
            const title = count > 0 ? plural(count, 'module') : plural(this._own[module].length, 'tensor');
            const label = type ? name : plural(this.parameters[module], 'parameter');
            node.fold(label, this.level(module, title, false, chained));
        }
        const training = this.modules.training[module];
        node.metadata = [
            ...(type ? [argument('class', this.modules.inferred[module] ? `${type} (inferred)` : type)] : []),
            argument('parameters', this.parameters[module].toLocaleString('en-US')),
            ...(training === 0 || training === 1 ? [argument('training', training === 1)] : [])
        ];
        return node;
    }

    _weights(module) {
        return this._own[module].map((index) => this._weight(index, this._tensorLabel(index)));
    }

    _weight(index, name) {
        return argument(name, [new Value('', new Tensor(this, index))]);
    }
}

class Model {

    constructor(data) {
        const document = new Document(data);
        const valid = /^[a-zA-Z][a-zA-Z0-9-.]*( [a-zA-Z][a-zA-Z0-9-.]*)*( v\d+(\.\d+)*)?$/;
        this.format = valid.test(text(data.format)) ? data.format : 'PyTorch';
        this.producer = text(data.producer).replace(/[^\x20-\x7E]/g, '?');
        this.name = text(data.name);
        this.metadata = [
            argument('container', text(data.format_text) || this.format),
            ...list(data.metadata).map(([name, value]) => argument(text(name), text(value)))
        ];
        this.data = {
            id: document.id, version: data.version, name: this.name, format: text(data.format_text) || this.format,
            findings: list(data.findings), tensors: list(document.tensors.name).length
        };
        this._document = document;
        this._parts = new Map();
        const parts = list(data.parts).filter((part) => document.modules.name && part.root in document.modules.name);
        const order = (part) => part.kind === 'model' ? 0 : part.kind === 'ema' ? 1 : 2;
        parts.sort((a, b) => order(a) - order(b));
        this.modules = parts.map((part) => this._part(part));
        this.data.inferred = parts.some((part) => part.graph === 'inferred');
        this.data.parameters = parts.filter((part) => part.kind === 'model')
            .reduce((sum, part) => sum + (Number.isFinite(part.parameters) ? part.parameters : document.parameters[part.root]), 0);
        this.metrics = [argument('parameters', this.data.parameters.toLocaleString('en-US'))];
    }

    _part(part) {
        const root = this._document.root(part.root);
        const inferred = part.graph === 'inferred';
        const graph = this._document.level(root, text(part.path) || text(part.kind), true, inferred);
        graph.description = inferred ?
            'Order of layers, inferred: the file holds weights and no graph, so each layer points to the one that stands after it.' :
            '';
        graph.metadata = [
            argument('kind', text(part.kind)),
            argument('graph', inferred ? 'inferred from the order of layers and the shapes of their tensors' : 'none'),
            argument('tensors', text(part.tensors)),
            ...(text(part.prefix) ? [argument('prefix', text(part.prefix))] : [])
        ];
        graph.metrics = [argument('parameters', this._document.parameters[root].toLocaleString('en-US'))];
        this._parts.set(root, graph);
        return graph;
    }

    locate(kind, index) {
        return this._document.locate(this._parts, kind, index);
    }
}

export class ModelFactory {

    async match(context) {
        const stream = context.stream;
        if (stream) {
            const head = new TextDecoder('utf-8').decode(stream.peek(Math.min(64, stream.length)));
            if (new RegExp(`^\\s*{\\s*"signature"\\s*:\\s*"${SIGNATURE}"`).test(head)) {
                return context.set('pthview', null);
            }
        }
        return null;
    }

    async open(context) {
        return new Model(JSON.parse(new TextDecoder('utf-8').decode(context.stream.peek())));
    }
}
