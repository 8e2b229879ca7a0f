// Graphs made by hand for small.pth of make_files.py, in place of what the server answers: the page's side of recorded
// and inferred edges, whatever formats and patterns there are.

// Answers `pattern` with what `change(document)` makes of the server's own answer.
export const rewrite = (page, pattern, change) => page.route(pattern, async (route) => {
    const response = await route.fetch();
    const document = await response.json();
    await route.fulfill({ response, json: change(document) || document });
});

const indexOf = (document, path) => document.modules.path.indexOf(path);

// conv1 -> bn1 because a pattern says so; in layer1.0 an addition of what comes in and of norm.
export const withInferred = (document) => {
    const ops = document.modules.path.length;
    const [conv1, bn1, conv, norm] = ['conv1', 'bn1', 'layer1.0.conv', 'layer1.0.norm'].map((path) => indexOf(document, path));
    document.flow = {
        evidence: [{ kind: 'pattern', text: 'convolution and its norm' }, { kind: 'pattern', text: 'residual block' }],
        ops: [['~add', indexOf(document, 'layer1.0')]],
        from: [conv1, bn1, conv, norm, bn1], to: [bn1, conv, norm, ops, ops], why: [0, 1, 1, 1, 1]
    };
    return document;
};

// x -> conv1 -> bn1 -> layer1.0 (conv, dropout in eval, norm, add with two inputs) -> If -> fc. `types` of values and
// source lines are there.
export const recorded = (document) => {
    const values = { name: [], type: [], tensor: [] };
    const nodes = { name: [], domain: [], op: [], category: [], module: [], call: [], inputs: [], outputs: [], attributes: [], blocks: [], location: [], source: [] };
    const value = (name, type = 'float32[1, 4, 8, 8]', tensor = -1) => {
        const at = values.name.indexOf(name);
        if (at >= 0) {
            return at;
        }
        values.name.push(name);
        values.type.push(type);
        values.tensor.push(tensor);
        return values.name.length - 1;
    };
    const weight = (name) => value(name, '', document.tensors.name.indexOf(name));
    const node = (op, path, inputs, output, more = {}) => {
        nodes.name.push(output);
        nodes.domain.push(more.domain || 'aten');
        nodes.op.push(op);
        nodes.category.push('');
        nodes.module.push(indexOf(document, path));
        nodes.call.push(0);
        nodes.inputs.push(inputs.map((input, i) => [`in${i}`, [input]]));
        nodes.outputs.push([['out', [value(output, more.type)]]]);
        nodes.attributes.push(more.attributes || []);
        nodes.blocks.push(more.blocks || []);
        nodes.location.push(more.location || '');
        nodes.source.push(more.source || '');
        return value(output);
    };
    const x = value('image', 'float32[1, 3, 10, 10]');
    let at = node('conv2d', 'conv1', [x, weight('conv1.weight')], 'c1', {
        attributes: [['stride', '(2, 2)']], location: 'model.py:97', source: 'x = self.conv1(x)'
    });
    at = node('batch_norm', 'bn1', [at, weight('bn1.weight')], 'b1');
    const skip = at;
    at = node('conv2d', 'layer1.0.conv', [at, weight('layer1.0.conv.weight')], 'c2');
    at = node('dropout', 'layer1.0', [at, node('Constant', '', [], 'half', { domain: 'prim', type: 'float' })], 'd2', { attributes: [['train', 'False']] });
    at = node('layer_norm', 'layer1.0.norm', [at, weight('layer1.0.norm.weight')], 'n2');
    at = node('add', 'layer1.0', [at, skip], 'sum', { location: 'model.py:31', source: 'return out + x' });
    at = node('If', '', [at], 'chosen', { domain: 'prim', blocks: [1, 2] });
    at = node('linear', 'fc', [at, weight('fc.weight')], 'logits', { type: 'float32[1, 10]' });
    const body = (name, op) => ({
        name, origin: 'recorded', part: 0, root: 0, inputs: [], outputs: [1],
        values: { name: ['sum', `${name}.y`], type: ['', ''], tensor: [-1, -1] },
        nodes: { name: [`${name}.y`], domain: ['aten'], op: [op], module: [-1], call: [0], inputs: [[['self', [0]]]], outputs: [[['out', [1]]]],
            attributes: [[]], blocks: [[]], location: [''], source: [''] }
    });
    return {
        schema: 'pthview.page-graph/1', state: 'ready', message: '',
        graphs: [{ name: 'forward', origin: 'recorded', part: 0, root: 1, inputs: [x], outputs: [at], values, nodes }, body('then', 'relu'), body('else', 'sigmoid')]
    };
};
