// The small objects that view.js reads: an argument, a value, a node.

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

// What is drawn as one node: a module, a tensor, the tensors of the drawn root itself, or a range of these.
export class Node {

    constructor(type, name) {
        this.type = { name: type, category: '' };
        this.name = name;
        this.inputs = [];
        this.outputs = [];
        this.attributes = [];
        this.metadata = [];
        this.block = null;
        this.chained = false; // joined to its neighbours where the level is
    }

    // A foldable level inside the node. It stands in `inputs`: of the graphs in `blocks` Netron reads the nodes even
    // while they are folded.
    fold(label, level) {
        this.block = level;
        this.inputs.unshift(argument(label, level, 'graph'));
    }
}
