// The small objects that view.js reads: an argument, a value, a node; and a flow, which is ours.

// Colours: Netron's category for a class name (its last component), first match wins.
const CATEGORIES = [
    [/attention|attn|scaled_dot_product/i, 'attention'],
    [/^(lazy)?(conv|_conv|linear|bilinear|embedding|lstm|gru|rnn|lora)/i, 'layer'],
    [/(conv\dd|linear|embedding|lstmcell|grucell|rnncell)$/i, 'layer'],
    [/^(addmm|addmv|matmul|mm|bmm|baddbmm|mv|einsum|tensordot)(_)?$/, 'layer'],
    [/norm(\dd)?$|^(sync)?batchnorm|^localresponsenorm|^_?(native_)?(batch|layer|group|instance|rms)_norm/i, 'normalization'],
    [/pool(\dd)?$|_pool\dd/i, 'pool'],
    [/dropout(\dd)?_?$|^droppath$/i, 'dropout'],
    [/(relu6?|gelu|sigmoid|tanh|softmax\w*|softmin|softplus|softsign|silu|mish|swish|glu|elu|celu|selu|shrink|hardtanh)_?$/i,
        'activation'],
    [/^(flatten|unflatten|fold|unfold|pixelshuffle|pixelunshuffle|upsample\w*|interpolate|channelshuffle|identity)$/i, 'shape'],
    [/^(view|reshape|permute|transpose|t|squeeze|unsqueeze|expand|expand_as|repeat|movedim|contiguous|size|numel|view_as|_unsafe_view)_?$/,
        'shape'],
    [/^(cat|concat|stack|chunk|split|split_with_sizes|slice|select|index\w*|gather|scatter\w*|unbind|roll|narrow|where|tril|triu|masked_fill)_?$/,
        'tensor'],
    [/pad(\dd)?$|_pad(_nd)?$/i, 'tensor'],
    [/^(quant|dequant|quantize\w*|dequantize\w*|fakequantize)|observer$|_quantize/i, 'quantization'],
    [/^(if|loop|cond|while_loop|map|scan)$/i, 'control'],
    [/^(constant|getattr|listconstruct|tupleconstruct|dictconstruct)$/i, 'constant']
];

export const category = (name) => {
    const last = name.split('.').pop();
    const entry = CATEGORIES.find(([pattern]) => pattern.test(last));
    return entry ? entry[1] : '';
};

export const argument = (name, value, type = null) => ({ name, value, type });

// Netron asks for a class of this name.
export class Value {

    constructor(name, tensor) {
        this.name = name;
        this.initializer = tensor || null;
        this.type = tensor ? tensor.type : null;
    }
}

// What is drawn as one node: a module, a tensor, the tensors of the drawn root itself, an operator, or a range of these.
export class Node {

    // `title` is the name within what holds the node, `type` the class or operator (empty: unknown), `name` the path.
    constructor(title, type, name) {
        this.title = title;
        this.type = { name: type, category: '' };
        this.name = name;
        this.inputs = [];
        this.outputs = [];
        this.attributes = [];
        this.metadata = [];
        this.module = -1; // the document's module that it stands for
        this.nest = []; // modules that this one frame stands for: each but the last holds nothing but the next
        this.block = null; // the level inside it
        this.summary = ''; // of what is inside
        this.ordered = false; // its place among its neighbours is the file's
    }
}

// An edge of a level. `kind`: 'recorded' (the file holds it), 'inferred' (`evidence` and `why` say from what), or
// 'order' (not an edge at all: the second stands after the first in the file).
export class Flow {

    constructor(from, to, kind, { label = '', evidence = '', why = '', values = [] } = {}) {
        Object.assign(this, { from, to, kind, label, evidence, why, values });
    }
}
