// Modules as areas in proportion to their parameters: two levels at a time, a click goes down.

// Nodes of modules and tensors: {name, kind, size, children, tensor}.
const treeOf = (data) => {
  const nodes = data.modules.map(([name, , kind]) => ({ name, kind, size: 0, children: [] }));
  const root = { name: 'all', kind: '', size: 0, children: [] };
  const seen = new Set();
  const leaf = (row) => {
    seen.add(row);
    const tensor = data.tensors[row];
    const last = tensor.n.slice(tensor.n.lastIndexOf('.') + 1);
    return { name: last, kind: tensor.s.join(' × ') || 'scalar', size: tensor.k === 'buffer' ? 0 : tensor.e, children: [], tensor: row };
  };
  data.modules.forEach(([, parent, , rows], i) => {
    nodes[i].children.push(...rows.map(leaf));
    (parent < 0 ? root : nodes[parent]).children.push(nodes[i]);
  });
  // Of parts without modules: optimizer states and the like.
  data.tensors.forEach((tensor, row) => {
    if (!seen.has(row)) root.children.push({ ...leaf(row), name: tensor.n });
  });
  // Children come behind their parents.
  for (let i = nodes.length - 1; i >= 0; --i) nodes[i].size = nodes[i].children.reduce((sum, child) => sum + child.size, 0);
  root.size = root.children.reduce((sum, child) => sum + child.size, 0);
  return root;
};

// What is around only one thing says nothing: the node itself, or the first below it with more.
const firstFork = (node) => {
  let sized = node.children.filter((child) => child.size > 0);
  while (sized.length === 1 && sized[0].children.length > 0) {
    [node] = sized;
    sized = node.children.filter((child) => child.size > 0);
  }
  return node;
};

// Rectangles for sizes (descending) in a rectangle, each as near to a square as can be (Bruls, Huizing, van Wijk 2000).
const squarify = (sizes, x, y, width, height) => {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const areas = sizes.map((size) => size / total * width * height);
  const placed = [];
  let begin = 0;
  const worst = (from, to, side) => {
    let sum = 0;
    for (let i = from; i < to; ++i) sum += areas[i];
    const deep = sum / side;
    return Math.max(...[from, to - 1].map((i) => Math.max(areas[i] / deep / deep, deep * deep / areas[i])));
  };
  while (begin < areas.length) {
    const side = Math.min(width, height);
    let end = begin + 1;
    while (end < areas.length && worst(begin, end + 1, side) <= worst(begin, end, side)) ++end;
    const sum = areas.slice(begin, end).reduce((a, b) => a + b, 0);
    const deep = sum / side;
    let at = 0;
    for (let i = begin; i < end; ++i) {
      const long = areas[i] / deep;
      placed.push(width >= height ? [x, y + at, deep, long] : [x + at, y, long, deep]);
      at += long;
    }
    if (width >= height) {
      x += deep;
      width -= deep;
    } else {
      y += deep;
      height -= deep;
    }
    begin = end;
  }
  return placed;
};

const MOST_BLOCKS = 200;  // of one level; the smallest are one block together

const blocksOf = (node) => {
  const sorted = node.children.filter((child) => child.size > 0).sort((a, b) => b.size - a.size);
  if (sorted.length <= MOST_BLOCKS) return sorted;
  const rest = sorted.slice(MOST_BLOCKS - 1);
  return [...sorted.slice(0, MOST_BLOCKS - 1),
    { name: `${withCommas(rest.length)} others`, kind: '', size: rest.reduce((sum, child) => sum + child.size, 0), children: [] }];
};

const startTreemap = (root, openTensor) => {
  const map = document.getElementById('treemap');
  const trail = document.getElementById('trail');
  const box = (element, [x, y, width, height]) => {
    Object.assign(element.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
    return element;
  };
  let shown = [firstFork(root)];
  const show = (path) => {
    shown = path;
    const node = path[path.length - 1];
    map.replaceChildren();
    trail.replaceChildren(...path.map((step, i) => make('button', { type: 'button', text: i === 0 ? 'all' : step.name, onclick: () => show(path.slice(0, i + 1)) })),
      make('span', { text: ` ${withCommas(node.size)} parameters${node.kind ? `, ${node.kind}` : ''}` }));
    const blocks = blocksOf(node);
    if (blocks.length === 0) {
      map.append(make('p', { class: 'quiet', text: ' no parameters' }));
      return;
    }
    const width = map.clientWidth;
    const height = map.clientHeight;
    squarify(blocks.map((block) => block.size), 0, 0, width, height).forEach((place, i) => {
      const block = blocks[i];
      const says = `${block.name}${block.kind ? ` (${block.kind})` : ''}: ${withCommas(block.size)} parameters, ${share(block.size, root.size)} of all`;
      const element = box(make('button', { type: 'button', class: `block c${i % 8}`, title: says, 'aria-label': says,
        onclick: () => block.tensor !== undefined ? openTensor(block.tensor) : block.children.length > 0 && show([...path, firstFork(block)]) }), place);
      const [, , wide, high] = place;
      if (wide > 34 && high > 18) element.append(make('b', { text: block.name }));
      if (wide > 60 && high > 34) element.append(make('small', { text: `${share(block.size, root.size)}${block.kind ? ` ${block.kind}` : ''}` }));
      map.append(element);
      const inner = blocksOf(firstFork(block));
      if (inner.length < 2 || wide < 70 || high < 64) return;
      squarify(inner.map((child) => child.size), 3, 38, wide - 8, high - 43).forEach((at, j) => {
        const part = box(make('span', { class: 'block inner' }), at);
        if (at[2] > 30 && at[3] > 16) part.append(make('b', { text: inner[j].name }));
        element.append(part);
      });
    });
  };
  window.addEventListener('resize', () => show(shown));
  show(shown);
};
