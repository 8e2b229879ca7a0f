// Text for the page. Whatever comes from a file passes through `text`, so that a malformed document prints oddly
// instead of failing somewhere in Netron.

const grouped = new Intl.NumberFormat('en-US');

export const text = (value) => value === undefined || value === null ? '' : String(value);
export const list = (value) => Array.isArray(value) ? value : [];

// 12345 -> '12,345'; (1, 'tensor') -> '1 tensor'.
export const figure = (value) => grouped.format(value);
export const plural = (count, noun) => `${figure(count)} ${noun}${count === 1 ? '' : 's'}`;

// 1e9 or more as billions and so on, with two or three digits: for parameters.
export const rounded = (value) => {
    const [unit, divisor] = value >= 1e9 ? [' B', 1e9] : value >= 1e6 ? [' M', 1e6] : value >= 1e4 ? [' k', 1e3] : ['', 1];
    return divisor === 1 ? String(value) : `${(value / divisor).toFixed(value / divisor < 100 ? 1 : 0)}${unit}`;
};

// Decimal units, as file managers show them.
export const size = (bytes) => {
    let [value, unit] = [bytes, 0];
    for (; value >= 1000 && unit < 4; unit++) {
        value /= 1000;
    }
    return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${['B', 'kB', 'MB', 'GB', 'TB'][unit]}`;
};

// The end of a long name: what tells it from its neighbours.
export const shorten = (name) => name.length > 24 ? `\u2026${name.slice(-23)}` : name;

// `path` without that of what holds it: ('a.b.weight', 'a.b') -> 'weight', ('a["x"]', 'a') -> '["x"]'.
export const local = (path, parent) => {
    const rest = parent && path.startsWith(parent) ? path.substring(parent.length) : '';
    if (rest.startsWith('.')) {
        return rest.substring(1);
    }
    return rest.startsWith('[') ? rest : path;
};
