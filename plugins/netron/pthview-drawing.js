// How Netron draws, adjusted, and the way to something that is not drawn yet.

import { installBlocks } from './pthview-block.js';
import { installFlows } from './pthview-flow.js';
import { restored, restoredPart, saveDrawing } from './pthview-state.js';

const FIRST_NODES = 6; // a first view of fewer says little: it unfolds further
const FIRST_MOST = 60; // unless that makes more than these
const DEPTH_MOST = 1000; // nodes that unfolding to a depth may draw

let refreshed = Promise.resolve(); // the last redraw
const listeners = [];

// Calls `listener` after each redraw.
export const onDrawn = (listener) => listeners.push(listener);

const blocksOf = (level) => level.nodes.map((node) => node.block).filter((block) => block);

// What is unfolded when `graph` is drawn for the first time.
const firstBlocks = (graph) => {
    const blocks = new Set();
    let count = graph.width;
    for (let levels = [graph]; count < FIRST_NODES && levels.length > 0;) {
        const next = levels.flatMap(blocksOf);
        const more = next.reduce((sum, block) => sum + block.width, 0);
        if (next.length === 0 || count + more > FIRST_MOST) {
            break;
        }
        next.forEach((block) => blocks.add(block));
        count += more;
        levels = next;
    }
    return blocks;
};

// The blocks to unfold so that `depth` levels of modules stand open, and how far that went: what would draw too many
// nodes stays folded.
export const blocksToDepth = (graph, depth) => {
    const blocks = new Set();
    let count = graph.width;
    let levels = [graph];
    for (let at = 0; at < depth; at++) {
        // Ranges are no level of the model.
        const next = [];
        const queue = levels.flatMap(blocksOf);
        while (queue.length > 0) {
            const block = queue.shift();
            next.push(block);
            count += block.width;
            if (count > DEPTH_MOST) {
                return { blocks, depth: at, cut: true };
            }
            if (block.range) {
                queue.push(...blocksOf(block));
            }
        }
        if (next.length === 0) {
            return { blocks, depth: at, cut: false };
        }
        next.forEach((block) => blocks.add(block));
        levels = next.filter((block) => !block.range || blocksOf(block).length === 0);
    }
    return { blocks, depth, cut: false };
};

// Before measuring a graph Netron waits three frames, and the same again for every unfolded block inside it. What is
// inside is laid out with what is outside, so the wait for that is enough.
const waitOnce = (Graph) => {
    const waiting = Graph.prototype.measure;
    const plain = Object.getPrototypeOf(Graph.prototype).measure;
    let depth = 0;
    Graph.prototype.measure = async function measure() {
        depth++;
        try {
            await (depth === 1 ? waiting : plain).call(this);
        } finally {
            depth--;
        }
    };
};

// The room of the side panel is the graph's while the panel is closed.
const followPanel = (view) => {
    const sidebar = view._sidebar;
    const update = sidebar._update.bind(sidebar);
    sidebar._update = (stack) => {
        update(stack);
        document.documentElement.classList.toggle('pthview-panel', sidebar._stack.length > 0);
    };
};

// Netron marks what the panel shows on the outermost level only, and what is marked may be where the panel opens.
const markShown = (view, name) => {
    const show = view[name].bind(view);
    view[name] = (value, source) => {
        const open = view._sidebar._stack.length > 0;
        show(value, source);
        const shown = view.target && value ? view.target.find(value) : null;
        if (!shown) {
            return;
        }
        const selection = shown.context === view.target ? Array.from(document.querySelectorAll('#canvas .select')) : shown.context.select([value]);
        if (!open) {
            view.target.scrollTo((selection || []).slice(0, 1), 'instant');
        }
    };
};

export const adjustDrawing = (view) => {
    const netron = window.exports.view;
    waitOnce(netron.Graph);
    installBlocks(netron);
    installFlows(netron);
    followPanel(view);
    ['showNodeProperties', 'showTensorProperties'].forEach((name) => markShown(view, name));
    const drawn = () => {
        saveDrawing(view);
        listeners.forEach((listener) => listener());
    };
    const zoom = netron.Graph.prototype._updateZoom;
    let zoomed = 0;
    netron.Graph.prototype._updateZoom = function updateZoom(...values) {
        zoom.apply(this, values);
        window.clearTimeout(zoomed);
        zoomed = window.setTimeout(() => saveDrawing(view), 200);
    };
    const updateTarget = view._updateTarget.bind(view);
    let first = true;
    view._updateTarget = async (model, path) => {
        const [entry] = path;
        if (first && entry) {
            entry.target = restoredPart(model.modules) || entry.target;
        }
        if (entry && !entry.state && Number.isInteger(entry.target.width)) {
            entry.state = (first ? restored(entry.target) : null) || { blocks: firstBlocks(entry.target), zoom: 1 };
        }
        first = false;
        const result = await updateTarget(model, path);
        drawn();
        return result;
    };
    // One at a time: the end of each closes the sidebar, also one that a later step has opened.
    const refresh = view.refresh.bind(view);
    view.refresh = (anchor) => {
        refreshed = refreshed.catch(() => {}).then(() => refresh(anchor)).then(drawn);
        return refreshed;
    };
};

// Unfolds exactly `blocks` of what is drawn.
export const setBlocks = async (view, blocks) => {
    view.target.blocks.clear();
    blocks.forEach((block) => view.target.blocks.add(block));
    await view.refresh();
};

// Unfolds to a module or tensor and selects it; a tensor is opened in the sidebar, also where it is drawn nowhere.
export const reveal = async (view, kind, index) => {
    const location = view.model.locate(kind, index);
    if (!location) {
        if (kind === 'tensor') {
            view.showTensorProperties(view.model.document.argumentOf(index));
        }
        return;
    }
    await refreshed.catch(() => {});
    if (view.activeTarget !== location.target) {
        const state = location.node ? { blocks: new Set(location.blocks), zoom: 1 } : undefined;
        await view._updateTarget(view.model, [{ target: location.target, signature: null, state }]);
    } else {
        const folded = location.blocks.filter((block) => !view.target.blocks.has(block));
        if (folded.length > 0) {
            folded.forEach((block) => view.target.blocks.add(block));
            await view.refresh();
        }
    }
    const shown = location.node && view.target.find(location.node);
    if (!shown) {
        view.showTargetProperties(location.target);
        return;
    }
    const selection = shown.context.activate(location.node, 'target');
    if (kind === 'tensor') { // one that no frame lists, as a second name of another's, is opened all the same
        view.showTensorProperties(location.argument || view.model.document.argumentOf(index), 'sidebar');
    }
    view.target.scrollTo(selection && selection.length > 0 ? selection : [shown.element], 'instant');
};
