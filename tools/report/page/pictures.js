// Histograms, and thumbnails as report.cc wrote them: [kind, rows, columns, tiles, across, low, high, bytes, note].

let colors = null;  // 256 x 3: of the map's shares, infinities, NaN

const WIDTH = 360;
const PLOT = 150;  // height
const SPECIAL = 254;  // from here on a byte is no share

// Numbers below a plot: its ends, and zero where there is room for it.
const axis = (svg, low, high) => {
  svg.append(draw('line', { class: 'axis', x1: 0, x2: WIDTH, y1: PLOT + 0.5, y2: PLOT + 0.5 }));
  svg.append(draw('text', { x: 0, y: PLOT + 13, text: short(low) }));
  svg.append(draw('text', { x: WIDTH, y: PLOT + 13, 'text-anchor': 'end', text: short(high) }));
  const zero = low < 0 && high > 0 ? WIDTH * -low / (high - low) : 0;
  if (zero > 0) {
    svg.append(draw('line', { class: 'zero', x1: zero, x2: zero, y1: 0, y2: PLOT }));
    if (zero > 60 && zero < WIDTH - 60) svg.append(draw('text', { x: zero, y: PLOT + 13, 'text-anchor': 'middle', text: '0' }));
  }
};

const histogramOf = ([low, high, most, text]) => {
  const counts = bytesOf(text);
  const width = WIDTH / counts.length;
  const svg = draw('svg', { width: WIDTH, height: PLOT + 18, viewBox: `0 0 ${WIDTH} ${PLOT + 18}`, role: 'img',
    'aria-label': `histogram from ${short(low)} to ${short(high)}` });
  const bars = draw('g', { class: 'bars' });
  counts.forEach((count, i) => {
    if (count === 0) return;
    const height = Math.max(1, count / 255 * (PLOT - 4));
    bars.append(draw('rect', { x: (i * width).toFixed(2), y: (PLOT - height).toFixed(2), width: Math.max(width - 0.6, 0.8).toFixed(2), height: height.toFixed(2) }));
  });
  svg.append(bars);
  axis(svg, low, high);
  return make('figure', { class: 'histogram' }, svg, make('figcaption', { text: `histogram: ${counts.length} bins, the highest holds ${withCommas(most)} values` }));
};

const lineOf = ([, , columns, , , low, high, text, note]) => {
  const values = bytesOf(text);
  const svg = draw('svg', { width: WIDTH, height: PLOT + 18, viewBox: `0 0 ${WIDTH} ${PLOT + 18}`, role: 'img',
    'aria-label': `values from ${short(low)} to ${short(high)}` });
  let path = '';
  let pen = 'M';
  values.forEach((value, i) => {
    if (value >= SPECIAL) {
      pen = 'M';
      return;
    }
    const x = columns > 1 ? i * WIDTH / (columns - 1) : WIDTH / 2;
    path += `${pen}${x.toFixed(1)} ${(PLOT - 2 - value / 253 * (PLOT - 4)).toFixed(1)}`;
    pen = 'L';
  });
  svg.append(draw('path', { class: 'curve', d: path }));
  svg.append(draw('line', { class: 'axis', x1: 0, x2: WIDTH, y1: PLOT + 0.5, y2: PLOT + 0.5 }));
  svg.append(draw('text', { x: 4, y: 11, text: short(high) }), draw('text', { x: 4, y: PLOT - 4, text: short(low) }));
  return make('figure', { class: 'picture' }, svg, make('figcaption', { text: `values in their order${note ? `; ${note}` : ''}` }));
};

// Which byte of a thumbnail is the pixel at (x, y); -1 between tiles.
const placeOf = (kind, rows, columns, across) => {
  if (kind === 'cells') return (x, y) => y * columns + x;
  return (x, y) => {
    const inX = x % (columns + 1);
    const inY = y % (rows + 1);
    if (inX === columns || inY === rows) return -1;
    const tile = Math.floor(y / (rows + 1)) * across + Math.floor(x / (columns + 1));
    return (tile * rows + inY) * columns + inX;
  };
};

const canvasOf = ([kind, rows, columns, tiles, across, , , text]) => {
  const values = bytesOf(text);
  const width = kind === 'cells' ? columns : across * (columns + 1) - 1;
  const height = kind === 'cells' ? rows : Math.ceil(tiles / across) * (rows + 1) - 1;
  const canvas = make('canvas', { width, height, role: 'img' });
  const image = canvas.getContext('2d').createImageData(width, height);
  const place = placeOf(kind, rows, columns, across);
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      const at = place(x, y);
      const to = (y * width + x) * 4;
      if (at < 0 || at * (kind === 'colors' ? 3 : 1) >= values.length) continue;  // transparent
      for (let c = 0; c < 3; ++c) {
        image.data[to + c] = kind === 'colors' ? values[at * 3 + c] : colors[values[at] * 3 + c];
      }
      image.data[to + 3] = 255;
    }
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
  // As large as it is easy to look at, each cell a whole number of pixels where it is not squeezed.
  const scale = Math.max(1, Math.floor(Math.min(WIDTH / width, 300 / height)));
  const stretch = kind === 'cells' && (width * scale < 60 || height * scale < 24);
  canvas.style.width = `${stretch ? Math.max(60, width * scale) : width * scale}px`;
  canvas.style.height = `${stretch ? Math.max(24, height * scale) : height * scale}px`;
  return canvas;
};

const scaleOf = (low, high) => {
  const canvas = make('canvas', { width: 254, height: 1 });
  const context = canvas.getContext('2d');
  const image = context.createImageData(254, 1);
  for (let i = 0; i < 254; ++i) image.data.set([colors[i * 3], colors[i * 3 + 1], colors[i * 3 + 2], 255], i * 4);
  context.putImageData(image, 0, 0);
  canvas.style.width = '140px';
  canvas.style.height = '9px';
  return make('div', { class: 'scale' }, make('span', { text: short(low) }), canvas, make('span', { text: short(high) }));
};

const pictureOf = (thumbnail) => {
  const [kind, , , , , low, high, , note] = thumbnail;
  if (kind === 'line') return lineOf(thumbnail);
  const figure = make('figure', { class: 'picture' }, canvasOf(thumbnail));
  if (kind !== 'colors') figure.append(scaleOf(low, high));
  figure.append(make('figcaption', { text: note || 'each cell is a value' }));
  return figure;
};
