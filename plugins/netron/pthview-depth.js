// How deep the modules are unfolded, in the bar.

import { blocksToDepth, setBlocks } from './pthview-drawing.js';
import { make, toast } from './pthview-page.js';

// A button for less, one for more, and the depth between them. Keys 0 to 9 do the same (pthview-keys.js).
export const depthElement = (view) => {
    const value = make('span', 'pthview-depth-value', 'depth');
    const button = (text, title, by) => {
        const element = make('button', 'pthview-button', text);
        element.title = title;
        element.setAttribute('aria-label', title);
        element.addEventListener('click', () => view.unfoldTo((view.depth === null ? 0 : view.depth) + by));
        return element;
    };
    view.depth = null; // unfolded by hand
    view.unfoldTo = async (depth) => {
        if (!view.activeTarget || !view.target) {
            return;
        }
        const reached = blocksToDepth(view.activeTarget, Math.max(0, depth));
        if (reached.cut) {
            toast(`Unfolding stops at depth ${reached.depth}: the next would draw more than a thousand nodes.`);
        }
        view.depth = reached.depth;
        value.textContent = `depth ${reached.depth}`;
        await setBlocks(view, reached.blocks);
    };
    return make('span', 'pthview-depth', button('\u2212', 'Fold one level of modules', -1), value, button('+', 'Unfold one level of modules', 1));
};
